//! People: who sees and who changes what.

use serde_json::{Value, json};

use crate::client::{Browser, Person, error_code};
use crate::harness::Server;
use crate::secrecy::assert_no_secret;
use crate::transcript::Transcript;
use crate::world::{
    Environment, PASSWORD, blog, blog_files, branch, control, id_of, invite, invited, member, owner_of, remains, secret_of,
    use_link,
};

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

#[tokio::test]
async fn who_is_removed_is_out_at_once() {
    let server = Server::start();
    let root = blog(&server).await;
    let (_, owner, organization) = owner_of(&server).await;
    let projects = json!([{ "projectId": root.project, "role": "ADMIN" }]);
    let bea = invited(&server, &owner, "bea@example.com", json!({ "projects": projects })).await;
    let token = bea.person().must("createAccessToken", json!({ "name": "laptop" })).await["token"].as_str().unwrap().to_owned();
    let by_token = Person::new(&server.url, &token);
    let acme = owner.must("createOrganization", json!({ "name": "Acme" })).await["organization"]["id"].clone();
    let link = invite(&owner, "bea@example.com", json!({ "organizationId": acme })).await;
    assert_eq!(use_link(&server, "/session/invitation", &link, json!({ "password": PASSWORD })).await.status, 201);
    let environments = "query($p: String!) { environments(projectId: $p) { nodes { name } } }";
    let sees = async |person: &Person| outcome(person, environments, json!({ "p": root.project })).await;
    assert_eq!((sees(&bea.person()).await, sees(&by_token).await), ("allowed".into(), "allowed".into()));
    let id = id_of(&owner, "bea@example.com").await;
    owner.must("removeMember", json!({ "organizationId": organization, "memberId": id })).await;
    // Still in Acme: signed in, but without anything of the other organization.
    assert_eq!((sees(&bea.person()).await, sees(&by_token).await), ("project/not-found".into(), "project/not-found".into()));
    assert_eq!(
        owner.refused("removeMember", json!({ "organizationId": organization, "memberId": id })).await,
        "member/not-found"
    );
    let role = json!({ "projectId": root.project, "memberId": id, "role": "VIEWER" });
    assert_eq!(owner.refused("setProjectRole", role).await, "member/not-found");
    // Bea leaves the last organization.
    bea.person().must("removeMember", json!({ "organizationId": acme, "memberId": id })).await;
    assert_eq!(bea.bare().get("/session").await.status, 401);
    let bearer = server.stranger().header("authorization", &format!("Bearer {token}"));
    assert_eq!(bearer.post("/graphql", &json!({ "query": "{ viewer { id } }" })).await.problem(), "auth/invalid");
    let credentials = json!({ "email": "bea@example.com", "password": PASSWORD });
    assert_eq!(server.stranger().post("/session", &credentials).await.problem(), "session/invalid");
    assert_eq!(owner.refused("createPasswordLink", json!({ "memberId": id })).await, "member/not-found");
    assert_eq!(owner.refused("createAccessToken", json!({ "name": "x", "memberId": id })).await, "member/not-found");
    // Back by whatever way, the old password opens nothing: it may be known to who invited her the first time.
    let back = owner.must("addMember", json!({ "organizationId": acme, "email": "bea@example.com" })).await;
    assert_eq!(back["member"]["id"], id);
    assert_eq!(server.stranger().post("/session", &credentials).await.problem(), "session/invalid");
    owner.must("removeMember", json!({ "organizationId": acme, "memberId": id })).await;
    // Invited again, she chooses a new one, and what had ended stays ended.
    let link = invite(&owner, "bea@example.com", json!({})).await;
    assert_eq!(use_link(&server, "/session/invitation", &link, json!({ "password": PASSWORD })).await.status, 201);
    assert_eq!(bea.bare().get("/session").await.status, 401);
    assert_eq!(bearer.post("/graphql", &json!({ "query": "{ viewer { id } }" })).await.problem(), "auth/invalid");
    let again = Browser::sign_in(&server.url, "bea@example.com", PASSWORD).await;
    assert_eq!(sees(&again.person()).await, "project/not-found");
}

#[tokio::test]
async fn the_last_owner_stays() {
    let server = Server::start();
    let (_, ada, organization) = owner_of(&server).await;
    let of = |member: &str| json!({ "organizationId": organization, "memberId": member });
    let with_role = |member: &str, role: &str| json!({ "organizationId": organization, "memberId": member, "role": role });
    let (id, local) = (id_of(&ada, "ada@example.com").await, id_of(&ada, "owner@localhost").await);
    let bea = invited(&server, &ada, "bea@example.com", json!({})).await.person();
    let other = id_of(&ada, "bea@example.com").await;
    ada.must("removeMember", of(&local)).await;
    assert_eq!(ada.refused("removeMember", of(&id)).await, "member/last-owner");
    assert_eq!(ada.refused("setOrganizationRole", with_role(&id, "MEMBER")).await, "member/last-owner");
    assert_eq!(bea.forbidden("transferOwnership", of(&other)).await, "auth/forbidden");
    assert_eq!(ada.refused("transferOwnership", of(&id)).await, "member/self");
    // In one step: the one becomes owner, the other a member.
    ada.must("transferOwnership", of(&other)).await;
    let roles = bea.query("{ members { nodes { email organizationRole } } }", json!({})).await;
    let expected = json!([
        { "email": "ada@example.com", "organizationRole": "member" },
        { "email": "bea@example.com", "organizationRole": "owner" },
    ]);
    assert_eq!(roles["members"]["nodes"], expected);
    assert_eq!(ada.forbidden("removeMember", of(&other)).await, "auth/forbidden");
    assert_eq!(bea.refused("removeMember", of(&other)).await, "member/last-owner");
    // Who runs the server is not taken out of it by who owns an organization, and the last one stays.
    assert_eq!(bea.forbidden("removeMember", of(&id)).await, "auth/forbidden");
    assert_eq!(ada.refused("removeMember", of(&id)).await, "member/last-owner");
    // The owner token is the local owner's, who is out; the next start does not let them in again.
    let token = std::fs::read_to_string(server.data_dir().join("owner-token")).unwrap();
    let server = server.stop().start();
    let bearer = server.stranger().header("authorization", &format!("Bearer {}", token.trim()));
    assert_eq!(bearer.post("/graphql", &json!({ "query": "{ viewer { id } }" })).await.problem(), "auth/invalid");
}

/// Two owners who demote each other at the same moment do not leave an organization without one.
#[tokio::test]
async fn owners_racing_leave_one() {
    let server = Server::start();
    let (_, ada, organization) = owner_of(&server).await;
    let of = |member: &str| json!({ "organizationId": organization, "memberId": member });
    let (id, local) = (id_of(&ada, "ada@example.com").await, id_of(&ada, "owner@localhost").await);
    ada.must("removeMember", of(&local)).await;
    let bea = invited(&server, &ada, "bea@example.com", json!({ "role": "OWNER" })).await.person();
    let other = id_of(&ada, "bea@example.com").await;
    for _ in 0..10 {
        let demote = |member: &str| json!({ "organizationId": organization, "memberId": member, "role": "MEMBER" });
        tokio::join!(ada.send("setOrganizationRole", demote(&other)), bea.send("setOrganizationRole", demote(&id)));
        let members = ada.query("{ members { nodes { id organizationRole } } }", json!({})).await;
        let members = members["members"]["nodes"].as_array().unwrap().clone();
        let owners: Vec<_> = members.iter().filter(|one| one["organizationRole"] == "owner").collect();
        assert_eq!(owners.len(), 1, "{members:?}");
        let (owner, member) = if owners[0]["id"] == id.as_str() { (&ada, &other) } else { (&bea, &id) };
        let promote = json!({ "organizationId": organization, "memberId": member, "role": "OWNER" });
        owner.must("setOrganizationRole", promote).await;
    }
}

#[tokio::test]
async fn a_password_link_gives_a_new_password_once() {
    let server = Server::start();
    let (_, owner, _) = owner_of(&server).await;
    let bea = invited(&server, &owner, "bea@example.com", json!({})).await;
    let id = id_of(&owner, "bea@example.com").await;
    let make = async || secret_of(&owner.must("createPasswordLink", json!({ "memberId": id })).await["link"]);
    let (replaced, link) = (make().await, make().await);
    assert_eq!(use_link(&server, "/session/link", &replaced, json!({})).await.problem(), "link/invalid");
    let told = use_link(&server, "/session/link", &link, json!({})).await.json();
    assert_eq!((&told["kind"], &told["email"], &told["name"]), (&json!("password"), &json!("bea@example.com"), &json!("bea")));
    let new = json!({ "password": "another horse" });
    assert_eq!(use_link(&server, "/session/password", &link, json!({ "password": "short" })).await.problem(), "password/length");
    let reset = use_link(&server, "/session/password", &link, new.clone()).await;
    assert_eq!(reset.status, 201, "{}", reset.text);
    assert_eq!(Browser::of(&server.url, &reset).bare().get("/session").await.status, 200);
    assert_eq!(bea.bare().get("/session").await.status, 401, "a session lives on with the old password");
    assert_eq!(use_link(&server, "/session/password", &link, new).await.problem(), "link/invalid");
    Browser::sign_in(&server.url, "bea@example.com", "another horse").await;
    let expired = make().await;
    control(&server).await.execute("UPDATE password_links SET expires_at = now()", &[]).await.unwrap();
    assert_eq!(use_link(&server, "/session/link", &expired, json!({})).await.problem(), "link/invalid");
    // Changing the password by oneself ends a link, too.
    let link = make().await;
    let bea = Browser::sign_in(&server.url, "bea@example.com", "another horse").await.person();
    bea.must("changePassword", json!({ "current": "another horse", "new": PASSWORD })).await;
    assert_eq!(use_link(&server, "/session/link", &link, json!({})).await.problem(), "link/invalid");
}

/// Every change of people is written down, with who did it, in the same transaction.
#[tokio::test]
async fn what_is_done_to_people_is_audited() {
    let server = Server::start();
    let (_, owner, organization) = owner_of(&server).await;
    let bea = invited(&server, &owner, "bea@example.com", json!({})).await;
    let id = id_of(&owner, "bea@example.com").await;
    let of = json!({ "organizationId": organization, "memberId": id });
    bea.person().must("updateViewer", json!({ "name": "Beatrice" })).await;
    owner.must("createPasswordLink", json!({ "memberId": id })).await;
    owner.must("setOrganizationRole", json!({ "organizationId": organization, "memberId": id, "role": "OWNER" })).await;
    bea.api().delete("/session").await;
    owner.must("removeMember", of).await;
    owner.must("updateOrganization", json!({ "organizationId": organization, "name": "Acme" })).await;
    let log = owner.query("{ auditLog(first: 50) { nodes { actor action target detail } } }", json!({})).await;
    assert_no_secret("the audit log", &log.to_string());
    let entries = log["auditLog"]["nodes"].as_array().unwrap();
    let told: Vec<String> = entries
        .iter()
        .rev()
        .map(|one| [&one["actor"], &one["action"], &one["target"]].map(|text| text.as_str().unwrap()).join(" "))
        .collect();
    let expected = [
        "ada@example.com member.setUp ada@example.com",
        "ada@example.com invitation.create bea@example.com",
        "bea@example.com invitation.accept bea@example.com",
        "bea@example.com member.rename bea@example.com",
        "ada@example.com member.passwordLink bea@example.com",
        "ada@example.com member.setOrganizationRole bea@example.com",
        "bea@example.com session.signOut bea@example.com",
        "ada@example.com member.remove bea@example.com",
        "ada@example.com organization.rename Acme",
    ];
    assert_eq!(told, expected);
}
