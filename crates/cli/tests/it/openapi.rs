//! The document that describes an environment's data plane: valid, and as much as the caller may do.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::client::Api;
use crate::harness::{Server, until, workspace};
use crate::world::{blog, customer};

const DOCUMENT: &str = "/v1/openapi.json";

async fn document(api: &Api) -> Value {
    let answer = api.get(DOCUMENT).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/openapi+json; charset=utf-8"));
    answer.json()
}

/// What can be done where, as `GET /v1/data/posts`.
fn operations(document: &Value) -> Vec<String> {
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, item): (&String, &Value)| {
        let methods = item.as_object().unwrap().keys().filter(|method| *method != "parameters");
        methods.map(|method| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

/// With the validator that the console's packages bring.
async fn validate(document: &Value) {
    let mut node = tokio::process::Command::new("node");
    node.arg(workspace().join("console/tests/support/validate-openapi.mjs")).stdin(Stdio::piped());
    let mut child = node.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("node runs");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(document.to_string().as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    assert!(
        output.status.success(),
        "not valid OpenAPI: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
async fn the_document_is_valid_and_tells_what_the_key_may() {
    let server = Server::start();
    let root = blog(&server).await;
    let sql = customer(&server.owner(), &root.id).await;
    sql.batch_execute(
        "COMMENT ON TABLE posts IS 'What is written'; COMMENT ON COLUMN posts.title IS 'Above it';
         CREATE TABLE \"odd name {x}/é\" (\"a b\" integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ranges int4range[], amount numeric(10,2) DEFAULT 1.5,
             \"select\" varchar(7) NOT NULL, doubled numeric GENERATED ALWAYS AS (amount * 2) STORED);
         CREATE VIEW titles AS SELECT slug, title FROM posts;
         CREATE FUNCTION add(a integer, b integer DEFAULT 2) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT a + b';
         CREATE FUNCTION newest() RETURNS SETOF posts LANGUAGE sql AS 'SELECT * FROM posts';
         CREATE FUNCTION pair() RETURNS TABLE (one integer, two text) LANGUAGE sql AS $$ SELECT 1, 'b' $$;
         CREATE FUNCTION quiet() RETURNS void LANGUAGE sql AS '';
         CREATE FUNCTION whole(jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT $1';
         COMMENT ON FUNCTION add IS 'The sum'",
    )
    .await
    .unwrap();

    // The tables are read anew, though not twice in a second.
    let all = until("the new tables are known", async || {
        let all = document(&server.api(&root.secret)).await;
        all["paths"].get("/v1/data/titles").is_some().then_some(all)
    })
    .await;
    validate(&all).await;
    let done = operations(&all);
    for expected in [
        "GET /v1/data/posts",
        "POST /v1/data/posts",
        "PATCH /v1/data/posts",
        "DELETE /v1/data/posts",
        "GET /v1/data/posts/{id}",
        "PATCH /v1/data/posts/{id}",
        "GET /v1/data/titles",
        "GET /v1/data/odd%20name%20%7Bx%7D%2F%C3%A9",
        "POST /v1/rpc/add",
        "GET /v1/rpc/add",
        "POST /v1/rpc/newest",
        "POST /v1/rpc/pair",
        "POST /v1/rpc/quiet",
        "POST /v1/rpc/whole",
    ] {
        assert!(done.contains(&expected.to_owned()), "{expected} is missing: {done:#?}");
    }
    assert!(!done.contains(&"GET /v1/rpc/newest".to_owned()), "GET calls nothing that may change something");
    let posts = &all["components"]["schemas"]["posts"];
    assert_eq!(posts["description"], "What is written");
    let title = &posts["properties"]["title"];
    assert_eq!((&title["type"], title["description"].as_str()), (&json!("string"), Some("Above it `text`.")));
    assert_eq!(
        posts["properties"]["status"]["enum"].as_array().map(|values| values.contains(&json!("draft"))),
        Some(true),
        "{posts:#}"
    );
    assert!(posts["required"].as_array().unwrap().contains(&json!("title")));
    let odd = &all["components"]["schemas"]["odd.20name.20.7bx.7d.2f.e9"];
    assert_eq!((&odd["properties"]["select"]["maxLength"], &odd["properties"]["doubled"]["readOnly"]), (&json!(7), &json!(true)));
    let new = &all["components"]["schemas"]["odd.20name.20.7bx.7d.2f.e9.new"];
    assert_eq!((new["required"].clone(), new["properties"].get("doubled")), (json!(["select"]), None));
    assert_eq!(all["paths"]["/v1/rpc/add"]["post"]["description"], "The sum");
    assert_eq!(
        all["paths"]["/v1/rpc/add"]["post"]["requestBody"]["content"]["application/json"]["schema"]["required"],
        json!(["a"])
    );
    assert_eq!(document(&server.api(&root.secret)).await, all, "in one order");
    assert_eq!(server.api(&root.secret).get("/rest/v1/").await.json(), all, "where PostgREST has it");

    // A page's key sees what anon may.
    let anon = document(&server.api(&root.publishable)).await;
    validate(&anon).await;
    let may = operations(&anon);
    assert!(may.contains(&"GET /v1/data/posts".to_owned()) && !may.contains(&"DELETE /v1/data/posts".to_owned()), "{may:#?}");
    assert!(!may.iter().any(|operation| operation.contains("rpc") || operation.contains("odd") || operation.contains("titles")));
    assert!(!anon.to_string().contains("titles"));
    // And a key for one table that table alone.
    let input = json!({ "environmentId": root.id, "kind": "SECRET", "name": "one", "scopes": ["table:authors:read"] });
    let one = server.owner().must("createApiKey", input).await["secret"].as_str().unwrap().to_owned();
    assert_eq!(operations(&document(&server.api(&one)).await), ["GET /v1/data/authors", "GET /v1/data/authors/{id}"]);
    assert_eq!(server.stranger().get(DOCUMENT).await.status, 401);
}

/// What it says works: every path that can be read is read.
#[tokio::test]
async fn what_it_lists_is_there() {
    let server = Server::start();
    let root = blog(&server).await;
    for key in [&root.secret, &root.publishable] {
        let api = server.api(key);
        let tables: Vec<String> = operations(&document(&api).await);
        let read: Vec<&str> =
            tables.iter().filter_map(|operation| operation.strip_prefix("GET ")).filter(|path| !path.contains('{')).collect();
        assert!(read.len() >= 2, "{read:?}");
        for path in read {
            assert_eq!(api.get(&format!("{path}?limit=1")).await.status, 200, "{path}");
        }
    }
}
