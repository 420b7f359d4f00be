//! Tables, their keys, checks, indexes, comments and access.

use std::collections::BTreeSet;

use super::columns::comment as column_comment;
use super::matching;
use super::{Action, Change, Plan, align};
use crate::deployed::{Deployed, DeployedTable};
use crate::expression;
use crate::model::{Access, Definitions, Table, Verb};
use crate::sql::{self, alter_table, qualified};

pub(super) fn create(local: &Definitions, view: &Deployed, plan: &mut Plan) {
    for table in local.tables.values().filter(|table| !view.tables.contains_key(&table.name)) {
        let mut statements = vec![sql::create_table(table, |name| local.enums.contains_key(name))];
        statements.extend(table.comment.as_deref().map(|text| comment(&table.name, Some(text))));
        for column in &table.columns {
            statements.extend(column.comment.as_deref().map(|text| column_comment(&table.name, &column.name, Some(text))));
        }
        let columns = table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
        plan.push(Change {
            kind: "table",
            name: table.name.clone(),
            action: Action::Create,
            description: format!("Create the table `{}` ({columns}).", table.name),
            breaking: false,
            sql: statements,
        });
    }
}

fn comment(table: &str, text: Option<&str>) -> String {
    sql::comment(&format!("TABLE {}", qualified(table)), text)
}

/// Adds what existing tables lack. New tables have theirs from the start.
pub(super) fn keys_and_checks(local: &Definitions, view: &Deployed, plan: &mut Plan) {
    for table in local.tables.values() {
        let Some(deployed) = view.tables.get(&table.name) else { continue };
        if !table.primary_key.is_empty() && matching::primary_key(table, deployed).same().is_none() {
            let columns = table.primary_key.join(", ");
            let name = sql::primary_key_name(&table.name);
            plan.push(constraint(table, &name, &format!("primary key ({columns})"), &sql::primary_key(table), true));
        }
        for unique in table.uniques.iter().filter(|it| matching::unique(it, deployed).same().is_none()) {
            let what = format!("unique constraint ({})", unique.columns.join(", "));
            let breaking = all_old(deployed, &unique.columns);
            plan.push(constraint(table, &unique.name, &what, &sql::unique(unique), breaking));
        }
        for check in table.checks.iter().filter(|it| matching::check(it, deployed).same().is_none()) {
            let what = format!("check `{}`: {}", check.name, check.expression);
            let breaking = deployed.columns.iter().any(|column| expression::mentions(&check.expression, &column.name));
            plan.push(constraint(table, &check.name, &what, &sql::check(check), breaking));
        }
    }
}

fn constraint(table: &Table, name: &str, what: &str, sql: &str, breaking: bool) -> Change {
    let warning = if breaking { "; rows that do not fit refuse it" } else { "" };
    Change {
        kind: "constraint",
        name: format!("{}.{name}", table.name),
        action: Action::Create,
        description: format!("Add to `{}` the {what}{warning}.", table.name),
        breaking,
        sql: vec![alter_table(&table.name, &format!("ADD CONSTRAINT {sql}"))],
    }
}

/// Whether all columns were there before: then rows may refuse, and clients be refused.
fn all_old(deployed: &DeployedTable, columns: &[String]) -> bool {
    columns.iter().all(|column| deployed.column(column).is_some())
}

pub(super) fn indexes(local: &Definitions, view: &Deployed, plan: &mut Plan) {
    for table in local.tables.values() {
        let deployed = view.tables.get(&table.name);
        let names = align::index_names(table);
        for index in &table.indexes {
            let same = |deployed| matching::index(index, deployed, &align::others(&names, &index.name)).same().is_some();
            if deployed.is_some_and(same) {
                continue;
            }
            let breaking = index.unique && deployed.is_some();
            let unique = if index.unique { "unique " } else { "" };
            let warning = if breaking { "; rows that do not fit refuse it" } else { "" };
            plan.push(Change {
                kind: "index",
                name: format!("{}.{}", table.name, index.name),
                action: Action::Create,
                description: format!("Create the {unique}index `{}` on `{}`{warning}.", index.name, table.name),
                breaking,
                sql: vec![sql::create_index(&table.name, index)],
            });
        }
    }
}

pub(super) fn foreign_keys(local: &Definitions, view: &Deployed, before: &Deployed, plan: &mut Plan) {
    for table in local.tables.values() {
        let deployed = view.tables.get(&table.name);
        for key in &table.foreign_keys {
            if deployed.is_some_and(|deployed| matching::foreign_key(key, deployed).same().is_some()) {
                continue;
            }
            let what = format!(
                "foreign key ({}) to `{}` ({})",
                key.columns.join(", "),
                key.referenced_table,
                key.referenced_columns.join(", ")
            );
            // One that only came off for the time of the plan breaks nothing.
            let came_off = before.tables.get(&table.name).is_some_and(|it| matching::foreign_key(key, it).same().is_some());
            let breaking = !came_off && deployed.is_some_and(|deployed| all_old(deployed, &key.columns));
            plan.push(constraint(table, &key.name, &what, &sql::foreign_key(key), breaking));
        }
    }
}

/// Comments of tables and columns that are there. A comment no definition ever set is left alone.
pub(super) fn comments(local: &Definitions, view: &Deployed, plan: &mut Plan) {
    for table in local.tables.values() {
        let Some(deployed) = view.tables.get(&table.name) else { continue };
        let applied = deployed.definition.as_ref();
        if comment_differs(&table.comment, &deployed.comment, applied.map(|it| &it.comment)) {
            plan.push(Change {
                kind: "table",
                name: table.name.clone(),
                action: Action::Alter,
                description: format!("Change the comment of the table `{}`.", table.name),
                breaking: false,
                sql: vec![comment(&table.name, table.comment.as_deref())],
            });
        }
        for column in &table.columns {
            let Some(existing) = deployed.column(&column.name) else { continue };
            let applied = applied.and_then(|it| it.column(&column.name)).map(|it| &it.comment);
            if comment_differs(&column.comment, &existing.comment, applied) {
                plan.push(Change {
                    kind: "column",
                    name: format!("{}.{}", table.name, column.name),
                    action: Action::Alter,
                    description: format!("Change the comment of the column `{}` of `{}`.", column.name, table.name),
                    breaking: false,
                    sql: vec![column_comment(&table.name, &column.name, column.comment.as_deref())],
                });
            }
        }
    }
}

pub(super) fn comment_differs(local: &Option<String>, deployed: &Option<String>, applied: Option<&Option<String>>) -> bool {
    match local {
        Some(_) => local != deployed,
        None => deployed.is_some() && applied.is_some_and(Option::is_some),
    }
}

/// Access has no SQL: it is part of the stored definition. A table made by hand is adopted by the same change.
pub(super) fn access(local: &Definitions, view: &Deployed, plan: &mut Plan) {
    for table in local.tables.values() {
        let applied = view.tables.get(&table.name).map(|deployed| deployed.definition.as_ref().map(|it| &it.access));
        let (name, access) = (&table.name, &table.access);
        let (action, description, breaking) = match applied {
            None if *access == Access::default() => continue,
            None => (Action::Create, format!("Let {} rows of `{name}`.", allowed(access, access)), false),
            Some(None) => {
                let anon = verbs(&access.anon);
                let user = if access.user.is_empty() { String::new() } else { format!(", users {}", verbs(&access.user)) };
                let text =
                    format!("Manage the table `{name}`, which was made by hand; anonymous clients may {anon}{user} its rows.");
                (Action::Create, text, false)
            }
            Some(Some(applied)) if applied == access => continue,
            Some(Some(applied)) => {
                let (now, before) = (allowed(access, applied), so_far(applied, access));
                let less = !applied.anon.is_subset(&access.anon) || !applied.user.is_subset(&access.user);
                (Action::Alter, format!("Let {now} rows of `{name}` (so far: {before})."), less)
            }
        };
        plan.push(Change { kind: "access", name: name.clone(), action, description, breaking, sql: Vec::new() });
    }
}

/// "anonymous clients read and users read and create"; users are told of where they are, or were, given anything.
fn allowed(access: &Access, other: &Access) -> String {
    let anon = format!("anonymous clients {}", verbs(&access.anon));
    if access.user.is_empty() && other.user.is_empty() { anon } else { format!("{anon}, and users {}", verbs(&access.user)) }
}

fn so_far(access: &Access, other: &Access) -> String {
    let anon = verbs(&access.anon);
    if access.user.is_empty() && other.user.is_empty() { anon } else { format!("{anon}; users: {}", verbs(&access.user)) }
}

fn verbs(verbs: &BTreeSet<Verb>) -> String {
    let verbs: Vec<&str> = verbs.iter().map(|verb| Verb::name(*verb)).collect();
    match verbs.split_last() {
        None => "neither read nor write".into(),
        Some((last, [])) => (*last).into(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
