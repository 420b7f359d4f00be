use std::collections::BTreeMap;

use super::*;
use crate::deployed::{ConstraintKind, DeployedColumn, DeployedConstraint, DeployedIndex, DeployedTable};
use crate::model::{IndexKey, ReferentialAction, Table};
use crate::parse::{SourceFile, parse};
use crate::sql;

mod code_properties;
mod code_scenarios;
mod edit_properties;
mod interpret_code;
mod interpreter;
mod print_properties;
mod properties;
mod role_scenarios;
mod scenarios;

pub(super) fn read(files: &[(&str, &str)]) -> Definitions {
    let files: Vec<SourceFile> =
        files.iter().map(|(path, content)| SourceFile { path: (*path).into(), content: (*content).into() }).collect();
    parse(&files).unwrap_or_else(|errors| panic!("{}", errors.iter().map(|it| format!("{it}\n")).collect::<String>()))
}

pub(super) fn plan_from(deployed: &Deployed, local: &Definitions) -> Plan {
    plan(local, deployed, PlanOptions::default()).expect("no refusal")
}

pub(super) fn prune_from(deployed: &Deployed, local: &Definitions) -> Plan {
    plan(local, deployed, PlanOptions { prune: true }).expect("no refusal")
}

/// What the catalogs would say after `definitions` were applied to an empty database.
pub(super) fn deployed(definitions: &Definitions) -> Deployed {
    let tables = definitions.tables.values().map(|table| (table.name.clone(), deployed_table(table))).collect();
    let mut deployed =
        Deployed { tables, enums: definitions.enums.clone(), roles: definitions.roles.clone(), ..Deployed::default() };
    for function in definitions.functions.values() {
        deployed.functions.push(code::as_deployed(function));
    }
    // Twice: a view may read one whose name sorts later.
    for view in definitions.views.values().chain(definitions.views.values()) {
        interpret_code::insert_view(&mut deployed, view);
    }
    deployed
}

fn deployed_table(table: &Table) -> DeployedTable {
    let mut constraints = BTreeMap::new();
    let mut indexes = BTreeMap::new();
    if !table.primary_key.is_empty() {
        let name = sql::primary_key_name(&table.name);
        constraints.insert(name.clone(), constraint(&name, ConstraintKind::PrimaryKey, &table.primary_key));
        // The catalogs list the indexes of keys as well.
        indexes.insert(name.clone(), index(&name, &table.name, &table.primary_key, true));
    }
    for unique in &table.uniques {
        constraints.insert(unique.name.clone(), constraint(&unique.name, ConstraintKind::Unique, &unique.columns));
        indexes.insert(unique.name.clone(), index(&unique.name, &table.name, &unique.columns, true));
    }
    for check in &table.checks {
        constraints.insert(check.name.clone(), constraint(&check.name, ConstraintKind::Check, &[]));
    }
    for key in &table.foreign_keys {
        let found = DeployedConstraint {
            referenced_table: Some(key.referenced_table.clone()),
            referenced_columns: key.referenced_columns.clone(),
            on_delete: key.on_delete,
            on_update: key.on_update,
            ..constraint(&key.name, ConstraintKind::ForeignKey, &key.columns)
        };
        constraints.insert(key.name.clone(), found);
    }
    for it in &table.indexes {
        let columns: Vec<String> = it
            .columns
            .iter()
            .map(|column| match &column.key {
                IndexKey::Column(text) | IndexKey::Expression(text) => text.clone(),
            })
            .collect();
        let definition = sql::create_index(&table.name, it).replace('"', "");
        let predicate = it.predicate.as_ref().map(|text| format!("({text})"));
        let found =
            DeployedIndex { name: it.name.clone(), columns, unique: it.unique, method: it.method.clone(), predicate, definition };
        indexes.insert(it.name.clone(), found);
    }
    DeployedTable {
        name: table.name.clone(),
        columns: table
            .columns
            .iter()
            .map(|column| DeployedColumn {
                name: column.name.clone(),
                type_: column.type_.clone(),
                not_null: !column.nullable,
                default: column.default.as_ref().map(|text| format!("({text})::printed")),
                identity: column.identity,
                generated: false,
                comment: column.comment.clone(),
            })
            .collect(),
        constraints,
        indexes,
        definition: Some(table.clone()),
        comment: table.comment.clone(),
    }
}

fn constraint(name: &str, kind: ConstraintKind, columns: &[String]) -> DeployedConstraint {
    DeployedConstraint {
        name: name.into(),
        kind,
        definition: String::new(),
        columns: columns.to_vec(),
        referenced_table: None,
        referenced_columns: Vec::new(),
        on_delete: ReferentialAction::NoAction,
        on_update: ReferentialAction::NoAction,
    }
}

fn index(name: &str, table: &str, columns: &[String], unique: bool) -> DeployedIndex {
    DeployedIndex {
        name: name.into(),
        columns: columns.to_vec(),
        unique,
        method: "btree".into(),
        predicate: None,
        definition: format!("CREATE UNIQUE INDEX {name} ON public.{table} USING btree ({})", columns.join(", ")),
    }
}

/// Every change with its statements, as a person would read them.
pub(super) fn show(plan: &Plan) -> String {
    let mut out = String::new();
    for change in &plan.changes {
        let mark = if change.breaking { " (breaking)" } else { "" };
        out.push_str(&format!("-- {} {} {}{mark}: {}\n", change.action.name(), change.kind, change.name, change.description));
        change.sql.iter().for_each(|statement| out.push_str(&format!("{statement};\n")));
    }
    plan.extra.iter().for_each(|extra| out.push_str(&format!("-- extra {} {}\n", extra.kind, extra.name)));
    out
}
