//! Environments: making, naming, pausing, deleting and taking that back.

use serde_json::{Value, json};

use crate::client::{CARD, Person};
use crate::harness::{Server, until};
use crate::transcript::Transcript;
use crate::world::{Environment, blog, branch, count, database_of, member, project, remains};

async fn show(person: &Person, project: &str, name: &str) -> Value {
    let document = format!("query($p: String!, $n: String!) {{ environment(projectId: $p, name: $n) {{ {CARD} }} }}");
    person.query(&document, json!({ "p": project, "n": name })).await["environment"].clone()
}

async fn create(owner: &Person, project: &str, name: &str, more: Value) -> Environment {
    let mut input = json!({ "projectId": project, "name": name });
    more.as_object().unwrap().iter().for_each(|(field, value)| input[field] = value.clone());
    Environment::of(&owner.must("createEnvironment", input).await)
}

async fn names(owner: &Person, project: &str) -> Vec<String> {
    let document = "query($p: String!) { environments(projectId: $p) { nodes { name } } }";
    let page = owner.query(document, json!({ "p": project })).await;
    page["environments"]["nodes"].as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_card_has_every_field_and_the_type_follows_the_name() {
    let server = Server::start();
    let owner = server.owner();
    let root = project(&owner, "shop").await;
    let mut transcript = Transcript::default();
    transcript.json("the root", &show(&owner, &root.project, "dev").await);
    branch(&owner, &root.project, "dev", "prod", json!({})).await;
    transcript.json("a branch of it named prod", &show(&owner, &root.project, "prod").await);
    create(&owner, &root.project, "pr-12", json!({ "lease": "2h" })).await;
    transcript.json("an empty one with a lease", &show(&owner, &root.project, "pr-12").await);
    transcript.json("none", &show(&owner, &root.project, "nothing").await);
    transcript.check("environment_cards");

    for (name, kind) in [("development", "dev"), ("staging", "staging"), ("eval", "eval"), ("Staging-2", "custom")] {
        create(&owner, &root.project, name, json!({})).await;
        assert_eq!(show(&owner, &root.project, name).await["type"], kind, "{name}");
    }
    create(&owner, &root.project, "blue", json!({ "type": "eval" })).await;
    // A type finds its environment where only one has it: `staging` by name, `eval` by exact name although two have the type.
    assert_eq!(show(&owner, &root.project, "eval").await["name"], "eval");
    assert_eq!(
        names(&owner, &root.project).await,
        ["dev", "prod", "pr-12", "development", "staging", "eval", "Staging-2", "blue"]
    );
}

#[tokio::test]
async fn renaming_keeps_everything_but_the_name() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let staging = Environment::of(&branch(&owner, &root.project, "dev", "staging", json!({})).await);
    let child = Environment::of(&branch(&owner, &root.project, "staging", "child", json!({})).await);
    let renamed = owner.must("updateEnvironment", json!({ "environmentId": staging.id, "name": "rehearsal" })).await;
    assert_eq!((&renamed["environment"]["id"], &renamed["environment"]["type"]), (&json!(staging.id), &json!("staging")));
    assert_eq!(count(&server.api(&staging.secret), "posts").await, 3);
    assert_eq!(show(&owner, &root.project, "child").await["parentName"], "rehearsal");
    assert_eq!(show(&owner, &root.project, "child").await["id"], json!(child.id));
    // Its type still finds it.
    assert_eq!(show(&owner, &root.project, "staging").await["name"], "rehearsal");

    for (name, code) in [("dev", "environment/exists"), ("DEV", "environment/exists"), ("a b", "environment/name-invalid")] {
        assert_eq!(
            owner.refused("updateEnvironment", json!({ "environmentId": staging.id, "name": name })).await,
            code,
            "{name}"
        );
    }
    // Another case of its own name is no other environment's.
    owner.must("updateEnvironment", json!({ "environmentId": staging.id, "name": "Rehearsal" })).await;
    assert_eq!(names(&owner, &root.project).await, ["dev", "Rehearsal", "child"]);
    let project = json!({ "name": "BLOG" });
    assert_eq!(owner.refused("createProject", project).await, "project/exists");
}

#[tokio::test]
async fn a_paused_environment_answers_503_until_it_is_resumed() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let api = server.api(&root.secret);
    assert_eq!(count(&api, "posts").await, 3);
    owner.must("pauseEnvironment", json!({ "environmentId": root.id })).await;
    let mut transcript = Transcript::default();
    transcript.answer("a read while it is paused", &api.get("/v1/data/posts").await);
    transcript.check("environment_paused");
    let write = api.post("/v1/data/authors", &json!({ "handle": "x", "name": "X" })).await;
    assert_eq!((write.status, write.problem()), (503, "environment/paused".into()));
    let again = owner.try_to("pauseEnvironment", json!({ "environmentId": root.id })).await;
    assert!(again["success"] == true || again["code"] == "environment/not-active", "{again:#}");
    owner.must("resumeEnvironment", json!({ "environmentId": root.id })).await;
    assert_eq!((count(&api, "posts").await, count(&api, "authors").await), (3, 2));
}

#[tokio::test]
async fn deleting_has_rules() {
    let server = Server::start();
    let owner = server.owner();
    let root = project(&owner, "shop").await;
    let staging = Environment::of(&branch(&owner, &root.project, "dev", "staging", json!({})).await);
    let pr = Environment::of(&branch(&owner, &root.project, "staging", "pr-1", json!({})).await);
    let prod = Environment::of(&branch(&owner, &root.project, "dev", "prod", json!({})).await);
    let before = remains(&server).await;
    let mut transcript = Transcript::default();
    for (what, input) in [
        ("the root", json!({ "environmentId": root.id })),
        ("one with children", json!({ "environmentId": staging.id })),
        ("a protected one without its name", json!({ "environmentId": prod.id })),
        ("a protected one with another name", json!({ "environmentId": prod.id, "confirmName": "Prod" })),
        ("one with another name typed", json!({ "environmentId": pr.id, "confirmName": "pr-2" })),
        ("one that is not there", json!({ "environmentId": "0197f000-0000-7000-8000-000000000000" })),
    ] {
        transcript.json(what, &owner.try_to("deleteEnvironment", input).await);
    }
    transcript.check("environment_delete_refusals");
    for role in ["DEVELOPER", "ADMIN"] {
        let person = member(&server, &format!("{role}@example.com"), Some((&root.project, role))).await;
        let input = json!({ "environmentId": prod.id, "confirmName": "prod" });
        assert_eq!(person.forbidden("deleteEnvironment", input).await, "auth/forbidden", "{role}");
    }
    assert_eq!(remains(&server).await, before, "a refused delete changes nothing");

    owner.must("deleteEnvironment", json!({ "environmentId": pr.id })).await;
    owner.must("deleteEnvironment", json!({ "environmentId": staging.id })).await;
    owner.must("deleteEnvironment", json!({ "environmentId": prod.id, "confirmName": "prod", "purge": true })).await;
    assert_eq!(names(&owner, &root.project).await, ["dev"]);
}

#[tokio::test]
async fn a_delete_can_be_taken_back_and_comes_with_new_keys() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let staging = Environment::of(&branch(&owner, &root.project, "dev", "staging", json!({})).await);
    server.api(&staging.secret).make("authors", &json!({ "handle": "eve", "name": "Eve" })).await;
    let deleted = owner.must("deleteEnvironment", json!({ "environmentId": staging.id })).await;
    assert_eq!(deleted["environment"]["status"], "deleted");
    assert!(!deleted["environment"]["eraseAt"].is_null());
    assert_eq!(server.api(&staging.secret).get("/v1/data/authors").await.status, 401);
    assert_eq!(names(&owner, &root.project).await, ["dev"]);
    let document = "query($p: String!) { deletedEnvironments(projectId: $p) { id name status } }";
    let listed = owner.query(document, json!({ "p": root.project })).await;
    assert_eq!(listed["deletedEnvironments"], json!([{ "id": staging.id, "name": "staging", "status": "deleted" }]));

    // The name is free at once; while another bears it, the old one cannot come back under it.
    let usurper = create(&owner, &root.project, "staging", json!({})).await;
    let refused = owner.try_to("restoreEnvironment", json!({ "environmentId": staging.id })).await;
    assert_eq!((&refused["success"], &refused["code"]), (&json!(false), &json!("environment/exists")), "{refused:#}");
    owner.must("deleteEnvironment", json!({ "environmentId": usurper.id, "purge": true })).await;

    let back = Environment::of(&owner.must("restoreEnvironment", json!({ "environmentId": staging.id })).await);
    assert_eq!(back.id, staging.id);
    assert_eq!(server.api(&staging.secret).get("/v1/data/authors").await.status, 401, "the old keys stay dead");
    assert_eq!((count(&server.api(&back.secret), "authors").await, count(&server.api(&back.publishable), "posts").await), (3, 3));
    assert_eq!(owner.refused("restoreEnvironment", json!({ "environmentId": staging.id })).await, "environment/not-deleted");
}

#[tokio::test]
async fn a_purge_leaves_no_byte() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let before = remains(&server).await;
    let staging = Environment::of(&branch(&owner, &root.project, "dev", "staging", json!({})).await);
    let kept = Environment::of(&branch(&owner, &root.project, "dev", "kept", json!({})).await);
    let database = database_of(&server, &staging.id).await;
    assert!(remains(&server).await.databases.contains(&database));
    owner.must("deleteEnvironment", json!({ "environmentId": staging.id, "purge": true })).await;
    owner.must("deleteEnvironment", json!({ "environmentId": kept.id })).await;
    let after = remains(&server).await;
    assert!(!after.databases.contains(&database) && !after.roles.iter().any(|role| role.starts_with(&database)));
    assert_eq!(after.environments, ["dev active".to_owned(), "kept deleted".to_owned()].into());
    // What is only deleted can still be purged.
    owner.must("deleteEnvironment", json!({ "environmentId": kept.id, "purge": true })).await;
    assert_eq!(remains(&server).await, before);
}

#[tokio::test]
async fn leases_are_renewed_and_lifted() {
    let server = Server::start();
    let owner = server.owner();
    let root = project(&owner, "shop").await;
    let preview = create(&owner, &root.project, "preview", json!({ "lease": "2h" })).await;
    let hours = async || {
        let text = show(&owner, &root.project, "preview").await["expiresAt"].clone();
        let at: Option<chrono::DateTime<chrono::Utc>> = text.as_str().map(|text| text.parse().unwrap());
        at.map(|at| (at - chrono::Utc::now()).num_minutes() as f64 / 60.0)
    };
    assert!((1.9..=2.0).contains(&hours().await.unwrap()));
    owner.must("renewLease", json!({ "environmentId": preview.id, "lease": "7d" })).await;
    assert!((167.9..=168.0).contains(&hours().await.unwrap()));
    owner.must("renewLease", json!({ "environmentId": preview.id })).await;
    assert_eq!(hours().await, None);
    for lease in ["0h", "2 weeks", "400d", ""] {
        let input = json!({ "environmentId": preview.id, "lease": lease });
        assert_eq!(owner.refused("renewLease", input).await, "duration/malformed", "{lease}");
    }
    assert_eq!(hours().await, None);
    until("nothing runs", async || (remains(&server).await.running == 0).then_some(())).await;
}

#[tokio::test]
async fn lists_page() {
    let server = Server::start();
    let owner = server.owner();
    let root = project(&owner, "shop").await;
    for name in ["b", "c", "d", "e"] {
        create(&owner, &root.project, name, json!({})).await;
    }
    let document = "query($p: String!, $first: Int, $after: String) { environments(projectId: $p, first: $first, after: $after) {
        nodes { name } pageInfo { endCursor hasNextPage } } }";
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = owner.query(document, json!({ "p": root.project, "first": 2, "after": after })).await["environments"].clone();
        let nodes = page["nodes"].as_array().unwrap();
        assert!(nodes.len() <= 2);
        seen.extend(nodes.iter().map(|node| node["name"].as_str().unwrap().to_owned()));
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(seen, ["dev", "b", "c", "d", "e"]);
    for first in [0, -1, 201] {
        let body = owner.ask(document, json!({ "p": root.project, "first": first })).await;
        assert!(body["errors"][0]["extensions"]["code"].is_string(), "{first}: {body:#}");
    }
}
