//! A rule's values, as the actor gives them.

use std::borrow::Cow;

use cloche_definitions::role::{ActorValue, Comparison, Operand};
use serde_json::Value as Json;

use super::guard::{Condition, Value};
use super::rules::Scope;
use crate::postgres::scope::EndUser;

/// The condition of one rule for one actor. None: no row meets it, because the actor does not have the value.
pub(super) fn condition<'r>(scope: &'r Scope, user: Option<&'r EndUser>) -> Option<Condition<'r>> {
    let (value, is_fixed) = match &scope.value {
        Operand::Text(text) => (Value::One(Cow::Borrowed(text)), true),
        Operand::List(values) => (Value::Many(Cow::Borrowed(values)), true),
        Operand::Actor(value) => (given(value, user?)?, false),
    };
    let takes_many = matches!(scope.operator, Comparison::In | Comparison::Contains);
    match &value {
        // The array has all of an empty list: whoever has nothing would reach every row.
        Value::Many(values) if values.is_empty() || !takes_many => None,
        _ => Some(Condition { field: &scope.field, operator: scope.operator, value, is_fixed }),
    }
}

/// None if the actor does not have it.
fn given<'r>(value: &ActorValue, user: &'r EndUser) -> Option<Value<'r>> {
    match value {
        ActorValue::UserId => {
            let mut text = uuid::Uuid::encode_buffer();
            Some(Value::One(Cow::Owned(user.id.hyphenated().encode_lower(&mut text).to_owned())))
        }
        // Where addresses are not confirmed, anybody can sign up with anybody's: only one that was shown to be theirs counts.
        ActorValue::Email if user.claims.get("email_verified") != Some(&Json::Bool(true)) => None,
        ActorValue::Email => of_claim(user.claims.get("email")?),
        ActorValue::Roles => Some(Value::Many(Cow::Borrowed(&user.roles))),
        ActorValue::Claim(path) => of_claim(path.iter().try_fold(&user.claims, |claims, key| claims.get(key))?),
    }
}

/// Texts, numbers and booleans, and lists of them. A list with anything else in it is as good as none.
fn of_claim(claim: &Json) -> Option<Value<'_>> {
    match claim {
        Json::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(|item| scalar(item).map(Cow::into_owned)).collect();
            items.map(|items| Value::Many(Cow::Owned(items)))
        }
        value => scalar(value).map(Value::One),
    }
}

fn scalar(value: &Json) -> Option<Cow<'_, str>> {
    match value {
        Json::String(text) => Some(Cow::Borrowed(text)),
        Json::Number(_) | Json::Bool(_) => Some(Cow::Owned(value.to_string())),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}
