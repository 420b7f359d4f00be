//! The log of an environment's requests and its counters.

use serde_json::{Value, json};

use crate::harness::Server;
use crate::world::{Environment, blog, branch, database_of, project, superuser};

const LOG: &str = "query($e: String!, $status: String, $resource: String, $newerThan: String, $first: Int, $after: String) {
    requestLog(environmentId: $e, status: $status, resource: $resource, newerThan: $newerThan, first: $first, after: $after) {
        nodes { cursor at method route resource status durationMs keyId userId requestId address }
        pageInfo { endCursor hasNextPage } } }";
const USAGE: &str = "query($e: String!) { usage(environmentId: $e) {
    days { day requests clientErrors serverErrors notLogged averageMs } resources { resource verb column count } } }";

async fn log(server: &Server, root: &Environment, mut variables: Value) -> Value {
    variables["e"] = json!(root.id);
    server.owner().query(LOG, variables).await["requestLog"].take()
}

/// What was asked for, oldest first.
fn shown(page: &Value) -> Vec<(String, String, i64)> {
    let line = |line: &Value| {
        let text = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
        (format!("{} {}", text("method"), text("route")), text("resource"), line["status"].as_i64().unwrap())
    };
    let mut lines: Vec<_> = page["nodes"].as_array().unwrap().iter().map(line).collect();
    lines.reverse();
    lines
}

#[tokio::test]
async fn requests_are_written_down() {
    let server = Server::start();
    let root = project(&server.owner(), "empty").await;
    let api = server.api(&root.secret).header("x-request-id", "mine-1");
    api.get("/v1/data/none?secret=eq.hunter2").await;
    api.get("/rest/v1/none/7").await;
    api.delete("/v1/data/none/7").await;
    server.api(&root.publishable).get("/v1/data/other").await;
    server.stranger().get("/v1/data/none").await;
    let page = log(&server, &root, json!({})).await;
    let expected = [
        ("GET /v1/data/{table}", "none", 404),
        ("DELETE /v1/data/{table}/{id}", "none", 404),
        ("GET /v1/data/{table}", "other", 404),
    ];
    let expected: Vec<_> = expected.map(|(what, table, status)| (what.to_owned(), table.to_owned(), status)).to_vec();
    assert_eq!(shown(&page), expected, "neither what is at no path, nor what has no key");
    let first = &page["nodes"][2];
    assert_eq!(
        (first["requestId"].as_str(), first["address"].as_str(), &first["userId"]),
        (Some("mine-1"), Some("127.0.0.1"), &Value::Null)
    );
    let keys = "query($e: String!) { apiKeys(environmentId: $e) { nodes { id kind } } }";
    let keys = server.owner().query(keys, json!({ "e": root.id })).await;
    let secret = keys["apiKeys"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kind"].as_str().unwrap().eq_ignore_ascii_case("secret"))
        .unwrap();
    assert_eq!(first["keyId"], secret["id"]);
    assert!(first["durationMs"].as_f64().unwrap() > 0.0);
    assert!(!page.to_string().contains("hunter2"), "never the query");

    // In pages, by status and table, and what came after one.
    let two = log(&server, &root, json!({ "first": 2 })).await;
    assert_eq!((two["nodes"].as_array().unwrap().len(), &two["pageInfo"]["hasNextPage"]), (2, &json!(true)));
    let rest = log(&server, &root, json!({ "first": 2, "after": two["pageInfo"]["endCursor"] })).await;
    assert_eq!((shown(&rest), &rest["pageInfo"]["hasNextPage"]), (expected[..1].to_vec(), &json!(false)));
    assert_eq!(shown(&log(&server, &root, json!({ "status": "4xx", "resource": "other" })).await), expected[2..]);
    assert_eq!(shown(&log(&server, &root, json!({ "status": "5xx" })).await), []);
    assert_eq!(shown(&log(&server, &root, json!({ "newerThan": first["cursor"] })).await).len(), 2);

    // Without addresses, or not at all.
    let owner = server.owner();
    owner.must("updateEnvironmentSettings", json!({ "environmentId": root.id, "logAddresses": false })).await;
    api.get("/v1/data/none").await;
    assert_eq!(log(&server, &root, json!({ "first": 1 })).await["nodes"][0]["address"], Value::Null);
    owner.must("updateEnvironmentSettings", json!({ "environmentId": root.id, "logRequests": false })).await;
    api.get("/v1/data/none").await;
    assert_eq!(log(&server, &root, json!({})).await["nodes"].as_array().unwrap().len(), 4);
    let usage = owner.query(USAGE, json!({ "e": root.id })).await;
    let today = &usage["usage"]["days"][0];
    let counted = |name: &str| today[name].as_i64().unwrap();
    assert_eq!((counted("requests"), counted("clientErrors"), counted("serverErrors"), counted("notLogged")), (5, 5, 0, 1));
}

#[tokio::test]
async fn tables_and_columns_are_counted() {
    let server = Server::start();
    let root = blog(&server).await;
    let api = server.api(&root.secret);
    for _ in 0..3 {
        api.rows("/v1/data/posts?select=slug,title&status=eq.draft&order=slug").await;
    }
    api.rows("/v1/data/posts?select=slug,authors(name)").await;
    api.patch("/v1/data/posts?slug=eq.one", &json!({ "title": "T" })).await;
    api.get("/v1/data/posts?select=nothing").await;
    let usage = server.owner().query(USAGE, json!({ "e": root.id })).await;
    let of = |resource: &str, verb: &str, column: Option<&str>| {
        let all = usage["usage"]["resources"].as_array().unwrap();
        let found =
            all.iter().find(|used| used["resource"] == resource && used["verb"] == verb && used["column"].as_str() == column);
        found.map_or(0, |used| used["count"].as_i64().unwrap())
    };
    assert_eq!((of("posts", "read", None), of("posts", "create", None), of("posts", "update", None)), (4, 1, 1), "{usage:#}");
    assert_eq!((of("posts", "read", Some("slug")), of("posts", "read", Some("status"))), (7, 3));
    assert_eq!((of("posts", "update", Some("title")), of("posts", "update", Some("slug"))), (1, 1));
    assert_eq!((of("authors", "read", None), of("authors", "read", Some("name"))), (1, 1), "what is embedded is read");
    assert!(!usage.to_string().contains("nothing"));
}

#[tokio::test]
async fn the_log_stays_with_its_environment_and_outlives_the_server() {
    let server = Server::start();
    let root = blog(&server).await;
    server.api(&root.secret).get("/v1/data/posts").await;
    let server = server.stop().start();
    let database = superuser(&server, &database_of(&server, &root.id).await).await;
    let kept = async || database.query_one("SELECT count(*) FROM cloche.request_log", &[]).await.unwrap().get::<_, i64>(0);
    assert_eq!(kept().await, 4, "what was not written yet is written when the server stops");
    for more in
        [json!({}), json!({ "strategy": "SNAPSHOT" }), json!({ "copySecurityConfig": true, "copyEnvironmentVariables": true })]
    {
        let name = format!("branch-{}", uuid::Uuid::new_v4().simple());
        let made = Environment::of(&branch(&server.owner(), &root.project, "dev", &name, more).await);
        assert_eq!(log(&server, &made, json!({})).await["nodes"], json!([]));
        let usage = server.owner().query(USAGE, json!({ "e": made.id })).await;
        assert_eq!(usage["usage"], json!({ "days": [], "resources": [] }));
    }
}

#[tokio::test]
async fn a_flood_is_counted_and_only_sampled() {
    let server = Server::start();
    let root = blog(&server).await;
    let api = server.api(&root.secret);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let api = api.clone();
        tasks.spawn(async move {
            for _ in 0..150 {
                assert_eq!(api.get("/v1/data/posts?select=slug&limit=1").await.status, 200);
            }
        });
    }
    tasks.join_all().await;
    let usage = server.owner().query(USAGE, json!({ "e": root.id })).await;
    let today = &usage["usage"]["days"][0];
    let database = superuser(&server, &database_of(&server, &root.id).await).await;
    let kept: i64 = database.query_one("SELECT count(*) FROM cloche.request_log", &[]).await.unwrap().get(0);
    assert_eq!(today["requests"], 3003, "{today}");
    assert_eq!(today["notLogged"].as_i64().unwrap() + kept, 3003, "{today}");
    let read =
        usage["usage"]["resources"].as_array().unwrap().iter().find(|used| used["column"].is_null() && used["verb"] == "read");
    assert_eq!(read.unwrap()["count"], 3000);
}
