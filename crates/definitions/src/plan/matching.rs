//! Is what is defined there already, perhaps by another name?

use std::collections::BTreeSet;

use crate::deployed::{ConstraintKind, DeployedConstraint, DeployedIndex, DeployedTable};
use crate::expression;
use crate::model::{Check, ForeignKey, Index, IndexKey, Table, Unique};

/// How a defined thing stands to a deployed one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// The same thing; perhaps by another name.
    Same(String),
    /// In the way: it has the name, or it is a former form of the thing.
    Replace(String),
    /// Not there.
    Missing,
}

impl Match {
    pub(super) fn same(&self) -> Option<&str> {
        match self {
            Self::Same(name) => Some(name),
            _ => None,
        }
    }
}

/// Picks the thing with the wanted name, else any.
fn pick<'a>(candidates: impl Iterator<Item = &'a DeployedConstraint>, wanted: &str) -> Option<String> {
    let names: Vec<&str> = candidates.map(|constraint| constraint.name.as_str()).collect();
    let own = names.iter().find(|name| **name == wanted).or_else(|| names.first());
    own.map(|name| (*name).to_owned())
}

fn of_kind(table: &DeployedTable, kind: ConstraintKind) -> impl Iterator<Item = &DeployedConstraint> {
    table.constraints.values().filter(move |constraint| constraint.kind == kind)
}

fn in_the_way(name: &str, table: &DeployedTable) -> Match {
    if table.constraints.contains_key(name) { Match::Replace(name.to_owned()) } else { Match::Missing }
}

pub(super) fn primary_key(local: &Table, deployed: &DeployedTable) -> Match {
    match of_kind(deployed, ConstraintKind::PrimaryKey).next() {
        Some(key) if key.columns == local.primary_key => Match::Same(key.name.clone()),
        Some(key) => Match::Replace(key.name.clone()),
        None => in_the_way(&crate::sql::primary_key_name(&local.name), deployed),
    }
}

pub(super) fn unique(unique: &Unique, deployed: &DeployedTable) -> Match {
    let same = of_kind(deployed, ConstraintKind::Unique).filter(|other| same_columns(&other.columns, &unique.columns));
    pick(same, &unique.name).map_or_else(|| in_the_way(&unique.name, deployed), Match::Same)
}

/// Checks are compared with the definition last applied: PostgreSQL prints expressions in its own words.
pub(super) fn check(check: &Check, deployed: &DeployedTable) -> Match {
    let Some(existing) = deployed.constraints.get(&check.name) else { return Match::Missing };
    let applied = deployed.definition.iter().flat_map(|table| &table.checks).find(|other| other.name == check.name);
    let changed = applied.is_some_and(|applied| applied.expression != check.expression);
    // One of that name that is about other columns is another check.
    let changed = changed || !existing.columns.iter().all(|column| expression::mentions(&check.expression, column));
    if existing.kind != ConstraintKind::Check || changed {
        Match::Replace(check.name.clone())
    } else {
        Match::Same(check.name.clone())
    }
}

pub(super) fn foreign_key(key: &ForeignKey, deployed: &DeployedTable) -> Match {
    let target = |other: &&DeployedConstraint| {
        other.columns == key.columns
            && other.referenced_table.as_deref() == Some(&key.referenced_table)
            && other.referenced_columns == key.referenced_columns
    };
    let keys = || of_kind(deployed, ConstraintKind::ForeignKey).filter(target);
    let same = keys().filter(|other| other.on_delete == key.on_delete && other.on_update == key.on_update);
    if let Some(name) = pick(same, &key.name) {
        return Match::Same(name);
    }
    match in_the_way(&key.name, deployed) {
        Match::Missing => pick(keys(), &key.name).map_or(Match::Missing, Match::Replace),
        found => found,
    }
}

/// `others` are the names of the table's other indexes, which are not looked at as this one by another name.
pub(super) fn index(index: &Index, deployed: &DeployedTable, others: &BTreeSet<&str>) -> Match {
    let applied = || deployed.definition.iter().flat_map(|table| &table.indexes);
    if let Some(existing) = plain_index(deployed, &index.name) {
        let changed = applied().find(|other| other.name == index.name).is_some_and(|applied| applied != index);
        let differs = changed || !same_in_catalog(index, existing);
        return if differs { Match::Replace(index.name.clone()) } else { Match::Same(index.name.clone()) };
    }
    let former = applied().find(|other| {
        !others.contains(other.name.as_str())
            && Index { name: index.name.clone(), ..(*other).clone() } == *index
            && plain_index(deployed, &other.name).is_some_and(|existing| same_in_catalog(index, existing))
    });
    if let Some(former) = former {
        return Match::Same(former.name.clone());
    }
    let plain = index.predicate.is_none()
        && index.columns.iter().all(|it| {
            matches!(it.key, IndexKey::Column(_)) && it.operator_class.is_none() && !it.descending && it.nulls.is_none()
        });
    let twin = deployed.indexes.values().find(|other| {
        plain
            && plain_index(deployed, &other.name).is_some()
            && !others.contains(other.name.as_str())
            && same_in_catalog(index, other)
            && has_no_options(&other.definition)
    });
    twin.map_or(Match::Missing, |twin| Match::Same(twin.name.clone()))
}

/// An index that is not the index of a constraint.
pub(super) fn plain_index<'a>(deployed: &'a DeployedTable, name: &str) -> Option<&'a DeployedIndex> {
    deployed.indexes.get(name).filter(|_| !deployed.constraints.contains_key(name))
}

/// Compares what the catalogs say in plain words: expressions and predicates only by being there.
fn same_in_catalog(index: &Index, existing: &DeployedIndex) -> bool {
    let same = |column: &crate::model::IndexColumn, printed: &String| match &column.key {
        IndexKey::Column(name) => printed.trim_matches('"') == name,
        IndexKey::Expression(_) => true,
    };
    index.unique == existing.unique
        && index.method == existing.method
        && index.predicate.is_some() == existing.predicate.is_some()
        && index.columns.len() == existing.columns.len()
        && index.columns.iter().zip(&existing.columns).all(|(column, printed)| same(column, printed))
}

/// Whether `pg_get_indexdef` ends with bare columns: no order, no class, no INCLUDE, no WHERE.
pub(crate) fn has_no_options(definition: &str) -> bool {
    definition.split_once(" USING ").and_then(|(_, rest)| rest.split_once('(')).is_some_and(|(_, keys)| {
        let keys = keys.trim_end();
        keys.ends_with(')') && keys.trim_end_matches(')').split(", ").all(|key| !key.contains([' ', '(', ')']))
    })
}

pub(super) fn same_columns(left: &[String], right: &[String]) -> bool {
    left.len() == right.len() && left.iter().all(|name| right.contains(name))
}
