//! What is deployed in another form than wanted comes off before columns change, and what only has another name is renamed.
//!
//! A key, check or index that changed is dropped here and created in its new form after the columns. Foreign keys that hold on to
//! such a key, or to a column that gets another kind of type, come off with it and go back on.

use std::collections::{BTreeMap, BTreeSet};

use super::matching::{self, Match};
use super::{Action, Change, Plan, PlanOptions, holding};
use crate::deployed::{ConstraintKind, Deployed, DeployedTable};
use crate::expression;
use crate::model::{Check, Definitions, Table};
use crate::sql::{alter_table, qualified, quote_identifier};
use crate::types;

/// A constraint by its table and name.
pub(super) type Place = (String, String);

/// Plans what comes off and what is renamed; answers with the changes that put back foreign keys that no file defines.
pub(super) fn plan(local: &Definitions, view: &mut Deployed, options: PlanOptions, plan: &mut Plan) -> Vec<Change> {
    let mut constraints = BTreeSet::new();
    let mut indexes = BTreeSet::new();
    for table in local.tables.values() {
        if let Some(deployed) = view.tables.get(&table.name) {
            constraints.extend(obsolete(table, deployed, options).into_iter().map(|name| (table.name.clone(), name)));
            let obsolete = obsolete_indexes(table, deployed, options);
            indexes.extend(obsolete.into_iter().map(|name| (table.name.clone(), name)));
        }
    }
    over_retyped(local, view, options, &mut constraints, &mut indexes);
    let holding = holding::find(view, local, &constraints, &indexes);
    let refit: BTreeMap<Place, Change> = holding
        .iter()
        .filter(|_| !options.prune)
        .filter_map(|place| Some((place.clone(), holding::put_back(place, local, view)?)))
        .collect();
    let (keys, rest): (BTreeSet<Place>, BTreeSet<Place>) =
        constraints.union(&holding).cloned().partition(|place| is_foreign_key(view, place));
    for place in keys.into_iter().chain(rest) {
        let returns = refit.contains_key(&place) || {
            let constraint = view.tables.get(&place.0).and_then(|it| it.constraints.get(&place.1));
            constraint.zip(local.tables.get(&place.0)).is_some_and(|(it, table)| holding::is_defined(it, table))
        };
        take_off_constraint(&place, returns, view, plan);
    }
    for place in indexes {
        let returns = local.tables.get(&place.0).is_some_and(|table| table.indexes.iter().any(|index| index.name == place.1));
        take_off_index(&place, returns, view, plan);
    }
    for table in local.tables.values() {
        if let Some(deployed) = view.tables.get_mut(&table.name) {
            rename_things(table, deployed, plan);
        }
    }
    refit.into_values().collect()
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

/// Indexes of a table that are in the way. With `prune`, unique ones that are not defined are, as keys are.
fn obsolete_indexes(table: &Table, deployed: &DeployedTable, options: PlanOptions) -> BTreeSet<String> {
    let names = index_names(table);
    let matches: Vec<Match> =
        table.indexes.iter().map(|index| matching::index(index, deployed, &others(&names, &index.name))).collect();
    let kept: BTreeSet<&str> = matches.iter().filter_map(Match::same).collect();
    let unique = deployed.indexes.values().filter(|it| it.unique && matching::plain_index(deployed, &it.name).is_some());
    let extra = unique.filter(|it| options.prune && !kept.contains(it.name.as_str())).map(|it| it.name.clone());
    let replaced = matches.iter().filter_map(|found| match found {
        Match::Replace(name) => Some(name.clone()),
        _ => None,
    });
    replaced.chain(extra).collect()
}

/// Adds checks and indexes over columns that get another kind of type: PostgreSQL might not find their operators. Those no file
/// defines are added with `prune` only; without it PostgreSQL has the last word.
fn over_retyped(
    local: &Definitions,
    view: &Deployed,
    options: PlanOptions,
    constraints: &mut BTreeSet<Place>,
    indexes: &mut BTreeSet<Place>,
) {
    for table in local.tables.values() {
        let Some(deployed) = view.tables.get(&table.name) else { continue };
        let names = index_names(table);
        let wanted: BTreeSet<String> = table
            .indexes
            .iter()
            .filter_map(|index| matching::index(index, deployed, &others(&names, &index.name)).same().map(str::to_owned))
            .collect();
        for column in table.columns.iter().filter(|column| retyped(local, view, &table.name, &column.name)) {
            for check in
                deployed.constraints.values().filter(|it| it.kind == ConstraintKind::Check && it.columns.contains(&column.name))
            {
                let applied = deployed.definition.iter().flat_map(|it| &it.checks).find(|it| it.name == check.name);
                let defined =
                    |it: &Check| it.name == check.name || applied.is_some_and(|applied| applied.expression == it.expression);
                if options.prune || table.checks.iter().any(defined) {
                    constraints.insert((table.name.clone(), check.name.clone()));
                }
            }
            for index in deployed.indexes.values().filter(|it| expression::mentions(&it.definition, &column.name)) {
                if matching::plain_index(deployed, &index.name).is_some() && (options.prune || wanted.contains(&index.name)) {
                    indexes.insert((table.name.clone(), index.name.clone()));
                }
            }
        }
    }
}

/// Whether a column gets a type that cannot be compared with the one it has.
pub(super) fn retyped(local: &Definitions, view: &Deployed, table: &str, column: &str) -> bool {
    let old = view.tables.get(table).and_then(|it| it.column(column));
    let new = local.tables.get(table).and_then(|it| it.column(column));
    old.zip(new).is_some_and(|(old, new)| !types::comparable(&types::normalise_printed(&old.type_), &new.type_))
}

fn is_foreign_key(view: &Deployed, (table, name): &Place) -> bool {
    let constraint = view.tables.get(table).and_then(|it| it.constraints.get(name));
    constraint.is_some_and(|it| it.kind == ConstraintKind::ForeignKey)
}

fn take_off_constraint(place: &Place, returns: bool, view: &mut Deployed, plan: &mut Plan) {
    let (table, name) = place;
    let Some(deployed) = view.tables.get_mut(table) else { return };
    let Some(constraint) = deployed.constraints.remove(name) else { return };
    // The index of a key goes with it.
    deployed.indexes.remove(name);
    let noun = constraint.kind.noun();
    let description = if returns {
        format!("Take the {noun} `{name}` off `{table}`, to be created anew below.")
    } else {
        format!("Drop the {noun} `{name}` of `{table}`.")
    };
    plan.push(Change {
        kind: "constraint",
        name: format!("{table}.{name}"),
        action: Action::Drop,
        description,
        breaking: !returns,
        sql: vec![alter_table(table, &format!("DROP CONSTRAINT {}", quote_identifier(name)))],
    });
}

fn take_off_index(place: &Place, returns: bool, view: &mut Deployed, plan: &mut Plan) {
    let (table, name) = place;
    if let Some(index) = view.tables.get_mut(table).and_then(|it| it.indexes.remove(name)) {
        plan.push(Change {
            kind: "index",
            name: format!("{table}.{name}"),
            action: Action::Drop,
            description: format!(
                "Drop the index `{name}` of `{table}`{}.",
                if returns { ", to be created anew below" } else { "" }
            ),
            breaking: index.unique && !returns,
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
        plan.push(rename("constraint", &table.name, &old, &new, constraint.kind.noun(), |from, to| {
            alter_table(&table.name, &format!("RENAME CONSTRAINT {from} TO {to}"))
        }));
        constraint.name.clone_from(&new);
        if let Some(index) = deployed.indexes.remove(&old) {
            deployed.indexes.insert(new.clone(), index);
        }
        deployed.constraints.insert(new.clone(), constraint);
        if let Some(definition) = &mut deployed.definition {
            rename_applied(&mut definition.uniques, &old, &new, |it| &mut it.name);
            rename_applied(&mut definition.foreign_keys, &old, &new, |it| &mut it.name);
            rename_applied(&mut definition.checks, &old, &new, |it| &mut it.name);
        }
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
            if let Some(definition) = &mut deployed.definition {
                rename_applied(&mut definition.indexes, &old, &index.name, |it| &mut it.name);
            }
        }
    }
}

/// The definition last applied follows a rename; what had the new name before is gone.
fn rename_applied<T>(list: &mut Vec<T>, old: &str, new: &str, name: impl Fn(&mut T) -> &mut String) {
    list.retain_mut(|it| name(it) != new);
    for it in list {
        let name = name(it);
        if name == old {
            new.clone_into(name);
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
