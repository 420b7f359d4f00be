//! What is in the database and not in the files: reported, or dropped with `prune`.

use std::collections::BTreeSet;

use super::matching::{self, Match};
use super::{Action, Change, Extra, Plan, PlanOptions, align, code, roles};
use crate::deployed::{ConstraintKind, Deployed, DeployedTable};
use crate::model::{Definitions, Table};
use crate::sql::{alter_table, qualified, quote_identifier};

pub(super) fn plan(local: &Definitions, view: &Deployed, options: PlanOptions, plan: &mut Plan) {
    let mut drops = found(local, view);
    drops.extend(roles::drops(local, view));
    if options.prune {
        plan.changes.extend(between_dropped_tables(local, view));
        plan.changes.extend(drops);
    } else {
        plan.extra.extend(drops.into_iter().map(|drop| Extra { kind: drop.kind, name: drop.name }));
    }
}

/// Views, constraints, indexes, columns, tables, functions, enums: each before what it depends on.
fn found(local: &Definitions, view: &Deployed) -> Vec<Change> {
    let (mut drops, functions) = code::drops(local, view);
    let kept = || local.tables.values().filter_map(|table| Some((table, view.tables.get(&table.name)?)));
    for (table, deployed) in kept() {
        drops.extend(constraints(table, deployed));
    }
    for (table, deployed) in kept() {
        drops.extend(indexes(table, deployed));
    }
    for (table, deployed) in kept() {
        for column in deployed.columns.iter().filter(|column| table.column(&column.name).is_none()) {
            let statement = alter_table(&table.name, &format!("DROP COLUMN {}", quote_identifier(&column.name)));
            let description = format!("Drop the column `{}` of `{}` with its data.", column.name, table.name);
            drops.push(drop("column", format!("{}.{}", table.name, column.name), description, true, statement));
        }
    }
    for name in view.tables.keys().filter(|name| !local.tables.contains_key(*name)) {
        let description = format!("Drop the table `{name}` with its data.");
        drops.push(drop("table", name.clone(), description, true, format!("DROP TABLE {}", qualified(name))));
    }
    drops.extend(functions);
    for name in view.enums.keys().filter(|name| !local.enums.contains_key(*name)) {
        drops.push(drop(
            "enum",
            name.clone(),
            format!("Drop the enum `{name}`."),
            true,
            format!("DROP TYPE {}", qualified(name)),
        ));
    }
    drops
}

fn drop(kind: &'static str, name: String, description: String, breaking: bool, statement: String) -> Change {
    Change { kind, name, action: Action::Drop, description, breaking, sql: vec![statement] }
}

fn drop_constraint(table: &str, name: &str, kind: ConstraintKind) -> Change {
    let statement = alter_table(table, &format!("DROP CONSTRAINT {}", quote_identifier(name)));
    let description = format!("Drop the {} `{name}` of `{table}`.", kind.noun());
    // Clients may rely on keys (embedding, upserts); a check that goes refuses nobody.
    let breaking = kind != ConstraintKind::Check;
    drop("constraint", format!("{table}.{name}"), description, breaking, statement)
}

/// Foreign keys first: other keys may hold them up.
fn constraints(table: &Table, deployed: &DeployedTable) -> Vec<Change> {
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    let mut want = |found: Match| wanted.extend(found.same().map(str::to_owned));
    if !table.primary_key.is_empty() {
        want(matching::primary_key(table, deployed));
    }
    table.uniques.iter().for_each(|it| want(matching::unique(it, deployed)));
    table.checks.iter().for_each(|it| want(matching::check(it, deployed)));
    table.foreign_keys.iter().for_each(|it| want(matching::foreign_key(it, deployed)));
    // What stands on a column that is dropped goes with it.
    let goes_along = |columns: &[String]| columns.iter().any(|column| table.column(column).is_none());
    let mut extra: Vec<_> =
        deployed.constraints.values().filter(|it| !wanted.contains(&it.name) && !goes_along(&it.columns)).collect();
    extra.sort_by_key(|it| it.kind != ConstraintKind::ForeignKey);
    extra.into_iter().map(|it| drop_constraint(&table.name, &it.name, it.kind)).collect()
}

fn indexes(table: &Table, deployed: &DeployedTable) -> Vec<Change> {
    let names = align::index_names(table);
    let wanted: BTreeSet<String> = table
        .indexes
        .iter()
        .filter_map(|index| matching::index(index, deployed, &align::others(&names, &index.name)).same().map(str::to_owned))
        .collect();
    let gone = |column: &String| deployed.column(column).is_some() && table.column(column).is_none();
    let plain = |name: &str| matching::plain_index(deployed, name).is_some();
    let extra =
        deployed.indexes.values().filter(|it| !wanted.contains(&it.name) && plain(&it.name) && !it.columns.iter().any(gone));
    extra
        .map(|index| {
            let description = format!("Drop the index `{}` of `{}`.", index.name, table.name);
            let statement = format!("DROP INDEX {}", qualified(&index.name));
            drop("index", format!("{}.{}", table.name, index.name), description, index.unique, statement)
        })
        .collect()
}

/// Foreign keys from one dropped table to another would refuse the drop of the second.
fn between_dropped_tables(local: &Definitions, view: &Deployed) -> Vec<Change> {
    let gone = |name: &str| !local.tables.contains_key(name);
    let tables = view.tables.values().filter(|table| gone(&table.name));
    tables
        .flat_map(|table| {
            let keys = table.constraints.values().filter(|it| it.kind == ConstraintKind::ForeignKey);
            keys.filter(|it| it.referenced_table.as_deref().is_some_and(|target| target != table.name && gone(target)))
                .map(|it| drop_constraint(&table.name, &it.name, it.kind))
        })
        .collect()
}
