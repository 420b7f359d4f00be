//! `roles/*.yaml`. Nothing in them is ever passed over: a rule that is not understood would be a rule that is not applied.

use std::collections::{BTreeMap, BTreeSet};

use super::{ParsedTable, fields};
use crate::diagnostic::{Mark, Report, did_you_mean};
use crate::names;
use crate::role::{
    ActorValue, Comparison, Effect, FieldMask, Masking, Operand, Operation, Policy, REDACTED, Resource, Role, ScopeRule,
};
use crate::unresolved::{Unresolved, Wanted};
use crate::yaml::{Node, Value};

/// Rules of one role, of each kind. Nobody reads more.
const MAX_RULES: usize = 1000;
/// Values of a list.
const MAX_VALUES: usize = 1000;

/// A role read from one file; what it names is not yet looked for.
pub(super) struct ParsedRole {
    pub(super) role: Role,
    /// Everything it names, and where.
    named: Vec<(Wanted, Mark)>,
    pub(super) report: Report,
}

pub(super) fn parse(name: &str, node: &Node, report: Report) -> ParsedRole {
    let mut parsed = ParsedRole { role: Role { name: name.to_owned(), ..Role::default() }, named: Vec::new(), report };
    // The role's own `name` stands in its normal form, which may be given back.
    const KEYS: [&str; 5] = ["name", "description", "policies", "scope_rules", "field_masks"];
    for (key, value) in fields::mapping(node, "a role", &KEYS, &mut parsed.report) {
        match key.name.as_str() {
            "name" => {
                if fields::text(value, "name", &mut parsed.report).is_some_and(|other| other != name) {
                    let message = format!("the role is `{name}`, after its file");
                    parsed.report.error(Some(value.mark), message, Some("remove `name`, or rename the file".into()));
                }
            }
            "description" => parsed.role.description = fields::text(value, "description", &mut parsed.report),
            "policies" => {
                let rules = each(value, "policies", &mut parsed, policy);
                parsed.role.policies = rules;
            }
            "scope_rules" => {
                let rules = each(value, "scope_rules", &mut parsed, scope_rule);
                parsed.role.scope_rules = rules;
            }
            _ => {
                let rules = each(value, "field_masks", &mut parsed, field_mask);
                parsed.role.field_masks = rules;
            }
        }
    }
    parsed
}

/// Reads every rule of a list.
fn each<T>(node: &Node, key: &str, parsed: &mut ParsedRole, read: fn(&Node, &mut ParsedRole) -> Option<T>) -> Vec<T> {
    let Value::Sequence(items) = &node.value else {
        let message = format!("`{key}` must be a list of rules, not {}", node.value.noun());
        parsed.report.error(Some(node.mark), message, Some("write each rule as `- { resource: …, … }`".into()));
        return Vec::new();
    };
    if items.len() > MAX_RULES {
        let message = format!("{} rules; at most {MAX_RULES} are accepted", items.len());
        parsed.report.error(Some(node.mark), message, None);
        return Vec::new();
    }
    items.iter().filter_map(|item| read(item, parsed)).collect()
}

/// The entries of one rule by their keys, with an error for those that must be there and are not.
fn entries<'a>(node: &'a Node, what: &str, known: &[&str], needed: &[&str], report: &mut Report) -> BTreeMap<&'a str, &'a Node> {
    let found = fields::mapping(node, what, known, report);
    let found: BTreeMap<&str, &Node> = found.into_iter().map(|(key, value)| (key.name.as_str(), value)).collect();
    if matches!(node.value, Value::Mapping(_)) {
        for key in needed.iter().filter(|key| !found.contains_key(*key)) {
            report.error(Some(node.mark), format!("{what} has no `{key}`"), Some(format!("write `{key}: …`")));
        }
    }
    found
}

fn policy(node: &Node, parsed: &mut ParsedRole) -> Option<Policy> {
    let known = ["resource", "actions", "effect"];
    let entries = entries(node, "a policy", &known, &["resource", "actions"], &mut parsed.report);
    let effect = match entries.get("effect") {
        Some(node) => effect(node, &mut parsed.report)?,
        None => Effect::Allow,
    };
    let resource = resource(entries.get("resource")?, parsed)?;
    let actions = actions(entries.get("actions")?, &resource, &mut parsed.report);
    Some(Policy { resource, actions, effect })
}

fn effect(node: &Node, report: &mut Report) -> Option<Effect> {
    match fields::text(node, "effect", report)?.as_str() {
        "allow" => Some(Effect::Allow),
        "deny" => Some(Effect::Deny),
        other => {
            report.error(Some(node.mark), format!("unknown effect `{other}`"), Some("write `allow` or `deny`".into()));
            None
        }
    }
}

fn resource(node: &Node, parsed: &mut ParsedRole) -> Option<Resource> {
    let written = fields::text(node, "resource", &mut parsed.report)?;
    let read = Resource::from_text(&written);
    let name = match &read {
        Some(Resource::Table(name) | Resource::View(name) | Resource::Function(name)) => names::check(name),
        Some(_) => Ok(()),
        None => Err(format!("`{written}` is not a resource")),
    };
    if let Err(message) = name {
        let hint = "write a table's name, `view:NAME`, `function:NAME`, or in policies `*`, `view:*` or `function:*`";
        parsed.report.error(Some(node.mark), message, Some(hint.into()));
        return None;
    }
    let resource = read?;
    parsed.named.push((Wanted { resource: resource.clone(), field: None, is_array: false }, node.mark));
    Some(resource)
}

/// The resource of a rule about rows: one table or one view.
fn rows(node: &Node, what: &str, parsed: &mut ParsedRole) -> Option<Resource> {
    let resource = resource(node, parsed)?;
    if matches!(resource, Resource::Table(_) | Resource::View(_)) {
        return Some(resource);
    }
    let message = format!("{what} is about the rows of one table or view, not `{resource}`");
    parsed.report.error(Some(node.mark), message, Some("no rule reaches inside a function; name one table or view".into()));
    None
}

fn actions(node: &Node, resource: &Resource, report: &mut Report) -> BTreeSet<Operation> {
    let possible = resource.operations();
    let known: Vec<&str> = possible.iter().map(|action| action.name()).collect();
    let mut found = BTreeSet::new();
    for (word, mark) in fields::texts(node, "actions", report) {
        match Operation::from_name(&word) {
            _ if word == "*" => found.extend(possible),
            Some(action) if possible.contains(&action) => {
                found.insert(action);
            }
            Some(_) => {
                let hint = Some(format!("what can be done with it: {}", known.join(", ")));
                report.error(Some(mark), format!("`{word}` cannot be done with `{resource}`"), hint);
            }
            None => report.error(Some(mark), format!("unknown action `{word}`"), Some(did_you_mean(&word, &known))),
        }
    }
    if matches!(&node.value, Value::Sequence(items) if items.is_empty()) {
        report.error(Some(node.mark), "`actions` lists none", Some("list actions, or write `\"*\"` for all".into()));
    }
    found
}

fn scope_rule(node: &Node, parsed: &mut ParsedRole) -> Option<ScopeRule> {
    let known = ["resource", "field", "operator", "value", "actions"];
    let entries = entries(node, "a scope rule", &known, &["resource", "field", "operator"], &mut parsed.report);
    let resource = rows(entries.get("resource")?, "a scope rule", parsed);
    let actions = match (entries.get("actions"), &resource) {
        (Some(node), Some(resource)) => actions(node, resource, &mut parsed.report),
        _ => Operation::OF_ROWS.into(),
    };
    let operator = entries.get("operator").and_then(|node| comparison(node, &mut parsed.report));
    let value = operator.and_then(|operator| operand(node, entries.get("value").copied(), operator, &mut parsed.report));
    let field = fields::text(entries.get("field")?, "field", &mut parsed.report);
    let (resource, (operator, value), field) = (resource?, value?, field?);
    let wanted = Wanted { resource: resource.clone(), field: Some(field.clone()), is_array: operator == Comparison::Contains };
    parsed.named.push((wanted, entries.get("field")?.mark));
    Some(ScopeRule { resource, field, operator, value, actions })
}

fn comparison(node: &Node, report: &mut Report) -> Option<Comparison> {
    let word = fields::text(node, "operator", report)?;
    let found = Comparison::from_name(&word);
    if found.is_none() {
        report.error(Some(node.mark), format!("unknown operator `{word}`"), Some(did_you_mean(&word, &Comparison::NAMES)));
    }
    found
}

/// The value, and the operator it means: `eq` with null is `is_null`.
fn operand(rule: &Node, node: Option<&Node>, operator: Comparison, report: &mut Report) -> Option<(Comparison, Operand)> {
    let yes = |yes: bool| Operand::Text(yes.to_string());
    let Some(node) = node else {
        if operator == Comparison::IsNull {
            return Some((operator, yes(true)));
        }
        report.error(Some(rule.mark), "a scope rule has no `value`", Some("write `value: …`, or the operator `is_null`".into()));
        return None;
    };
    let mut refuse = |message: String, hint: &str| {
        report.error(Some(node.mark), message, Some(hint.to_owned()));
        None
    };
    match (&node.value, operator) {
        (Value::Null, Comparison::Eq) => Some((Comparison::IsNull, yes(true))),
        (Value::Null, Comparison::Neq) => Some((Comparison::IsNull, yes(false))),
        (Value::Null, _) => refuse(format!("nothing is `{}` null", operator.name()), "use the operator `is_null`"),
        (Value::Scalar(text), Comparison::IsNull) if matches!(text.as_str(), "true" | "false") => {
            Some((operator, Operand::Text(text.clone())))
        }
        (_, Comparison::IsNull) => refuse("`is_null` takes `true` or `false`".into(), "write `value: true`, or leave it out"),
        (Value::Scalar(text), _) if text.starts_with("actor.") => match ActorValue::from_text(text) {
            Some(value) => Some((operator, Operand::Actor(value))),
            None => refuse(format!("unknown value `{text}`"), &did_you_mean(text, &ActorValue::NAMES)),
        },
        (Value::Scalar(_), Comparison::In) => {
            refuse("`in` takes a list, or something about the actor".into(), "write `value: [a, b]`")
        }
        (Value::Scalar(text), _) => Some((operator, Operand::Text(text.clone()))),
        (Value::Sequence(items), Comparison::In | Comparison::Contains) => {
            Some((operator, Operand::List(list(items, node.mark, report)?)))
        }
        (Value::Sequence(_), _) => refuse(format!("`{}` takes one value", operator.name()), "use `in` or `contains` for a list"),
        (Value::Mapping(_), _) => {
            let found = fields::mapping(node, "a value", &["text"], report);
            let text = found.first().and_then(|(_, value)| match &value.value {
                Value::Scalar(text) => Some(text.clone()),
                _ => None,
            });
            match text {
                Some(text) if operator != Comparison::In => Some((operator, Operand::Text(text))),
                _ => {
                    report.error(Some(node.mark), "not a value", Some("write a text, a number, a list or `actor.…`".into()));
                    None
                }
            }
        }
    }
}

fn list(items: &[Node], mark: Mark, report: &mut Report) -> Option<Vec<String>> {
    if items.is_empty() || items.len() > MAX_VALUES {
        let message = if items.is_empty() { "the list is empty, so no row would fit" } else { "the list has too many values" };
        report.error(Some(mark), message, Some(format!("a list has 1 to {MAX_VALUES} values")));
        return None;
    }
    let mut values = Vec::new();
    for item in items {
        match &item.value {
            Value::Scalar(text) => values.push(text.clone()),
            other => {
                let hint = Some("null fits no list; a list holds texts, numbers and booleans".into());
                report.error(Some(item.mark), format!("a value of a list cannot be {}", other.noun()), hint);
                return None;
            }
        }
    }
    Some(values)
}

fn field_mask(node: &Node, parsed: &mut ParsedRole) -> Option<FieldMask> {
    let entries = entries(node, "a field mask", &["resource", "fields", "allow"], &["resource"], &mut parsed.report);
    let resource = rows(entries.get("resource")?, "a field mask", parsed)?;
    let mut mask = FieldMask { resource: resource.clone(), fields: BTreeMap::new(), allow: None };
    match (entries.get("fields"), entries.get("allow")) {
        (None, None) => {
            let hint = Some("write `fields: { email: hide }`, or `allow: [id, name]`".into());
            parsed.report.error(Some(node.mark), "a field mask has neither `fields` nor `allow`", hint);
        }
        (fields, allow) => {
            if let Some(node) = allow {
                let names = fields::column_names(node, "allow", &mut parsed.report);
                names.iter().for_each(|name| parsed.names(&resource, name, node.mark));
                mask.allow = Some(names.into_iter().collect());
            }
            if let Some(node) = fields {
                for (key, value) in fields::free_mapping(node, "`fields`", &mut parsed.report) {
                    parsed.names(&resource, &key.name, key.mark);
                    mask.fields.extend(masking(value, &mut parsed.report).map(|masking| (key.name.clone(), masking)));
                }
            }
        }
    }
    // A field that is masked is not among those shown as they are.
    if let Some(allow) = &mut mask.allow {
        allow.retain(|name| !mask.fields.contains_key(name));
    }
    Some(mask)
}

/// `hide`, `redact`, or `{ redact: "text" }`.
fn masking(node: &Node, report: &mut Report) -> Option<Masking> {
    if let Value::Mapping(_) = &node.value {
        return match fields::mapping(node, "a mask", &["redact"], report).first() {
            Some((_, value)) => match &value.value {
                Value::Scalar(text) => Some(Masking::Redact(text.clone())),
                other => {
                    report.error(Some(value.mark), format!("`redact` shows a text, not {}", other.noun()), None);
                    None
                }
            },
            None => None,
        };
    }
    match fields::text(node, "a mask", report)?.as_str() {
        "hide" => Some(Masking::Hide),
        "redact" => Some(Masking::Redact(REDACTED.to_owned())),
        other => {
            let hint = "write `hide`, `redact`, or `{ redact: \"***\" }`";
            report.error(Some(node.mark), format!("unknown mask `{other}`"), Some(hint.into()));
            None
        }
    }
}

impl ParsedRole {
    fn names(&mut self, resource: &Resource, field: &str, mark: Mark) {
        let wanted = Wanted { resource: resource.clone(), field: Some(field.to_owned()), is_array: false };
        self.named.push((wanted, mark));
    }
}

/// Looks for what roles name in the files; what is in none of them is left to the plan, which knows what is deployed.
pub(super) fn check(
    parsed: &mut [ParsedRole],
    tables: &[ParsedTable],
    has_view: impl Fn(&str) -> bool,
    has_function: impl Fn(&str) -> bool,
) -> Vec<Unresolved> {
    let tables: BTreeMap<&str, &ParsedTable> = tables.iter().map(|it| (it.table.name.as_str(), it)).collect();
    let mut unresolved = Vec::new();
    for role in parsed {
        for (wanted, mark) in std::mem::take(&mut role.named) {
            match &wanted.resource {
                Resource::Table(name) => match tables.get(name.as_str()) {
                    Some(table) => {
                        let columns = table.table.columns.iter().map(|it| (it.name.as_str(), it.type_.as_str()));
                        if let Err((message, hint)) = wanted.column_among(columns) {
                            role.report.error(Some(mark), message, hint);
                        }
                        continue;
                    }
                    None if has_view(name) => {
                        let hint = Some(format!("write `view:{name}`"));
                        role.report.error(Some(mark), format!("`{name}` is a view"), hint);
                        continue;
                    }
                    None => {}
                },
                // The columns of a view are known when it is there.
                Resource::View(name) if has_view(name) => continue,
                Resource::Function(name) if has_function(name) => continue,
                Resource::Any | Resource::AnyView | Resource::AnyFunction => continue,
                Resource::View(_) | Resource::Function(_) => {}
            }
            unresolved.push(Unresolved { place: role.report.place(mark), wanted });
        }
    }
    unresolved
}
