//! Why an actor may, or may not, do something: the rules that were looked at, and which of them decide.

use cloche_definitions::role::{Comparison, Effect, Masking, Operand};
use cloche_wire::KeyKind;

use super::guard::{Condition, Guard, Mask, Rows, Value};
use super::rules::{Resource, Role, Rules, is_about, of_columns, verb_of};
use super::scopes;
use crate::postgres::schema::Verb;
use crate::postgres::scope::DataActor;

/// The outcome, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Explanation {
    pub(crate) allowed: bool,
    /// One sentence.
    pub(crate) reason: String,
    pub(crate) rules: Vec<Looked>,
    /// The rows that are reached, in words. None: all, or none when it is denied.
    pub(crate) rows: Option<String>,
    pub(crate) masks: Vec<Masked>,
}

/// A rule that is about what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Looked {
    /// None: of the key itself.
    pub(crate) role: Option<String>,
    /// `access`, `policy`, `scope_rule`, `field_mask`, `scope` or `role`.
    pub(crate) kind: &'static str,
    /// Its place in the list of its kind in the role's file, from 0.
    pub(crate) index: Option<usize>,
    /// `allow` or `deny`.
    pub(crate) effect: Option<&'static str>,
    /// Without it the decision could be another one.
    pub(crate) decides: bool,
    /// In words.
    pub(crate) text: String,
}

/// A column that is not shown as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Masked {
    pub(crate) column: String,
    /// `hide`, `redact`, or `unless`: shown in the rows of the condition alone.
    pub(crate) mask: &'static str,
    /// Shown in its place.
    pub(crate) text: Option<String>,
    pub(crate) rows: Option<String>,
    /// The first rule that makes it: role, and place in its list.
    pub(crate) role: String,
    pub(crate) index: usize,
}

impl Rules {
    /// `columns` tells the columns of the resource.
    pub(crate) fn explain(
        &self,
        actor: &DataActor,
        resource: Resource<'_>,
        verb: Verb,
        columns: &dyn Fn(&str) -> Option<Vec<String>>,
    ) -> Explanation {
        let guard = self.guard(actor, resource, verb);
        let mut rules = Vec::new();
        if actor.kind == KeyKind::Secret {
            let covering = scopes::covering(&actor.scopes, resource, verb);
            rules.push(of_key(actor, covering));
            if covering.is_none() || actor.user.is_none() {
                let reason = if covering.is_some() { "The key allows it." } else { "No scope of the key covers it." };
                let allowed = guard.is_some();
                return Explanation { allowed, reason: reason.into(), rules, rows: None, masks: Vec::new() };
            }
        }
        let user = actor.user.as_deref();
        let roles: Vec<&Role> = self.roles_of(user).collect();
        for role in &roles {
            looked_at(role, resource, verb, &mut rules);
        }
        let denied = rules.iter().any(|rule| rule.effect == Some("deny"));
        for rule in &mut rules {
            rule.decides = match rule.effect {
                Some("deny") => true,
                // With a denial, what is allowed decides nothing.
                _ => !denied,
            };
        }
        let reason = match (&guard, rules.iter().find(|rule| rule.effect == Some("deny"))) {
            (_, Some(rule)) => format!("{} denies it, and a denial wins.", subject(rule)),
            (None, None) => "No rule allows it, and what no rule allows is denied.".into(),
            (Some(guard), None) => allowed_text(guard),
        };
        let masks = guard.as_ref().map(|guard| masks(guard, &roles, resource, columns)).unwrap_or_default();
        let rows = guard.as_ref().and_then(|guard| guard.rows.as_ref()).map(in_words);
        Explanation { allowed: guard.is_some(), reason, rules, rows, masks }
    }
}

fn subject(rule: &Looked) -> String {
    format!("The role '{}'", rule.role.as_deref().unwrap_or_default())
}

fn allowed_text(guard: &Guard<'_>) -> String {
    match (guard.rows.is_some(), guard.masks.is_empty()) {
        (false, true) => "It is allowed for every row and column.".into(),
        (true, true) => "It is allowed for the rows of the condition.".into(),
        (false, false) => "It is allowed for every row, with some columns masked.".into(),
        (true, false) => "It is allowed for the rows of the condition, with some columns masked.".into(),
    }
}

fn of_key(actor: &DataActor, covering: Option<&str>) -> Looked {
    let text = match covering {
        Some("") => "a secret key without scopes may do everything".to_owned(),
        Some(scope) => format!("scope {scope}"),
        None => format!("scopes {}", actor.scopes.join(", ")),
    };
    let effect = Some(if covering.is_some() { "allow" } else { "deny" });
    Looked { role: None, kind: "scope", index: None, effect, decides: true, text }
}

/// The rules of one role that are about it.
fn looked_at(role: &Role, resource: Resource<'_>, verb: Verb, rules: &mut Vec<Looked>) {
    let definition = &role.definition;
    let mut add = |kind: &'static str, index: Option<usize>, effect: Option<Effect>, text: String| {
        let effect = effect.map(Effect::name);
        rules.push(Looked { role: Some(definition.name.clone()), kind, index, effect, decides: false, text });
    };
    if role.is_unreadable {
        add("role", None, Some(Effect::Deny), "this server cannot read the role's rules".into());
        return;
    }
    if let Resource::Table(name) = resource
        && role.given.get(name).is_some_and(|verbs| verbs.contains(verb))
    {
        add(
            "access",
            None,
            Some(Effect::Allow),
            format!("access of the table {name}: {} may {}", definition.name, verb.as_str()),
        );
    }
    for (index, policy) in definition.policies.iter().enumerate() {
        if is_about(&policy.resource, resource) && policy.actions.iter().any(|action| verb_of(*action) == verb) {
            let text = format!("{} {} of {}", policy.effect.name(), verb.as_str(), policy.resource);
            add("policy", Some(index), Some(policy.effect), text);
        }
    }
    if !role.entry(resource).allow.contains(verb) {
        // What a role does not allow, its other rules are not asked about.
        return;
    }
    for (index, rule) in definition.scope_rules.iter().enumerate() {
        if is_about(&rule.resource, resource) && rule.actions.iter().any(|action| verb_of(*action) == verb) {
            let value = match &rule.value {
                Operand::Text(text) => format!("'{text}'"),
                Operand::List(values) => format!("[{}]", values.join(", ")),
                Operand::Actor(value) => value.to_string(),
            };
            add("scope_rule", Some(index), None, format!("{} {} {value}", rule.field, rule.operator.name()));
        }
    }
    for (index, mask) in definition.field_masks.iter().enumerate().filter(|(_, mask)| is_about(&mask.resource, resource)) {
        let mut words: Vec<String> =
            mask.fields.iter().map(|(column, masking)| format!("{column}: {}", name_of(masking))).collect();
        words.extend(mask.allow.as_ref().map(|allow| format!("allow: {}", allow.iter().cloned().collect::<Vec<_>>().join(", "))));
        add("field_mask", Some(index), None, words.join("; "));
    }
}

fn name_of(masking: &Masking) -> &'static str {
    match masking {
        Masking::Hide => "hide",
        Masking::Redact(_) => "redact",
    }
}

fn masks(
    guard: &Guard<'_>,
    roles: &[&Role],
    resource: Resource<'_>,
    columns: &dyn Fn(&str) -> Option<Vec<String>>,
) -> Vec<Masked> {
    let named = guard.masks.iter().filter(|(column, _)| !column.is_empty());
    let masked = named.filter_map(|(column, mask)| {
        let (mask, text, rows) = match mask {
            Mask::Hide => ("hide", None, None),
            Mask::Redact(text) => ("redact", Some(text.clone()), None),
            Mask::Unless { rows, text } => ("unless", text.clone(), Some(in_words(rows))),
        };
        let (role, index) = roles.iter().find_map(|role| {
            let rules = role.definition.field_masks.iter().enumerate();
            let mut about = rules.filter(|(_, rule)| is_about(&rule.resource, resource));
            about.find(|(_, rule)| of_columns(rule, resource, columns).contains_key(column)).map(|(index, _)| (*role, index))
        })?;
        Some(Masked { column: column.clone(), mask, text, rows, role: role.definition.name.clone(), index })
    });
    masked.collect()
}

/// Conditions as people read them.
fn in_words(rows: &Rows<'_>) -> String {
    let several = rows.0.len() > 1;
    let lists = rows.0.iter().map(|all| {
        let words = all.iter().map(condition_in_words).collect::<Vec<_>>().join(" and ");
        if several && all.len() > 1 { format!("({words})") } else { words }
    });
    match lists.collect::<Vec<_>>().as_slice() {
        [] => "no row (the actor does not have what a rule asks for)".into(),
        lists => lists.join(" or "),
    }
}

fn condition_in_words(condition: &Condition<'_>) -> String {
    let column = &condition.field.column;
    let symbol = match condition.operator {
        Comparison::Eq => "=",
        Comparison::Neq => "<>",
        Comparison::Gt => ">",
        Comparison::Gte => ">=",
        Comparison::Lt => "<",
        Comparison::Lte => "<=",
        Comparison::In => "in",
        Comparison::Contains => "contains",
        Comparison::IsNull => return format!("{column} is {}", if condition.is_null() { "null" } else { "not null" }),
    };
    let quoted = |values: &[String]| values.iter().map(|value| format!("'{value}'")).collect::<Vec<_>>().join(", ");
    match &condition.value {
        Value::One(value) if condition.operator == Comparison::In => format!("{column} in ('{value}')"),
        Value::One(value) => format!("{column} {symbol} '{value}'"),
        Value::Many(values) => format!("{column} {symbol} ({})", quoted(values)),
    }
}
