//! Roles: what is refused, and what a plan says of their changes.

use super::*;
use crate::role::Role;

const TABLES: &[(&str, &str)] = &[
    ("tables/posts.yaml", "columns: {id: int, title: text, tags: 'text[]'}"),
    ("views/recent.yaml", "select id from posts"),
    ("functions/search.yaml", "returns: int\nlanguage: sql\nbody: select 1"),
];

fn with<'a>(roles: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    TABLES.iter().chain(roles).copied().collect()
}

fn mistakes(files: &[(&str, &str)]) -> String {
    let files: Vec<SourceFile> =
        files.iter().map(|(path, content)| SourceFile { path: (*path).into(), content: (*content).into() }).collect();
    let found = match parse(&files) {
        Err(found) => found,
        Ok(local) => plan(&local, &Deployed::default(), PlanOptions::default()).expect_err("a mistake"),
    };
    found.iter().map(|mistake| format!("{mistake}\n")).collect()
}

#[test]
fn nothing_of_a_role_is_passed_over() {
    let role = "
policys: []
policies:
  - { resource: posts, actions: [reed, call] }
  - { resource: 'function:search', actions: [read] }
  - { resource: 'view:', actions: read }
  - { resource: recent, actions: read }
  - { resource: posts, actions: '*', effect: refuse }
  - { actions: read }
scope_rules:
  - { resource: posts, field: titel, operator: eq, value: 1 }
  - { resource: posts, field: title, operator: like, value: a }
  - { resource: posts, field: title, operator: eq, value: actor.id }
  - { resource: posts, field: title, operator: in, value: a }
  - { resource: posts, field: title, operator: gt, value: null }
  - { resource: posts, field: title, operator: contains, value: a }
  - { resource: 'function:search', field: title, operator: eq, value: a }
  - { resource: posts, field: title, operator: eq }
field_masks:
  - { resource: posts, fields: { titel: hide, title: blur } }
  - { resource: posts, fields: { title: { redact: [a] } } }
  - { resource: posts }
  - { resource: '*', allow: [id] }
";
    insta::assert_snapshot!(mistakes(&with(&[("roles/editor.yaml", role)])));
}

#[test]
fn what_no_file_defines_may_be_deployed() {
    let role = "policies: [{ resource: pots, actions: read }, { resource: 'view:newest', actions: read }]
scope_rules: [{ resource: posts, field: gone, operator: is_null }]";
    insta::assert_snapshot!(mistakes(&[("roles/editor.yaml", role)]));
    let local = read(&[(
        "roles/editor.yaml",
        "policies: [{ resource: posts, actions: read }, { resource: 'view:recent', actions: read }]",
    )]);
    let there = deployed(&read(TABLES));
    assert_eq!(plan_from(&there, &local).changes.len(), 1);
    // With `prune` the table would go, and leave a role that is about nothing.
    assert!(plan(&local, &there, PlanOptions { prune: true }).is_err());
}

#[test]
fn changes_of_roles_have_no_sql_and_say_what_breaks() {
    let base = "policies: [{ resource: posts, actions: [read, update] }]";
    let scope = format!("{base}\nscope_rules: [{{ resource: posts, field: id, operator: eq, value: actor.claims.post }}]");
    let before = read(&with(&[("roles/editor.yaml", base), ("roles/gone.yaml", base)]));
    let shown = |roles: &[(&str, &str)]| show(&prune_from(&deployed(&before), &read(&with(roles))));
    let keep = ("roles/gone.yaml", base);
    let less = shown(&[("roles/editor.yaml", "policies: [{ resource: posts, actions: read }]"), keep]);
    let more = shown(&[("roles/editor.yaml", "policies: [{ resource: posts, actions: '*' }]"), keep]);
    let scoped = shown(&[("roles/editor.yaml", &scope), keep]);
    let anon =
        shown(&[("roles/editor.yaml", base), keep, ("roles/anon.yaml", "field_masks: [{ resource: posts, allow: [id] }]")]);
    let dropped = shown(&[("roles/editor.yaml", base)]);
    insta::assert_snapshot!([less, more, scoped, anon, dropped].join(""));
}

#[test]
fn the_normal_form_reads_as_itself() {
    let written = "
description: All there is.
policies:
  - { resource: 'table:posts', actions: '*' }
  - { resource: '*', actions: [read, call], effect: deny }
scope_rules:
  - { resource: posts, field: title, operator: eq, value: { text: actor.userId } }
  - { resource: posts, field: title, operator: neq, value: null, actions: read }
  - { resource: posts, field: tags, operator: contains, value: [a, 2, true] }
  - { resource: 'view:recent', field: id, operator: in, value: actor.claims.a.b }
  - { resource: posts, field: id, operator: is_null, value: false }
field_masks:
  - { resource: posts, fields: { title: { redact: 'x' }, tags: hide, id: redact } }
  - { resource: posts, allow: [id] }
";
    let first = read(&with(&[("roles/editor.yaml", written)])).roles["editor"].clone();
    let json = serde_json::to_string(&first).unwrap();
    assert_eq!(serde_json::from_str::<Role>(&json).unwrap(), first);
    let again = read(&with(&[("roles/editor.yaml", &json)]));
    assert_eq!(again.roles["editor"], first);
    insta::assert_snapshot!(serde_json::to_string_pretty(&first).unwrap());
    let local = read(&with(&[("roles/editor.yaml", written), ("roles/empty.yaml", "description: Nothing.")]));
    let printed = crate::print(&local);
    assert_eq!(parse(&printed).unwrap(), local);
    insta::assert_snapshot!(printed.iter().find(|file| file.path.starts_with("roles/editor")).unwrap().content);
}
