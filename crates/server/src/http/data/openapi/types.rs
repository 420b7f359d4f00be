//! PostgreSQL's types as JSON Schema: what a value looks like in JSON.

use serde_json::{Value, json};

use crate::postgres::schema::{Column, Schema};

/// A column as a property of a record, with what is said of it.
pub(super) fn property(schema: &Schema, column: &Column) -> Value {
    let mut value = of(schema, column);
    let default = column.default.as_ref().map(|default| format!("Default: `{default}`."));
    let said: Vec<String> = column.comment.iter().cloned().chain([format!("`{}`.", column.shown_type)]).chain(default).collect();
    value["description"] = json!(said.join(" "));
    if column.generated {
        value["readOnly"] = json!(true);
    }
    if let Some(length) = length(&column.shown_type) {
        value["maxLength"] = json!(length);
    }
    if !column.not_null {
        nullable(&mut value);
    }
    value
}

/// What values of a column look like.
pub(super) fn of(schema: &Schema, column: &Column) -> Value {
    of_name(schema, &column.sql_type)
}

/// The same for a type by its name as SQL has it.
pub(super) fn of_name(schema: &Schema, sql_type: &str) -> Value {
    if let Some(of_items) = sql_type.strip_suffix("[]") {
        return json!({ "type": "array", "items": of_name(schema, of_items) });
    }
    match sql_type {
        "smallint" | "integer" | "oid" => json!({ "type": "integer", "format": "int32" }),
        "bigint" => json!({ "type": "integer", "format": "int64" }),
        "real" | "double precision" | "numeric" => json!({ "type": "number" }),
        "boolean" => json!({ "type": "boolean" }),
        "uuid" => json!({ "type": "string", "format": "uuid" }),
        "date" => json!({ "type": "string", "format": "date" }),
        "timestamp with time zone" => json!({ "type": "string", "format": "date-time" }),
        "json" | "jsonb" => json!({}),
        "text" | "character varying" | "character" | "bytea" | "interval" | "inet" | "cidr" | "macaddr" | "money" | "bit"
        | "bit varying" | "name" | "tsvector" | "xml" | "citext" => json!({ "type": "string" }),
        // Times without a zone, ranges and the like are texts too.
        other if other.starts_with("time") || other.ends_with("range") => json!({ "type": "string" }),
        other => match schema.enum_values(&bare(other)) {
            Some(values) => json!({ "type": "string", "enum": values }),
            // A domain or a type of somebody's own.
            None => json!({}),
        },
    }
}

/// The name of a type without its schema and quotes.
fn bare(sql_type: &str) -> String {
    let name = sql_type.strip_prefix("public.").unwrap_or(sql_type);
    match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => name.to_owned(),
    }
}

fn nullable(value: &mut Value) {
    if let Some(kind) = value.get("type").cloned() {
        value["type"] = json!([kind, "null"]);
    }
    if let Some(values) = value.get_mut("enum").and_then(Value::as_array_mut) {
        values.push(Value::Null);
    }
}

/// Of `character varying(50)`.
fn length(shown_type: &str) -> Option<u32> {
    shown_type.strip_prefix("character")?.rsplit_once('(')?.1.strip_suffix(')')?.parse().ok()
}

/// A filter as it may be written.
pub(super) fn example(column: &Column) -> &'static str {
    match column.category {
        'N' => "gte.1",
        'B' => "is.true",
        'D' => "gte.2026-01-01",
        'A' => "cs.{a}",
        _ => "eq.…",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_what_their_values_are_in_json() {
        let schema = Schema::of([]);
        assert_eq!(of_name(&schema, "bigint[]"), json!({ "type": "array", "items": { "type": "integer", "format": "int64" } }));
        assert_eq!(of_name(&schema, "jsonb"), json!({}));
        assert_eq!(of_name(&schema, "public.\"Mood\""), json!({}));
        assert_eq!(of_name(&schema, "timestamp without time zone"), json!({ "type": "string" }));
        let mut column = Column::for_tests("a", "character varying");
        column.shown_type = "character varying(50)".into();
        column.default = Some("'x'".into());
        let said = "`character varying(50)`. Default: `'x'`.";
        assert_eq!(property(&schema, &column), json!({ "type": ["string", "null"], "description": said, "maxLength": 50 }));
        assert_eq!((bare("public.\"a\"\"b\""), bare("public.mood")), ("a\"b".into(), "mood".into()));
    }
}
