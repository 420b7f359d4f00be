//! Rules against their own words: examples, and random roles against a naive reading of them.

mod interpreter;
mod properties;

use std::sync::Arc;

use cloche_wire::{EnvironmentId, KeyKind};
use serde_json::{Value, json};

use super::*;
use crate::postgres::schema::Verb;
use crate::postgres::scope::{DataActor, EndUser};

fn anon() -> DataActor {
    DataActor {
        environment_id: EnvironmentId::new(),
        key_id: uuid::Uuid::nil(),
        kind: KeyKind::Publishable,
        scopes: Vec::new(),
        user: None,
    }
}

fn user(roles: &[&str], claims: Value) -> DataActor {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    DataActor { user: Some(Arc::new(EndUser { id: uuid::Uuid::nil(), roles, claims })), ..anon() }
}

fn secret(scopes: &[&str]) -> DataActor {
    DataActor { kind: KeyKind::Secret, scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(), ..anon() }
}

fn columns(name: &str) -> Option<Vec<String>> {
    matches!(name, "posts" | "recent").then(|| ["id", "title", "email", "owner"].map(str::to_owned).to_vec())
}

fn rules(tables: &[(&str, Value)], roles: &[(&str, Value)]) -> Rules {
    let stored =
        |kind: &str, (name, spec): &(&str, Value)| Stored { kind: kind.into(), name: (*name).into(), spec: spec.clone() };
    let tables = tables.iter().map(|it| stored("table", it));
    Rules::new(tables.chain(roles.iter().map(|it| stored("role", it))).collect(), &columns)
}

const POSTS: Resource<'_> = Resource::Table("posts");

#[test]
fn what_no_rule_allows_is_denied() {
    let rules = rules(&[("posts", json!({ "anon": ["read"], "user": ["create"] }))], &[]);
    assert_eq!(rules.guard(&anon(), POSTS, Verb::Read), Some(Guard::default()));
    assert_eq!(rules.guard(&anon(), POSTS, Verb::Create), None);
    // What anon may do, users may not by that.
    assert_eq!(rules.guard(&user(&[], json!({})), POSTS, Verb::Read), None);
    assert_eq!(rules.guard(&user(&[], json!({})), POSTS, Verb::Create), Some(Guard::default()));
    assert_eq!(rules.guard(&anon(), Resource::View("posts"), Verb::Read), None);
    assert_eq!(rules.guard(&anon(), Resource::Function("posts"), Verb::Call), None);
    assert_eq!(rules.guard(&user(&["nobody"], json!({})), Resource::Table("other"), Verb::Read), None);
}

#[test]
fn a_denial_of_any_role_wins() {
    let roles = [
        ("user", json!({ "policies": [{ "resource": "*", "actions": ["read", "call"] }] })),
        ("banned", json!({ "policies": [{ "resource": "posts", "actions": ["read"], "effect": "deny" }] })),
        ("newer", json!({ "policies": [], "quotas": [] })),
    ];
    let rules = rules(&[], &roles);
    assert!(rules.guard(&user(&[], json!({})), POSTS, Verb::Read).is_some());
    assert!(rules.guard(&user(&["banned"], json!({})), POSTS, Verb::Read).is_none());
    assert!(rules.guard(&user(&["banned"], json!({})), Resource::Function("f"), Verb::Call).is_some());
    // A role that this server cannot read may deny anything.
    assert!(rules.guard(&user(&["newer"], json!({})), POSTS, Verb::Read).is_none());
}

#[test]
fn secret_keys_do_everything_or_their_scopes() {
    let rules = rules(&[], &[]);
    assert_eq!(rules.guard(&secret(&[]), Resource::Function("f"), Verb::Call), Some(Guard::default()));
    let scoped = secret(&["data:read", "table:posts:write", "files"]);
    assert_eq!(rules.guard(&scoped, POSTS, Verb::Update), Some(Guard::default()));
    assert_eq!(rules.guard(&scoped, Resource::Table("other"), Verb::Read), Some(Guard::default()));
    assert_eq!(rules.guard(&scoped, Resource::Table("other"), Verb::Update), None);
    assert_eq!(rules.guard(&scoped, Resource::Function("f"), Verb::Call), None);
    // With a user beside it, the user's roles decide as well.
    let with_user = DataActor { user: user(&[], json!({})).user, ..secret(&["data:read"]) };
    assert_eq!(rules.guard(&with_user, POSTS, Verb::Read), None);
}

#[test]
fn a_value_the_actor_does_not_have_matches_no_row() {
    for (operator, value) in
        [("eq", "actor.claims.team"), ("neq", "actor.claims.team"), ("in", "actor.roles"), ("contains", "actor.claims.x.y")]
    {
        let rule = json!({ "resource": "posts", "field": "title", "operator": operator, "value": value, "actions": ["read"] });
        let role = json!({ "policies": [{ "resource": "posts", "actions": ["read"] }], "scope_rules": [rule] });
        let rules = rules(&[], &[("user", role.clone()), ("anon", role)]);
        for actor in [anon(), user(&[], json!({ "team": null })), user(&[], json!({ "team": [], "x": { "y": [{}] } }))] {
            let guard = rules.guard(&actor, POSTS, Verb::Read).unwrap();
            assert_eq!(guard.rows, Some(Rows::default()), "{operator} {value}");
        }
    }
}

#[test]
fn a_list_of_what_is_shown_hides_the_rest_and_what_comes_later() {
    let role = json!({ "policies": [{ "resource": "view:recent", "actions": ["read"] }],
        "field_masks": [{ "resource": "view:recent", "allow": ["id", "title"], "fields": { "email": { "redact": "***" } } }] });
    let rules = rules(&[], &[("anon", role)]);
    let anon = anon();
    let masks = rules.guard(&anon, Resource::View("recent"), Verb::Read).unwrap().masks;
    let names: Vec<&str> = masks.keys().map(String::as_str).collect();
    assert_eq!(names, ["", "email", "owner"]);
    assert_eq!(masks["email"], Mask::Redact("***".into()));
    assert_eq!(masks["owner"], Mask::Hide);
}

#[test]
fn an_explanation_names_what_decides() {
    let own = json!({ "resource": "posts", "field": "owner", "operator": "eq", "value": "actor.userId", "actions": ["read"] });
    let author = json!({ "policies": [{ "resource": "posts", "actions": ["read"] }], "scope_rules": [own] });
    let masked = json!({ "policies": [{ "resource": "posts", "actions": ["delete"], "effect": "deny" }],
        "field_masks": [{ "resource": "posts", "fields": { "email": "hide" } }],
        "scope_rules": [{ "resource": "posts", "field": "id", "operator": "in", "value": ["1", "2"], "actions": ["read"] }] });
    let rules = rules(&[("posts", json!({ "user": ["read", "delete"] }))], &[("author", author), ("user", masked)]);
    let actor = user(&["author"], json!({}));
    let read = rules.explain(&actor, POSTS, Verb::Read, &columns);
    assert!(read.allowed);
    assert_eq!(read.rows.as_deref(), Some("id in ('1', '2') or owner = '00000000-0000-0000-0000-000000000000'"));
    let [mask] = read.masks.as_slice() else { panic!("{:?}", read.masks) };
    assert_eq!((mask.column.as_str(), mask.mask, mask.role.as_str(), mask.index), ("email", "unless", "user", 0));
    assert_eq!(mask.rows.as_deref(), Some("owner = '00000000-0000-0000-0000-000000000000'"));
    let kinds: Vec<(&str, Option<usize>)> = read.rules.iter().map(|rule| (rule.kind, rule.index)).collect();
    assert_eq!(
        kinds,
        [("access", None), ("scope_rule", Some(0)), ("field_mask", Some(0)), ("policy", Some(0)), ("scope_rule", Some(0))]
    );
    let delete = rules.explain(&actor, POSTS, Verb::Delete, &columns);
    assert!(!delete.allowed);
    let deciding: Vec<&Looked> = delete.rules.iter().filter(|rule| rule.decides).collect();
    let [denial] = deciding.as_slice() else { panic!("{deciding:?}") };
    assert_eq!(
        (denial.role.as_deref(), denial.kind, denial.index, denial.effect),
        (Some("user"), "policy", Some(0), Some("deny"))
    );
    let none = rules.explain(&anon(), POSTS, Verb::Read, &columns);
    assert_eq!((none.allowed, none.rules.len()), (false, 0));
    assert!(none.reason.contains("No rule allows it"), "{}", none.reason);
    let key = rules.explain(&secret(&["data:read"]), POSTS, Verb::Create, &columns);
    assert_eq!((key.allowed, key.rules[0].kind), (false, "scope"));
}
