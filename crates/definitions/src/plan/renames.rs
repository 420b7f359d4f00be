//! Tables and columns that have a new name. The view follows, so that the rest of the plan knows the new names only.

use super::{Action, Change, Plan, code};
use crate::deployed::{ConstraintKind, Deployed};
use crate::expression;
use crate::model::{Definitions, IndexKey, Table};
use crate::sql::{alter_table, primary_key_name, quote_identifier};

pub(super) fn plan(local: &Definitions, view: &mut Deployed, plan: &mut Plan) {
    for table in local.tables.values() {
        if let Some(old) = &table.renamed_from
            && !view.tables.contains_key(&table.name)
            && view.tables.contains_key(old)
        {
            rename_table(old, &table.name, view, plan);
        }
    }
    for table in local.tables.values() {
        for column in &table.columns {
            if let Some(old) = &column.renamed_from
                && let Some(deployed) = view.tables.get(&table.name)
                && deployed.column(&column.name).is_none()
                && deployed.column(old).is_some()
            {
                plan.push(Change {
                    kind: "column",
                    name: format!("{}.{}", table.name, column.name),
                    action: Action::Rename,
                    description: format!("Rename the column `{old}` of `{}` to `{}`.", table.name, column.name),
                    breaking: true,
                    sql: vec![alter_table(
                        &table.name,
                        &format!("RENAME COLUMN {} TO {}", quote_identifier(old), quote_identifier(&column.name)),
                    )],
                });
                rename_column(&table.name, old, &column.name, view);
            }
        }
    }
}

fn rename_table(old: &str, new: &str, view: &mut Deployed, plan: &mut Plan) {
    let Some(mut table) = view.tables.remove(old) else { return };
    let mut statements = vec![alter_table(old, &format!("RENAME TO {}", quote_identifier(new)))];
    // The former name of the key would be in the way of a new table with the former name.
    let (old_key, new_key) = (primary_key_name(old), primary_key_name(new));
    if table.constraints.get(&old_key).is_some_and(|key| key.kind == ConstraintKind::PrimaryKey)
        && !table.constraints.contains_key(&new_key)
        && let Some(mut key) = table.constraints.remove(&old_key)
    {
        let rename = format!("RENAME CONSTRAINT {} TO {}", quote_identifier(&old_key), quote_identifier(&new_key));
        statements.push(alter_table(new, &rename));
        key.name.clone_from(&new_key);
        if let Some(index) = table.indexes.remove(&old_key) {
            table.indexes.insert(new_key.clone(), index);
        }
        table.constraints.insert(new_key, key);
    }
    table.name = new.to_owned();
    if let Some(definition) = &mut table.definition {
        definition.name = new.to_owned();
    }
    view.tables.insert(new.to_owned(), table);
    for table in view.tables.values_mut() {
        for constraint in table.constraints.values_mut() {
            if constraint.referenced_table.as_deref() == Some(old) {
                constraint.referenced_table = Some(new.to_owned());
            }
        }
        for key in table.definition.iter_mut().flat_map(|definition| &mut definition.foreign_keys) {
            if key.referenced_table == old {
                key.referenced_table = new.to_owned();
            }
        }
    }
    code::table_renamed(old, new, view);
    plan.push(Change {
        kind: "table",
        name: new.to_owned(),
        action: Action::Rename,
        description: format!("Rename the table `{old}` to `{new}`."),
        breaking: true,
        sql: statements,
    });
}

fn rename_column(table: &str, old: &str, new: &str, view: &mut Deployed) {
    code::column_renamed(table, old, new, view);
    let swap = |name: &mut String| {
        if name == old {
            new.clone_into(name);
        }
    };
    for (name, deployed) in &mut view.tables {
        let own = name == table;
        for constraint in deployed.constraints.values_mut() {
            if own {
                constraint.columns.iter_mut().for_each(swap);
            }
            if constraint.referenced_table.as_deref() == Some(table) {
                constraint.referenced_columns.iter_mut().for_each(swap);
            }
        }
        for key in deployed.definition.iter_mut().flat_map(|definition| &mut definition.foreign_keys) {
            if key.referenced_table == table {
                key.referenced_columns.iter_mut().for_each(swap);
            }
        }
        if own {
            deployed.columns.iter_mut().for_each(|column| swap(&mut column.name));
            for index in deployed.indexes.values_mut() {
                let texts = index.columns.iter_mut().chain(&mut index.predicate).chain([&mut index.definition]);
                texts.for_each(|text| *text = expression::rename(text, old, new));
            }
            if let Some(definition) = &mut deployed.definition {
                rename_in_definition(definition, swap);
                rename_in_expressions(definition, old, new);
            }
        }
    }
}

fn rename_in_definition(definition: &mut Table, swap: impl Fn(&mut String)) {
    definition.columns.iter_mut().for_each(|column| swap(&mut column.name));
    definition.primary_key.iter_mut().for_each(&swap);
    definition.uniques.iter_mut().flat_map(|unique| &mut unique.columns).for_each(&swap);
    definition.foreign_keys.iter_mut().flat_map(|key| &mut key.columns).for_each(&swap);
    for column in definition.indexes.iter_mut().flat_map(|index| &mut index.columns) {
        if let IndexKey::Column(name) = &mut column.key {
            swap(name);
        }
    }
}

/// PostgreSQL renames columns inside of checks and indexes by itself.
fn rename_in_expressions(definition: &mut Table, old: &str, new: &str) {
    let swap = |text: &mut String| *text = expression::rename(text, old, new);
    definition.checks.iter_mut().for_each(|check| swap(&mut check.expression));
    for index in &mut definition.indexes {
        index.predicate.iter_mut().for_each(swap);
        for column in &mut index.columns {
            if let IndexKey::Expression(text) = &mut column.key {
                swap(text);
            }
        }
    }
}
