//! What only several files together can tell.

use std::collections::{BTreeMap, BTreeSet};

use crate::code::{Function, View};
use crate::diagnostic::{Mark, Report, closest, did_you_mean};
use crate::model::{EnumType, IndexKey, ReferentialAction, Table};
use crate::parse::ParsedTable;
use crate::parse::code::Parsed;
use crate::sql::primary_key_name;
use crate::types;

/// Checks every table by itself and against the others, and completes references to primary keys. `complete` is false when a
/// table's file could not be read, so that references to it are not reported as well.
pub(crate) fn tables(parsed: &mut [ParsedTable], enums: &BTreeMap<String, EnumType>, complete: bool) {
    let all: BTreeMap<String, Table> = parsed.iter().map(|it| (it.table.name.clone(), it.table.clone())).collect();
    let mut relations: BTreeMap<String, String> = all.keys().map(|name| (name.clone(), format!("the table `{name}`"))).collect();
    for table in parsed {
        if enums.contains_key(&table.table.name) {
            let message = format!("`{}` is an enum as well", table.table.name);
            table.error("", message, Some("a table and an enum cannot share a name: rename one".into()));
        }
        columns(table);
        renames(table, &all);
        references(table, &all, complete);
        double_references(table);
        relation_names(table, &mut relations);
    }
}

/// Views share one space of names with tables, their indexes and enums.
pub(crate) fn views(parsed: &mut [Parsed<View>], tables: &[ParsedTable], enums: &BTreeMap<String, EnumType>) {
    let mut relations: BTreeMap<String, String> = BTreeMap::new();
    for table in tables.iter().map(|it| &it.table) {
        let indexes = table.indexes.iter().map(|it| &it.name).chain(table.uniques.iter().map(|it| &it.name));
        relations.extend(indexes.map(|name| (name.clone(), format!("an index of the table `{}`", table.name))));
        relations.insert(primary_key_name(&table.name), format!("the primary key of the table `{}`", table.name));
        relations.insert(table.name.clone(), "a table".into());
    }
    relations.extend(enums.keys().map(|name| (name.clone(), "an enum".into())));
    let names: Vec<String> = parsed.iter().map(|it| it.thing.name.clone()).collect();
    let former: Vec<Option<String>> = parsed.iter().map(|it| it.thing.renamed_from.clone()).collect();
    for view in parsed {
        if let Some(other) = relations.get(&view.thing.name) {
            let hint = Some("rename one of the two".into());
            view.report.error(None, format!("the name `{}` is taken by {other}", view.thing.name), hint);
        }
        former_name(view.thing.renamed_from.as_ref(), view.renamed_from, &names, &former, &mut view.report);
    }
}

pub(crate) fn functions(parsed: &mut [Parsed<Function>]) {
    let names: Vec<String> = parsed.iter().map(|it| it.thing.name.clone()).collect();
    let former: Vec<Option<String>> = parsed.iter().map(|it| it.thing.renamed_from.clone()).collect();
    for function in parsed {
        former_name(function.thing.renamed_from.as_ref(), function.renamed_from, &names, &former, &mut function.report);
    }
}

/// A former name must be free, and used once.
fn former_name(old: Option<&String>, mark: Option<Mark>, names: &[String], former: &[Option<String>], report: &mut Report) {
    if let Some(old) = old
        && (names.contains(old) || former.iter().filter(|it| it.as_ref() == Some(old)).count() > 1)
    {
        let hint = Some("remove `renamed_from`, or the one with the former name".to_owned());
        report.error(mark, format!("the former name `{old}` belongs to another as well"), hint);
    }
}

/// Every column that is named must exist; those of the primary key are never null.
fn columns(parsed: &mut ParsedTable) {
    let table = parsed.table.clone();
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let mut wanted: Vec<(String, &str)> = Vec::new();
    wanted.extend(table.primary_key.iter().map(|column| ("primary_key".to_owned(), column.as_str())));
    for unique in &table.uniques {
        wanted.extend(unique.columns.iter().map(|column| (format!("constraint:{}", unique.name), column.as_str())));
    }
    for key in &table.foreign_keys {
        wanted.extend(key.columns.iter().map(|column| (format!("constraint:{}", key.name), column.as_str())));
    }
    for index in &table.indexes {
        for column in &index.columns {
            if let IndexKey::Column(name) = &column.key {
                wanted.push((format!("index:{}", index.name), name));
            }
        }
    }
    for (place, name) in wanted {
        if !names.contains(&name) {
            parsed.error(&place, format!("the table has no column `{name}`"), Some(did_you_mean(name, &names)));
        }
    }
    for name in &table.primary_key {
        if table.column(name).is_some_and(|column| column.nullable) {
            let hint = Some("remove `nullable: true`".into());
            parsed.error(&format!("column:{name}"), format!("`{name}` is part of the primary key and cannot be null"), hint);
        }
    }
    for (at, unique) in table.uniques.iter().enumerate() {
        // Two of one name are reported where they are read.
        let mut others = table.uniques[..at].iter().filter(|other| other.name != unique.name);
        if others.any(|other| other.columns == unique.columns) || unique.columns == table.primary_key {
            let message = format!("({}) is unique already", unique.columns.join(", "));
            parsed.error(&format!("constraint:{}", unique.name), message, Some("remove this one".into()));
        }
    }
}

/// Two foreign keys from the same columns to the same table would be one and the same to the planner.
fn double_references(parsed: &mut ParsedTable) {
    let keys = parsed.table.foreign_keys.clone();
    for (at, key) in keys.iter().enumerate() {
        let mut others = keys[..at].iter().filter(|other| other.name != key.name);
        if others.any(|other| other.columns == key.columns && other.referenced_table == key.referenced_table) {
            let message = format!("({}) points to `{}` already", key.columns.join(", "), key.referenced_table);
            parsed.error(&format!("constraint:{}", key.name), message, Some("remove this one".into()));
        }
    }
}

/// A former name must be free, and used once.
fn renames(parsed: &mut ParsedTable, all: &BTreeMap<String, Table>) {
    let table = parsed.table.clone();
    let hint = || Some("remove `renamed_from`, or the one with the former name".to_owned());
    if let Some(old) = &table.renamed_from {
        let twins = all.values().filter(|other| other.renamed_from.as_ref() == Some(old)).count();
        if all.contains_key(old) || twins > 1 {
            parsed.error("renamed_from", format!("the former name `{old}` belongs to another table as well"), hint());
        }
    }
    let mut seen = BTreeSet::new();
    for column in &table.columns {
        if let Some(old) = &column.renamed_from
            && (table.column(old).is_some() || !seen.insert(old))
        {
            let place = format!("renamed_from:{}", column.name);
            parsed.error(&place, format!("the former name `{old}` belongs to another column as well"), hint());
        }
    }
}

fn references(parsed: &mut ParsedTable, all: &BTreeMap<String, Table>, complete: bool) {
    for at in 0..parsed.table.foreign_keys.len() {
        let key = parsed.table.foreign_keys[at].clone();
        let place = format!("constraint:{}", key.name);
        let Some(target) = all.get(&key.referenced_table) else {
            if complete {
                let known = all.keys().map(String::as_str);
                let hint = match closest(&key.referenced_table, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("add `tables/{}.yaml`", key.referenced_table),
                };
                parsed.error(&place, format!("there is no table `{}`", key.referenced_table), Some(hint));
            }
            continue;
        };
        let columns = if key.referenced_columns.is_empty() { target.primary_key.clone() } else { key.referenced_columns.clone() };
        if columns.len() != key.columns.len() {
            let message = if target.primary_key.is_empty() && key.referenced_columns.is_empty() {
                format!("the table `{}` has no primary key to point to", target.name)
            } else {
                format!("{} columns cannot point to {} columns ({})", key.columns.len(), columns.len(), columns.join(", "))
            };
            parsed.error(&place, message, Some("name as many columns on both sides".into()));
            continue;
        }
        if reference_columns(parsed, &place, &key.columns, target, &columns) {
            parsed.table.foreign_keys[at].referenced_columns = columns;
        }
        if [key.on_delete, key.on_update].contains(&ReferentialAction::SetNull) {
            for name in &key.columns {
                if parsed.table.column(name).is_some_and(|column| !column.nullable) {
                    let hint = Some(format!("add `nullable: true` to `{name}`, or choose another action"));
                    parsed.error(&place, format!("`set_null` would put NULL into `{name}`, which is never null"), hint);
                }
            }
        }
    }
}

/// Whether the columns pointed to exist, are unique together, and have types that can be compared.
fn reference_columns(parsed: &mut ParsedTable, place: &str, columns: &[String], target: &Table, referenced: &[String]) -> bool {
    let known: Vec<&str> = target.columns.iter().map(|column| column.name.as_str()).collect();
    for (name, other) in columns.iter().zip(referenced) {
        let Some(theirs) = target.column(other) else {
            let message = format!("the table `{}` has no column `{other}`", target.name);
            parsed.error(place, message, Some(did_you_mean(other, &known)));
            return false;
        };
        if let Some(ours) = parsed.table.column(name)
            && !ours.type_.is_empty()
            && !theirs.type_.is_empty()
            && !types::comparable(&ours.type_, &theirs.type_)
        {
            let message = format!("`{name}` is {}, but `{}.{other}` is {}", ours.type_, target.name, theirs.type_);
            parsed.error(place, message, Some("give both columns the same type".into()));
            return false;
        }
    }
    let same = |columns: &[String]| {
        columns.iter().collect::<BTreeSet<_>>() == referenced.iter().collect::<BTreeSet<_>>() && columns.len() == referenced.len()
    };
    let unique = same(&target.primary_key)
        || target.uniques.iter().any(|unique| same(&unique.columns))
        || target.indexes.iter().any(|index| index.unique && index.predicate.is_none() && same(&plain_columns(index)));
    if !unique {
        let list = referenced.join(", ");
        let hint = Some(format!("point to the primary key, or add `unique: true` to `{}.{list}`", target.name));
        parsed.error(place, format!("({list}) of the table `{}` is not unique", target.name), hint);
    }
    unique
}

fn plain_columns(index: &crate::model::Index) -> Vec<String> {
    index
        .columns
        .iter()
        .map(|column| match &column.key {
            IndexKey::Column(name) => name.clone(),
            // A name no column has: an expression is no column.
            IndexKey::Expression(_) => String::new(),
        })
        .collect()
}

/// Tables, indexes, and the indexes of keys share one space of names in the schema.
fn relation_names(parsed: &mut ParsedTable, relations: &mut BTreeMap<String, String>) {
    let table = &parsed.table;
    let mut names: Vec<(String, String)> = Vec::new();
    if !table.primary_key.is_empty() {
        names.push(("primary_key".into(), primary_key_name(&table.name)));
    }
    names.extend(table.uniques.iter().map(|it| (format!("constraint:{}", it.name), it.name.clone())));
    names.extend(table.indexes.iter().map(|it| (format!("index:{}", it.name), it.name.clone())));
    for (place, name) in names {
        let owner = format!("something in the table `{}`", parsed.table.name);
        let other = relations.insert(name.clone(), owner.clone());
        if let Some(other) = other.filter(|other| *other != owner || place.starts_with("index:")) {
            let hint = Some("give this one another `name`".to_owned());
            parsed.error(&place, format!("the name `{name}` is taken by {other}"), hint);
        }
    }
    let keys: BTreeSet<String> = parsed.table.foreign_keys.iter().map(|key| key.name.clone()).collect();
    let checks: Vec<String> = parsed.table.checks.iter().map(|check| check.name.clone()).collect();
    let primary = primary_key_name(&parsed.table.name);
    for name in keys.into_iter().chain(checks).filter(|name| *name == primary) {
        parsed.error(&format!("constraint:{name}"), format!("`{name}` is the name of the primary key"), None);
    }
}
