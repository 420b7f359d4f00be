//! Records as one text.

use cloche_definitions::{quote_identifier, quote_literal};

use super::select::Selected;
use crate::postgres::query::Format;

/// The records of a relation `r`, aggregated.
pub(super) fn aggregated(format: Format, selected: &Selected) -> String {
    match format {
        Format::Json => "coalesce(pg_catalog.json_agg(r.*), '[]')::text".to_owned(),
        Format::StrippedJson => {
            "coalesce(pg_catalog.json_agg(pg_catalog.json_strip_nulls(pg_catalog.row_to_json(r.*))), '[]')::text".to_owned()
        }
        Format::Csv => csv(selected),
    }
}

/// RFC 4180: a line with the names, a line for each record; a value is quoted where it has to be, and nothing stands for null.
fn csv(selected: &Selected) -> String {
    let names: Vec<&str> = selected.outputs.iter().filter_map(|output| output.name.as_deref()).collect();
    let head: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    let value = |name: &&str| {
        let text = format!("r.{}::text", quote_identifier(name));
        format!(
            "CASE WHEN {text} ~ E'[\",\\n\\r]' OR {text} = '' THEN '\"' || pg_catalog.replace({text}, '\"', '\"\"') || '\"' \
             ELSE coalesce({text}, '') END"
        )
    };
    let values: Vec<String> = names.iter().map(value).collect();
    format!(
        "{} || coalesce(pg_catalog.string_agg({}, ''), '')",
        quote_literal(&format!("{}\n", head.join(","))),
        format_args!("{} || E'\\n'", values.join(" || ',' || "))
    )
}

fn quoted(name: &str) -> String {
    if name.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_owned() }
}
