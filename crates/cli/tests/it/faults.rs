//! Sagas that fail, and servers that die in them: nothing is left over, and what was begun ends one way or the other.

use serde_json::{Value, json};

use crate::client::Person;
use crate::harness::{Server, until};
use crate::world::{Environment, Remains, blog, branch, count, remains};

const BRANCH_STEPS: [&str; 6] = ["reserve", "create_logins", "clone_database", "cleanse", "verify", "activate"];

/// Once for every step, at `moment`, so that the n-th branch fails at the n-th step.
fn at_every_step(moment: &str, action: &str) -> String {
    BRANCH_STEPS.map(|step| format!("{step}:{moment}:forward:{action}:once")).join(",")
}

fn new_branch(root: &Environment, name: &str, strategy: &str) -> Value {
    json!({ "projectId": root.project, "name": name, "sourceEnvironment": "dev", "mode": "full", "strategy": strategy,
            "copyEnvironmentVariables": true })
}

/// Waits for what a dead server left to be brought to its end.
async fn settled(server: &Server) -> Remains {
    until("nothing is under way", async || (remains(server).await.running == 0).then_some(())).await;
    // Looked at again, because the first look may have begun before the end.
    remains(server).await
}

/// The status of an environment; nothing where there is none.
async fn status(owner: &Person, root: &Environment, name: &str) -> Option<String> {
    let document = "query($p: String!, $n: String!) { environment(projectId: $p, name: $n) { status } }";
    let data = owner.query(document, json!({ "p": root.project, "n": name })).await;
    data["environment"]["status"].as_str().map(str::to_owned)
}

async fn id_of(owner: &Person, root: &Environment, name: &str) -> Value {
    let document = "query($p: String!, $n: String!) { environment(projectId: $p, name: $n) { id } }";
    owner.query(document, json!({ "p": root.project, "n": name })).await["environment"]["id"].clone()
}

/// A branch fails at each of its steps in turn; each time nothing of it is left and its name is free.
async fn every_step_fails(moment: &str, action: &str, strategy: &str) {
    let server = Server::start();
    let root = blog(&server).await;
    let variables = json!([{ "name": "KEY", "value": "value" }]);
    server.owner().must("setVariables", json!({ "environmentId": root.id, "variables": variables })).await;
    let server = server.stop().start_with_faults(&at_every_step(moment, action));
    let owner = server.owner();
    let before = remains(&server).await;
    for step in BRANCH_STEPS {
        let body = owner.send("branchEnvironment", new_branch(&root, "staging", strategy)).await;
        assert_ne!(body["data"]["branchEnvironment"]["success"], true, "{step}: {body:#}");
        assert_eq!(settled(&server).await, before, "after {action} {moment} of {step}");
        assert_eq!(status(&owner, &root, "staging").await, None, "{step}");
    }
    // The source was never harmed, and now the same name works.
    assert_eq!(count(&server.api(&root.secret), "posts").await, 3);
    let staging = Environment::of(&owner.must("branchEnvironment", new_branch(&root, "staging", strategy)).await);
    assert_eq!(count(&server.api(&staging.secret), "posts").await, 3);
    owner.must("deleteEnvironment", json!({ "environmentId": staging.id, "purge": true })).await;
    assert_eq!(settled(&server).await, before);
}

#[tokio::test]
async fn a_branch_whose_step_fails_leaves_nothing() {
    every_step_fails("after-effect", "error", "AUTO").await;
}

#[tokio::test]
async fn a_snapshot_branch_whose_step_fails_before_its_effect_leaves_nothing() {
    every_step_fails("before-effect", "error", "SNAPSHOT").await;
}

#[tokio::test]
async fn a_branch_whose_step_panics_leaves_nothing() {
    every_step_fails("after-effect", "panic", "AUTO").await;
}

/// The server dies at each step in turn; the next one brings the branch to its end. Both ends are sound; which one is said here.
async fn the_server_dies_at_every_step(moment: &str, strategy: &str) {
    let mut server = Server::start();
    let root = blog(&server).await;
    let before = remains(&server).await;
    for step in BRANCH_STEPS {
        server = server.stop().start_with_faults(&format!("{step}:{moment}:forward:kill"));
        let name = format!("at-{step}");
        server.owner().begin("branchEnvironment", new_branch(&root, &name, strategy));
        server = server.wait_for_death().await.start();
        let owner = server.owner();
        let after = settled(&server).await;
        assert_eq!((after.claims, after.dumps.len()), (0, 0), "killed {moment} of {step}");
        match status(&owner, &root, &name).await.as_deref() {
            Some("active") => {
                // The one showing of the keys was lost with the server: a rotation gives new ones.
                let id = id_of(&owner, &root, &name).await;
                let keys = owner.must("rotateApiKeys", json!({ "environmentId": id })).await;
                let api = server.api(keys["keys"]["secret"].as_str().unwrap());
                assert_eq!((count(&api, "posts").await, count(&api, "comments").await), (3, 2), "{step}");
                owner.must("deleteEnvironment", json!({ "environmentId": id, "purge": true })).await;
            }
            None => {}
            other => panic!("killed {moment} of {step}, the environment is {other:?}"),
        }
        assert_eq!(settled(&server).await, before, "killed {moment} of {step}");
        assert_eq!(count(&server.api(&root.secret), "posts").await, 3, "{step}");
    }
}

#[tokio::test]
async fn a_server_killed_while_branching_ends_the_branch_at_its_next_start() {
    the_server_dies_at_every_step("after-effect", "AUTO").await;
}

#[tokio::test]
async fn a_server_killed_during_a_snapshot_branch_ends_it_at_its_next_start() {
    the_server_dies_at_every_step("before-effect", "SNAPSHOT").await;
}

/// Failing going forward, dying on the way back.
#[tokio::test]
async fn a_server_killed_while_rolling_back_finishes_that_at_its_next_start() {
    let mut server = Server::start();
    let root = blog(&server).await;
    let before = remains(&server).await;
    for step in ["reserve", "create_logins", "clone_database"] {
        for moment in ["before-effect", "after-effect"] {
            server = server.stop().start_with_faults(&format!("verify:after-effect:forward:error,{step}:{moment}:undo:kill"));
            server.owner().begin("branchEnvironment", new_branch(&root, "staging", "AUTO"));
            server = server.wait_for_death().await.start();
            assert_eq!(settled(&server).await, before, "killed {moment} of the undo of {step}");
        }
    }
    branch(&server.owner(), &root.project, "dev", "staging", json!({})).await;
}

#[tokio::test]
async fn a_server_killed_while_deleting_finishes_that_at_its_next_start() {
    let mut server = Server::start();
    let root = blog(&server).await;
    let before = remains(&server).await;
    for (purge, step) in [(true, "disconnect"), (true, "erase"), (true, "forget"), (false, "disconnect"), (false, "forget")] {
        let staging = Environment::of(&branch(&server.owner(), &root.project, "dev", "staging", json!({})).await);
        server = server.stop().start_with_faults(&format!("{step}:after-effect:forward:kill"));
        server.owner().begin("deleteEnvironment", json!({ "environmentId": staging.id, "purge": purge }));
        server = server.wait_for_death().await.start();
        let after = settled(&server).await;
        assert_eq!(status(&server.owner(), &root, "staging").await, None, "killed after {step}");
        assert_eq!(server.api(&staging.secret).get("/v1/data/posts").await.status, 401, "killed after {step}");
        if purge {
            assert_eq!(after, before, "killed after {step}");
        } else {
            // It can still be taken back, whole.
            let back = server.owner().must("restoreEnvironment", json!({ "environmentId": staging.id })).await;
            assert_eq!(count(&server.api(&Environment::of(&back).secret), "posts").await, 3);
            server.owner().must("deleteEnvironment", json!({ "environmentId": staging.id, "purge": true })).await;
            assert_eq!(settled(&server).await, before, "killed after {step}");
        }
    }
}

/// Creating a project is a saga as well: failing it must not leave a project without an environment.
#[tokio::test]
async fn a_project_whose_environment_cannot_be_made_is_not_there() {
    let server = Server::start();
    let before = remains(&server).await;
    let steps = ["reserve", "create_logins", "create_database", "activate"];
    let faults = steps.map(|step| format!("{step}:after-effect:forward:error:once")).join(",");
    let server = server.stop().start_with_faults(&faults);
    let owner = server.owner();
    for step in steps {
        let body = owner.send("createProject", json!({ "name": "shop" })).await;
        assert_ne!(body["data"]["createProject"]["success"], true, "{step}: {body:#}");
        assert_eq!(settled(&server).await, before, "{step}");
        let none = owner.query("query { project(name: \"shop\") { id } }", json!({})).await;
        assert_eq!(none["project"], Value::Null, "{step}");
    }
    owner.must("createProject", json!({ "name": "shop" })).await;
}

/// What an operation works with is claimed for as long as it runs, and others are told so.
#[tokio::test]
async fn environments_in_use_by_an_operation_are_left_alone() {
    let server = Server::start();
    let root = blog(&server).await;
    let before = remains(&server).await;
    let staging = Environment::of(&branch(&server.owner(), &root.project, "dev", "staging", json!({})).await);
    let server = server.stop().start_with_faults("clone_database:before-effect:forward:hang:once");
    let owner = server.owner();
    let branch_of_staging = json!({ "projectId": root.project, "name": "pr-1", "sourceEnvironment": "staging", "mode": "full" });
    owner.begin("branchEnvironment", branch_of_staging);
    until("the branch has begun", async || (status(&owner, &root, "pr-1").await.as_deref() == Some("creating")).then_some(()))
        .await;
    let new = id_of(&owner, &root, "pr-1").await;
    for (what, mutation, input) in [
        ("delete the source", "deleteEnvironment", json!({ "environmentId": staging.id })),
        ("delete the branch", "deleteEnvironment", json!({ "environmentId": new })),
        (
            "branch from the branch",
            "branchEnvironment",
            json!({ "projectId": root.project, "name": "x", "sourceEnvironment": "pr-1", "mode": "full" }),
        ),
        ("take its name", "createEnvironment", json!({ "projectId": root.project, "name": "pr-1" })),
    ] {
        let payload = owner.try_to(mutation, input).await;
        assert_eq!(payload["success"], false, "{what}: {payload:#}");
    }
    // The source goes on being used meanwhile, and can be branched a second time.
    assert_eq!(count(&server.api(&staging.secret), "posts").await, 3);
    branch(&owner, &root.project, "staging", "pr-2", json!({})).await;
    let server = server.kill().start();
    let owner = server.owner();
    settled(&server).await;
    assert_eq!(status(&owner, &root, "pr-1").await.as_deref(), Some("active"));
    for name in ["pr-1", "pr-2", "staging"] {
        owner.must("deleteEnvironment", json!({ "environmentId": id_of(&owner, &root, name).await, "purge": true })).await;
    }
    assert_eq!(settled(&server).await, before);
}
