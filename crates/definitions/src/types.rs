//! PostgreSQL types, normalised to what `format_type` prints.

use std::collections::BTreeMap;

use crate::diagnostic::closest;
use crate::model::EnumType;

/// Why a type is refused, and what to write.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TypeError {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// What may stand in parentheses after a type.
#[derive(Clone, Copy)]
enum Modifier {
    None,
    /// `(n)`, at most so much.
    Length(u32),
    /// `(n)` of a one-character type whose bare form means `(1)`.
    LengthOrOne(u32),
    /// `(precision, scale)`.
    Numeric,
    /// `(0…6)`; the text follows the parentheses.
    Time(&'static str),
}

use Modifier::{Length, LengthOrOne, None as Plain, Numeric, Time};

/// What people write, what PostgreSQL prints, what it takes.
const TYPES: &[(&str, &str, Modifier)] = &[
    ("smallint", "smallint", Plain),
    ("int2", "smallint", Plain),
    ("integer", "integer", Plain),
    ("int", "integer", Plain),
    ("int4", "integer", Plain),
    ("bigint", "bigint", Plain),
    ("int8", "bigint", Plain),
    ("real", "real", Plain),
    ("float4", "real", Plain),
    ("double precision", "double precision", Plain),
    ("float8", "double precision", Plain),
    ("float", "double precision", Plain),
    ("numeric", "numeric", Numeric),
    ("decimal", "numeric", Numeric),
    ("dec", "numeric", Numeric),
    ("money", "money", Plain),
    ("text", "text", Plain),
    ("character varying", "character varying", Length(10_485_760)),
    ("varchar", "character varying", Length(10_485_760)),
    ("character", "character", LengthOrOne(10_485_760)),
    ("char", "character", LengthOrOne(10_485_760)),
    ("bytea", "bytea", Plain),
    ("boolean", "boolean", Plain),
    ("bool", "boolean", Plain),
    ("uuid", "uuid", Plain),
    ("date", "date", Plain),
    ("time", "time", Time(" without time zone")),
    ("time without time zone", "time", Time(" without time zone")),
    ("timetz", "time", Time(" with time zone")),
    ("time with time zone", "time", Time(" with time zone")),
    ("timestamp", "timestamp", Time(" without time zone")),
    ("timestamp without time zone", "timestamp", Time(" without time zone")),
    ("timestamptz", "timestamp", Time(" with time zone")),
    ("timestamp with time zone", "timestamp", Time(" with time zone")),
    ("interval", "interval", Time("")),
    ("json", "json", Plain),
    ("jsonb", "jsonb", Plain),
    ("jsonpath", "jsonpath", Plain),
    ("xml", "xml", Plain),
    ("inet", "inet", Plain),
    ("cidr", "cidr", Plain),
    ("macaddr", "macaddr", Plain),
    ("macaddr8", "macaddr8", Plain),
    ("bit", "bit", LengthOrOne(83_886_080)),
    ("bit varying", "bit varying", Length(83_886_080)),
    ("varbit", "bit varying", Length(83_886_080)),
    ("tsvector", "tsvector", Plain),
    ("tsquery", "tsquery", Plain),
    ("point", "point", Plain),
    ("line", "line", Plain),
    ("lseg", "lseg", Plain),
    ("box", "box", Plain),
    ("path", "path", Plain),
    ("polygon", "polygon", Plain),
    ("circle", "circle", Plain),
    ("int4range", "int4range", Plain),
    ("int8range", "int8range", Plain),
    ("numrange", "numrange", Plain),
    ("daterange", "daterange", Plain),
    ("tsrange", "tsrange", Plain),
    ("tstzrange", "tstzrange", Plain),
    ("int4multirange", "int4multirange", Plain),
    ("int8multirange", "int8multirange", Plain),
    ("nummultirange", "nummultirange", Plain),
    ("datemultirange", "datemultirange", Plain),
    ("tsmultirange", "tsmultirange", Plain),
    ("tstzmultirange", "tstzmultirange", Plain),
    ("vector", "vector", Length(16_000)),
    ("halfvec", "halfvec", Length(16_000)),
    ("sparsevec", "sparsevec", Length(1_000_000_000)),
];

/// Words of other systems, and what to write here.
const FOREIGN: &[(&str, &str)] = &[
    ("serial", "`bigint` with `identity: true`"),
    ("bigserial", "`bigint` with `identity: true`"),
    ("smallserial", "`smallint` with `identity: true`"),
    ("citext", "`text`, and an index on `lower(column)`"),
    ("string", "`text`"),
    ("str", "`text`"),
    ("datetime", "`timestamptz`"),
    ("number", "`numeric`, `integer` or `double precision`"),
    ("double", "`double precision`"),
    ("object", "`jsonb`"),
    ("map", "`jsonb`"),
    ("array", "the type of its items followed by `[]`, such as `text[]`"),
    ("list", "the type of its items followed by `[]`, such as `text[]`"),
    ("blob", "`bytea`"),
    ("binary", "`bytea`"),
    ("tinyint", "`smallint`"),
    ("mediumtext", "`text`"),
    ("longtext", "`text`"),
    ("enum", "the name of a file in `enums/`"),
];

/// Whether PostgreSQL has a type of that name (an enum must not hide it).
pub(crate) fn is_built_in(name: &str) -> bool {
    TYPES.iter().any(|(written, printed, _)| *written == name || *printed == name)
}

/// The type as `format_type` prints it; an enum type by its bare name.
pub(crate) fn normalise(written: &str, enums: &BTreeMap<String, EnumType>) -> Result<String, TypeError> {
    let text = written.to_lowercase();
    let mut text = text.trim();
    let mut array = "";
    while let Some(item) = text.strip_suffix("[]") {
        // PostgreSQL does not tell `text[]` from `text[][]`.
        array = "[]";
        text = item.trim_end();
    }
    let (name, arguments) = split(text).ok_or_else(|| TypeError {
        message: format!("`{written}` is not a type: its parentheses do not match"),
        hint: Some("inside `{ }` quote a type that has a comma or brackets: `\"numeric(10,2)\"`, `\"text[]\"`".into()),
    })?;
    if let Some((_, printed, modifier)) = TYPES.iter().find(|(known, ..)| *known == name) {
        let printed = apply(printed, *modifier, &arguments)
            .ok_or_else(|| TypeError { message: format!("`{written}` is not a type: {}", expected(*modifier)), hint: None })?;
        return Ok(format!("{printed}{array}"));
    }
    if enums.contains_key(&name) {
        return if arguments.is_empty() {
            Ok(format!("{name}{array}"))
        } else {
            Err(TypeError { message: format!("the enum `{name}` takes nothing in parentheses"), hint: None })
        };
    }
    Err(unknown(written, &name, enums))
}

fn unknown(written: &str, name: &str, enums: &BTreeMap<String, EnumType>) -> TypeError {
    let message = format!("unknown type `{written}`");
    if let Some((_, instead)) = FOREIGN.iter().find(|(foreign, _)| *foreign == name) {
        return TypeError { message, hint: Some(format!("write {instead}")) };
    }
    let known = TYPES.iter().map(|(known, ..)| *known).chain(enums.keys().map(String::as_str));
    let hint = match closest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "use a type of PostgreSQL, or the name of a file in `enums/`".into(),
    };
    TypeError { message, hint: Some(hint) }
}

/// `timestamp (3) with time zone` → (`timestamp with time zone`, [3]).
fn split(text: &str) -> Option<(String, Vec<u32>)> {
    let fold = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((head, rest)) = text.split_once('(') else {
        return (!text.contains(')')).then(|| (fold(text), Vec::new()));
    };
    let (inside, tail) = rest.split_once(')')?;
    if tail.contains(['(', ')']) {
        return None;
    }
    let arguments = inside.split(',').map(|argument| argument.trim().parse().ok()).collect::<Option<Vec<u32>>>()?;
    Some((fold(&format!("{head} {tail}")), arguments))
}

fn apply(printed: &str, modifier: Modifier, arguments: &[u32]) -> Option<String> {
    match (modifier, arguments) {
        (Plain | Length(_) | Numeric, []) => Some(printed.to_owned()),
        (LengthOrOne(_), []) => Some(format!("{printed}(1)")),
        (Length(most) | LengthOrOne(most), [length]) if (1..=most).contains(length) => Some(format!("{printed}({length})")),
        (Numeric, [precision]) if (1..=1000).contains(precision) => Some(format!("{printed}({precision},0)")),
        (Numeric, [precision, scale]) if (1..=1000).contains(precision) && *scale <= 1000 => {
            Some(format!("{printed}({precision},{scale})"))
        }
        (Time(zone), []) => Some(format!("{printed}{zone}")),
        (Time(zone), [precision]) if *precision <= 6 => Some(format!("{printed}({precision}){zone}")),
        _ => None,
    }
}

fn expected(modifier: Modifier) -> String {
    match modifier {
        Plain => "it takes nothing in parentheses".into(),
        Length(most) | LengthOrOne(most) => format!("it takes one length from 1 to {most}"),
        Numeric => "it takes a precision from 1 to 1000 and a scale".into(),
        Time(_) => "it takes one precision from 0 to 6".into(),
    }
}

/// The type without what stands in parentheses: `character varying(20)` → `character varying`.
pub(crate) fn without_modifier(type_: &str) -> String {
    match (type_.find('('), type_.rfind(')')) {
        (Some(open), Some(close)) => format!("{}{}", &type_[..open], &type_[close + 1..]),
        _ => type_.to_owned(),
    }
}

/// What the catalogs print, without the schema `public` and quotes around the name of an enum.
pub(crate) fn normalise_printed(printed: &str) -> String {
    let (name, array) = match printed.strip_suffix("[]") {
        Some(name) => (name, "[]"),
        None => (printed, ""),
    };
    let name = name.strip_prefix("public.").unwrap_or(name);
    let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
    format!("{name}{array}")
}

/// Whether a foreign key may join the two types.
pub(crate) fn comparable(left: &str, right: &str) -> bool {
    fn family(type_: &str) -> &str {
        let base = type_.split('(').next().unwrap_or(type_).trim();
        match base {
            "smallint" | "integer" | "bigint" => "integer",
            "text" | "character varying" | "character" => "text",
            _ => base,
        }
    }
    if left.ends_with("[]") || right.ends_with("[]") { left == right } else { family(left) == family(right) }
}

/// Whether every value of `old` is a value of `new`, unchanged.
pub(crate) fn widens(old: &str, new: &str) -> bool {
    let rank = |type_: &str| ["smallint", "integer", "bigint", "numeric"].iter().position(|known| *known == type_);
    if let (Some(old), Some(new)) = (rank(old), rank(new)) {
        return old <= new;
    }
    let length = |type_: &str| match type_.strip_prefix("character varying") {
        Some("") => Some(u32::MAX),
        Some(rest) => rest.trim_matches(['(', ')']).parse().ok(),
        None => (type_ == "text").then_some(u32::MAX),
    };
    match (length(old), length(new)) {
        (Some(old), Some(new)) => old <= new,
        _ => (old.starts_with("numeric(") && new == "numeric") || (old == "real" && new == "double precision"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enums() -> BTreeMap<String, EnumType> {
        BTreeMap::from([("post_status".to_owned(), EnumType::default())])
    }

    #[test]
    fn normalises_as_format_type_prints() {
        for (written, printed) in [
            ("int", "integer"),
            ("INT8", "bigint"),
            ("varchar(20)", "character varying(20)"),
            ("varchar", "character varying"),
            ("char", "character(1)"),
            ("decimal(10, 2)", "numeric(10,2)"),
            ("numeric(10)", "numeric(10,0)"),
            ("timestamptz", "timestamp with time zone"),
            ("timestamptz(3)", "timestamp(3) with time zone"),
            ("timestamp (3)  with time zone", "timestamp(3) with time zone"),
            ("time", "time without time zone"),
            ("interval(3)", "interval(3)"),
            ("text[][]", "text[]"),
            ("varchar(5)[]", "character varying(5)[]"),
            ("post_status", "post_status"),
            ("post_status[]", "post_status[]"),
            ("vector(3)", "vector(3)"),
        ] {
            assert_eq!(normalise(written, &enums()).as_deref(), Ok(printed), "{written}");
        }
    }

    #[test]
    fn normalising_twice_changes_nothing() {
        for (written, ..) in TYPES {
            let once = normalise(written, &enums()).unwrap();
            assert_eq!(normalise(&once, &enums()).unwrap(), once);
        }
    }

    #[test]
    fn refuses_with_a_hint() {
        let hint = |written: &str| normalise(written, &enums()).unwrap_err().hint.unwrap_or_default();
        assert_eq!(hint("txt"), "did you mean `text`?");
        assert_eq!(hint("post_statu"), "did you mean `post_status`?");
        assert_eq!(hint("serial"), "write `bigint` with `identity: true`");
        assert!(hint("numeric(10").contains("quote"));
        assert!(normalise("varchar(0)", &enums()).is_err());
        assert!(normalise("uuid(3)", &enums()).is_err());
        assert!(normalise("text); drop table x", &enums()).is_err());
    }

    #[test]
    fn widening_and_joining() {
        assert!(widens("integer", "bigint") && widens("character varying(5)", "text") && widens("numeric(5,2)", "numeric"));
        assert!(!widens("bigint", "integer") && !widens("text", "character varying(5)") && !widens("text", "uuid"));
        assert!(comparable("integer", "bigint") && comparable("text", "character varying(5)"));
        assert!(!comparable("integer", "uuid") && !comparable("text", "text[]"));
        assert_eq!(normalise_printed("public.\"post_status\"[]"), "post_status[]");
    }
}
