//! `make demo`, small: it keeps its promises, and leaves a running server as it was.

use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::client::Person;
use crate::harness::{Server, command, signal, until, workspace};

/// Longer than a small demo takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The demo with few posts: on a server of its own, or on this one.
fn start(server: Option<&Server>) -> Child {
    let mut demo = Command::from(std::process::Command::new(workspace().join("scripts/demo")));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CLOCHE_")) {
        demo.env_remove(name);
    }
    for name in ["URL", "KEEP", "RELEASE", "DATA_DIR"] {
        demo.env_remove(name);
    }
    demo.env("CLOCHE_BIN", command().get_program()).env("POSTS", "100");
    if let Some(server) = server {
        demo.env("URL", &server.url).env("DATA_DIR", server.data_dir());
    }
    demo.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
}

async fn end(demo: Child) -> (Option<i32>, String) {
    let ended = tokio::time::timeout(PATIENCE, demo.wait_with_output()).await;
    let Output { status, stdout, stderr } = ended.expect("the demo did not end in time").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout) + &text(stderr))
}

/// The environments of every project.
async fn environments(owner: &Person) -> Vec<Value> {
    let mut all = Vec::new();
    let projects = owner.query("{ projects { nodes { id } } }", json!({})).await;
    for project in projects["projects"]["nodes"].as_array().unwrap() {
        let environments = "query($id: String!) { environments(projectId: $id) { nodes { id name } } }";
        let found = owner.query(environments, json!({ "id": project["id"] })).await;
        all.extend(found["environments"]["nodes"].as_array().unwrap().iter().cloned());
    }
    all
}

/// All that is left of a demo is an environment dev without tables.
async fn assert_put_away(owner: &Person, said: &str) {
    let left = environments(owner).await;
    let names: Vec<_> = left.iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["dev"], "{said}");
    let definitions = "query($id: String!) { definitions(environmentId: $id) { name } }";
    assert_eq!(owner.query(definitions, json!({ "id": left[0]["id"] })).await["definitions"], json!([]), "{said}");
    assert!(said.contains("stays on"), "{said}");
}

#[tokio::test]
async fn a_demo_on_a_server_of_its_own_keeps_its_promises() {
    let (code, said) = end(start(None)).await;
    assert_eq!(code, Some(0), "{said}");
    for words in ["✓ 400 comments in", "0 were accepted", "promises were kept", "  of them crossed"] {
        assert!(said.contains(words), "{words:?} is not in:\n{said}");
    }
    assert!(!said.contains("NOT KEPT"), "{said}");
}

#[tokio::test]
async fn an_interrupted_demo_leaves_a_running_server_as_it_was() {
    let server = Server::start();
    let owner = server.owner();
    let demo = start(Some(&server));
    until("there is a branch", async || environments(&owner).await.iter().any(|one| one["name"] == "staging").then_some(()))
        .await;
    signal(demo.id().unwrap(), "INT");
    let (code, said) = end(demo).await;
    assert_eq!(code, Some(130), "{said}");
    assert_put_away(&owner, &said).await;
}

#[tokio::test]
async fn a_demo_whose_branch_fails_says_so() {
    let server = Server::start().stop().start_with_faults("verify:before-effect:forward:error");
    let (code, said) = end(start(Some(&server))).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("`cloche env branch staging --from dev --mode full` failed"), "{said}");
    assert_put_away(&server.owner(), &said).await;
}
