//! Settings of an environment: which pages may call, how often anybody may, how much; and that they stay with it.

use serde_json::{Value, json};

use crate::client::{Answer, Api, Person};
use crate::harness::{Postgres, Server, until};
use crate::world::{Environment, blog, branch, count, project};

const SETTINGS: &str = "query($e: String!) { environmentSettings(environmentId: $e) { corsOrigins ratePerKey ratePerAddress maxBodyBytes \
                        statementTimeoutSeconds maxRows aggregates maxDatabaseMib logRequests logAddresses } }";

async fn settings(owner: &Person, environment: &str) -> Value {
    owner.query(SETTINGS, json!({ "e": environment })).await["environmentSettings"].take()
}

pub(crate) async fn set(owner: &Person, environment: &Environment, settings: Value) -> Value {
    owner.must("updateEnvironmentSettings", with(environment, settings)).await["settings"].take()
}

fn with(environment: &Environment, mut settings: Value) -> Value {
    settings["environmentId"] = json!(environment.id);
    settings
}

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[tokio::test]
async fn settings_have_defaults_and_are_changed_as_a_whole() {
    let server = Server::start();
    let owner = server.owner();
    let root = project(&owner, "demo").await;
    let defaults = json!({
        "corsOrigins": ["*"], "ratePerKey": null, "ratePerAddress": null, "maxBodyBytes": 8 << 20, "statementTimeoutSeconds": 30,
        "maxRows": 1000, "aggregates": false, "maxDatabaseMib": null, "logRequests": true, "logAddresses": true,
    });
    assert_eq!(settings(&owner, &root.id).await, defaults);
    let changed = set(&owner, &root, json!({ "ratePerKey": "50/s burst 200", "aggregates": true, "maxRows": 5 })).await;
    assert_eq!(
        (&changed["ratePerKey"], &changed["aggregates"], &changed["maxRows"]),
        (&json!("50/s burst 200"), &json!(true), &json!(5))
    );
    assert_eq!(settings(&owner, &root.id).await, changed);
    for (wrong, code) in [
        (json!({ "maxRows": 6, "corsOrigins": ["https://a.example/"] }), "settings/origin-invalid"),
        (json!({ "maxRows": 6, "maxBodyBytes": 1 }), "settings/out-of-range"),
        (json!({ "maxRows": 6, "ratePerAddress": "often" }), "settings/invalid"),
    ] {
        assert_eq!(owner.refused("updateEnvironmentSettings", with(&root, wrong)).await, code);
    }
    assert_eq!(settings(&owner, &root.id).await, changed, "all or nothing");
    let reset = set(&owner, &root, json!({ "ratePerKey": null, "aggregates": null, "maxRows": null })).await;
    assert_eq!(reset, defaults);
    let audit = owner
        .query("query($p: String!) { auditLog(projectId: $p) { nodes { action detail } } }", json!({ "p": root.project }))
        .await;
    let newest = &audit["auditLog"]["nodes"][0];
    assert_eq!((newest["action"].as_str(), newest["detail"].to_string().contains("ratePerKey")), (Some("settings.update"), true));
}

#[tokio::test]
async fn pages_call_from_the_origins_that_are_set() {
    let server = Server::start();
    let (owner, root) = (server.owner(), blog(&server).await);
    let from = |origin: &str| server.api(&root.publishable).header("origin", origin);
    let posts = "/v1/data/posts?select=slug&limit=1";

    // Any, unless something else is said; and who is no page is told nothing.
    let any = from("https://a.example").get(posts).await;
    assert_eq!((any.status, allowed(&any)), (200, Some("*")));
    let exposed = any.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("content-range") && exposed.contains("ratelimit"), "{exposed}");
    assert_eq!(allowed(&server.api(&root.publishable).get(posts).await), None);

    set(&owner, &root, json!({ "corsOrigins": ["https://a.example", "http://localhost:3000"] })).await;
    for origin in ["https://a.example", "http://localhost:3000"] {
        let answer = from(origin).get(posts).await;
        assert_eq!((answer.status, allowed(&answer), answer.header("vary")), (200, Some(origin), Some("origin")));
        // Errors too: a page must be able to read why.
        let missing = from(origin).get("/v1/data/none").await;
        assert_eq!((missing.status, allowed(&missing)), (404, Some(origin)));
    }
    let before = count(&server.api(&root.secret), "posts").await;
    for origin in ["https://b.example", "http://a.example", "https://a.example:444", "null", "https://a.example.evil"] {
        let refused = server.api(&root.secret).header("origin", origin).delete("/v1/data/posts?slug=eq.one").await;
        assert_eq!(
            (refused.status, refused.json()["code"].as_str(), allowed(&refused)),
            (403, Some("cors/origin-not-allowed"), None)
        );
    }
    assert_eq!(count(&server.api(&root.secret), "posts").await, before, "nothing ran");
    // A page of the server itself, and who is no page.
    assert_eq!(from(&server.url).get(posts).await.status, 200);
    let plain = server.api(&root.publishable).get(posts).await;
    assert_eq!((plain.status, plain.header("vary")), (200, Some("origin")));
    // Without a valid key nobody knows the environment, and the page may read that.
    let unknown = Api::new(&server.url).header("origin", "https://b.example").get(posts).await;
    assert_eq!((unknown.status, allowed(&unknown)), (401, Some("https://b.example")));

    // Browsers ask first, without the key.
    let asking = server.stranger().header("origin", "https://b.example").header("access-control-request-method", "PATCH");
    let asked = asking.header("access-control-request-headers", "apikey, prefer").send("OPTIONS", "/rest/v1/posts", None).await;
    assert_eq!((asked.status, allowed(&asked)), (204, Some("https://b.example")));
    assert_eq!(asked.header("access-control-allow-headers"), Some("apikey, prefer"));
    assert!(asked.header("access-control-allow-methods").unwrap().contains("PATCH"));
    assert_eq!(asked.header("access-control-allow-credentials"), None, "a key is no cookie");
    // Of the management plane no page of others reads anything.
    let other = server.stranger().header("origin", "https://b.example").header("access-control-request-method", "POST");
    let other = other.send("OPTIONS", "/graphql", None).await;
    assert_eq!((other.status, allowed(&other)), (405, None));
}

#[tokio::test]
async fn rates_are_kept_and_told() {
    let server = Server::start();
    let (owner, root) = (server.owner(), blog(&server).await);
    let posts = "/v1/data/posts?select=slug&limit=1";
    let api = server.api(&root.publishable);
    assert_eq!(api.get(posts).await.header("ratelimit"), None, "off unless set");

    set(&owner, &root, json!({ "ratePerKey": "1/h burst 3" })).await;
    for left in [2, 1, 0] {
        let answer = api.get(posts).await;
        assert_eq!((answer.status, answer.header("ratelimit-policy")), (200, Some("\"key\";q=3;w=10800")));
        let told = answer.header("ratelimit").unwrap();
        assert!(told.starts_with(&format!("\"key\";r={left};t=")), "{told}");
    }
    let refused = api.clone().header("origin", "https://a.example").get(posts).await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (429, Some("rate/exceeded")));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((3000..=3600).contains(&wait), "{wait}");
    assert!(refused.header("ratelimit").unwrap().starts_with("\"key\";r=0;t="));
    assert_eq!(allowed(&refused), Some("*"), "a page must be able to read when to come back");
    assert_eq!(server.api(&root.secret).get(posts).await.status, 200, "each key counts for itself");

    // One address; not for secret keys, which are servers'.
    set(&owner, &root, json!({ "ratePerKey": null, "ratePerAddress": "1/h burst 2" })).await;
    assert_eq!((api.get(posts).await.status, api.get(posts).await.status, api.get(posts).await.status), (200, 200, 429));
    assert_eq!(server.api(&root.secret).get(posts).await.status, 200);
    // Nobody is asked what their address is, unless they are a trusted proxy.
    assert_eq!(api.clone().header("x-forwarded-for", "192.0.2.1").get(posts).await.status, 429);
    let server = server.stop().start_behind("10.0.0.0/8, 127.0.0.0/8");
    let from = |forwarded: &str| server.api(&root.publishable).header("x-forwarded-for", forwarded);
    for (forwarded, status) in
        [("192.0.2.1", 200), ("192.0.2.1", 200), ("192.0.2.1", 429), ("192.0.2.2, 192.0.2.1, 10.0.0.7", 429), ("192.0.2.2", 200)]
    {
        assert_eq!(from(forwarded).get(posts).await.status, status, "{forwarded}");
    }
}

#[tokio::test]
async fn limits_of_an_environment_are_its_own() {
    let server = Server::start();
    let (owner, root) = (server.owner(), blog(&server).await);
    let other = Environment::of(&branch(&owner, &root.project, "dev", "other", json!({})).await);
    let (api, beside) = (server.api(&root.secret), server.api(&other.secret));
    let files = json!([{ "path": "tables/notes.yaml", "content":
        "columns:\n  id: { type: bigint, primary_key: true }\n  body: { type: text }\n" }]);
    for environment in [&root, &other] {
        owner.must("applyDefinitions", json!({ "environmentId": environment.id, "files": files })).await;
    }
    let notes: Vec<Value> = (0..20).map(|id| json!({ "id": id, "body": "x".repeat(200) })).collect();
    set(&owner, &root, json!({ "maxBodyBytes": 2048, "maxRows": 7, "aggregates": true, "statementTimeoutSeconds": 1 })).await;

    let large = api.post("/v1/data/notes", &json!(notes)).await;
    assert_eq!((large.status, large.json()["code"].as_str()), (413, Some("request/too-large")));
    assert_eq!(beside.post("/v1/data/notes", &json!(notes)).await.status, 201);
    for chunk in notes.chunks(5) {
        assert_eq!(api.post("/v1/data/notes", &json!(chunk)).await.status, 201);
    }
    for (query, here, there) in [("limit=100", 7, 20), ("", 7, 20), ("limit=3", 3, 3)] {
        assert_eq!(api.rows(&format!("/v1/data/notes?{query}")).await.as_array().unwrap().len(), here, "{query}");
        assert_eq!(beside.rows(&format!("/v1/data/notes?{query}")).await.as_array().unwrap().len(), there, "{query}");
    }
    assert_eq!(api.rows("/v1/data/notes?select=count()").await, json!([{ "count": 20 }]));
    let off = beside.get("/v1/data/notes?select=count()").await;
    assert_eq!((off.status, off.json()["code"].as_str()), (400, Some("PGRST123")));

    // Statements of the environment end after a second, those of the other do not.
    let slow = "CREATE FUNCTION slow() RETURNS int LANGUAGE sql AS $$ SELECT 1 FROM pg_sleep(1.5) $$";
    for environment in [&root, &other] {
        crate::world::customer(&owner, &environment.id).await.batch_execute(slow).await.unwrap();
    }
    let cut = until("the function is found", async || {
        let answer = api.post("/v1/rpc/slow", &json!({})).await;
        (answer.status != 404).then_some(answer)
    })
    .await;
    assert_eq!(cut.json()["code"], "57014", "{}", cut.text);
    let done = until("the function is found", async || {
        let answer = beside.post("/v1/rpc/slow", &json!({})).await;
        (answer.status != 404).then_some(answer)
    })
    .await;
    assert_eq!((done.status, done.text.as_str()), (200, "1"));
}

#[tokio::test]
async fn a_full_database_takes_deletes_alone() {
    let server = Server::start();
    let (owner, root) = (server.owner(), blog(&server).await);
    let api = server.api(&root.secret);
    set(&owner, &root, json!({ "maxDatabaseMib": 1 })).await;
    let author = json!({ "handle": "eve", "name": "Eve" });
    let refused = api.post("/v1/data/authors", &author).await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (403, Some("quota/exceeded")));
    assert_eq!(api.patch("/v1/data/authors?handle=eq.ada", &json!({ "name": "A" })).await.status, 403);
    assert_eq!(count(&api, "authors").await, 2);
    assert_eq!(api.delete("/v1/data/comments?body=eq.first").await.status, 204);
    set(&owner, &root, json!({ "maxDatabaseMib": 4096 })).await;
    assert_eq!(api.post("/v1/data/authors", &author).await.status, 201);
}

#[tokio::test]
async fn settings_go_along_only_when_asked_for() {
    let server = Server::start();
    let (owner, root) = (server.owner(), blog(&server).await);
    let set = set(&owner, &root, json!({ "corsOrigins": ["https://a.example"], "ratePerKey": "1000/s" })).await;
    let defaults = json!(["*"]);
    for (name, more, taken) in [
        ("without", json!({}), false),
        ("with", json!({ "copySecurityConfig": true }), true),
        ("snapshot", json!({ "copySecurityConfig": true, "strategy": "SNAPSHOT" }), true),
        ("snapshot-without", json!({ "strategy": "SNAPSHOT" }), false),
        ("system", json!({ "copySecurityConfig": true, "mode": "system" }), true),
    ] {
        let made = Environment::of(&branch(&owner, &root.project, "dev", name, more).await);
        let found = settings(&owner, &made.id).await;
        assert_eq!(if taken { &found } else { &found["corsOrigins"] }, if taken { &set } else { &defaults }, "{name}");
        let answer = server.api(&made.publishable).header("origin", "https://b.example").get("/v1/data/posts?select=slug").await;
        assert_eq!(answer.status, if taken { 403 } else { 200 }, "{name}");
    }
}

#[tokio::test]
async fn settings_are_in_force_on_every_server_on_return() {
    let postgres = Postgres::start();
    let first = Server::start_over(&postgres.url(postgres.port), None, None);
    let second = Server::start_over(&postgres.url(postgres.port), Some(&first), None);
    let root = blog(&first).await;
    let owner = first.owner();
    let calls = |server: &Server, origin: &str| server.api(&root.publishable).header("origin", origin);
    for round in 0..5 {
        let (now, before) = (format!("https://a{round}.example"), format!("https://a{}.example", round + 4));
        set(&owner, &root, json!({ "corsOrigins": [now] })).await;
        for server in [&first, &second] {
            assert_eq!(calls(server, &now).get("/v1/data/posts?limit=1").await.status, 200);
            assert_eq!(calls(server, &before).get("/v1/data/posts?limit=1").await.status, 403);
        }
    }
}
