//! What is deployed in another form than wanted comes off before columns change, and what only has another name is renamed.
//!
//! A key, check or index that changed is dropped here and created in its new form after the columns. Foreign keys that hold on to
//! such a key, or to a column that gets another kind of type, come off with it and go back on.

use std::collections::BTreeSet;

use super::matching::{self, Match};
use super::{Action, Change, Plan, PlanOptions};
use crate::deployed::{ConstraintKind, Deployed, DeployedConstraint, DeployedTable};
use crate::model::{Definitions, Table};
use crate::sql::{alter_table, list, qualified, quote_identifier};
use crate::types;

/// A constraint by its table and name.
type Place = (String, String);

/// Plans what comes off and what is renamed; answers with the changes that put back foreign keys that no file defines.
pub(super) fn plan(local: &Definitions, view: &mut Deployed, options: PlanOptions, plan: &mut Plan) -> Vec<Change> {
    let mut constraints = BTreeSet::new();
    let mut indexes = BTreeSet::new();
    for table in local.tables.values() {
        if let Some(deployed) = view.tables.get(&table.name) {
            constraints.extend(obsolete(table, deployed, options).into_iter().map(|name| (table.name.clone(), name)));
            let names = index_names(table);
            for index in &table.indexes {
                if let Match::Replace(name) = matching::index(index, deployed, &others(&names, &index.name)) {
                    indexes.insert((table.name.clone(), name));
                }
            }
        }
    }
    let holding = holding(local, view, &constraints, &indexes);
    let refit = holding.iter().filter_map(|place| put_back(place, local, view, options)).collect();
    let (keys, rest): (BTreeSet<Place>, BTreeSet<Place>) =
        constraints.union(&holding).cloned().partition(|place| is_foreign_key(view, place));
    for place in keys.into_iter().chain(rest) {
        take_off_constraint(&place, view, plan);
    }
    for place in indexes {
        take_off_index(&place, view, plan);
    }
    for table in local.tables.values() {
        if let Some(deployed) = view.tables.get_mut(&table.name) {
            rename_things(table, deployed, plan);
        }
    }
    refit
}

pub(super) fn index_names(table: &Table) -> BTreeSet<&str> {
    table.indexes.iter().map(|index| index.name.as_str()).collect()
}

pub(super) fn others<'a>(names: &BTreeSet<&'a str>, own: &str) -> BTreeSet<&'a str> {
    names.iter().copied().filter(|name| *name != own).collect()
}

/// Constraints of a table that are in the way. With `prune`, keys that are not defined are, because other keys may depend on them.
fn obsolete(table: &Table, deployed: &DeployedTable, options: PlanOptions) -> BTreeSet<String> {
    let mut matches: Vec<Match> = Vec::new();
    if !table.primary_key.is_empty() {
        matches.push(matching::primary_key(table, deployed));
    }
    matches.extend(table.uniques.iter().map(|it| matching::unique(it, deployed)));
    matches.extend(table.checks.iter().map(|it| matching::check(it, deployed)));
    matches.extend(table.foreign_keys.iter().map(|it| matching::foreign_key(it, deployed)));
    let mut names: BTreeSet<String> = BTreeSet::new();
    if options.prune {
        let kept: BTreeSet<&str> = matches.iter().filter_map(Match::same).collect();
        let keys =
            deployed.constraints.values().filter(|it| matches!(it.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique));
        names.extend(keys.filter(|key| !kept.contains(key.name.as_str())).map(|key| key.name.clone()));
    }
    names.extend(matches.into_iter().filter_map(|found| match found {
        Match::Replace(name) => Some(name),
        _ => None,
    }));
    names
}

/// Foreign keys that hold on to a key that comes off, or to a column whose type becomes one that cannot be compared with the old.
fn holding(local: &Definitions, view: &Deployed, constraints: &BTreeSet<Place>, indexes: &BTreeSet<Place>) -> BTreeSet<Place> {
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
    let retyped = |table: &str, column: &String| {
        let old = view.tables.get(table).and_then(|it| it.column(column));
        let new = local.tables.get(table).and_then(|it| it.column(column));
        old.zip(new).is_some_and(|(old, new)| !types::comparable(&types::normalise_printed(&old.type_), &new.type_))
    };
    let mut found = BTreeSet::new();
    for table in view.tables.values() {
        for constraint in table.constraints.values().filter(|it| it.kind == ConstraintKind::ForeignKey) {
            let target = constraint.referenced_table.as_deref().unwrap_or_default();
            let on_key = keys
                .iter()
                .any(|(owner, columns)| *owner == target && matching::same_columns(columns, &constraint.referenced_columns));
            let on_type = constraint.columns.iter().any(|column| retyped(&table.name, column))
                || constraint.referenced_columns.iter().any(|column| retyped(target, column));
            if on_key || on_type {
                found.insert((table.name.clone(), constraint.name.clone()));
            }
        }
    }
    found
}

fn is_foreign_key(view: &Deployed, (table, name): &Place) -> bool {
    let constraint = view.tables.get(table).and_then(|it| it.constraints.get(name));
    constraint.is_some_and(|it| it.kind == ConstraintKind::ForeignKey)
}

/// The change that restores a foreign key no file defines. None for those the files define (they are created with the others),
/// with `prune`, and when what it points to is no key any more.
fn put_back((table, name): &Place, local: &Definitions, view: &Deployed, options: PlanOptions) -> Option<Change> {
    let constraint = view.tables.get(table)?.constraints.get(name)?;
    let target = constraint.referenced_table.as_deref()?;
    let own = local.tables.get(table);
    let defined = own
        .is_some_and(|it| it.foreign_keys.iter().any(|key| key.columns == constraint.columns && key.referenced_table == target));
    let still_a_key = local.tables.get(target).is_none_or(|it| {
        matching::same_columns(&it.primary_key, &constraint.referenced_columns)
            || it.uniques.iter().any(|unique| matching::same_columns(&unique.columns, &constraint.referenced_columns))
    });
    if defined || options.prune || !still_a_key {
        return None;
    }
    let tail = tail(constraint);
    let add = format!(
        "ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}){tail}",
        quote_identifier(name),
        list(&constraint.columns),
        qualified(target),
        list(&constraint.referenced_columns)
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

/// What follows the columns pointed to: actions, DEFERRABLE and the like.
fn tail(constraint: &DeployedConstraint) -> &str {
    let after = constraint.definition.split_once(" REFERENCES ").and_then(|(_, rest)| rest.split_once(')'));
    after.map_or("", |(_, tail)| tail)
}

fn take_off_constraint(place: &Place, view: &mut Deployed, plan: &mut Plan) {
    let (table, name) = place;
    let Some(deployed) = view.tables.get_mut(table) else { return };
    let Some(constraint) = deployed.constraints.remove(name) else { return };
    // The index of a key goes with it.
    deployed.indexes.remove(name);
    plan.push(Change {
        kind: "constraint",
        name: format!("{table}.{name}"),
        action: Action::Drop,
        description: format!("Take the {} `{name}` off `{table}`.", constraint.kind.noun()),
        breaking: false,
        sql: vec![alter_table(table, &format!("DROP CONSTRAINT {}", quote_identifier(name)))],
    });
}

fn take_off_index(place: &Place, view: &mut Deployed, plan: &mut Plan) {
    let (table, name) = place;
    if view.tables.get_mut(table).and_then(|it| it.indexes.remove(name)).is_some() {
        plan.push(Change {
            kind: "index",
            name: format!("{table}.{name}"),
            action: Action::Drop,
            description: format!("Drop the index `{name}` of `{table}`, to be created in its new form."),
            breaking: false,
            sql: vec![format!("DROP INDEX {}", qualified(name))],
        });
    }
}

/// Renames what the author renamed since the definition was last applied. Names of things made by hand are left alone.
fn rename_things(table: &Table, deployed: &mut DeployedTable, plan: &mut Plan) {
    let applied = deployed.definition.clone().unwrap_or_default();
    let mut renames: Vec<(String, String)> = Vec::new();
    for unique in &table.uniques {
        if let Match::Same(old) = matching::unique(unique, deployed)
            && applied.uniques.iter().any(|it| it.name == old)
        {
            renames.push((old, unique.name.clone()));
        }
    }
    for key in &table.foreign_keys {
        if let Match::Same(old) = matching::foreign_key(key, deployed)
            && applied.foreign_keys.iter().any(|it| it.name == old)
        {
            renames.push((old, key.name.clone()));
        }
    }
    for check in &table.checks {
        let former = applied.checks.iter().find(|it| it.expression == check.expression);
        if let Some(former) = former
            && !table.checks.iter().any(|it| it.name == former.name)
            && deployed.constraints.contains_key(&former.name)
        {
            renames.push((former.name.clone(), check.name.clone()));
        }
    }
    for (old, new) in renames {
        if old == new || deployed.constraints.contains_key(&new) {
            continue;
        }
        let Some(mut constraint) = deployed.constraints.remove(&old) else { continue };
        plan.push(rename("constraint", &table.name, &old, &new, &constraint.kind.noun().to_owned(), |from, to| {
            alter_table(&table.name, &format!("RENAME CONSTRAINT {from} TO {to}"))
        }));
        constraint.name.clone_from(&new);
        if let Some(index) = deployed.indexes.remove(&old) {
            deployed.indexes.insert(new.clone(), index);
        }
        deployed.constraints.insert(new, constraint);
    }
    let names = index_names(table);
    for index in &table.indexes {
        if let Match::Same(old) = matching::index(index, deployed, &others(&names, &index.name))
            && old != index.name
            && applied.indexes.iter().any(|it| it.name == old)
            && let Some(mut existing) = deployed.indexes.remove(&old)
        {
            plan.push(rename("index", &table.name, &old, &index.name, "index", |_, to| {
                format!("ALTER INDEX {} RENAME TO {to}", qualified(&old))
            }));
            existing.name.clone_from(&index.name);
            deployed.indexes.insert(index.name.clone(), existing);
        }
    }
}

fn rename(kind: &'static str, table: &str, old: &str, new: &str, noun: &str, sql: impl Fn(String, String) -> String) -> Change {
    Change {
        kind,
        name: format!("{table}.{new}"),
        action: Action::Rename,
        description: format!("Rename the {noun} `{old}` of `{table}` to `{new}`."),
        breaking: false,
        sql: vec![sql(quote_identifier(old), quote_identifier(new))],
    }
}
