//! What roles hide is not told by a detour either: by embedding, upserts, hints, estimates or errors.

use serde_json::{Value, json};

use crate::client::Api;
use crate::harness::Server;
use crate::users::front;
use crate::world::project;

const PEOPLE: &str = "columns:\n  id: { type: bigint, primary_key: true }\n  name: text\naccess:\n  anon: [read]\n";
const NOTES: &str = "columns:
  id: { type: bigint, primary_key: true }
  title: text
  rating: { type: integer, default: 0 }
  owner: { type: text, default: \"'pub'\" }
  secret: { type: text, nullable: true }
  code: { type: text, nullable: true, unique: true }
  author_id: { type: bigint, nullable: true, references: people.id }
";
const INBOX: &str = "columns:\n  id: { type: bigint, primary_key: true }\n  title: text\n  secret: text\n";
const ANON: &str = "policies:
  - { resource: notes, actions: [read, create, update] }
  - { resource: inbox, actions: [update] }
scope_rules:
  - { resource: notes, field: owner, operator: eq, value: pub, actions: [read] }
field_masks:
  - { resource: notes, fields: { secret: hide, author_id: hide, code: hide } }
  - { resource: inbox, fields: { secret: hide } }
";

/// A note that anon sees, and one that anon does not; of both, anon sees neither the secret nor who wrote it.
async fn world() -> (Server, Api, Api) {
    let server = Server::start();
    let root = project(&server.owner(), "inference").await;
    let files = [("tables/people", PEOPLE), ("tables/notes", NOTES), ("tables/inbox", INBOX), ("roles/anon", ANON)];
    let files: Vec<Value> = files.iter().map(|(path, content)| json!({ "path": format!("{path}.yaml"), "content": content })).collect();
    server.owner().must("applyDefinitions", json!({ "environmentId": root.id, "files": files })).await;
    let (back, anon) = (server.api(&root.secret), front(&server, &root));
    back.make("people", &json!([{ "id": 1, "name": "Ada" }, { "id": 2, "name": "Bea" }])).await;
    let note = |id: i64, owner: &str, author: i64| {
        json!({ "id": id, "title": format!("note {id}"), "rating": 7 + id, "owner": owner, "secret": format!("secret {id}"),
            "code": format!("code {id}"), "author_id": author })
    };
    back.make("notes", &json!([note(1, "pub", 2), note(2, "bea", 1)])).await;
    back.make("inbox", &json!([{ "id": 1, "title": "one", "secret": "hidden" }])).await;
    (server, back, anon)
}

#[tokio::test]
async fn hidden_columns_are_told_by_no_detour() {
    let (_server, _, anon) = world().await;
    let seen = anon.rows("/v1/data/notes").await;
    assert_eq!(seen, json!([{ "id": 1, "title": "note 1", "rating": 8, "owner": "pub" }]));
    for path in [
        "notes?select=id,people(name)",
        "notes?select=id,...people(name)",
        "notes?select=id,people!inner()&people.id=eq.2",
        "notes?select=id,people()&people=not.is.null",
        "notes?select=id,author_id(name)",
        "people?select=id,notes(id)",
    ] {
        let answer = anon.get(&format!("/v1/data/{path}")).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("PGRST200")), "{path}: {}", answer.text);
    }
    let merge = anon.clone().header("prefer", "resolution=merge-duplicates");
    for (path, body, key) in [
        ("notes", json!({ "zzzzzzzzzz": 1 }), "zzzzzzzzzz"),
        ("notes", json!({ "secret": 1 }), "secret"),
        ("notes?on_conflict=zzzzzzzzzz", json!({ "id": 5, "title": "x" }), "zzzzzzzzzz"),
        ("notes?on_conflict=code", json!({ "id": 5, "title": "x" }), "code"),
    ] {
        let answer = merge.post(&format!("/v1/data/{path}"), &body).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text);
        let hint = answer.json()["hint"].as_str().unwrap_or_default().to_owned();
        assert_eq!(hint, "Its columns: id, title, rating, owner.", "{path}, {key}");
    }
    // Who may change records that they may not read finds none by filters.
    let change = anon.patch("/v1/data/inbox?secret=eq.hidden", &json!({ "title": null })).await;
    assert_eq!((change.status, change.json()["code"].as_str()), (403, Some("access/denied")), "{}", change.text);
}

#[tokio::test]
async fn hidden_rows_are_reached_by_no_detour() {
    let (_server, back, anon) = world().await;
    let before = back.rows("/v1/data/notes?id=eq.2").await;
    let mine = json!({ "id": 2, "title": "mine", "owner": "pub" });
    for prefer in ["resolution=merge-duplicates", "resolution=merge-duplicates, return=representation"] {
        let answer = anon.clone().header("prefer", prefer).post("/v1/data/notes", &mine).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (403, Some("42501")), "{prefer}: {}", answer.text);
    }
    assert_eq!(back.rows("/v1/data/notes?id=eq.2").await, before);
    let own = json!({ "id": 1, "title": "changed", "owner": "pub" });
    let answer = anon.clone().header("prefer", "resolution=merge-duplicates").post("/v1/data/notes", &own).await;
    assert_eq!(answer.status, 200, "what can be read can be changed: {}", answer.text);
    for count in ["planned", "estimated", "exact"] {
        let answer = anon.clone().header("prefer", &format!("count={count}")).get("/v1/data/notes?rating=gt.8").await;
        assert_eq!(answer.header("content-range"), Some("*/0"), "{count}");
    }
}

#[tokio::test]
async fn aggregates_that_are_off_are_off_when_spread() {
    let (_server, back, _) = world().await;
    for path in ["notes?select=id,...people(id.max())", "notes?select=...people(x:id.sum())", "people?select=...notes(id.max())"] {
        let answer = back.get(&format!("/v1/data/{path}")).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("PGRST123")), "{path}: {}", answer.text);
    }
}

/// A short request must not fill the server's memory.
#[tokio::test]
async fn answers_that_embed_very_much_are_refused() {
    let (_server, back, _) = world().await;
    let note = |id: i64| json!({ "id": id, "title": "t".repeat(100), "author_id": 1 });
    back.make("notes", &json!((100..900).map(note).collect::<Vec<_>>())).await;
    for path in [
        "notes?select=title,people(notes(title))&author_id=eq.1",
        "notes?select=title,...people(notes(title))&author_id=eq.1&order=id&limit=800",
        "people/1?select=notes(people(notes(title)))",
    ] {
        let answer = back.get(&format!("/v1/data/{path}")).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("54000")), "{path}: {:.300}", answer.text);
    }
    let answer = back.get("/v1/data/notes?select=title,people(notes(title))&author_id=eq.1&people.notes.limit=10").await;
    assert_eq!(answer.status, 200, "{:.300}", answer.text);
}
