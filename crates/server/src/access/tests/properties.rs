//! For random roles, rows and actors, a guard says what the rules say word by word.

use std::collections::BTreeSet;
use std::sync::Arc;

use cloche_definitions::role::{
    ActorValue, Comparison, Effect, FieldMask, Masking, Operand, Operation, Policy, Resource as Named, Role, ScopeRule,
};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use super::interpreter::{Cell, Row, Seen, holds, seen};
use super::{Guard, Mask, Resource, Rules, Stored, anon};
use crate::access::rules::verb_of;
use crate::postgres::scope::{DataActor, EndUser};

const COLUMNS: [&str; 4] = ["a", "b", "c", "tags"];
const NAMES: [&str; 5] = ["anon", "user", "one", "two", "three"];

fn cell() -> impl Strategy<Value = Cell> {
    prop_oneof![1 => Just(Cell::Null), 3 => select(vec!["0", "1", "2"]).prop_map(|text| Cell::Text(text.into()))]
}

fn row() -> impl Strategy<Value = Row> {
    let tags = prop_oneof![
        Just(Cell::Null),
        vec(select(vec!["0", "1", "one"]), 0..3).prop_map(|list| { Cell::Array(list.into_iter().map(str::to_owned).collect()) })
    ];
    (cell(), cell(), cell(), tags)
        .prop_map(|(a, b, c, tags)| COLUMNS.map(str::to_owned).into_iter().zip([a, b, c, tags]).collect())
}

fn operations() -> impl Strategy<Value = BTreeSet<Operation>> {
    btree_set(select(Operation::OF_ROWS.to_vec()), 1..4)
}

fn resource() -> impl Strategy<Value = Named> {
    prop_oneof![4 => Just(Named::Table("t".into())), 1 => Just(Named::Any), 1 => Just(Named::Table("other".into()))]
}

fn policy() -> impl Strategy<Value = Policy> {
    let effect = prop_oneof![6 => Just(Effect::Allow), 1 => Just(Effect::Deny)];
    (resource(), operations(), effect).prop_map(|(resource, actions, effect)| Policy { resource, actions, effect })
}

fn list() -> impl Strategy<Value = Vec<String>> {
    vec(select(vec!["0", "1", "2", "one"]).prop_map(str::to_owned), 1..3)
}

fn operand() -> impl Strategy<Value = Operand> {
    prop_oneof![
        select(vec!["0", "1", "2"]).prop_map(|text| Operand::Text(text.into())),
        Just(Operand::Actor(ActorValue::Email)),
        Just(Operand::Actor(ActorValue::Roles)),
        select(vec!["x", "list"]).prop_map(|claim| Operand::Actor(ActorValue::Claim(vec![claim.into()]))),
    ]
}

fn scope_rule() -> impl Strategy<Value = ScopeRule> {
    let one = select(vec![Comparison::Eq, Comparison::Neq, Comparison::Gt, Comparison::Gte, Comparison::Lt, Comparison::Lte]);
    let compared = prop_oneof![
        4 => (one, select(vec!["a", "b", "c"]), operand()),
        1 => (Just(Comparison::IsNull), select(COLUMNS.to_vec()), select(vec!["true", "false"]).prop_map(|it| Operand::Text(it.into()))),
        1 => (Just(Comparison::In), select(vec!["a", "b"]), prop_oneof![list().prop_map(Operand::List), operand()]),
        1 => (Just(Comparison::Contains), Just("tags"), prop_oneof![list().prop_map(Operand::List), operand()]),
    ];
    (resource(), compared, operations()).prop_map(|(resource, (operator, field, value), actions)| {
        // Rules about rows name one table.
        let resource = if resource == Named::Any { Named::Table("t".into()) } else { resource };
        ScopeRule { resource, field: field.into(), operator, value, actions }
    })
}

fn field_mask() -> impl Strategy<Value = FieldMask> {
    let masking = prop_oneof![Just(Masking::Hide), Just(Masking::Redact("***".into()))];
    let fields = proptest::collection::btree_map(select(COLUMNS.to_vec()).prop_map(str::to_owned), masking, 0..3);
    let allow = proptest::option::of(btree_set(select(COLUMNS.to_vec()).prop_map(str::to_owned), 1..4));
    (fields, allow).prop_map(|(fields, allow)| FieldMask { resource: Named::Table("t".into()), fields, allow })
}

fn role() -> impl Strategy<Value = Role> {
    (vec(policy(), 0..3), vec(scope_rule(), 0..3), vec(field_mask(), 0..2))
        .prop_map(|(policies, scope_rules, field_masks)| Role { policies, scope_rules, field_masks, ..Role::default() })
}

fn roles() -> impl Strategy<Value = Vec<Role>> {
    vec(role(), NAMES.len())
        .prop_map(|roles| roles.into_iter().zip(NAMES).map(|(role, name)| Role { name: name.into(), ..role }).collect())
}

fn actor() -> impl Strategy<Value = DataActor> {
    let roles = btree_set(select(vec!["one", "two", "three", "none"]), 0..3);
    let claim = || {
        prop_oneof![Just(json!(null)), Just(json!("1")), Just(json!(2)), Just(json!(["0", 1])), Just(json!([])), Just(json!({}))]
    };
    let user =
        (roles, claim(), claim(), prop_oneof![Just(json!("1")), Just(json!(null))]).prop_map(|(roles, x, list, email)| EndUser {
            id: uuid::Uuid::nil(),
            roles: roles.into_iter().map(str::to_owned).collect(),
            claims: json!({ "x": x, "list": list, "email": email, "email_verified": true }),
        });
    prop_oneof![1 => Just(anon()), 4 => user.prop_map(|user| DataActor { user: Some(Arc::new(user)), ..anon() })]
}

fn built(roles: &[Role]) -> Rules {
    let stored = |role: &Role| Stored { kind: "role".into(), name: role.name.clone(), spec: json!(role) };
    let all = |_: &str| Some(COLUMNS.map(str::to_owned).to_vec());
    Rules::new(roles.iter().map(stored).collect(), &all)
}

/// What a guard leaves of a row.
fn left(guard: Option<&Guard<'_>>, row: &Row) -> Seen {
    let guard = guard?;
    if guard.rows.as_ref().is_some_and(|rows| holds(rows, row) != Some(true)) {
        return None;
    }
    let shown = |column: &String| match guard.masks.get(column) {
        None => true,
        Some(Mask::Hide | Mask::Redact(_)) => false,
        Some(Mask::Unless { rows, .. }) => holds(rows, row) == Some(true),
    };
    Some(row.keys().map(|column| (column.clone(), shown(column))).collect())
}

fn of_actor<'r>(roles: &'r [Role], actor: &DataActor) -> Vec<&'r Role> {
    let names: Vec<&str> = match &actor.user {
        Some(user) => std::iter::once("user").chain(user.roles.iter().map(String::as_str)).collect(),
        None => vec!["anon"],
    };
    roles.iter().filter(|role| names.contains(&role.name.as_str())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_guard_says_what_the_rules_say(roles in roles(), actor in actor(), rows in vec(row(), 1..6)) {
        let rules = built(&roles);
        for operation in Operation::OF_ROWS {
            let guard = rules.guard(&actor, Resource::Table("t"), verb_of(operation));
            for row in &rows {
                let expected = seen(&of_actor(&roles, &actor), actor.user.as_deref(), row, operation);
                prop_assert_eq!(left(guard.as_ref(), row), expected, "{:?} {:?}", operation, guard);
            }
        }
    }

    #[test]
    fn adding_a_denial_or_a_rule_never_opens(roles in roles(), actor in actor(), rows in vec(row(), 1..4), at in 0..NAMES.len(),
        scope in scope_rule(), mask in field_mask()) {
        let mut stricter = roles.clone();
        let resource = Named::Table("t".into());
        stricter[at].policies.push(Policy { resource, actions: Operation::OF_ROWS.into(), effect: Effect::Deny });
        let mut narrower = roles.clone();
        narrower[at].scope_rules.push(scope);
        let mut masked = roles.clone();
        masked[at].field_masks.push(mask);
        let [before, stricter, narrower, masked] = [&roles, &stricter, &narrower, &masked].map(|roles| built(roles));
        for operation in Operation::OF_ROWS {
            let seen = |rules: &Rules| -> Vec<Seen> {
                let guard = rules.guard(&actor, Resource::Table("t"), verb_of(operation));
                rows.iter().map(|row| left(guard.as_ref(), row)).collect()
            };
            if of_actor(&roles, &actor).iter().any(|role| role.name == NAMES[at]) {
                prop_assert!(stricter.guard(&actor, Resource::Table("t"), verb_of(operation)).is_none());
            }
            for more in [&narrower, &masked] {
                for (was, now) in seen(&before).into_iter().zip(seen(more)) {
                    prop_assert!(now.is_none() || was.is_some());
                    let was = was.unwrap_or_default();
                    prop_assert!(now.iter().flatten().all(|(column, shown)| !shown || was[column]));
                }
            }
        }
    }

    #[test]
    fn the_explanation_agrees_with_the_guard(roles in roles(), actor in actor()) {
        let rules = built(&roles);
        let all = |_: &str| Some(COLUMNS.map(str::to_owned).to_vec());
        for operation in Operation::OF_ROWS {
            let resource = Resource::Table("t");
            let guard = rules.guard(&actor, resource, verb_of(operation));
            let told = rules.explain(&actor, resource, verb_of(operation), &all);
            prop_assert_eq!(told.allowed, guard.is_some());
            let masks = guard.map(|guard| guard.masks).unwrap_or_default();
            let masked: BTreeSet<&str> = masks.keys().map(String::as_str).filter(|column| !column.is_empty()).collect();
            prop_assert_eq!(told.masks.iter().map(|mask| mask.column.as_str()).collect::<BTreeSet<_>>(), masked);
            let denies = told.rules.iter().any(|rule| rule.effect == Some("deny"));
            let allows = told.rules.iter().any(|rule| rule.effect == Some("allow"));
            prop_assert_eq!(told.allowed, allows && !denies);
        }
    }
}
