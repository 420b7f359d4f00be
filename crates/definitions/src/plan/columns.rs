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

/// One alteration as it is put together, in the order PostgreSQL needs.
struct Alteration<'a> {
    deployed: &'a DeployedTable,
    column: &'a Column,
    existing: &'a DeployedColumn,
    /// The column as last applied.
    applied: Option<&'a Column>,
    said: Vec<String>,
    breaking: bool,
    sql: Vec<String>,
}

fn alter(
    deployed: &DeployedTable,
    column: &Column,
    existing: &DeployedColumn,
    applied: Option<&Column>,
    local: &Definitions,
) -> Option<Change> {
    let (said, sql) = (Vec::new(), Vec::new());
    let mut it = Alteration { deployed, column, existing, applied, said, breaking: false, sql };
    it.stop_numbering();
    if existing.generated {
        it.set_type(local);
        it.set_nullable();
    } else {
        it.drop_default();
        it.set_type(local);
        it.set_default();
        it.set_nullable();
        it.number();
    }
    if it.sql.is_empty() {
        return None;
    }
    let table = &deployed.name;
    Some(Change {
        kind: "column",
        name: format!("{table}.{}", column.name),
        action: Action::Alter,
        description: format!("Alter the column `{}` of `{table}`: {}.", column.name, it.said.join(", ")),
        breaking: it.breaking,
        sql: it.sql,
    })
}

impl Alteration<'_> {
    fn sql(&mut self, what: &str) {
        self.sql.push(alter_column(&self.deployed.name, &self.column.name, what));
    }

    fn is_retyped(&self) -> bool {
        types::normalise_printed(&self.existing.type_) != self.column.type_
    }

    /// Numbering no definition asked for is left alone, unless the column could not be what is wanted with it.
    fn stop_numbering(&mut self) {
        let column = self.column;
        let asked_for = self.applied.is_some_and(|applied| applied.identity);
        let whole = matches!(column.type_.as_str(), "smallint" | "integer" | "bigint");
        let at_odds = column.nullable || column.default.is_some() || !whole;
        if !column.identity && self.existing.identity && (asked_for || at_odds) {
            self.said.push("no longer number its rows".into());
            self.sql("DROP IDENTITY");
        }
    }

    /// A default no definition asked for is left alone, unless it gives way to another or to numbering.
    fn drop_default(&mut self) {
        if self.existing.default.is_none() {
            return;
        }
        let column = self.column;
        let removed = column.default.is_none() && self.applied.is_some_and(|applied| applied.default.is_some());
        if removed {
            self.said.push("remove its default".into());
        }
        // A default that cannot be cast would refuse the new type.
        let in_the_way = (self.is_retyped() && column.default.is_some()) || (column.identity && !self.existing.identity);
        if removed || in_the_way {
            self.sql("DROP DEFAULT");
        }
    }

    fn set_type(&mut self, local: &Definitions) {
        if !self.is_retyped() {
            return;
        }
        let (old, new) = (types::normalise_printed(&self.existing.type_), &self.column.type_);
        self.said.push(format!("change its type from {old} to {new}"));
        if !types::comparable(&old, new) {
            self.said.extend(obstacles(self.deployed, &self.column.name));
        }
        self.breaking |= !types::widens(&old, new);
        let type_ = type_sql(new, local);
        let using = cast(self.column, &type_);
        self.sql(&format!("TYPE {type_} USING {using}"));
    }

    fn set_default(&mut self) {
        let Some(default) = &self.column.default else { return };
        let applied = self.applied.and_then(|applied| applied.default.as_ref());
        let same = self.existing.default.as_deref().is_some_and(|printed| match applied {
            Some(applied) => applied == default,
            None => same_default(default, printed),
        });
        if !same {
            self.said.push(format!("set its default to {default}"));
        }
        if !same || self.is_retyped() {
            self.sql(&format!("SET DEFAULT {}", default_value(default)));
        }
    }

    fn set_nullable(&mut self) {
        let column = self.column;
        // A key that stays until it is pruned keeps its columns from being null.
        let mut constraints = self.deployed.constraints.values();
        let held = constraints.any(|key| key.kind == ConstraintKind::PrimaryKey && key.columns.contains(&column.name));
        if column.nullable && self.existing.not_null && !held {
            self.said.push("allow null".into());
            self.sql("DROP NOT NULL");
        } else if !column.nullable && !self.existing.not_null {
            self.said.push("refuse null".into());
            self.breaking = true;
            self.sql("SET NOT NULL");
        }
    }

    /// The numbers go on after those that are there.
    fn number(&mut self) {
        if !self.column.identity || self.existing.identity {
            return;
        }
        self.said.push("number its rows".into());
        self.sql("ADD GENERATED BY DEFAULT AS IDENTITY");
        let (table, column) = (qualified(&self.deployed.name), &self.column.name);
        self.sql.push(format!(
            "SELECT setval(pg_get_serial_sequence({}, {}), (SELECT COALESCE(max({}), 0) + 1 FROM {table}), false)",
            quote_literal(&table),
            quote_literal(column),
            quote_identifier(column),
        ));
    }
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
