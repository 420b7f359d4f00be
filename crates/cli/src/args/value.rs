//! Argument values with a form of their own.

use std::fmt;
use std::str::FromStr;

/// A length of time as typed: a whole number and `s`, `m`, `h` or `d`. The server reads the same text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Duration(String);

impl Duration {
    /// The text the server is sent, such as `2h`.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refusal = || format!("`{text}` is no length of time: write a whole number and s, m, h or d, such as 30m, 2h or 7d");
        let unit = text.chars().last().filter(|unit| matches!(unit, 's' | 'm' | 'h' | 'd')).ok_or_else(refusal)?;
        let digits = &text[..text.len() - unit.len_utf8()];
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refusal());
        }
        let number: u32 = digits.parse().map_err(|_| refusal())?;
        if number == 0 {
            return Err(format!("`{text}` is over at once: write at least 1{unit}"));
        }
        Ok(Self(format!("{number}{unit}")))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `NAME=VALUE`, or a `NAME` whose value comes from stdin.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    /// The part before the first `=`.
    pub(crate) name: String,
    /// The part after it, if there was one.
    pub(crate) value: Option<String>,
}

impl FromStr for Variable {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        if name.is_empty() {
            return Err("the name is missing: write NAME=VALUE".to_owned());
        }
        Ok(Self { name: name.to_owned(), value })
    }
}

/// Values are secrets: Debug shows the name alone.
impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Variable({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, sent) in [("30m", "30m"), ("2h", "2h"), ("7d", "7d"), ("90s", "90s"), ("007d", "7d")] {
            assert_eq!(text.parse::<Duration>().map(|duration| duration.to_string()), Ok(sent.to_owned()));
        }
        for text in ["", "h", "0h", "2", "2w", "-2h", "1.5h", "2 h", "+2h", "99999999999d", "2ħ"] {
            assert!(text.parse::<Duration>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn variables() {
        let read = |text: &str| text.parse::<Variable>();
        assert_eq!(read("A=b=c"), Ok(Variable { name: "A".into(), value: Some("b=c".into()) }));
        assert_eq!(read("A="), Ok(Variable { name: "A".into(), value: Some(String::new()) }));
        assert_eq!(read("A"), Ok(Variable { name: "A".into(), value: None }));
        assert!(read("=b").is_err());
        assert_eq!(format!("{:?}", read("A=secret")), "Ok(Variable(A))");
    }
}
