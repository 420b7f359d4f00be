//! Enum types: created, and given new values. A value cannot be taken away.

use super::{Action, Change, Plan};
use crate::deployed::Deployed;
use crate::diagnostic::Diagnostic;
use crate::model::{Definitions, EnumType};
use crate::sql::{self, qualified, quote_literal};

pub(super) fn plan(local: &Definitions, deployed: &Deployed, plan: &mut Plan, diagnostics: &mut Vec<Diagnostic>) {
    for type_ in local.enums.values().filter(|type_| !deployed.enums.contains_key(&type_.name)) {
        let mut statements = vec![sql::create_enum(type_)];
        statements.extend(type_.comment.as_deref().map(|text| comment(type_, text)));
        plan.push(Change {
            kind: "enum",
            name: type_.name.clone(),
            action: Action::Create,
            description: format!("Create the enum `{}` ({}).", type_.name, type_.values.join(", ")),
            breaking: false,
            sql: statements,
        });
    }
    for type_ in local.enums.values() {
        let Some(existing) = deployed.enums.get(&type_.name) else { continue };
        match refusal(type_, existing) {
            Some((message, hint)) => diagnostics.push(Diagnostic {
                path: format!("enums/{}.yaml", type_.name),
                line: None,
                column: None,
                message,
                hint: Some(hint),
            }),
            None => add_values(type_, existing, plan),
        }
    }
    // After all values, so that they stand at the beginning of the plan.
    for type_ in local.enums.values() {
        if let Some(existing) = deployed.enums.get(&type_.name)
            && let Some(text) = &type_.comment
            && existing.comment.as_ref() != Some(text)
        {
            plan.push(Change {
                kind: "enum",
                name: type_.name.clone(),
                action: Action::Alter,
                description: format!("Change the comment of the enum `{}`.", type_.name),
                breaking: false,
                sql: vec![comment(type_, text)],
            });
        }
    }
}

fn comment(type_: &EnumType, text: &str) -> String {
    sql::comment(&format!("TYPE {}", qualified(&type_.name)), Some(text))
}

/// Why the values cannot become those wanted, and what to do.
fn refusal(type_: &EnumType, existing: &EnumType) -> Option<(String, String)> {
    let gone: Vec<&str> = existing.values.iter().filter(|value| !type_.values.contains(value)).map(String::as_str).collect();
    if !gone.is_empty() {
        let message = format!("PostgreSQL cannot remove a value from an enum, and `{}` has: {}", type_.name, gone.join(", "));
        let hint = "put the value back; or define a new enum, give its type to the columns, and remove this one";
        return Some((message, hint.into()));
    }
    let kept: Vec<&String> = type_.values.iter().filter(|value| existing.values.contains(value)).collect();
    if kept.into_iter().ne(existing.values.iter()) {
        let message = format!(
            "PostgreSQL cannot reorder the values of an enum, and those of `{}` are deployed in another order",
            type_.name
        );
        return Some((message, format!("keep the order: {}", existing.values.join(", "))));
    }
    None
}

fn add_values(type_: &EnumType, existing: &EnumType, plan: &mut Plan) {
    let mut added = Vec::new();
    let mut statements = Vec::new();
    for (at, value) in type_.values.iter().enumerate() {
        if existing.values.contains(value) {
            continue;
        }
        let place = match (at.checked_sub(1).map(|before| &type_.values[before]), existing.values.first()) {
            (Some(before), _) => format!(" AFTER {}", quote_literal(before)),
            (None, Some(first)) => format!(" BEFORE {}", quote_literal(first)),
            (None, None) => String::new(),
        };
        let name = qualified(&type_.name);
        statements.push(format!("ALTER TYPE {name} ADD VALUE IF NOT EXISTS {}{place}", quote_literal(value)));
        added.push(value.as_str());
    }
    if !added.is_empty() {
        plan.push(Change {
            kind: "enum",
            name: type_.name.clone(),
            action: Action::Alter,
            description: format!("Add to the enum `{}`: {}.", type_.name, added.join(", ")),
            breaking: false,
            sql: statements,
        });
    }
}
