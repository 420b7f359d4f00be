//! `roles/*.yaml`.

use std::collections::BTreeSet;

use super::{braces, scalar, scalars};
use crate::role::{Effect, FieldMask, Masking, Operand, Operation, Policy, REDACTED, Resource, Role, ScopeRule};

pub(super) fn role(role: &Role) -> String {
    let mut out = String::new();
    if let Some(description) = &role.description {
        out.push_str(&format!("description: {}\n", scalar(description)));
    }
    list(&mut out, "policies", role.policies.iter().map(policy));
    list(&mut out, "scope_rules", role.scope_rules.iter().map(scope_rule));
    list(&mut out, "field_masks", role.field_masks.iter().map(field_mask));
    if out.is_empty() { "policies: []\n".into() } else { out }
}

fn list(out: &mut String, key: &str, rules: impl ExactSizeIterator<Item = String>) {
    if rules.len() > 0 {
        let lines: Vec<String> = rules.map(|rule| format!("  - {rule}\n")).collect();
        out.push_str(&format!("{key}:\n{}", lines.concat()));
    }
}

fn resource(resource: &Resource) -> (&'static str, String) {
    ("resource", scalar(&resource.to_string()))
}

fn actions(actions: &BTreeSet<Operation>) -> (&'static str, String) {
    ("actions", format!("[{}]", actions.iter().map(|it| it.name()).collect::<Vec<_>>().join(", ")))
}

fn policy(policy: &Policy) -> String {
    let mut entries = vec![resource(&policy.resource), actions(&policy.actions)];
    if policy.effect == Effect::Deny {
        entries.push(("effect", "deny".into()));
    }
    braces(&entries)
}

fn scope_rule(rule: &ScopeRule) -> String {
    let value = match &rule.value {
        Operand::Text(text) if text.starts_with("actor.") => braces(&[("text", scalar(text))]),
        Operand::Text(text) => scalar(text),
        Operand::List(values) => scalars(values),
        Operand::Actor(value) => scalar(&value.to_string()),
    };
    let operator = ("operator", rule.operator.name().to_owned());
    let mut entries = vec![resource(&rule.resource), ("field", scalar(&rule.field)), operator, ("value", value)];
    if rule.actions.len() < Operation::OF_ROWS.len() {
        entries.push(actions(&rule.actions));
    }
    braces(&entries)
}

fn field_mask(mask: &FieldMask) -> String {
    let mut entries = vec![resource(&mask.resource)];
    if !mask.fields.is_empty() {
        let fields = mask.fields.iter().map(|(column, masking)| {
            let masking = match masking {
                Masking::Hide => "hide".to_owned(),
                Masking::Redact(text) if text == REDACTED => "redact".to_owned(),
                Masking::Redact(text) => braces(&[("redact", scalar(text))]),
            };
            format!("{}: {masking}", scalar(column))
        });
        entries.push(("fields", format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))));
    }
    if let Some(allow) = &mask.allow {
        entries.push(("allow", scalars(&allow.iter().collect::<Vec<_>>())));
    }
    braces(&entries)
}
