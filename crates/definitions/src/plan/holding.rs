//! Foreign keys that have to come off while what they hold on to changes, and go back on.

use std::collections::BTreeSet;

use super::align::{Place, retyped};
use super::matching;
use super::{Action, Change};
use crate::deployed::{ConstraintKind, Deployed, DeployedConstraint};
use crate::model::{Definitions, Table};
use crate::sql::{alter_table, list, qualified, quote_identifier};
use crate::types;

/// Foreign keys that hold on to a key that comes off, or to a column whose type becomes one that cannot be compared with the old.
pub(super) fn find(
    view: &Deployed,
    local: &Definitions,
    constraints: &BTreeSet<Place>,
    indexes: &BTreeSet<Place>,
) -> BTreeSet<Place> {
    let mut keys: Vec<(&str, Vec<String>)> = Vec::new();
    for (table, name) in constraints {
        if let Some(key) = view.tables.get(table).and_then(|it| it.constraints.get(name)) {
            keys.push((table, key.columns.clone()));
        }
    }
    for (table, name) in indexes {
        if let Some(index) = view.tables.get(table).and_then(|it| it.indexes.get(name)) {
            keys.push((table, index.columns.clone()));
        }
    }
    let mut found = BTreeSet::new();
    for table in view.tables.values() {
        for constraint in table.constraints.values().filter(|it| it.kind == ConstraintKind::ForeignKey) {
            let target = constraint.referenced_table.as_deref().unwrap_or_default();
            let on_key = keys
                .iter()
                .any(|(owner, columns)| *owner == target && matching::same_columns(columns, &constraint.referenced_columns));
            let on_type = constraint.columns.iter().any(|column| retyped(local, view, &table.name, column))
                || constraint.referenced_columns.iter().any(|column| retyped(local, view, target, column));
            if on_key || on_type {
                found.insert((table.name.clone(), constraint.name.clone()));
            }
        }
    }
    found
}

/// Whether a file defines a constraint in its place: of its name, or for the same columns.
pub(super) fn is_defined(constraint: &DeployedConstraint, table: &Table) -> bool {
    let name = &constraint.name;
    let target = constraint.referenced_table.as_ref();
    match constraint.kind {
        ConstraintKind::ForeignKey => {
            let same =
                |key: &crate::model::ForeignKey| key.columns == constraint.columns && Some(&key.referenced_table) == target;
            table.foreign_keys.iter().any(|key| key.name == *name || same(key))
        }
        ConstraintKind::PrimaryKey => !table.primary_key.is_empty(),
        _ => table.uniques.iter().any(|it| it.name == *name) || table.checks.iter().any(|it| it.name == *name),
    }
}

/// The change that restores a foreign key no file defines; none when it would point to what is no key of its type any more.
pub(super) fn put_back((table, name): &Place, local: &Definitions, view: &Deployed) -> Option<Change> {
    let constraint = view.tables.get(table)?.constraints.get(name)?;
    let target = constraint.referenced_table.as_deref()?;
    if local.tables.get(table).is_some_and(|own| is_defined(constraint, own)) {
        return None;
    }
    let still_a_key = local.tables.get(target).is_none_or(|it| {
        matching::same_columns(&it.primary_key, &constraint.referenced_columns)
            || it.uniques.iter().any(|unique| matching::same_columns(&unique.columns, &constraint.referenced_columns))
    });
    let mut pairs = constraint.columns.iter().zip(&constraint.referenced_columns);
    let still_comparable = pairs.all(|(ours, theirs)| {
        let (ours, theirs) = (type_after(local, view, table, ours), type_after(local, view, target, theirs));
        ours.zip(theirs).is_some_and(|(ours, theirs)| types::comparable(&ours, &theirs))
    });
    if !still_a_key || !still_comparable {
        return None;
    }
    let add = format!(
        "ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}){}",
        quote_identifier(name),
        list(&constraint.columns),
        qualified(target),
        list(&constraint.referenced_columns),
        tail(constraint)
    );
    Some(Change {
        kind: "constraint",
        name: format!("{table}.{name}"),
        action: Action::Create,
        description: format!("Put the foreign key `{name}` of `{table}` back on."),
        breaking: false,
        sql: vec![alter_table(table, &add)],
    })
}

/// The type a column has when the plan is done.
fn type_after(local: &Definitions, view: &Deployed, table: &str, column: &str) -> Option<String> {
    let wanted = local.tables.get(table).and_then(|it| it.column(column)).map(|it| it.type_.clone());
    wanted.or_else(|| Some(types::normalise_printed(&view.tables.get(table)?.column(column)?.type_)))
}

/// What follows the columns pointed to: actions, DEFERRABLE and the like.
fn tail(constraint: &DeployedConstraint) -> &str {
    let after = constraint.definition.split_once(" REFERENCES ").and_then(|(_, rest)| rest.split_once(')'));
    after.map_or("", |(_, tail)| tail)
}
