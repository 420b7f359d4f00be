//! A database in memory that understands the statements plans are made of, and refuses what PostgreSQL would refuse: names that
//! are not there yet, names that are taken, things others hold on to.

use super::*;
use crate::model::{Column, EnumType};

/// Runs one statement.
pub(super) fn run(database: &mut Deployed, statement: &str) -> Result<(), String> {
    let names = identifiers(statement);
    let name = |at: usize| names.get(at).cloned().ok_or_else(|| format!("too few names in {statement}"));
    if statement.starts_with("CREATE TYPE") {
        let values = literals(statement);
        let type_ = EnumType { name: name(0)?, values, comment: None };
        return taken(database.enums.insert(name(0)?, type_).is_some(), statement);
    }
    if statement.starts_with("ALTER TYPE") {
        let values = &mut database.enums.get_mut(&name(0)?).ok_or("no such type")?.values;
        let given = literals(statement);
        let at = match given.get(1) {
            Some(other) => {
                let at = values.iter().position(|value| value == other).ok_or("no such value")?;
                if statement.contains(" AFTER ") { at + 1 } else { at }
            }
            None => values.len(),
        };
        values.insert(at, given[0].clone());
        return Ok(());
    }
    if statement.starts_with("DROP TYPE") {
        let type_ = name(0)?;
        if database.tables.values().flat_map(|table| &table.columns).any(|column| column.type_ == type_) {
            return Err(format!("a column has the type {type_}"));
        }
        return found(database.enums.remove(&type_).is_some(), statement);
    }
    if statement.starts_with("CREATE TABLE") {
        return create_table(database, statement, &name(0)?);
    }
    if statement.starts_with("DROP TABLE") {
        let table = name(0)?;
        refuse_if_held(database, &table, None)?;
        interpret_code::refuse_if_used(database, &table)?;
        return found(database.tables.remove(&table).is_some(), statement);
    }
    if let Some(rest) = statement.strip_prefix("ALTER TABLE ") {
        let (_, what) = rest.split_once(' ').ok_or("nothing to alter")?;
        return alter_table(database, &name(0)?, what, &names[1..]);
    }
    if statement.starts_with("CREATE INDEX") || statement.starts_with("CREATE UNIQUE INDEX") {
        return create_index(database, statement, &names);
    }
    if statement.starts_with("DROP INDEX") {
        let removed = database.tables.values_mut().any(|table| table.indexes.remove(&names[0]).is_some());
        return found(removed, statement);
    }
    if statement.starts_with("ALTER INDEX") {
        let table = database.tables.values_mut().find(|table| table.indexes.contains_key(&names[0])).ok_or("no such index")?;
        let mut index = table.indexes.remove(&names[0]).ok_or("no such index")?;
        index.name = name(1)?;
        return taken(table.indexes.insert(name(1)?, index).is_some(), statement);
    }
    if let Some(outcome) = interpret_code::run(database, statement, &names) {
        return outcome;
    }
    if statement.starts_with("COMMENT ON ") || statement.starts_with("SELECT setval(") {
        return Ok(());
    }
    Err(format!("not understood: {statement}"))
}

pub(super) fn taken(is: bool, statement: &str) -> Result<(), String> {
    if is { Err(format!("the name is taken: {statement}")) } else { Ok(()) }
}

pub(super) fn found(is: bool, statement: &str) -> Result<(), String> {
    if is { Ok(()) } else { Err(format!("not there: {statement}")) }
}

/// A foreign key elsewhere needs the table, or the key of these columns.
fn refuse_if_held(database: &Deployed, table: &str, columns: Option<&[String]>) -> Result<(), String> {
    for other in database.tables.values() {
        for key in other.constraints.values().filter(|it| it.referenced_table.as_deref() == Some(table)) {
            let own = columns.is_none() && other.name == table;
            if !own && columns.is_none_or(|columns| matching::same_columns(columns, &key.referenced_columns)) {
                return Err(format!("{}.{} holds on to {table} {columns:?}", other.name, key.name));
            }
        }
    }
    Ok(())
}

fn create_table(database: &mut Deployed, statement: &str, name: &str) -> Result<(), String> {
    let table = DeployedTable { name: name.into(), ..DeployedTable::default() };
    taken(database.tables.insert(name.into(), table).is_some(), statement)?;
    for line in statement.lines().map(|line| line.trim().trim_end_matches(',')) {
        if line.starts_with("CONSTRAINT ") {
            add_constraint(database, name, line)?;
        } else if line.starts_with('"') {
            add_column(database, name, line)?;
        }
    }
    Ok(())
}

fn add_column(database: &mut Deployed, table: &str, line: &str) -> Result<(), String> {
    let (_, rest) = line.split_once("\" ").ok_or("no type")?;
    let end = [" DEFAULT ", " NOT NULL", " GENERATED "].iter().filter_map(|word| rest.find(word)).min().unwrap_or(rest.len());
    let default = rest
        .split_once(" DEFAULT ")
        .filter(|_| !rest.contains(" GENERATED "))
        .map(|(_, text)| text.trim_end_matches(" NOT NULL").to_owned());
    let column = DeployedColumn {
        name: identifiers(line)[0].clone(),
        type_: known_type(database, &rest[..end])?,
        not_null: rest.ends_with(" NOT NULL"),
        default,
        identity: rest.contains(" GENERATED "),
        ..DeployedColumn::default()
    };
    let table = database.tables.get_mut(table).ok_or("no such table")?;
    taken(table.column(&column.name).is_some(), line)?;
    table.columns.push(column);
    Ok(())
}

fn known_type(database: &Deployed, written: &str) -> Result<String, String> {
    let printed = crate::types::normalise_printed(written);
    found(!written.starts_with("public.") || database.enums.contains_key(&printed), written)?;
    Ok(printed)
}

/// `CONSTRAINT "x" …`
fn add_constraint(database: &mut Deployed, table: &str, text: &str) -> Result<(), String> {
    let names = identifiers(text);
    let lists: Vec<Vec<String>> = text.split('(').skip(1).map(|list| identifiers(list.split(')').next().unwrap_or(""))).collect();
    let (kind, columns) = if text.contains("\" PRIMARY KEY ") {
        (ConstraintKind::PrimaryKey, lists[0].clone())
    } else if text.contains("\" UNIQUE ") {
        (ConstraintKind::Unique, lists[0].clone())
    } else if text.contains("\" FOREIGN KEY ") {
        (ConstraintKind::ForeignKey, lists[0].clone())
    } else {
        let (_, expression) = text.split_once(" CHECK ").ok_or("not understood")?;
        let known = &database.tables.get(table).ok_or("no such table")?.columns;
        let columns = known.iter().filter(|it| crate::expression::mentions(expression, &it.name));
        (ConstraintKind::Check, columns.map(|it| it.name.clone()).collect())
    };
    let mut made = constraint(&names[0], kind, &columns);
    if kind == ConstraintKind::ForeignKey {
        let target = &names[1 + columns.len()];
        let other = database.tables.get(target).ok_or(format!("no table {target}"))?;
        let keys = other.constraints.values().filter(|it| matches!(it.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique));
        found(keys.into_iter().any(|key| matching::same_columns(&key.columns, &lists[1])), text)?;
        made.referenced_table = Some(target.clone());
        made.referenced_columns.clone_from(&lists[1]);
        let action = |word: &str| {
            let after = text.split_once(word).map_or("NO ACTION", |(_, rest)| rest.split(" ON ").next().unwrap_or(rest));
            ReferentialAction::from_name(after).ok_or("no such action")
        };
        (made.on_delete, made.on_update) = (action(" ON DELETE ")?, action(" ON UPDATE ")?);
    }
    let table = database.tables.get_mut(table).ok_or("no such table")?;
    for column in &columns {
        let column = table.columns.iter().find(|it| it.name == *column).ok_or(format!("no column {column}"))?;
        found(kind != ConstraintKind::PrimaryKey || column.not_null, text)?;
    }
    let second_key = kind == ConstraintKind::PrimaryKey && table.constraints.values().any(|it| it.kind == kind);
    taken(second_key || table.constraints.insert(names[0].clone(), made).is_some(), text)
}

fn alter_table(database: &mut Deployed, name: &str, what: &str, names: &[String]) -> Result<(), String> {
    if what.starts_with("RENAME ") {
        return rename(database, name, what, names);
    }
    if what.starts_with("ADD COLUMN ") {
        return add_column(database, name, what.trim_start_matches("ADD COLUMN "));
    }
    if what.starts_with("ADD CONSTRAINT ") {
        return add_constraint(database, name, what.trim_start_matches("ADD "));
    }
    if what.starts_with("DROP CONSTRAINT ") {
        let table = database.tables.get_mut(name).ok_or("no such table")?;
        let gone = table.constraints.remove(&names[0]).ok_or(format!("no constraint {}", names[0]))?;
        let still = table.constraints.values().any(|it| it.columns == gone.columns && it.kind != ConstraintKind::ForeignKey);
        return if still || gone.kind == ConstraintKind::ForeignKey || gone.kind == ConstraintKind::Check {
            Ok(())
        } else {
            refuse_if_held(database, name, Some(&gone.columns))
        };
    }
    if what.starts_with("DROP COLUMN ") || what.contains("\" TYPE ") {
        interpret_code::refuse_if_used(database, &format!("{name}.{}", names[0]))?;
    }
    let table = database.tables.get(name).ok_or(format!("no table {name}"))?;
    let column = table.columns.iter().position(|it| it.name == names[0]).ok_or(format!("no column {}", names[0]))?;
    if what.starts_with("DROP COLUMN ") {
        let on_it = |it: &DeployedConstraint| it.columns.contains(&names[0]);
        for key in table.constraints.values().filter(|it| on_it(it)) {
            if matches!(key.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique) {
                refuse_if_held(database, name, Some(&key.columns))?;
            }
        }
        let table = database.tables.get_mut(name).ok_or("no such table")?;
        table.constraints.retain(|_, it| !on_it(it));
        table.indexes.retain(|_, it| !it.columns.contains(&names[0]));
        table.columns.remove(column);
        return Ok(());
    }
    alter_column(database, name, column, what)
}

fn alter_column(database: &mut Deployed, name: &str, at: usize, what: &str) -> Result<(), String> {
    let (_, what) = what.split_once("\" ").ok_or("nothing to alter")?;
    let type_ = what
        .strip_prefix("TYPE ")
        .and_then(|rest| rest.split(" USING ").next())
        .map(|it| known_type(database, it))
        .transpose()?;
    let table = database.tables.get_mut(name).ok_or("no such table")?;
    let in_key = table
        .constraints
        .values()
        .any(|it| it.kind == ConstraintKind::PrimaryKey && it.columns.contains(&table.columns[at].name));
    let column = &mut table.columns[at];
    if let Some(type_) = type_ {
        column.type_ = type_;
    } else if let Some(default) = what.strip_prefix("SET DEFAULT ") {
        found(!column.identity, what)?;
        column.default = Some(default.into());
    } else {
        match what {
            "DROP DEFAULT" => column.default = None,
            "SET NOT NULL" => column.not_null = true,
            "DROP NOT NULL" => {
                found(!in_key && !column.identity, "a column that may be null")?;
                column.not_null = false;
            }
            "DROP IDENTITY" => column.identity = false,
            "ADD GENERATED BY DEFAULT AS IDENTITY" => {
                found(column.not_null && column.default.is_none(), "a column to number")?;
                column.identity = true;
            }
            _ => return Err(format!("not understood: {what}")),
        }
    }
    Ok(())
}

fn rename(database: &mut Deployed, name: &str, what: &str, names: &[String]) -> Result<(), String> {
    if what.starts_with("RENAME TO ") {
        let mut table = database.tables.remove(name).ok_or("no such table")?;
        table.name.clone_from(&names[0]);
        interpret_code::follow(database, name, &names[0]);
        for key in database.tables.values_mut().chain([&mut table]).flat_map(|it| it.constraints.values_mut()) {
            if key.referenced_table.as_deref() == Some(name) {
                key.referenced_table = Some(names[0].clone());
            }
        }
        return taken(database.tables.insert(names[0].clone(), table).is_some(), what);
    }
    let swap = |it: &mut String| {
        if *it == names[0] {
            it.clone_from(&names[1]);
        }
    };
    let table = database.tables.get_mut(name).ok_or("no such table")?;
    if what.starts_with("RENAME CONSTRAINT ") {
        let mut constraint = table.constraints.remove(&names[0]).ok_or("no such constraint")?;
        swap(&mut constraint.name);
        return taken(table.constraints.insert(names[1].clone(), constraint).is_some(), what);
    }
    found(table.column(&names[0]).is_some() && table.column(&names[1]).is_none(), what)?;
    for view in database.views.values_mut() {
        if view.uses.remove(&format!("{name}.{}", names[0])) {
            view.uses.insert(format!("{name}.{}", names[1]));
        }
    }
    table.columns.iter_mut().for_each(|it| swap(&mut it.name));
    table.constraints.values_mut().flat_map(|it| &mut it.columns).for_each(swap);
    table.indexes.values_mut().flat_map(|it| &mut it.columns).for_each(swap);
    for predicate in table.indexes.values_mut().filter_map(|it| it.predicate.as_mut()) {
        *predicate = crate::expression::rename(predicate, &names[0], &names[1]);
    }
    for key in database.tables.values_mut().flat_map(|it| it.constraints.values_mut()) {
        if key.referenced_table.as_deref() == Some(name) {
            key.referenced_columns.iter_mut().for_each(swap);
        }
    }
    Ok(())
}

fn create_index(database: &mut Deployed, statement: &str, names: &[String]) -> Result<(), String> {
    let exists =
        database.tables.values().any(|table| table.indexes.contains_key(&names[0]) || table.constraints.contains_key(&names[0]));
    taken(exists || database.tables.contains_key(&names[0]), statement)?;
    let table = database.tables.get_mut(&names[1]).ok_or("no such table")?;
    found(names[2..].iter().all(|name| table.column(name).is_some()), statement)?;
    let predicate = statement.split_once(" WHERE ").map(|(_, text)| text.to_owned());
    let made = DeployedIndex {
        name: names[0].clone(),
        columns: names[2..].to_vec(),
        unique: statement.contains(" UNIQUE "),
        method: "btree".into(),
        predicate,
        definition: statement.replace('"', ""),
    };
    table.indexes.insert(names[0].clone(), made);
    Ok(())
}

/// Everything in double quotes.
fn identifiers(text: &str) -> Vec<String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Everything in single quotes.
fn literals(text: &str) -> Vec<String> {
    text.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}

/// A column as the definitions would say it, for comparisons.
pub(super) fn as_defined(column: &DeployedColumn) -> Column {
    Column {
        name: column.name.clone(),
        type_: column.type_.clone(),
        nullable: !column.not_null,
        default: column.default.as_ref().map(|text| text.trim_matches(['(', ')']).to_owned()),
        identity: column.identity,
        ..Column::default()
    }
}
