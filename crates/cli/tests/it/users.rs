//! Users of an environment: signing up and in, refreshing, minting, looking after them.

use serde_json::{Value, json};

use crate::client::{Answer, Api};
use crate::harness::{Server, until};
use crate::world::{Environment, blog, branch, database_of, superuser};

pub(crate) const PASSWORD: &str = "correct horse battery";

/// An application in front of its user.
pub(crate) fn front(server: &Server, environment: &Environment) -> Api {
    server.stranger().header("apikey", &environment.publishable)
}

/// A new user with a session.
pub(crate) async fn sign_up(api: &Api, email: &str) -> Value {
    let answer = api.post("/auth/v1/signup", &json!({ "email": email, "password": PASSWORD })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// The same application with the user's token.
pub(crate) fn signed_in(api: &Api, session: &Value) -> Api {
    api.clone().header("authorization", &format!("Bearer {}", text(&session["access_token"])))
}

async fn refresh(api: &Api, token: &str) -> Answer {
    api.post("/auth/v1/token?grant_type=refresh_token", &json!({ "refresh_token": token })).await
}

#[tokio::test]
async fn a_user_signs_up_in_and_out() {
    let server = Server::start();
    let root = blog(&server).await;
    let api = front(&server, &root);
    let session = sign_up(&api, "Ada@Example.com ").await;
    assert_eq!(session["user"]["email"], "ada@example.com");
    assert_eq!((&session["token_type"], &session["expires_in"]), (&json!("bearer"), &json!(3600)));
    let me = signed_in(&api, &session).get("/auth/v1/user").await;
    assert_eq!((me.status, &me.json()["id"]), (200, &session["user"]["id"]), "{}", me.text);

    let again = api.post("/v1/auth/signup", &json!({ "email": "ada@example.com", "password": PASSWORD })).await;
    assert_eq!((again.status, &again.json()["error_code"]), (409, &json!("user_already_exists")), "{}", again.text);
    let login = json!({ "email": "ada@example.com", "password": PASSWORD });
    let second = api.post("/auth/v1/token?grant_type=password", &login).await;
    assert_eq!(second.status, 200, "{}", second.text);
    for wrong in [json!({ "email": "ada@example.com", "password": "wrong horse" }), json!({ "email": "b@c.d", "password": "x" })]
    {
        let refused = api.post("/auth/v1/token?grant_type=password", &wrong).await;
        assert_eq!((refused.status, &refused.json()["error_code"]), (400, &json!("invalid_credentials")), "{}", refused.text);
        assert_eq!(refused.json()["msg"], "Invalid login credentials");
    }
    let weak = api.post("/auth/v1/signup", &json!({ "email": "b@example.com", "password": "short" })).await;
    assert_eq!((weak.status, &weak.json()["error_code"]), (400, &json!("weak_password")), "{}", weak.text);

    let listed = signed_in(&api, &session).get("/v1/auth/sessions").await.json();
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 2, "{listed}");
    let out = signed_in(&api, &second.json()).send("POST", "/auth/v1/logout?scope=local", None).await;
    assert_eq!(out.status, 204, "{}", out.text);
    let gone = signed_in(&api, &second.json()).get("/auth/v1/user").await;
    assert_eq!((gone.status, &gone.json()["error_code"]), (401, &json!("session_not_found")), "{}", gone.text);
    assert_eq!(signed_in(&api, &session).get("/auth/v1/user").await.status, 200, "the other session goes on");
    let out = signed_in(&api, &session).send("POST", "/auth/v1/logout", None).await;
    assert_eq!(out.status, 204);
    assert_eq!(refresh(&api, &text(&session["refresh_token"])).await.json()["error_code"], "refresh_token_not_found");
}

#[tokio::test]
async fn a_refresh_token_works_once_and_ends_its_family_when_it_is_used_again() {
    let server = Server::start();
    let root = blog(&server).await;
    let api = front(&server, &root);
    let first = text(&sign_up(&api, "ada@example.com").await["refresh_token"]);
    // Two tabs at the same moment are given the same.
    let both = futures_util::future::join(refresh(&api, &first), refresh(&api, &first)).await;
    let (second, other) = (text(&both.0.json()["refresh_token"]), text(&both.1.json()["refresh_token"]));
    assert_ne!(first, second);
    assert_eq!(second, other);
    let third = text(&refresh(&api, &second).await.json()["refresh_token"]);
    // The first is past what two tabs may do, but not yet long used: refused, and nothing else.
    assert_eq!(refresh(&api, &first).await.json()["error_code"], "refresh_token_already_used");
    let fourth = text(&refresh(&api, &third).await.json()["refresh_token"]);
    let admin = superuser(&server, &database_of(&server, &root.id).await).await;
    admin.execute("UPDATE cloche.refresh_tokens SET used_at = used_at - interval '11 seconds'", &[]).await.unwrap();
    assert_eq!(refresh(&api, &first).await.json()["error_code"], "refresh_token_already_used");
    assert_eq!(refresh(&api, &fourth).await.json()["error_code"], "refresh_token_not_found", "the thief's as well");
    assert_eq!(refresh(&api, "none").await.json()["error_code"], "refresh_token_not_found");
    let stored: String = admin
        .query_one("SELECT coalesce(string_agg(t::text, ','), '') || (SELECT string_agg(u::text, ',') FROM cloche.users u) FROM cloche.refresh_tokens t", &[])
        .await
        .unwrap()
        .get(0);
    for secret in [&first, &fourth, PASSWORD] {
        assert!(!stored.contains(secret), "{secret} is stored");
    }
}

#[tokio::test]
async fn an_application_mints_tokens_for_whom_it_vouches_for() {
    let server = Server::start();
    let root = blog(&server).await;
    let (back, api) = (server.api(&root.secret), front(&server, &root));
    let minted =
        back.post("/v1/auth/token", &json!({ "userId": "customer-7", "name": "Ada", "roles": ["editor"], "ttl": 60 })).await;
    assert_eq!(minted.status, 200, "{}", minted.text);
    let minted = minted.json();
    assert_eq!((&minted["expires_in"], &minted["refresh_token"]), (&json!(60), &Value::Null));
    assert_eq!(minted["user"]["user_metadata"]["name"], "Ada");
    assert_eq!(minted["user"]["app_metadata"]["roles"], json!(["editor"]));
    let me = signed_in(&api, &minted).get("/auth/v1/user").await;
    assert_eq!((me.status, &me.json()["external_id"]), (200, &json!("customer-7")), "{}", me.text);
    let again = back.post("/v1/auth/token", &json!({ "userId": "customer-7" })).await.json();
    assert_eq!(again["user"]["id"], minted["user"]["id"], "the same user");
    assert_eq!(again["user"]["app_metadata"]["roles"], json!(["editor"]), "roles that are not given stay");
    // A token that was checked is remembered, and not for longer than it is in force.
    let short = back.post("/v1/auth/token", &json!({ "userId": "customer-8", "ttl": 2 })).await.json();
    let brief = signed_in(&api, &short);
    until("the token has expired", async || {
        let answer = brief.get("/auth/v1/user").await;
        assert!(answer.status == 200 || answer.json()["code"] == "PGRST303", "{}", answer.text);
        (answer.status == 401).then_some(())
    })
    .await;
    let id = uuid::Uuid::new_v4().to_string();
    assert_eq!(back.post("/v1/auth/token", &json!({ "userId": id })).await.json()["user"]["id"], json!(id));
    for (bad, code) in [
        (json!({ "userId": "" }), "user/id"),
        (json!({ "userId": "a\u{0}b" }), "request/nul-character"),
        (json!({ "userId": "x", "name": "a\u{0}b" }), "request/nul-character"),
        (json!({ "userId": "x", "ttl": 0 }), "token/ttl"),
        (json!({ "userId": "x", "ttl": 700_000 }), "token/ttl"),
        (json!({ "userId": "x", "roles": ["a b"] }), "user/roles"),
        (json!({ "userId": "x", "role": "editor" }), "request/malformed-json"),
    ] {
        let answer = back.post("/v1/auth/token", &bad).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, code), "{bad}: {}", answer.text);
    }
    let refused = api.post("/v1/auth/token", &json!({ "userId": "customer-7" })).await;
    assert_eq!((refused.status, refused.problem().as_str()), (403, "key/not-secret"), "{}", refused.text);
}

#[tokio::test]
async fn a_token_is_good_in_its_own_environment_alone() {
    let server = Server::start();
    let root = blog(&server).await;
    let (back, api) = (server.api(&root.secret), front(&server, &root));
    let session = sign_up(&api, "ada@example.com").await;
    let keys = api.get("/auth/v1/.well-known/jwks.json").await.json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    let made = Environment::of(&branch(&server.owner(), &root.project, "dev", "staging", json!({})).await);
    let copy = front(&server, &made);
    let refused = signed_in(&copy, &session).get("/auth/v1/user").await;
    assert_eq!((refused.status, refused.problem().as_str()), (401, "token/invalid"), "{}", refused.text);
    assert_eq!(refresh(&copy, &text(&session["refresh_token"])).await.json()["error_code"], "refresh_token_not_found");
    // The user came along, with the password; the key did not.
    let login = json!({ "email": "ada@example.com", "password": PASSWORD });
    let there = copy.post("/auth/v1/token?grant_type=password", &login).await;
    assert_eq!((there.status, &there.json()["user"]["id"]), (200, &session["user"]["id"]), "{}", there.text);
    assert_ne!(copy.get("/auth/v1/.well-known/jwks.json").await.json(), keys);
    assert_eq!(signed_in(&api, &there.json()).get("/auth/v1/user").await.status, 401);
    let system = branch(&server.owner(), &root.project, "dev", "empty", json!({ "mode": "system" })).await;
    let system = Environment::of(&system);
    assert_eq!(server.api(&system.secret).get("/v1/users").await.json()["total"], 0);
    // A ban is in force for a refresh and for /user at once.
    let id = text(&session["user"]["id"]);
    let banned = back.patch(&format!("/v1/users/{id}"), &json!({ "banDuration": "24h" })).await;
    assert_eq!(banned.status, 200, "{}", banned.text);
    assert_eq!(signed_in(&api, &session).get("/auth/v1/user").await.json()["error_code"], "user_banned");
    assert_eq!(refresh(&api, &text(&session["refresh_token"])).await.status, 400);
    assert_eq!(api.post("/auth/v1/token?grant_type=password", &login).await.json()["error_code"], "user_banned");
}

#[tokio::test]
async fn users_are_looked_after_by_command() {
    let server = Server::start();
    let root = blog(&server).await;
    let of = ["--project", "blog", "--env", "dev"];
    let cloche = async |arguments: &[&str]| {
        let ran = server.cli(&[&["users"], arguments, &of, &["--json", "--yes"]].concat()).await;
        assert_eq!(ran.code, 0, "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        serde_json::from_str::<Value>(&ran.stdout).unwrap_or(Value::Null)
    };
    let made = cloche(&["create", "ada@example.com", "--role", "editor"]).await;
    assert_eq!((&made["user"]["email"], &made["user"]["roles"]), (&json!("ada@example.com"), &json!(["editor"])));
    let changed = cloche(&["set-roles", "Ada@example.com", "staff", "author"]).await;
    assert_eq!(changed["user"]["roles"], json!(["author", "staff"]));
    assert_eq!(cloche(&["list", "--role", "staff"]).await["total"], 1);
    assert_eq!(cloche(&["list", "--role", "editor"]).await["total"], 0);
    let sent = front(&server, &root).post("/auth/v1/recover", &json!({ "email": "ada@example.com" })).await;
    assert_eq!(sent.status, 200, "{}", sent.text);
    let mails = cloche(&["mails", "--to", "ada@example.com"]).await;
    assert_eq!((mails.as_array().unwrap().len(), &mails[0]["kind"]), (1, &json!("recovery")));
    assert!(mails[0]["link"].as_str().unwrap().starts_with(&server.url), "{mails}");
    let table = server.cli(&[&["users", "list"], &of[..]].concat()).await;
    assert!(table.stdout.contains("ada@example.com") && table.stdout.contains("author staff"), "{}", table.stdout);
    cloche(&["delete", "ada@example.com"]).await;
    let gone = server.cli(&[&["users", "delete", "ada@example.com", "--yes"], &of[..]].concat()).await;
    assert_eq!(gone.code, 1, "{}", gone.stdout);
}

/// Somebody may have signed up with an address that is not theirs; its owner's mail must not make that password good.
#[tokio::test]
async fn a_password_of_a_stranger_is_not_good_once_the_owner_confirms_the_address() {
    let server = Server::start();
    let root = blog(&server).await;
    let (back, api) = (server.api(&root.secret), front(&server, &root));
    let owner = server.owner();
    let settings = json!({ "environmentId": root.id, "confirmEmail": true, "siteUrl": "https://app.example.com" });
    owner.must("updateAuthSettings", settings).await;
    let code_in = async |email: &str| {
        let document = "query($e: String!, $r: String) { mails(environmentId: $e, recipient: $r, first: 1) { code } }";
        text(&owner.query(document, json!({ "e": root.id, "r": email })).await["mails"][0]["code"])
    };
    let enter = async |email: &str, password: &str| {
        let body = json!({ "email": email, "password": password });
        api.post("/auth/v1/token?grant_type=password", &body).await.status
    };
    for (email, kind, own) in [
        ("ann@example.com", "invite", None),
        ("ben@example.com", "signup", Some("the owner's own password")),
        ("cy@example.com", "signup", Some(PASSWORD)),
    ] {
        let first = api.post("/auth/v1/signup", &json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(first.status, 200, "{}", first.text);
        let asked = match own {
            None => back.post("/auth/v1/invite", &json!({ "email": email })).await,
            Some(own) => api.post("/auth/v1/signup", &json!({ "email": email, "password": own })).await,
        };
        assert_eq!(asked.status, 200, "{}", asked.text);
        let shown = json!({ "type": kind, "email": email, "token": code_in(email).await });
        let confirmed = api.post("/auth/v1/verify", &shown).await;
        assert_eq!(confirmed.status, 200, "{}", confirmed.text);
        // The same password twice is one person's.
        let expected = if own == Some(PASSWORD) { 200 } else { 400 };
        assert_eq!(enter(email, PASSWORD).await, expected, "{email}");
    }
}

#[tokio::test]
async fn what_belongs_to_one_environment_alone_stays_in_it() {
    let server = Server::start();
    let root = blog(&server).await;
    let owner = server.owner();
    let api = front(&server, &root);
    sign_up(&api, "ada@example.com").await;
    api.post("/auth/v1/recover", &json!({ "email": "ada@example.com" })).await;
    let provider = json!({ "environmentId": root.id, "name": "acme", "issuer": "https://id.example", "clientId": "us",
        "clientSecret": "a-word-nobody-knows" });
    owner.must("setAuthProvider", provider).await;
    owner.must("updateAuthSettings", json!({ "environmentId": root.id, "signUp": false })).await;
    let kept = [("users", 1), ("auth_settings", 1)];
    let left =
        ["identities", "sessions", "refresh_tokens", "one_time_tokens", "mails", "auth_flows", "signing_keys", "auth_providers"];
    for (name, strategy, mode) in [("a", "INSTANT", "full"), ("b", "SNAPSHOT", "full"), ("c", "AUTO", "system")] {
        let made = branch(&owner, &root.project, "dev", name, json!({ "strategy": strategy, "mode": mode })).await;
        let made = Environment::of(&made);
        let admin = superuser(&server, &database_of(&server, &made.id).await).await;
        let count = async |table: &str| -> i64 {
            admin.query_one(&format!("SELECT count(*) FROM cloche.{table}"), &[]).await.unwrap().get(0)
        };
        for (table, rows) in kept {
            let rows = if table == "users" && mode == "system" { 0 } else { rows };
            assert_eq!(count(table).await, rows, "{strategy} {mode}: {table}");
        }
        for table in left {
            assert_eq!(count(table).await, 0, "{strategy} {mode}: {table}");
        }
        // Whether people may sign up is decided there as it was here.
        let refused =
            front(&server, &made).post("/auth/v1/signup", &json!({ "email": "b@example.com", "password": PASSWORD })).await;
        assert_eq!(refused.json()["error_code"], "signup_disabled", "{}", refused.text);
    }
    // The tenant's own SQL, and what an application's functions run as, see nothing of it.
    for (login, table) in
        [("_data", "users"), ("_data", "signing_keys"), ("_owner", "users"), ("_owner", "auth_providers"), ("_sql", "mails")]
    {
        let database = database_of(&server, &root.id).await;
        let admin = superuser(&server, &database).await;
        let may = format!("SELECT has_any_column_privilege('{database}{login}', 'cloche.{table}', 'SELECT, INSERT, UPDATE')");
        assert!(!admin.query_one(&may, &[]).await.unwrap().get::<_, bool>(0), "{login} {table}");
    }
}
