//! The rules read word by word, one row at a time, as their documentation says; and a reader of guards.

use std::collections::BTreeMap;

use cloche_definitions::role::{
    ActorValue, Comparison, Effect, FieldMask, Masking, Operand, Operation, Resource, Role, ScopeRule,
};
use serde_json::Value as Json;

use crate::access::{Condition, Rows, Value};
use crate::postgres::scope::EndUser;

/// A cell: null, a text, or an array of texts.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Null,
    Text(String),
    Array(Vec<String>),
}

pub(super) type Row = BTreeMap<String, Cell>;

/// What somebody sees of a row: its columns, where None is one that is masked. None at all for a row that is not reached.
pub(super) type Seen = Option<BTreeMap<String, bool>>;

/// What `roles` leave of a row of table `t`: a column is true where it is shown as it is.
pub(super) fn seen(roles: &[&Role], user: Option<&EndUser>, row: &Row, operation: Operation) -> Seen {
    let table = Resource::Table("t".into());
    let about = |resource: &Resource| *resource == table || *resource == Resource::Any;
    let says = |role: &Role, effect: Effect| {
        role.policies.iter().any(|rule| rule.effect == effect && about(&rule.resource) && rule.actions.contains(&operation))
    };
    if roles.iter().any(|role| says(role, Effect::Deny)) {
        return None;
    }
    let reaches = |role: &Role| {
        let mut rules = role.scope_rules.iter().filter(|rule| about(&rule.resource) && rule.actions.contains(&operation));
        says(role, Effect::Allow) && rules.all(|rule| meets(rule, user, row))
    };
    let reaching: Vec<&&Role> = roles.iter().filter(|role| reaches(role)).collect();
    if reaching.is_empty() {
        return None;
    }
    let shows = |role: &Role, column: &str| {
        let mut masks = role.field_masks.iter().filter(|mask| about(&mask.resource));
        masks.all(|mask| masking(mask, column).is_none())
    };
    Some(row.keys().map(|column| (column.clone(), reaching.iter().any(|role| shows(role, column)))).collect())
}

fn masking(mask: &FieldMask, column: &str) -> Option<Masking> {
    let listed = mask.allow.as_ref().is_none_or(|allow| allow.contains(column));
    mask.fields.get(column).cloned().or((!listed).then_some(Masking::Hide))
}

fn texts(value: &Operand, user: Option<&EndUser>) -> Option<Vec<String>> {
    let scalar = |value: &Json| match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    };
    Some(match value {
        Operand::Text(text) => vec![text.clone()],
        Operand::List(list) => list.clone(),
        Operand::Actor(ActorValue::UserId) => vec![user?.id.to_string()],
        Operand::Actor(ActorValue::Roles) => user?.roles.clone(),
        Operand::Actor(ActorValue::Email) => vec![scalar(user?.claims.get("email")?)?],
        Operand::Actor(ActorValue::Claim(path)) => match user?.claims.get(&path[0])? {
            Json::Array(items) => items.iter().map(scalar).collect::<Option<_>>()?,
            one => vec![scalar(one)?],
        },
    })
}

fn is_list(value: &Operand, user: Option<&EndUser>) -> bool {
    match value {
        Operand::List(_) | Operand::Actor(ActorValue::Roles) => true,
        Operand::Actor(ActorValue::Claim(path)) => user.and_then(|user| user.claims.get(&path[0])).is_some_and(Json::is_array),
        _ => false,
    }
}

fn meets(rule: &ScopeRule, user: Option<&EndUser>, row: &Row) -> bool {
    let cell = &row[&rule.field];
    let Some(values) = texts(&rule.value, user).filter(|values| !values.is_empty()) else { return false };
    match (rule.operator, cell) {
        (Comparison::IsNull, cell) => (*cell == Cell::Null) == (values[0] == "true"),
        (_, Cell::Null) => false,
        (Comparison::Contains, Cell::Array(have)) => values.iter().all(|value| have.contains(value)),
        (Comparison::In, Cell::Text(text)) => values.contains(text),
        (_, _) if is_list(&rule.value, user) => false,
        (Comparison::Eq, Cell::Text(text)) => *text == values[0],
        (Comparison::Neq, Cell::Text(text)) => *text != values[0],
        (Comparison::Gt, Cell::Text(text)) => *text > values[0],
        (Comparison::Gte, Cell::Text(text)) => *text >= values[0],
        (Comparison::Lt, Cell::Text(text)) => *text < values[0],
        (Comparison::Lte, Cell::Text(text)) => *text <= values[0],
        _ => false,
    }
}

/// Whether a row is one of a guard's, as PostgreSQL reads it; None is SQL's null.
pub(super) fn holds(rows: &Rows<'_>, row: &Row) -> Option<bool> {
    let lists = rows.0.iter().map(|all| decided(false, all.iter().map(|condition| meets_condition(condition, row)).collect()));
    decided(true, lists.collect())
}

/// `OR` is decided by a true part, `AND` by a false one; else a null leaves it open.
fn decided(by: bool, parts: Vec<Option<bool>>) -> Option<bool> {
    match parts {
        parts if parts.contains(&Some(by)) => Some(by),
        parts if parts.contains(&None) => None,
        _ => Some(!by),
    }
}

fn meets_condition(condition: &Condition<'_>, row: &Row) -> Option<bool> {
    let values = match &condition.value {
        Value::One(value) => std::slice::from_ref(value).iter().map(ToString::to_string).collect(),
        Value::Many(values) => values.to_vec(),
    };
    Some(match (condition.operator, &row[&condition.field.column]) {
        (Comparison::IsNull, cell) => (*cell == Cell::Null) == condition.is_null(),
        (_, Cell::Null) => return None,
        (Comparison::In, Cell::Text(text)) => values.contains(text),
        (Comparison::Contains, Cell::Array(have)) => values.iter().all(|value| have.contains(value)),
        (Comparison::Eq, Cell::Text(text)) => *text == values[0],
        (Comparison::Neq, Cell::Text(text)) => *text != values[0],
        (Comparison::Gt, Cell::Text(text)) => *text > values[0],
        (Comparison::Gte, Cell::Text(text)) => *text >= values[0],
        (Comparison::Lt, Cell::Text(text)) => *text < values[0],
        (Comparison::Lte, Cell::Text(text)) => *text <= values[0],
        (operator, cell) => panic!("{operator:?} of {cell:?}"),
    })
}
