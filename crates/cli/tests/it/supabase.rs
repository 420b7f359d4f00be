//! Supabase's own client against an environment of which it knows the address and a key: `crates/cli/tests/js/supabase.js`.

use std::process::Stdio;

use serde_json::json;

use crate::harness::{Server, until, workspace};
use crate::secrecy::assert_no_secret;
use crate::world::{Environment, blog, customer};

/// Runs one flow of the script, which ends well or says what was not as it should be.
async fn play(server: &Server, environment: &Environment, script: &str, flow: &str) {
    let folder = workspace().join("crates/cli/tests/js");
    assert!(folder.join("node_modules").exists(), "the clients are not installed: run scripts/setup-clients");
    let mut node = tokio::process::Command::new("node");
    // Before its version 22 a part of the client that is not used here wants the flag.
    node.arg("--experimental-websocket").arg("--no-warnings").arg(script).arg(flow).current_dir(folder);
    node.env("CLOCHE_URL", &server.url).env("CLOCHE_PK", &environment.publishable).env("CLOCHE_SK", &environment.secret);
    node.env("CLOCHE_TOKEN", server.owner().token).env("CLOCHE_ENVIRONMENT", &environment.id);
    let output = node.stdin(Stdio::null()).kill_on_drop(true).output().await.expect("node is not installed");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} {flow}:\n{said}");
    assert_no_secret("what the client printed", &said);
}

#[tokio::test]
async fn data() {
    let server = Server::start();
    let root = blog(&server).await;
    let sql = customer(&server.owner(), &root.id).await;
    sql.batch_execute("CREATE FUNCTION public.add(a integer, b integer) RETURNS integer LANGUAGE sql RETURN a + b")
        .await
        .unwrap();
    // What the customer's own SQL changes is seen within a second of the last look.
    let back = server.api(&root.secret);
    until("the function is seen", async || {
        (back.post("/v1/rpc/add", &json!({ "a": 1, "b": 2 })).await.status == 200).then_some(())
    })
    .await;
    play(&server, &root, "supabase.js", "data").await;
}

#[tokio::test]
async fn sessions() {
    let server = Server::start();
    let root = blog(&server).await;
    play(&server, &root, "supabase.js", "session").await;
}

#[tokio::test]
async fn mails() {
    let server = Server::start();
    let root = blog(&server).await;
    play(&server, &root, "supabase.js", "mails").await;
}

#[tokio::test]
async fn looking_after_users() {
    let server = Server::start();
    let root = blog(&server).await;
    play(&server, &root, "supabase.js", "admin").await;
    // A key for users alone may, one for data may not.
    for (scope, status) in [("users", 200), ("data:read", 403)] {
        let input = json!({ "environmentId": root.id, "kind": "SECRET", "name": scope, "scopes": [scope] });
        let key = server.owner().must("createApiKey", input).await["secret"].as_str().unwrap().to_owned();
        let answer = server.api(&key).get("/v1/users").await;
        assert_eq!(answer.status, status, "{scope}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_provider() {
    let server = Server::start();
    let root = blog(&server).await;
    play(&server, &root, "oidc.js", "all").await;
}
