//! People: who sees and who changes what.

use serde_json::{Value, json};

use crate::client::{Person, error_code};
use crate::harness::Server;
use crate::secrecy::assert_no_secret;
use crate::transcript::Transcript;
use crate::world::{Environment, blog, blog_files, branch, member, remains};

/// What a query answers: its data, or the code with which it is refused.
async fn outcome(person: &Person, document: &str, variables: Value) -> String {
    let body = person.ask(document, variables).await;
    if body.get("errors").is_some() { error_code(&body) } else { "allowed".to_owned() }
}

/// What a mutation answers: done, a user's mistake, or the code with which it is refused.
async fn attempt(person: &Person, mutation: &str, input: Value) -> String {
    let body = person.send(mutation, input).await;
    match &body["data"][mutation] {
        Value::Null => error_code(&body),
        payload if payload["success"] == true => "allowed".to_owned(),
        payload => payload["code"].as_str().unwrap().to_owned(),
    }
}

#[tokio::test]
async fn each_role_may_do_its_part() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let prod = Environment::of(&branch(&owner, &root.project, "dev", "prod", json!({})).await);
    let mut people = vec![("nobody".to_owned(), member(&server, "nobody@example.com", None).await)];
    for role in ["VIEWER", "DEVELOPER", "ADMIN", "OWNER"] {
        let email = format!("{}@example.com", role.to_lowercase());
        people.push((role.to_lowercase(), member(&server, &email, Some((&root.project, role))).await));
    }
    let mut transcript = Transcript::default();
    for (role, person) in &people {
        let mut lines = Vec::new();
        for (what, document, variables) in [
            (
                "list environments",
                "query($p: String!) { environments(projectId: $p) { nodes { name } } }",
                json!({ "p": root.project }),
            ),
            ("see the tree", "query($p: String!) { environmentTree(projectId: $p) { depth } }", json!({ "p": root.project })),
            ("list keys", "query($e: String!) { apiKeys(environmentId: $e) { nodes { prefix } } }", json!({ "e": root.id })),
            ("list variables", "query($e: String!) { variables(environmentId: $e) { name } }", json!({ "e": root.id })),
            (
                "reveal variables",
                "query($e: String!) { variables(environmentId: $e, reveal: true) { value } }",
                json!({ "e": root.id }),
            ),
            ("read definitions", "query($e: String!) { definitions(environmentId: $e) { name } }", json!({ "e": root.id })),
            (
                "read the project's audit log",
                "query($p: String!) { auditLog(projectId: $p) { nodes { action } } }",
                json!({ "p": root.project }),
            ),
            ("read everybody's audit log", "query { auditLog { nodes { action } } }", json!({})),
            ("list members", "query { members { nodes { email } } }", json!({})),
        ] {
            lines.push(format!("{what}: {}", outcome(person, document, variables).await));
        }
        let dev = json!({ "environmentId": root.id });
        let with = |base: &Value, more: Value| {
            let mut input = base.clone();
            more.as_object().unwrap().iter().for_each(|(field, value)| input[field] = value.clone());
            input
        };
        let production = json!({ "environmentId": prod.id });
        let name = format!("by-{role}");
        for (what, mutation, input) in [
            ("plan definitions", "applyDefinitions", with(&dev, json!({ "files": blog_files(), "dryRun": true }))),
            ("apply definitions", "applyDefinitions", with(&dev, json!({ "files": blog_files() }))),
            ("apply definitions to prod", "applyDefinitions", with(&production, json!({ "files": blog_files() }))),
            ("create an environment", "createEnvironment", json!({ "projectId": root.project, "name": name })),
            (
                "create a prod environment",
                "createEnvironment",
                json!({ "projectId": root.project, "name": format!("p-{role}"), "type": "prod" }),
            ),
            ("create a key", "createApiKey", with(&dev, json!({ "kind": "SECRET", "name": name }))),
            ("create a key of prod", "createApiKey", with(&production, json!({ "kind": "SECRET", "name": name }))),
            ("set variables", "setVariables", with(&dev, json!({ "variables": [{ "name": "A", "value": "1" }] }))),
            ("get the SQL credential", "rotateDatabaseCredential", dev.clone()),
            ("pause prod", "pauseEnvironment", production.clone()),
            ("resume prod", "resumeEnvironment", production.clone()),
            ("protect prod", "updateEnvironment", with(&production, json!({ "protected": true }))),
            (
                "give a role",
                "setProjectRole",
                json!({ "projectId": root.project, "memberId": "0197f000-0000-7000-8000-000000000000", "role": "VIEWER" }),
            ),
            ("add a member", "addMember", json!({ "email": format!("friend-of-{role}@example.com") })),
            ("create a project", "createProject", json!({ "name": name })),
        ] {
            lines.push(format!("{what}: {}", attempt(person, mutation, input).await));
        }
        transcript.text(role, &lines.join("\n"));
    }
    transcript.check("member_roles");
}

#[tokio::test]
async fn somebody_without_a_role_sees_nothing() {
    let server = Server::start();
    let root = blog(&server).await;
    let nobody = member(&server, "nobody@example.com", None).await;
    let seen = nobody.query("query { projects { nodes { name } } viewer { email instanceOwner } }", json!({})).await;
    assert_eq!(seen, json!({ "projects": { "nodes": [] }, "viewer": { "email": "nobody@example.com", "instanceOwner": false } }));
    let by_name = "query($n: String!) { project(name: $n) { id } }";
    assert_eq!(nobody.query(by_name, json!({ "n": "blog" })).await["project"], Value::Null);
    let by_id = "query($id: String!) { environment(id: $id) { name } }";
    assert_eq!(nobody.query(by_id, json!({ "id": root.id })).await["environment"], Value::Null);
    // What is there and what is not look the same.
    let before = remains(&server).await;
    for (id, project) in [
        (root.id.as_str(), root.project.as_str()),
        ("0197f000-0000-7000-8000-000000000000", "0197f000-0000-7000-8000-000000000000"),
    ] {
        assert_eq!(nobody.refused("deleteEnvironment", json!({ "environmentId": id })).await, "environment/not-found");
        let input = json!({ "projectId": project, "name": "x", "sourceEnvironment": "dev", "mode": "full" });
        assert_eq!(nobody.refused("branchEnvironment", input).await, "project/not-found");
    }
    assert_eq!(remains(&server).await, before);
}

#[tokio::test]
async fn tokens_and_roles_end_at_once() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let developer = member(&server, "dev@example.com", Some((&root.project, "DEVELOPER"))).await;
    let environments = "query($p: String!) { environments(projectId: $p) { nodes { name } } }";
    assert_eq!(outcome(&developer, environments, json!({ "p": root.project })).await, "allowed");
    let members = owner.query("query { members { nodes { id email organizationRole } } }", json!({})).await;
    let id = &members["members"]["nodes"].as_array().unwrap().iter().find(|one| one["email"] == "dev@example.com").unwrap()["id"];
    owner.must("setProjectRole", json!({ "projectId": root.project, "memberId": id, "role": null })).await;
    assert_eq!(outcome(&developer, environments, json!({ "p": root.project })).await, "project/not-found");

    let tokens = owner.query("query { accessTokens { id name memberEmail prefix } }", json!({})).await;
    assert_no_secret("the list of tokens", &tokens.to_string());
    let theirs = tokens["accessTokens"].as_array().unwrap().iter().find(|one| one["memberEmail"] == "dev@example.com").unwrap();
    owner.must("revokeAccessToken", json!({ "tokenId": theirs["id"] })).await;
    let bearer = |token: &str| server.stranger().header("authorization", &format!("Bearer {token}"));
    let body = json!({ "query": "{ viewer { email } }" });
    let mut transcript = Transcript::default();
    transcript.answer("a revoked token", &bearer(&developer.token).post("/graphql", &body).await);
    transcript.answer("a mistyped token", &bearer("pat_x").post("/graphql", &body).await);
    transcript.answer("no token", &server.stranger().post("/graphql", &body).await);
    transcript.check("token_refusals");

    for (email, code) in
        [("dev@example.com", "member/exists"), ("DEV@example.com", "member/exists"), ("dev", "member/email-invalid")]
    {
        assert_eq!(owner.refused("addMember", json!({ "email": email })).await, code, "{email}");
    }
}

/// Limits before execution: a document that would cost too much is refused at once.
#[tokio::test]
async fn greedy_queries_are_refused() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let aliases: String =
        (0..500).map(|n| format!("a{n}: environments(projectId: \"{}\") {{ nodes {{ id }} }} ", root.project)).collect();
    let deep = format!("{{ __schema {}{} }}", "{ types { fields { type ".repeat(20), "} } }".repeat(20));
    for (what, document) in [
        ("aliases", format!("{{ {aliases} }}")),
        ("depth", deep),
        ("no GraphQL", "{ viewer".to_owned()),
        ("an unknown field", "{ secrets }".to_owned()),
    ] {
        let body = owner.ask(&document, json!({})).await;
        assert!(body["errors"][0]["message"].is_string() && body["data"].is_null(), "{what}: {body:#}");
    }
    let large = server
        .stranger()
        .header("authorization", &format!("Bearer {}", owner.token))
        .post("/graphql", &json!({ "query": "x".repeat(10 << 20) }))
        .await;
    assert_eq!(large.status, 413, "{}", large.text);
}
