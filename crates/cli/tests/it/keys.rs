//! API keys: where they are accepted, what ends them, what they may do.

use serde_json::{Value, json};

use crate::client::{Answer, Person};
use crate::harness::{Server, until};
use crate::secrecy::assert_no_secret;
use crate::transcript::Transcript;
use crate::world::{Environment, blog, branch};

const POSTS: &str = "/v1/data/posts?select=slug&order=slug";

/// The body without what differs in every answer.
fn body(answer: &Answer) -> Value {
    let mut body = answer.json();
    body["request_id"] = json!("");
    body
}

async fn list(person: &Person, environment: &str) -> Vec<Value> {
    let document = "query($e: String!) { apiKeys(environmentId: $e) { nodes {
        id prefix kind name scopes default lastUsedAt expiresAt revokedAt publishable } pageInfo { endCursor hasNextPage } } }";
    let page = person.query(document, json!({ "e": environment })).await;
    page["apiKeys"]["nodes"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_key_is_accepted_in_all_three_headers() {
    let server = Server::start();
    let root = blog(&server).await;
    let bearer = |key: &str| format!("Bearer {key}");
    let expected = json!([{ "slug": "one" }, { "slug": "three" }, { "slug": "two" }]);
    for key in [&root.secret, &root.publishable] {
        for (name, value) in [("X-API-Key", key.clone()), ("apikey", key.clone()), ("Authorization", bearer(key))] {
            assert_eq!(server.stranger().header(name, &value).rows(POSTS).await, expected, "{name}");
        }
        // As Supabase's clients send it.
        let both = server.stranger().header("apikey", key).header("authorization", &bearer(key));
        assert_eq!(both.rows(POSTS).await, expected);
        let all = both.header("x-api-key", key);
        assert_eq!(all.rows(&POSTS.replace("/v1/data", "/rest/v1")).await, expected);
    }
    let two = server.stranger().header("apikey", &root.publishable).header("authorization", &bearer(&root.secret));
    let mut transcript = Transcript::default();
    transcript.answer("two different keys", &two.get(POSTS).await);
    transcript.answer("no key", &server.stranger().get(POSTS).await);
    transcript.check("key_headers");
}

#[tokio::test]
async fn every_key_that_is_not_valid_gets_the_same_answer() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let elsewhere = Environment::of(&branch(&owner, &root.project, "dev", "gone", json!({})).await);
    let create = async |name: &str, more: Value| {
        let mut input = json!({ "environmentId": root.id, "kind": "SECRET", "name": name });
        more.as_object().unwrap().iter().for_each(|(field, value)| input[field] = value.clone());
        owner.must("createApiKey", input).await
    };
    let text = |payload: &Value| payload["secret"].as_str().unwrap().to_owned();
    let revoked = create("revoked", json!({})).await;
    owner.must("revokeApiKey", json!({ "keyId": revoked["apiKey"]["id"] })).await;
    let expired = create("expired", json!({ "expiresIn": "1s" })).await;
    assert_eq!(server.api(&text(&expired)).get(POSTS).await.status, 200);
    owner.must("deleteEnvironment", json!({ "environmentId": elsewhere.id })).await;
    until("the key has expired", async || (server.api(&text(&expired)).get(POSTS).await.status == 401).then_some(())).await;

    let mut mistyped = root.secret.clone();
    let last = mistyped.pop().unwrap();
    mistyped.push(if last == 'A' { 'B' } else { 'A' });
    // A key that was never made: its checksum is right.
    let unknown = cloche_wire::KeyText::generate(cloche_wire::TokenKind::Api(
        cloche_wire::KeyKind::Secret,
        cloche_wire::KeyEnvironment::Dev,
    ))
    .unwrap();
    let owner_token = owner.token.clone();
    let answers = [
        ("mistyped", mistyped),
        ("cut off", root.secret[..40].to_owned()),
        ("not a key", "secret".to_owned()),
        ("empty", String::new()),
        ("unknown", unknown.reveal().to_owned()),
        ("an access token", owner_token),
        ("revoked", text(&revoked)),
        ("expired", text(&expired)),
        ("of a deleted environment", elsewhere.secret.clone()),
    ];
    let mut transcript = Transcript::default();
    let first = server.api(&answers[0].1).get(POSTS).await;
    transcript.answer("a mistyped key", &first);
    transcript.check("key_invalid");
    for (what, key) in answers {
        let answer = server.api(&key).get(POSTS).await;
        assert_eq!((answer.status, body(&answer)), (401, body(&first)), "{what}");
        assert_eq!(answer.header("www-authenticate"), first.header("www-authenticate"), "{what}");
        // A table that is not there and a write get the same: nothing is looked at before the key.
        let other = server.api(&key).post("/v1/data/none", &json!({})).await;
        assert_eq!((other.status, body(&other)), (401, body(&first)), "{what}");
    }
    // The other way round, a key opens no management.
    let answer = server
        .stranger()
        .header("authorization", &format!("Bearer {}", root.secret))
        .post("/graphql", &json!({ "query": "{ viewer { id } }" }))
        .await;
    assert_eq!((answer.status, answer.problem()), (401, "auth/not-a-token".into()));
}

#[tokio::test]
async fn rotation_ends_the_old_pair_at_once_unless_an_overlap_is_asked_for() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let works = async |key: &str| server.api(key).get(POSTS).await.status == 200;
    let pair = |payload: &Value| ["publishable", "secret"].map(|kind| payload["keys"][kind].as_str().unwrap().to_owned());
    let old = [root.publishable.clone(), root.secret.clone()];
    let extra = owner.must("createApiKey", json!({ "environmentId": root.id, "kind": "SECRET", "name": "worker" })).await;
    assert!(works(&old[0]).await && works(&old[1]).await);

    let rotated = owner.must("rotateApiKeys", json!({ "environmentId": root.id })).await;
    let new = pair(&rotated);
    for (old, new) in old.iter().zip(&new) {
        assert!(!works(old).await && works(new).await);
    }
    // Other keys stay, and the answer says so.
    assert_eq!(rotated["others"][0]["name"], "worker");
    assert_eq!(rotated["others"].as_array().unwrap().len(), 1);
    assert!(works(extra["secret"].as_str().unwrap()).await);

    let newer = pair(&owner.must("rotateApiKeys", json!({ "environmentId": root.id, "overlap": "1h" })).await);
    for key in new.iter().chain(&newer) {
        assert!(works(key).await);
    }
    assert_eq!(owner.refused("rotateApiKeys", json!({ "environmentId": root.id, "overlap": "25h" })).await, "key/overlap");
    assert!(works(&newer[1]).await, "a refused rotation changes nothing");

    // Revoking during the overlap is final; no cache remembers.
    let keys = list(&owner, &root.id).await;
    let overlapping = keys.iter().find(|key| key["default"] == false && key["kind"] == "secret" && !key["expiresAt"].is_null());
    let id = &overlapping.unwrap_or_else(|| panic!("{keys:#?}"))["id"];
    owner.must("revokeApiKey", json!({ "keyId": id })).await;
    assert!(!works(&new[1]).await && works(&new[0]).await);
}

#[tokio::test]
async fn lists_never_show_a_secret_and_always_a_publishable_key() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    server.api(&root.secret).get(POSTS).await;
    until("the use is noted", async || {
        list(&owner, &root.id).await.iter().any(|key| key["kind"] == "secret" && !key["lastUsedAt"].is_null()).then_some(())
    })
    .await;
    let keys = list(&owner, &root.id).await;
    assert_no_secret("the list of keys", &json!(keys).to_string());
    let publishable = keys.iter().find(|key| key["kind"] == "publishable").unwrap();
    assert_eq!(publishable["publishable"], json!(root.publishable));
    assert!(publishable["lastUsedAt"].is_null());
    let mut transcript = Transcript::default();
    transcript.json("keys of a new environment", &json!(keys));
    transcript.check("key_list");
}

#[tokio::test]
async fn scopes_limit_a_secret_key() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let create = async |scopes: Value| {
        let input = json!({ "environmentId": root.id, "kind": "SECRET", "name": "scoped", "scopes": scopes });
        server.api(owner.must("createApiKey", input).await["secret"].as_str().unwrap())
    };
    let author = json!({ "handle": "new", "name": "New" });
    let reader = create(json!(["data:read"])).await;
    assert_eq!(reader.get("/v1/data/authors").await.status, 200);
    let refused = reader.post("/v1/data/authors", &author).await;
    let mut transcript = Transcript::default();
    transcript.answer("a write with data:read", &refused);
    let posts = create(json!(["table:posts:read"])).await;
    assert_eq!(posts.get("/v1/data/posts").await.status, 200);
    transcript.answer("another table with table:posts:read", &posts.get("/v1/data/authors").await);
    let writer = create(json!(["data:write"])).await;
    assert_eq!(writer.post("/v1/data/authors", &author).await.status, 201);
    let returning = writer.clone().header("prefer", "return=representation");
    let told = returning.post("/v1/data/authors", &json!({ "handle": "other", "name": "Other" })).await;
    assert_eq!((told.status, told.problem()), (403, "access/denied".into()), "who may not read is not told");

    let unknown = json!({ "environmentId": root.id, "kind": "SECRET", "name": "x", "scopes": ["data:everything"] });
    transcript.json("an unknown scope", &owner.try_to("createApiKey", unknown).await);
    let publishable = json!({ "environmentId": root.id, "kind": "PUBLISHABLE", "name": "x", "scopes": ["data:read"] });
    transcript.json("a publishable key with scopes", &owner.try_to("createApiKey", publishable).await);
    let nameless = json!({ "environmentId": root.id, "kind": "SECRET", "name": " " });
    transcript.json("a key without a name", &owner.try_to("createApiKey", nameless).await);
    transcript.check("key_scopes");
}
