//! A rule's values, as the actor gives them.

use cloche_definitions::role::{ActorValue, Comparison, Operand, ScopeRule};
use cloche_dialect::{Boolean, Field, Filter, Is, Node, Operator, Test};
use serde_json::Value;

use crate::postgres::scope::EndUser;

/// What a value comes to for one actor.
enum Given {
    One(String),
    Many(Vec<String>),
    /// The actor does not have it.
    Nothing,
}

/// The condition of one rule for one actor. None: no row meets it, because the actor does not have the value.
pub(super) fn condition(rule: &ScopeRule, user: Option<&EndUser>) -> Option<Node> {
    let given = match &rule.value {
        Operand::Text(text) => Given::One(text.clone()),
        Operand::List(values) => Given::Many(values.clone()),
        Operand::Actor(value) => given(value, user),
    };
    let test = match (rule.operator, given) {
        (Comparison::IsNull, Given::One(text)) => Test::Is(if text == "false" { Is::NotNull } else { Is::Null }),
        // The array has all of an empty list: whoever has nothing would reach every row.
        (_, Given::Nothing) => return None,
        (_, Given::Many(values)) if values.is_empty() => return None,
        (Comparison::In, Given::Many(values)) => Test::In(values),
        (Comparison::In, Given::One(value)) => Test::In(vec![value]),
        (Comparison::Contains, Given::Many(values)) => compare(Operator::Contains, array(&values)),
        (Comparison::Contains, Given::One(value)) => compare(Operator::Contains, array(&[value])),
        (_, Given::Many(_)) => return None,
        (comparison, Given::One(value)) => compare(operator(comparison), value),
    };
    let field = Field { column: rule.field.clone(), path: Vec::new() };
    Some(Node::Filter(Filter { field, negated: false, test }))
}

fn compare(operator: Operator, value: String) -> Test {
    Test::Compare { operator, value }
}

fn operator(comparison: Comparison) -> Operator {
    match comparison {
        Comparison::Neq => Operator::Neq,
        Comparison::Gt => Operator::Gt,
        Comparison::Gte => Operator::Gte,
        Comparison::Lt => Operator::Lt,
        Comparison::Lte => Operator::Lte,
        Comparison::Contains => Operator::Contains,
        Comparison::Eq | Comparison::In | Comparison::IsNull => Operator::Eq,
    }
}

fn given(value: &ActorValue, user: Option<&EndUser>) -> Given {
    let Some(user) = user else { return Given::Nothing };
    match value {
        ActorValue::UserId => Given::One(user.id.to_string()),
        // Where addresses are not confirmed, anybody can sign up with anybody's: only one that was shown to be theirs counts.
        ActorValue::Email if user.claims.get("email_verified") != Some(&Value::Bool(true)) => Given::Nothing,
        ActorValue::Email => of_claim(user.claims.get("email")),
        ActorValue::Roles => Given::Many(user.roles.clone()),
        ActorValue::Claim(path) => of_claim(path.iter().try_fold(&user.claims, |claims, key| claims.get(key))),
    }
}

/// Texts, numbers and booleans, and lists of them. A list with anything else in it is as good as none.
fn of_claim(claim: Option<&Value>) -> Given {
    match claim {
        Some(Value::Array(items)) => items.iter().map(scalar).collect::<Option<_>>().map_or(Given::Nothing, Given::Many),
        Some(value) => scalar(value).map_or(Given::Nothing, Given::One),
        None => Given::Nothing,
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// An array of texts as PostgreSQL writes it.
fn array(values: &[String]) -> String {
    let quoted: Vec<String> = values.iter().map(|it| format!("\"{}\"", it.replace('\\', "\\\\").replace('"', "\\\""))).collect();
    format!("{{{}}}", quoted.join(","))
}

/// All of the conditions, or any of them.
pub(super) fn group(boolean: Boolean, mut nodes: Vec<Node>) -> Node {
    if nodes.len() == 1 {
        return nodes.remove(0);
    }
    Node::Group { boolean, negated: false, nodes }
}

/// What no row meets.
pub(super) fn nothing() -> Node {
    Node::Group { boolean: Boolean::Or, negated: false, nodes: Vec::new() }
}
