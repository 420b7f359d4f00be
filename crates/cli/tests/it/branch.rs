//! Branching: what is answered, what is in a branch, what is kept apart, what is refused.

use serde_json::{Value, json};

use crate::client::{Person, error_code};
use crate::harness::Server;
use crate::transcript::Transcript;
use crate::world::{Environment, blog, blog_files, branch, count, member, project, remains};

/// As documented, word for word.
const DOCUMENTED: &str =
    "mutation BranchEnvironment($input: BranchEnvironmentInput!) { branchEnvironment(input: $input) { success message
  environment { id name parentId parentName branchMode branchedAt status createdAt updatedAt } } }";

#[tokio::test]
async fn the_documented_mutation_answers_as_documented() {
    let server = Server::start();
    let owner = server.owner();
    let root = Environment::of(&owner.must("createProject", json!({ "name": "shop", "rootName": "master" })).await);
    let variables = json!({"input": {"projectId": root.project, "name": "staging", "sourceEnvironment": "master", "mode": "full",
        "copyFileProviders": true, "copyGatewayRoutes": true, "copySecurityConfig": false, "copyEnvironmentVariables": true}});
    let body = owner.ask(DOCUMENTED, variables).await;

    let environment = &body["data"]["branchEnvironment"]["environment"];
    assert_eq!(
        body,
        json!({ "data": { "branchEnvironment": {
            "success": true,
            "message": "Environment created successfully",
            "environment": {
                "id": environment["id"], "name": "staging", "parentId": root.id, "parentName": "master", "branchMode": "full",
                "branchedAt": environment["branchedAt"], "status": "active",
                "createdAt": environment["createdAt"], "updatedAt": environment["updatedAt"],
            },
        } } })
    );
    assert!(uuid::Uuid::parse_str(environment["id"].as_str().unwrap()).is_ok());
    for time in ["branchedAt", "createdAt", "updatedAt"] {
        let text = environment[time].as_str().unwrap();
        assert!(text.ends_with('Z') && chrono::DateTime::parse_from_rfc3339(text).is_ok(), "{time}: {text}");
    }
    // The same again: the name is taken.
    let variables =
        json!({ "input": { "projectId": root.project, "name": "Staging", "sourceEnvironment": "master", "mode": "full" } });
    let again = owner.ask(DOCUMENTED, variables).await;
    assert_eq!(again["data"]["branchEnvironment"]["success"], false);
    assert_eq!(again["data"]["branchEnvironment"]["environment"], Value::Null);
}

#[tokio::test]
async fn a_full_branch_has_everything_and_shares_nothing() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let payload = branch(&owner, &root.project, "dev", "staging", json!({})).await;
    let staging = Environment::of(&payload);
    assert_eq!(payload["environment"]["type"], "staging");
    assert_ne!((&root.publishable, &root.secret), (&staging.publishable, &staging.secret));

    let (source, copy) = (server.api(&root.secret), server.api(&staging.secret));
    for path in ["/v1/data/authors?order=handle", "/v1/data/posts?order=slug", "/v1/data/comments?order=id"] {
        let rows = source.rows(path).await;
        assert!(!rows.as_array().unwrap().is_empty());
        assert_eq!(copy.rows(path).await, rows, "{path}");
    }

    // A write on one side is not seen on the other; identities go on from where they were.
    let post = source.rows("/v1/data/posts?slug=eq.one&select=id").await[0]["id"].clone();
    let made = copy.make("comments", &json!({ "post_id": post, "author_name": "Di", "body": "only here" })).await;
    assert_eq!(made[0]["id"], 3);
    assert_eq!(copy.delete("/v1/data/posts?slug=eq.three").await.status, 204);
    assert_eq!((count(&source, "comments").await, count(&source, "posts").await), (2, 3));
    assert_eq!((count(&copy, "comments").await, count(&copy, "posts").await), (3, 2));
    source.make("authors", &json!({ "handle": "eve", "name": "Eve" })).await;
    assert_eq!(copy.rows("/v1/data/authors?handle=eq.eve").await, json!([]));

    // The publishable keys reach their own environment as well.
    assert_eq!(count(&server.api(&staging.publishable), "comments").await, 3);
    assert_eq!(count(&server.api(&root.publishable), "comments").await, 2);

    // A branch of a branch, and the tree of the three.
    let nested = Environment::of(&branch(&owner, &root.project, "staging", "pr-1", json!({ "lease": "2h" })).await);
    assert_eq!(count(&server.api(&nested.secret), "comments").await, 3);
    let tree = "query($p: String!) { environmentTree(projectId: $p) { depth environment { name parentName type } } }";
    assert_eq!(
        owner.query(tree, json!({ "p": root.project })).await["environmentTree"],
        json!([
            { "depth": 0, "environment": { "name": "dev", "parentName": null, "type": "dev" } },
            { "depth": 1, "environment": { "name": "staging", "parentName": "dev", "type": "staging" } },
            { "depth": 2, "environment": { "name": "pr-1", "parentName": "staging", "type": "custom" } },
        ])
    );
}

#[tokio::test]
async fn a_system_branch_has_tables_and_no_rows() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let payload = branch(&owner, &root.project, "dev", "empty", json!({ "mode": "system" })).await;
    assert_eq!(payload["environment"]["branchMode"], "system");
    let empty = Environment::of(&payload);
    let api = server.api(&empty.secret);
    for table in ["authors", "posts", "comments"] {
        assert_eq!(count(&api, table).await, 0, "{table}");
    }
    // Identities begin anew, and the rules of the tables hold.
    let author = api.make("authors", &json!({ "handle": "ada", "name": "Ada" })).await;
    let post = api.make("posts", &json!({ "slug": "one", "title": "One", "author_id": author[0]["id"] })).await;
    assert_eq!(post[0]["status"], "draft");
    let comment = api.make("comments", &json!({ "post_id": post[0]["id"], "author_name": "Cy", "body": "first" })).await;
    assert_eq!(comment[0]["id"], 1);
    let twice = api.post("/v1/data/authors", &json!({ "handle": "ada", "name": "Other" })).await;
    assert_eq!((twice.status, twice.problem()), (409, "record/unique".into()));

    // The definitions came along: nothing differs from the files.
    let input = json!({ "environmentId": empty.id, "files": blog_files(), "dryRun": true });
    let plan = &owner.must("applyDefinitions", input).await["plan"];
    assert_eq!((&plan["empty"], &plan["extra"]), (&json!(true), &json!([])), "{plan:#}");
}

#[tokio::test]
async fn variables_travel_only_when_an_owner_asks() {
    let server = Server::start();
    let owner = server.owner();
    let root = project(&owner, "shop").await;
    let set = json!([{ "name": "GREETING", "value": "hello" }, { "name": "STRIPE_KEY", "value": "s3cr3t \u{1f33f}\nline" }]);
    owner.must("setVariables", json!({ "environmentId": root.id, "variables": set })).await;
    let reveal = async |environment: &str| {
        let document = "query($e: String!) { variables(environmentId: $e, reveal: true) { name value } }";
        owner.query(document, json!({ "e": environment })).await["variables"].clone()
    };
    for (name, more, expected) in [
        ("without", json!({ "copyEnvironmentVariables": null, "strategy": null, "type": null, "lease": null }), json!([])),
        ("with", json!({ "copyEnvironmentVariables": true }), set.clone()),
        ("snapshot", json!({ "copyEnvironmentVariables": true, "strategy": "SNAPSHOT" }), set.clone()),
        ("without-snapshot", json!({ "strategy": "SNAPSHOT" }), json!([])),
        ("system", json!({ "copyEnvironmentVariables": true, "mode": "system" }), set.clone()),
    ] {
        let made = Environment::of(&branch(&owner, &root.project, "dev", name, more).await);
        assert_eq!(reveal(&made.id).await, expected, "{name}");
    }

    let before = remains(&server).await;
    let developer = member(&server, "dev@example.com", Some((&root.project, "DEVELOPER"))).await;
    for flag in ["copyFileProviders", "copyGatewayRoutes", "copySecurityConfig", "copyEnvironmentVariables"] {
        let input = json!({ "projectId": root.project, "name": flag, "sourceEnvironment": "dev", "mode": "full", flag: true });
        assert_eq!(developer.forbidden("branchEnvironment", input).await, "auth/forbidden", "{flag}");
    }
    assert_eq!(remains(&server).await, before, "a refused branch leaves something");
    // Without a flag, ordinary access is enough.
    branch(&developer, &root.project, "dev", "mine", json!({})).await;
    let reveal = "query($e: String!) { variables(environmentId: $e, reveal: true) { name value } }";
    assert_eq!(error_code(&developer.ask(reveal, json!({ "e": root.id })).await), "auth/forbidden");
}

#[tokio::test]
async fn what_cannot_be_branched_is_refused_and_changes_nothing() {
    let server = Server::start();
    let owner = server.owner();
    let root = project(&owner, "shop").await;
    let paused = Environment::of(&branch(&owner, &root.project, "dev", "paused", json!({})).await);
    owner.must("pauseEnvironment", json!({ "environmentId": paused.id })).await;
    let before = remains(&server).await;

    let mut transcript = Transcript::default();
    let input = |more: Value| {
        let mut input = json!({ "projectId": root.project, "name": "new", "sourceEnvironment": "dev", "mode": "full" });
        for (field, value) in more.as_object().unwrap() {
            input[field] = value.clone();
        }
        input
    };
    for (what, more) in [
        ("a name with a space", json!({ "name": "a b" })),
        ("an empty name", json!({ "name": "" })),
        ("a name of 65 letters", json!({ "name": "x".repeat(65) })),
        ("a name that differs in case alone", json!({ "name": "DEV" })),
        ("an unknown mode", json!({ "mode": "partial" })),
        ("an unknown source", json!({ "sourceEnvironment": "nowhere" })),
        ("a paused source", json!({ "sourceEnvironment": "paused" })),
        ("a lease that is none", json!({ "lease": "soon" })),
        ("a project that is none", json!({ "projectId": "0197f000-0000-7000-8000-000000000000" })),
        ("an id that is none", json!({ "projectId": "shop" })),
        ("an operation id that is none", json!({ "operationId": "1" })),
    ] {
        transcript.json(what, &owner.try_to("branchEnvironment", input(more)).await);
    }
    transcript.check("branch_refusals");
    assert_eq!(remains(&server).await, before);
}

/// While the mutation waits, another request can follow its operation.
#[tokio::test]
async fn an_operation_can_be_watched_and_tells_its_steps() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let operation = uuid::Uuid::now_v7().to_string();
    let input = json!({ "operationId": operation, "strategy": "SNAPSHOT" });
    let watch = async |person: &Person| {
        let document = "query($id: String!) { operation(id: $id) { id kind status strategy strategyReason error
            steps { name title status } } }";
        person.query(document, json!({ "id": operation })).await["operation"].clone()
    };
    let mut seen = Vec::new();
    let owner_too = owner.clone();
    let project = root.project.clone();
    let branching = tokio::spawn(async move { branch(&owner_too, &project, "dev", "staging", input).await });
    while !branching.is_finished() {
        let state = watch(&owner).await["status"].clone();
        if seen.last() != Some(&state) {
            seen.push(state);
        }
    }
    branching.await.unwrap();
    assert!(seen.contains(&json!("running")), "{seen:?}");
    let mut transcript = Transcript::default();
    transcript.json("the operation of a snapshot branch", &watch(&owner).await);
    transcript.check("operation");

    // The same id again is another operation: refused.
    let again = json!({ "projectId": root.project, "name": "other", "sourceEnvironment": "dev", "mode": "full", "operationId": operation });
    assert_eq!(owner.refused("branchEnvironment", again).await, "operation/exists");
    let stranger = member(&server, "none@example.com", None).await;
    assert_eq!(watch(&stranger).await, Value::Null);
}
