//! One column: `title: text`, or a mapping.

use super::fields;
use super::table::{Draft, action, empty_foreign_key};
use crate::diagnostic::Mark;
use crate::model::{Column, ReferentialAction};
use crate::names;
use crate::types;
use crate::yaml::{Node, Value};

const KEYS: [&str; 12] = [
    "type",
    "nullable",
    "default",
    "primary_key",
    "unique",
    "references",
    "on_delete",
    "on_update",
    "identity",
    "check",
    "comment",
    "renamed_from",
];

/// Words that are a default by themselves.
const DEFAULT_WORDS: [&str; 12] = [
    "true",
    "false",
    "null",
    "current_timestamp",
    "current_date",
    "current_time",
    "localtimestamp",
    "localtime",
    "current_user",
    "session_user",
    "current_role",
    "user",
];

/// Reads a column into the draft: the column, and the constraints written on it.
pub(super) fn parse(draft: &mut Draft<'_>, name: &str, node: &Node) {
    let mut column = Column { name: name.to_owned(), ..Column::default() };
    let mut has_type = false;
    if let Value::Mapping(_) = node.value {
        let entries = fields::mapping(node, "a column", &KEYS, &mut draft.report);
        has_type = entries.iter().any(|(key, _)| key.name == "type");
        for (key, value) in &entries {
            let report = &mut draft.report;
            match key.name.as_str() {
                "type" => set_type(draft, &mut column, value),
                "nullable" => column.nullable = fields::boolean(value, "nullable", report),
                "identity" => column.identity = fields::boolean(value, "identity", report),
                "comment" => column.comment = fields::text(value, "comment", report),
                "renamed_from" => {
                    draft.marks.insert(format!("renamed_from:{name}"), value.mark);
                    column.renamed_from = fields::name(value, "renamed_from", report);
                }
                "default" => column.default = default(draft, value),
                _ => {}
            }
        }
        constraints(draft, name, &entries.iter().map(|(key, value)| (key.name.as_str(), *value)).collect::<Vec<_>>());
    } else if let Value::Scalar(_) = node.value {
        has_type = true;
        set_type(draft, &mut column, node);
    }
    if !has_type {
        let hint = Some(format!("write `{name}: text` or `{name}: {{ type: text }}`"));
        draft.report.error(Some(node.mark), format!("the column `{name}` has no type"), hint);
    }
    check_column(draft, &column, node.mark);
    draft.table.columns.push(column);
}

fn set_type(draft: &mut Draft<'_>, column: &mut Column, node: &Node) {
    let Some(written) = fields::text(node, "type", &mut draft.report) else { return };
    match types::normalise(&written, draft.enums) {
        Ok(type_) => column.type_ = type_,
        Err(error) => draft.report.error(Some(node.mark), error.message, error.hint),
    }
}

/// A SQL expression. `default: draft` is a mistake PostgreSQL would explain badly.
fn default(draft: &mut Draft<'_>, node: &Node) -> Option<String> {
    if matches!(node.value, Value::Null) {
        return None;
    }
    if matches!(&node.value, Value::Scalar(text) if text.is_empty()) {
        let hint = Some("the empty text is `\"''\"`".into());
        draft.report.error(Some(node.mark), "`default` is empty", hint);
        return None;
    }
    let expression = fields::expression(node, "default", &mut draft.report)?;
    let word = expression.chars().next().is_some_and(char::is_alphabetic)
        && expression.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' '));
    let lower = expression.to_lowercase();
    if lower == "null" {
        return None;
    }
    if word && !DEFAULT_WORDS.contains(&lower.as_str()) {
        let hint = format!("`default` is SQL: write the text as `\"'{expression}'\"`, or call a function as `{expression}()`");
        draft.report.error(Some(node.mark), format!("`{expression}` is not a value"), Some(hint));
        return None;
    }
    Some(expression)
}

/// `primary_key`, `unique`, `check`, `references` with `on_delete` and `on_update`: kept in the table's lists.
fn constraints(draft: &mut Draft<'_>, name: &str, entries: &[(&str, &Node)]) {
    let mut key = empty_foreign_key();
    key.columns = vec![name.to_owned()];
    let mut reference = None;
    for (entry, value) in entries {
        match *entry {
            "primary_key" if fields::boolean(value, "primary_key", &mut draft.report) => {
                draft.marks.insert("primary_key".into(), value.mark);
                if !draft.table.primary_key.is_empty() {
                    let hint = Some(format!(
                        "for a key of two columns write `primary_key: [{}, {name}]` below `columns`",
                        draft.table.primary_key[0]
                    ));
                    draft.report.error(Some(value.mark), "a second primary key", hint);
                    continue;
                }
                draft.table.primary_key.push(name.to_owned());
            }
            "unique" if fields::boolean(value, "unique", &mut draft.report) => {
                draft.add_unique(vec![name.to_owned()], None, value.mark);
            }
            "check" => {
                if let Some(expression) = fields::expression(value, "check", &mut draft.report) {
                    let check = names::generate(&draft.table.name, &[name], "check");
                    draft.add_check(check, expression, value.mark);
                }
            }
            "references" => reference = Some(*value),
            "on_delete" => key.on_delete = action(value, "on_delete", &mut draft.report),
            "on_update" => key.on_update = action(value, "on_update", &mut draft.report),
            _ => {}
        }
    }
    let Some(reference) = reference else {
        if key.on_delete != ReferentialAction::NoAction || key.on_update != ReferentialAction::NoAction {
            let mark = entries.iter().find(|(entry, _)| entry.starts_with("on_")).map(|(_, node)| node.mark);
            let hint = Some("add `references: table.column`".into());
            draft.report.error(mark, "`on_delete` and `on_update` need `references`", hint);
        }
        return;
    };
    let Some(written) = fields::text(reference, "references", &mut draft.report) else { return };
    let (table, column) = written.split_once('.').map_or((written.as_str(), None), |(table, column)| (table, Some(column)));
    if names::check(table).and_then(|()| column.map_or(Ok(()), names::check)).is_err() {
        let hint = Some("write `references: authors.id`, or `references: authors` for its primary key".into());
        draft.report.error(Some(reference.mark), format!("`{written}` is not a table and a column"), hint);
        return;
    }
    key.referenced_table = table.to_owned();
    key.referenced_columns = column.map(str::to_owned).into_iter().collect();
    draft.add_foreign_key(key, None, reference.mark);
}

/// What the column alone can have wrong.
fn check_column(draft: &mut Draft<'_>, column: &Column, mark: Mark) {
    if column.identity {
        let problem = if !column.type_.is_empty() && !matches!(column.type_.as_str(), "smallint" | "integer" | "bigint") {
            Some("`identity` needs the type `bigint`, `integer` or `smallint`")
        } else if column.default.is_some() {
            Some("`identity` gives the column its values, so it can have no `default`")
        } else if column.nullable {
            Some("a column with `identity` is never null, so it cannot be `nullable`")
        } else {
            None
        };
        if let Some(problem) = problem {
            draft.report.error(Some(mark), problem, None);
        }
    }
    if let Some(type_) = draft.enums.get(&column.type_)
        && let Some(value) =
            column.default.as_deref().and_then(|text| text.strip_prefix('\'')).and_then(|text| text.strip_suffix('\''))
        && !type_.values.is_empty()
        && !type_.values.contains(&value.replace("''", "'"))
    {
        let hint = Some(format!("its values are: {}", type_.values.join(", ")));
        draft.report.error(Some(mark), format!("`{value}` is not a value of the enum `{}`", column.type_), hint);
    }
}
