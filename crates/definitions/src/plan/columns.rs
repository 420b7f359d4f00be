//! Columns of tables that are there: added and altered. Dropping them is in `drops`.

use super::matching;
use super::{Action, Change, Plan};
use crate::deployed::{ConstraintKind, Deployed, DeployedColumn, DeployedTable};
use crate::expression;
use crate::model::{Column, Definitions};
use crate::sql::{self, alter_column, alter_table, default_value, qualified, quote_identifier, quote_literal};
use crate::types;

pub(super) fn plan(local: &Definitions, view: &Deployed, plan: &mut Plan) {
    for table in local.tables.values() {
        let Some(deployed) = view.tables.get(&table.name) else { continue };
        for column in &table.columns {
            let applied = deployed.definition.as_ref().and_then(|definition| definition.column(&column.name));
            match deployed.column(&column.name) {
                None => plan.push(add(&table.name, column, local)),
                Some(existing) => plan.changes.extend(alter(deployed, column, existing, applied, local)),
            }
        }
    }
}

fn type_sql(type_: &str, local: &Definitions) -> String {
    sql::type_name(type_, |name| local.enums.contains_key(name))
}

fn add(table: &str, column: &Column, local: &Definitions) -> Change {
    let filled = column.nullable || column.default.is_some() || column.identity;
    let mut description = format!("Add the column `{}` ({}) to `{table}`", column.name, column.type_);
    if !filled {
        description.push_str("; it has no default, so this fails if the table has rows: give it a default, or `nullable: true`");
    }
    let mut statements =
        vec![alter_table(table, &format!("ADD COLUMN {}", sql::column(column, &type_sql(&column.type_, local))))];
    statements.extend(column.comment.as_deref().map(|text| comment(table, &column.name, Some(text))));
    Change {
        kind: "column",
        name: format!("{table}.{}", column.name),
        action: Action::Create,
        description: format!("{description}."),
        breaking: !filled,
        sql: statements,
    }
}

pub(super) fn comment(table: &str, column: &str, text: Option<&str>) -> String {
    sql::comment(&format!("COLUMN {}.{}", qualified(table), quote_identifier(column)), text)
}

/// The parts of one alteration.
struct Alteration<'a> {
    table: &'a str,
    column: &'a str,
    said: Vec<String>,
    breaking: bool,
    sql: Vec<String>,
}

impl Alteration<'_> {
    fn sql(&mut self, what: &str) {
        self.sql.push(alter_column(self.table, self.column, what));
    }
}

fn alter(
    deployed: &DeployedTable,
    column: &Column,
    existing: &DeployedColumn,
    applied: Option<&Column>,
    local: &Definitions,
) -> Option<Change> {
    let table = deployed.name.as_str();
    let mut it = Alteration { table, column: &column.name, said: Vec::new(), breaking: false, sql: Vec::new() };
    // Numbering no definition asked for is left alone, unless the column could not be what is wanted with it.
    let asked_for = applied.is_some_and(|applied| applied.identity);
    let at_odds =
        column.nullable || column.default.is_some() || !matches!(column.type_.as_str(), "smallint" | "integer" | "bigint");
    let dropped_identity = !column.identity && existing.identity && (asked_for || at_odds);
    if dropped_identity {
        it.said.push("no longer number its rows".into());
        it.sql("DROP IDENTITY");
    }
    let old_type = types::normalise_printed(&existing.type_);
    let retyped = old_type != column.type_;
    let removed = column.default.is_none() && applied.is_some_and(|applied| applied.default.is_some());
    if existing.default.is_some() && !existing.generated && (removed || (retyped && column.default.is_some())) {
        // A default that cannot be cast would refuse the new type.
        it.sql("DROP DEFAULT");
    }
    if removed && existing.default.is_some() && !existing.generated {
        it.said.push("remove its default".into());
    }
    if retyped {
        let type_ = type_sql(&column.type_, local);
        it.said.push(format!("change its type from {old_type} to {}", column.type_));
        if !types::comparable(&old_type, &column.type_) {
            it.said.extend(obstacles(deployed, &column.name));
        }
        it.breaking |= !types::widens(&old_type, &column.type_);
        let using = cast(column, &type_);
        it.sql(&format!("TYPE {type_} USING {using}"));
    }
    if let Some(default) = &column.default
        && !existing.generated
    {
        let same =
            existing.default.as_deref().is_some_and(|printed| match applied.and_then(|applied| applied.default.as_ref()) {
                Some(applied) => applied == default,
                None => same_default(default, printed),
            });
        if !same {
            it.said.push(format!("set its default to {default}"));
        }
        if !same || retyped {
            it.sql(&format!("SET DEFAULT {}", default_value(default)));
        }
    }
    // A key that stays until it is pruned keeps its columns from being null.
    let held = column.nullable
        && deployed.constraints.values().any(|key| key.kind == ConstraintKind::PrimaryKey && key.columns.contains(&column.name));
    if column.nullable == existing.not_null && !held {
        let (said, what) = if column.nullable { ("allow null", "DROP NOT NULL") } else { ("refuse null", "SET NOT NULL") };
        it.said.push(said.into());
        it.breaking |= !column.nullable;
        it.sql(what);
    }
    if column.identity && !existing.identity && !existing.generated {
        if existing.default.is_some() && !removed {
            it.sql("DROP DEFAULT");
        }
        it.said.push("number its rows".into());
        it.sql("ADD GENERATED BY DEFAULT AS IDENTITY");
        it.sql.push(format!(
            "SELECT setval(pg_get_serial_sequence({}, {}), (SELECT COALESCE(max({}), 0) + 1 FROM {}), false)",
            quote_literal(&qualified(table)),
            quote_literal(&column.name),
            quote_identifier(&column.name),
            qualified(table)
        ));
    }
    if it.sql.is_empty() {
        return None;
    }
    Some(Change {
        kind: "column",
        name: format!("{table}.{}", column.name),
        action: Action::Alter,
        description: format!("Alter the column `{}` of `{table}`: {}.", column.name, it.said.join(", ")),
        breaking: it.breaking,
        sql: it.sql,
    })
}

/// Checks and indexes no file defines that may refuse a new type of the column: those the files define are off by now.
fn obstacles(deployed: &DeployedTable, column: &str) -> Option<String> {
    let checks =
        deployed.constraints.values().filter(|it| it.kind == ConstraintKind::Check && it.columns.iter().any(|it| it == column));
    let indexes = deployed
        .indexes
        .values()
        .filter(|it| matching::plain_index(deployed, &it.name).is_some() && expression::mentions(&it.definition, column));
    let names: Vec<String> =
        checks.map(|it| &it.name).chain(indexes.map(|it| &it.name)).map(|name| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| format!("which {} may refuse: define or prune what no file defines", names.join(", ")))
}

/// From and to an enum the way leads over text.
fn cast(column: &Column, type_: &str) -> String {
    let name = quote_identifier(&column.name);
    if !type_.starts_with("public.") {
        return format!("{name}::{type_}");
    }
    let text = if type_.ends_with("[]") { "text[]" } else { "text" };
    format!("{name}::{text}::{type_}")
}

/// Whether a default written by a person is what PostgreSQL prints, casts of literals aside. Used only for columns made by hand;
/// to say "no" wrongly costs a harmless `SET DEFAULT`.
fn same_default(written: &str, printed: &str) -> bool {
    let plain = |text: &str| {
        let text = text.trim();
        let text = match text.rsplit_once("::") {
            Some((value, type_)) if !type_.contains(['\'', '(']) => value,
            _ => text,
        };
        text.trim_start_matches('(').trim_end_matches(')').replace(' ', "").to_lowercase()
    };
    plain(written) == plain(printed)
}
