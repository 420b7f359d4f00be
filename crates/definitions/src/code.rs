//! Views and functions in their normal form, and what is checked of the SQL they hold.

use serde::{Deserialize, Serialize};

use crate::expression;

/// The longest query of a view or body of a function, in bytes.
const MAX_BYTES: usize = 128 * 1024;

/// A view in schema `public`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    pub name: String,
    /// One query.
    pub query: String,
    #[serde(default)]
    pub materialized: bool,
    /// Whether it reads its tables with the rights of who reads it, not of its owner.
    #[serde(default)]
    pub security_invoker: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The name this view had before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
}

/// A function in schema `public`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    pub name: String,
    #[serde(default)]
    pub arguments: Vec<Argument>,
    pub returns: Returns,
    pub language: Language,
    #[serde(default)]
    pub volatility: Volatility,
    /// Answers null when an argument is null, without running.
    #[serde(default)]
    pub strict: bool,
    pub body: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The name this function had before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
}

/// An argument of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    pub name: String,
    /// As in [`crate::Column::type_`], or the name of a table or view for its rows.
    #[serde(rename = "type")]
    pub type_: String,
    /// A SQL expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// What a function answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Returns {
    #[default]
    Void,
    /// One value, or the row of a table or view.
    One(String),
    /// Any number of them.
    SetOf(String),
    /// Rows of columns of its own; these have no defaults.
    Table(Vec<Argument>),
}

/// The languages a customer may write functions in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    Sql,
    Plpgsql,
}

impl Language {
    /// All of them, as the files spell them.
    pub const NAMES: [&str; 2] = ["sql", "plpgsql"];

    /// Reads a language as the files spell it.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "sql" => Some(Self::Sql),
            "plpgsql" => Some(Self::Plpgsql),
            _ => None,
        }
    }

    /// As the files and PostgreSQL spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::Plpgsql => "plpgsql",
        }
    }
}

/// What PostgreSQL may assume of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Volatility {
    /// It may change something, or answer differently each time.
    #[default]
    Volatile,
    /// It changes nothing, and answers the same within one statement.
    Stable,
    /// It answers the same for ever.
    Immutable,
}

impl Volatility {
    /// All of them, as the files spell them.
    pub const NAMES: [&str; 3] = ["volatile", "stable", "immutable"];

    /// Reads a volatility as the files spell it.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "volatile" => Some(Self::Volatile),
            "stable" => Some(Self::Stable),
            "immutable" => Some(Self::Immutable),
            _ => None,
        }
    }

    /// As the files spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Volatile => "volatile",
            Self::Stable => "stable",
            Self::Immutable => "immutable",
        }
    }
}

impl Function {
    /// The types of the arguments and of what is answered.
    pub(crate) fn types(&self) -> impl Iterator<Item = &str> {
        let answered: Vec<&str> = match &self.returns {
            Returns::Void => Vec::new(),
            Returns::One(type_) | Returns::SetOf(type_) => vec![type_],
            Returns::Table(columns) => columns.iter().map(|column| column.type_.as_str()).collect(),
        };
        self.arguments.iter().map(|argument| argument.type_.as_str()).chain(answered)
    }

    /// What is answered, as `pg_get_function_result` prints it, types by their bare names.
    pub(crate) fn result(&self) -> String {
        match &self.returns {
            Returns::Void => "void".into(),
            Returns::One(type_) => type_.clone(),
            Returns::SetOf(type_) => format!("SETOF {type_}"),
            Returns::Table(columns) => {
                let columns: Vec<String> = columns.iter().map(|column| format!("{} {}", column.name, column.type_)).collect();
                format!("TABLE({})", columns.join(", "))
            }
        }
    }

    /// Whether the name of something stands in what it says.
    pub(crate) fn mentions(&self, name: &str) -> bool {
        expression::mentions(&self.body.to_lowercase(), name)
            || self.types().any(|type_| type_.trim_end_matches("[]") == name)
            || self.arguments.iter().filter_map(|argument| argument.default.as_deref()).any(|it| mentions(it, name))
    }
}

/// Whether a name stands in SQL, however it is written.
pub(crate) fn mentions(sql: &str, name: &str) -> bool {
    expression::mentions(&sql.to_lowercase(), name)
}

/// Line ends of one kind, no white space at the end of lines or around the whole.
fn tidy(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim().to_owned()
}

fn check_text(what: &str, text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err(format!("the {what} is empty"));
    }
    if text.len() > MAX_BYTES {
        return Err(format!("the {what} has {} bytes; at most {MAX_BYTES} are accepted", text.len()));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(format!("control characters are not accepted in the {what}"));
    }
    Ok(())
}

/// The body of a function. It is quoted with a tag that does not stand in it, so whatever it holds it stays a text.
pub(crate) fn normalise_body(text: &str) -> Result<String, String> {
    check_text("body", text)?;
    // White space within a line may be part of a text, and so may that at its end.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    Ok(text.trim().to_owned())
}

/// The query of a view: one statement that reads, kept from being more by the same rules as expressions.
pub(crate) fn normalise_query(text: &str) -> Result<String, String> {
    check_text("query", text)?;
    let text = tidy(text);
    let text = text.strip_suffix(';').unwrap_or(&text).trim_end().to_owned();
    let first: String = text.chars().skip_while(|c| *c == '(').take_while(|c| c.is_alphabetic()).collect();
    if !["select", "with", "values", "table"].contains(&first.to_lowercase().as_str()) {
        return Err("the query of a view begins with `select`, `with` or `values`".into());
    }
    expression::scan_query(&text)?;
    Ok(text)
}

/// The names of the columns a query answers with, as far as its text tells: `None` with a `*`, or when it is no plain `select`.
pub(crate) fn output_names(query: &str) -> Option<Vec<String>> {
    let body = query.trim_start();
    let head: String = body.chars().take(6).collect();
    if !head.eq_ignore_ascii_case("select") || !body[6..].starts_with([' ', '\n', '\t']) {
        return None;
    }
    expression::items(&body[6..])?.into_iter().map(|item| output_name(&item)).collect()
}

/// `p.title` → `title`, `count(*) AS number` → `number`, `lower(x)` → `lower`.
fn output_name(item: &str) -> Option<String> {
    let plain = |text: &str| {
        let text = text.trim_matches('"');
        let is_name = !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_');
        (is_name && !text.starts_with(|c: char| c.is_ascii_digit())).then(|| text.to_lowercase())
    };
    let item = item.trim();
    if let Some((rest, last)) = item.rsplit_once(char::is_whitespace)
        && rest.trim_end().to_lowercase().ends_with(" as")
    {
        return plain(last);
    }
    if item.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '"')) {
        return plain(item.rsplit('.').next()?);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_query_and_no_more() {
        for good in [
            "select 1",
            "SELECT a, b FROM posts WHERE title <> ';' -- not".trim_end_matches(" -- not"),
            "with x as (select 1) select * from x",
            "select 1;",
            "(select 1) union (select 2)",
            "values (1), (2)",
            "select E'a\\'b', \"odd;name\" from t",
        ] {
            assert!(normalise_query(good).is_ok(), "{good}: {:?}", normalise_query(good));
        }
        for bad in [
            "",
            "drop table x",
            "select 1; drop table x",
            "select 1 -- x",
            "select 1 /* x */",
            "select 1) with check option (",
            "select 'a",
            "select $$;$$",
            "select $1",
            "insert into x values (1)",
            "select E'a'\n'\\'; drop table x --'",
            "select 1\u{0}",
            "select \\x",
        ] {
            assert!(normalise_query(bad).is_err(), "{bad}");
        }
        assert_eq!(normalise_query("  select 1  \r\n  from t \n").as_deref(), Ok("select 1\n  from t"));
    }

    #[test]
    fn names_of_columns_as_far_as_they_can_be_told() {
        let names = |query: &str| output_names(query).map(|names| names.join(","));
        assert_eq!(names("select id, p.Title, count(*) AS number from posts p").as_deref(), Some("id,title,number"));
        assert_eq!(names("select * from posts"), None);
        assert_eq!(names("select p.* from posts p"), None);
        assert_eq!(names("select lower(a, b) as \"low\" from x").as_deref(), Some("low"));
        assert_eq!(names("with x as (select 1) select 1"), None);
        assert_eq!(names("select a + 1 from x"), None);
    }
}
