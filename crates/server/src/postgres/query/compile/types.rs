//! Types that a caller may cast to: PostgreSQL's own by their names, and the enums of the environment.

use cloche_definitions::quote_identifier;

use super::Writer;
use crate::error::{Error, Result};
use crate::postgres::sqlstate::UNDEFINED_TYPE;

/// Types of PostgreSQL by the names people use. Their input and output run nobody's code.
const NAMES: &[&str] = &[
    "bigint",
    "bit",
    "bit varying",
    "bool",
    "boolean",
    "box",
    "bpchar",
    "bytea",
    "char",
    "character",
    "character varying",
    "cidr",
    "circle",
    "date",
    "daterange",
    "datemultirange",
    "decimal",
    "double precision",
    "float",
    "float4",
    "float8",
    "inet",
    "int",
    "int2",
    "int4",
    "int4range",
    "int4multirange",
    "int8",
    "int8range",
    "int8multirange",
    "integer",
    "interval",
    "json",
    "jsonb",
    "line",
    "lseg",
    "macaddr",
    "macaddr8",
    "money",
    "name",
    "numeric",
    "nummultirange",
    "numrange",
    "oid",
    "path",
    "point",
    "polygon",
    "real",
    "smallint",
    "text",
    "time",
    "time with time zone",
    "time without time zone",
    "timestamp",
    "timestamp with time zone",
    "timestamp without time zone",
    "timestamptz",
    "timetz",
    "tsmultirange",
    "tsquery",
    "tsrange",
    "tstzmultirange",
    "tstzrange",
    "tsvector",
    "uuid",
    "varbit",
    "varchar",
    "xml",
];

impl Writer<'_, '_> {
    /// A type as SQL. Only names that are known get there.
    pub(super) fn type_name(&mut self, written: &str) -> Result<String> {
        let refuse = || {
            Error::bad_input(UNDEFINED_TYPE, format!("type \"{written}\" does not exist"))
                .hint("Cast to a type of PostgreSQL, such as text, integer or numeric(10,2), or to an enum of the environment.")
        };
        let (element, array) = match written.strip_suffix("[]") {
            Some(element) => (element, "[]"),
            None => (written, ""),
        };
        let (name, modifier) = match element.split_once('(') {
            Some((name, rest)) => (name, Some(rest.strip_suffix(')').ok_or_else(refuse)?)),
            None => (element, None),
        };
        let digits = |modifier: &str| modifier.split(',').all(|part| part.trim().parse::<u16>().is_ok());
        if modifier.is_some_and(|modifier| !digits(modifier)) {
            return Err(refuse());
        }
        let modifier = modifier.map(|modifier| format!("({modifier})")).unwrap_or_default();
        let known = name.trim().to_ascii_lowercase();
        if NAMES.contains(&known.as_str()) {
            return Ok(format!("{known}{modifier}{array}"));
        }
        let bare = name.trim().trim_matches('"');
        if self.context.schema.enum_values(bare).is_some() && modifier.is_empty() {
            // Its owner may have made casts of their own to it.
            self.is_plain = false;
            return Ok(format!("public.{}{array}", quote_identifier(bare)));
        }
        Err(refuse())
    }
}
