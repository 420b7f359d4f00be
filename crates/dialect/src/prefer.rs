//! `Prefer`: what a client would like (RFC 7240), and `Preference-Applied`: what it got.

use crate::{Count, DialectError, Handling, Missing, Preferences, Resolution, Return, Tx};

/// Reads the values of all `Prefer` headers. Of preferences that contradict each other, the first counts; what is not understood is
/// ignored, or refused with `handling=strict`.
pub fn parse_preferences<'a>(values: impl Iterator<Item = &'a str>) -> Result<Preferences, DialectError> {
    let mut preferences = Preferences::default();
    let mut invalid = Vec::new();
    for text in values.flat_map(|value| value.split(',')).map(str::trim).filter(|text| !text.is_empty()) {
        if !read(&mut preferences, text) {
            invalid.push(text);
        }
    }
    if preferences.handling == Some(Handling::Strict) && !invalid.is_empty() {
        return Err(DialectError {
            code: "PGRST122",
            message: "Invalid preferences given with handling=strict".to_owned(),
            details: Some(format!("Invalid preferences: {}", crate::error::shortened(&invalid.join(", ")))),
            hint: Some("Leave them out, or send handling=lenient.".to_owned()),
        });
    }
    Ok(preferences)
}

/// Whether it was understood.
fn read(preferences: &mut Preferences, text: &str) -> bool {
    fn first<T>(slot: &mut Option<T>, value: T) {
        slot.get_or_insert(value);
    }
    match text {
        "return=minimal" => first(&mut preferences.returning, Return::Minimal),
        "return=headers-only" => first(&mut preferences.returning, Return::HeadersOnly),
        "return=representation" => first(&mut preferences.returning, Return::Representation),
        "count=exact" => first(&mut preferences.count, Count::Exact),
        "count=planned" => first(&mut preferences.count, Count::Planned),
        "count=estimated" => first(&mut preferences.count, Count::Estimated),
        "resolution=merge-duplicates" => first(&mut preferences.resolution, Resolution::MergeDuplicates),
        "resolution=ignore-duplicates" => first(&mut preferences.resolution, Resolution::IgnoreDuplicates),
        "missing=default" => first(&mut preferences.missing, Missing::Default),
        "missing=null" => first(&mut preferences.missing, Missing::Null),
        "tx=commit" => first(&mut preferences.tx, Tx::Commit),
        "tx=rollback" => first(&mut preferences.tx, Tx::Rollback),
        "handling=strict" => first(&mut preferences.handling, Handling::Strict),
        "handling=lenient" => first(&mut preferences.handling, Handling::Lenient),
        _ => match text.split_once('=') {
            Some(("timezone", zone)) if is_zone(zone) => first(&mut preferences.timezone, zone.to_owned()),
            Some(("max-affected", number)) => match number.parse::<i64>() {
                Ok(number @ 0..) => first(&mut preferences.max_affected, number.unsigned_abs()),
                _ => return false,
            },
            _ => return false,
        },
    }
    true
}

/// Whether it can be the name or offset of a time zone. Whether it is one, PostgreSQL knows.
fn is_zone(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'+' | b'-' | b':' | b'.'))
}

impl Preferences {
    /// The text of `Preference-Applied`, or none where nothing was said. Who did not honour one takes it out first:
    /// `Preferences { tx: None, ..preferences }.applied()`. `max-affected` is in force with `handling=strict` alone.
    pub fn applied(&self) -> Option<String> {
        let strict = self.handling == Some(Handling::Strict);
        let words = [
            self.resolution.map(|resolution| match resolution {
                Resolution::MergeDuplicates => "resolution=merge-duplicates".to_owned(),
                Resolution::IgnoreDuplicates => "resolution=ignore-duplicates".to_owned(),
            }),
            self.missing.map(|missing| match missing {
                Missing::Default => "missing=default".to_owned(),
                Missing::Null => "missing=null".to_owned(),
            }),
            self.returning.map(|returning| match returning {
                Return::Minimal => "return=minimal".to_owned(),
                Return::HeadersOnly => "return=headers-only".to_owned(),
                Return::Representation => "return=representation".to_owned(),
            }),
            self.count.map(|count| match count {
                Count::Exact => "count=exact".to_owned(),
                Count::Planned => "count=planned".to_owned(),
                Count::Estimated => "count=estimated".to_owned(),
            }),
            self.tx.map(|tx| match tx {
                Tx::Commit => "tx=commit".to_owned(),
                Tx::Rollback => "tx=rollback".to_owned(),
            }),
            self.handling.map(|handling| match handling {
                Handling::Strict => "handling=strict".to_owned(),
                Handling::Lenient => "handling=lenient".to_owned(),
            }),
            self.timezone.as_ref().map(|zone| format!("timezone={zone}")),
            self.max_affected.filter(|_| strict).map(|number| format!("max-affected={number}")),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(values: &[&str]) -> Preferences {
        parse_preferences(values.iter().copied()).unwrap()
    }

    #[test]
    fn reads_what_postgrest_documents() {
        let preferences =
            parse(&["resolution=ignore-duplicates, count=exact,   timezone=America/Los_Angeles", "max-affected=100"]);
        assert_eq!(preferences.resolution, Some(Resolution::IgnoreDuplicates));
        assert_eq!(preferences.count, Some(Count::Exact));
        assert_eq!(preferences.timezone.as_deref(), Some("America/Los_Angeles"));
        assert_eq!(preferences.max_affected, Some(100));
        let preferences = parse(&["return=representation , missing=default, tx=rollback,handling=lenient, anything"]);
        assert_eq!(preferences.returning, Some(Return::Representation));
        assert_eq!(preferences.missing, Some(Missing::Default));
        assert_eq!((preferences.tx, preferences.handling), (Some(Tx::Rollback), Some(Handling::Lenient)));
    }

    #[test]
    fn the_first_of_two_counts() {
        assert_eq!(parse(&["tx=commit, tx=rollback"]).tx, Some(Tx::Commit));
        assert_eq!(parse(&["return=minimal", "return=representation"]).returning, Some(Return::Minimal));
    }

    #[test]
    fn strict_handling_lists_what_is_not_understood() {
        let error =
            parse_preferences(["handling=strict, foo, count=all", "max-affected=-1, timezone=a'b"].into_iter()).unwrap_err();
        assert_eq!(error.code, "PGRST122");
        assert_eq!(error.details.as_deref(), Some("Invalid preferences: foo, count=all, max-affected=-1, timezone=a'b"));
    }

    #[test]
    fn says_what_was_applied() {
        assert_eq!(parse(&["foo"]).applied(), None);
        let all =
            parse(&["count=exact, return=minimal, missing=default, resolution=merge-duplicates, max-affected=7, timezone=05:30"]);
        let text = "resolution=merge-duplicates, missing=default, return=minimal, count=exact, timezone=05:30";
        assert_eq!(all.applied().as_deref(), Some(text));
        assert_eq!(parse(&["handling=strict, max-affected=7"]).applied().as_deref(), Some("handling=strict, max-affected=7"));
    }
}
