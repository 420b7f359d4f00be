//! Every HTTP route × every credential that does not open it, and × other people's ids in path, query, headers and body.
//!
//! The routes come from the router itself. One that has no row in [`ROWS`] fails the test.

use std::collections::BTreeSet;

use cloche_server::{Credential, Route, routes};
use cloche_wire::{KeyEnvironment, KeyKind, KeyText, TokenKind};
use serde_json::{Value, json};

use super::{What, full, report};
use crate::client::{Answer, Api};
use crate::harness::{Server, until};
use crate::world::{Environment, blog, blog_files, branch, database_of, member, project, superuser};

/// What stands for each placeholder of a path, and the body that is sent where a method takes one.
struct Row {
    path: &'static str,
    body: fn(&Victims) -> Value,
}

const ROWS: &[Row] = &[
    Row { path: "/v1/data/{table}", body: author },
    Row { path: "/rest/v1/{table}", body: author },
    Row { path: "/v1/data/{table}/{id}", body: author },
    Row { path: "/v1/rpc/{function}", body: author },
    Row { path: "/rest/v1/rpc/{function}", body: author },
    Row { path: "/v1/auth/signup", body: user },
    Row { path: "/v1/auth/token", body: user },
    Row { path: "/v1/auth/recover", body: user },
    Row { path: "/v1/auth/resend", body: user },
    Row { path: "/v1/auth/otp", body: user },
    Row { path: "/v1/auth/verify", body: user },
    Row { path: "/v1/auth/user", body: user },
    Row { path: "/v1/auth/admin/users", body: user },
    Row { path: "/v1/auth/admin/generate_link", body: user },
    Row { path: "/v1/auth/invite", body: user },
    Row { path: "/v1/auth/admin/users/{id}", body: user },
    Row { path: "/v1/auth/logout", body: |_| Value::Null },
    Row { path: "/v1/auth/settings", body: |_| Value::Null },
    Row { path: "/v1/auth/health", body: |_| Value::Null },
    Row { path: "/v1/auth/.well-known/jwks.json", body: |_| Value::Null },
    Row { path: "/auth/v1/signup", body: user },
    Row { path: "/auth/v1/token", body: user },
    Row { path: "/auth/v1/recover", body: user },
    Row { path: "/auth/v1/resend", body: user },
    Row { path: "/auth/v1/otp", body: user },
    Row { path: "/auth/v1/verify", body: user },
    Row { path: "/auth/v1/user", body: user },
    Row { path: "/auth/v1/admin/users", body: user },
    Row { path: "/auth/v1/admin/generate_link", body: user },
    Row { path: "/auth/v1/invite", body: user },
    Row { path: "/auth/v1/admin/users/{id}", body: user },
    Row { path: "/auth/v1/logout", body: |_| Value::Null },
    Row { path: "/auth/v1/settings", body: |_| Value::Null },
    Row { path: "/auth/v1/health", body: |_| Value::Null },
    Row { path: "/auth/v1/.well-known/jwks.json", body: |_| Value::Null },
    Row { path: "/v1/auth/authorize", body: |_| Value::Null },
    Row { path: "/auth/v1/authorize", body: |_| Value::Null },
    Row { path: "/auth/v1/callback", body: |_| Value::Null },
    Row { path: "/v1/auth/sessions", body: |_| Value::Null },
    Row { path: "/v1/auth/sessions/{id}", body: |_| Value::Null },
    Row { path: "/v1/users", body: |_| Value::Null },
    Row { path: "/v1/users/{id}/sessions", body: |_| Value::Null },
    Row { path: "/v1/users/{id}/sessions/{session}", body: |_| Value::Null },
    Row { path: "/v1/users/{id}", body: user },
    Row { path: "/v1/openapi.json", body: |_| Value::Null },
    Row { path: "/rest/v1/", body: |_| Value::Null },
    Row { path: "/v1/docs", body: |_| Value::Null },
    Row { path: "/graphql", body: |_| json!({ "query": "{ viewer { email } projects { nodes { id name } } }" }) },
    Row { path: "/session", body: |_| json!({ "email": "owner@localhost", "password": "a guess at it" }) },
    Row { path: "/session/link", body: link },
    Row { path: "/session/setup", body: link },
    Row { path: "/session/invitation", body: link },
    Row { path: "/session/password", body: link },
    Row { path: "/session/confirm", body: |_| json!({ "password": "a guess at it" }) },
    Row { path: "/healthz", body: |_| Value::Null },
    Row { path: "/readyz", body: |_| Value::Null },
    Row { path: "/metrics", body: |_| Value::Null },
    Row { path: "/", body: |_| Value::Null },
    Row { path: "/setup", body: |_| Value::Null },
    Row { path: "/invitation", body: |_| Value::Null },
    Row { path: "/password", body: |_| Value::Null },
    Row { path: "/sign-in", body: |_| Value::Null },
    Row { path: "/p/{*path}", body: |_| Value::Null },
    Row { path: "/account", body: |_| Value::Null },
    Row { path: "/account/{page}", body: |_| Value::Null },
    Row { path: "/assets/{name}", body: |_| Value::Null },
    Row { path: "/favicon.svg", body: |_| Value::Null },
    Row { path: "/theme.js", body: |_| Value::Null },
];

fn author(victims: &Victims) -> Value {
    json!({ "name": "Taken over", "handle": "taken-over", "id": victims.author })
}

/// All that signing in and looking after users takes, with the victim's ids where one could be.
fn user(victims: &Victims) -> Value {
    json!({
        "email": "taken@example.com", "password": "long enough a word", "type": "magiclink", "userId": victims.author,
        "token_hash": victims.root.id, "refresh_token": victims.author, "data": { "environment": victims.root.id },
    })
}

/// What a link leads to, with an id in the place of its token.
fn link(victims: &Victims) -> Value {
    json!({ "token": victims.root.id, "email": "taken@example.com", "name": "Taken over", "password": "long enough a word" })
}

/// Environments that nobody else may see or change, and everything a stranger could know of them.
struct Victims {
    root: Environment,
    /// Its records, with this text in them.
    author: String,
    marker: &'static str,
    paused: Environment,
    revoked: String,
    expired: String,
    deleted: Environment,
    /// Ids of all kinds.
    ids: Vec<String>,
}

const MARKER: &str = "only-the-victim-has-this";

async fn victims(server: &Server) -> Victims {
    let owner = server.owner();
    let root = blog(server).await;
    let api = server.api(&root.secret);
    let made = api.make("authors", &json!({ "handle": MARKER, "name": MARKER })).await;
    owner.must("setVariables", json!({ "environmentId": root.id, "variables": [{ "name": "MARKER", "value": MARKER }] })).await;
    let paused = branch(&owner, &root.project, "dev", "paused", json!({})).await;
    let deleted = Environment::of(&branch(&owner, &root.project, "dev", "deleted", json!({})).await);
    let paused = (Environment::of(&paused), paused["operation"]["id"].as_str().unwrap().to_owned());
    owner.must("pauseEnvironment", json!({ "environmentId": paused.0.id })).await;
    owner.must("deleteEnvironment", json!({ "environmentId": deleted.id })).await;
    let key = async |expires: Value| {
        let input = json!({ "environmentId": root.id, "kind": "SECRET", "name": "x", "expiresIn": expires });
        let made = owner.must("createApiKey", input).await;
        (made["secret"].as_str().unwrap().to_owned(), made["apiKey"]["id"].as_str().unwrap().to_owned())
    };
    let (revoked, key_id) = key(Value::Null).await;
    owner.must("revokeApiKey", json!({ "keyId": key_id })).await;
    let (expired, _) = key(json!("1s")).await;
    until("the key has expired", async || (server.api(&expired).get("/v1/data/authors").await.status == 401).then_some(())).await;
    let author = made[0]["id"].as_str().unwrap().to_owned();
    let ids = vec![author.clone(), root.id.clone(), root.project.clone(), key_id, paused.1, database_of(server, &root.id).await];
    Victims { root, author, marker: MARKER, paused: paused.0, revoked, expired, deleted, ids }
}

/// What the victims hold, past everything the server guards.
async fn contents(server: &Server, victims: &Victims) -> Vec<String> {
    let mut all = Vec::new();
    for environment in [&victims.root, &victims.paused] {
        let admin = superuser(server, &database_of(server, &environment.id).await).await;
        for table in ["authors", "posts", "comments"] {
            let sql = format!("SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM public.{table} t");
            all.push(format!("{table} {}", admin.query_one(&sql, &[]).await.unwrap().get::<_, String>(0)));
        }
    }
    all
}

/// The tries and what came through.
struct Matrix<'a> {
    server: &'a Server,
    stranger: Api,
    victims: &'a Victims,
    tries: usize,
    violations: Vec<String>,
}

impl Matrix<'_> {
    /// Sends the route with these headers; the path's placeholders and the query as given.
    async fn send(&self, route: &Route, headers: &[(&str, &str)], table: &str, id: &str, query: &str) -> Answer {
        let row = ROWS.iter().find(|row| row.path == route.path).unwrap();
        let path = route.path.replace("{table}", table).replace("{function}", table).replace("{id}", id).replace("{session}", id);
        let api = headers.iter().fold(self.stranger.clone(), |api, (name, value)| Api::header(api, name, value));
        let body = (row.body)(self.victims);
        let body = matches!(route.method, "POST" | "PATCH" | "PUT").then(|| body.to_string());
        api.send(route.method, &format!("{path}{query}"), body).await
    }

    fn note(&mut self, route: &Route, how: &str, answer: &Answer, allowed: bool) {
        self.tries += 1;
        let at = format!("{} {} with {how}", route.method, route.path);
        if !allowed {
            self.violations.push(format!("{at}: {} {}", answer.status, answer.text));
        }
        if answer.status >= 500 && answer.status != 503 {
            self.violations.push(format!("{at}: the server failed: {}", answer.text));
        }
        let headers = answer.headers.values().any(|value| value.to_str().is_ok_and(|text| text.contains(self.victims.marker)));
        if headers || answer.text.contains(self.victims.marker) {
            self.violations.push(format!("{at}: the victim's data was told: {}", answer.text));
        }
    }
}

/// A query that names the record, where the route takes one.
fn narrowed(route: &Route, id: &str, more: &str) -> String {
    let filters = !route.path.ends_with("{id}") && route.method != "POST";
    let filter = if filters { format!("id=eq.{id}&") } else { String::new() };
    format!("?{filter}{more}").trim_end_matches(['&', '?']).to_owned()
}

/// Each way of sending a key.
fn carried<'k>(key: &'k str, bearer: &'k str) -> [(&'static str, &'k str); 3] {
    [("x-api-key", key), ("apikey", key), ("authorization", bearer)]
}

/// Credentials that open no route, each with the answers that refuse it: on the data plane and on the management plane.
fn refused(server: &Server, victims: &Victims) -> Vec<(&'static str, String, &'static [u16])> {
    let strange = |kind| KeyText::generate(kind).unwrap().reveal().to_owned();
    let good = &victims.root.secret;
    let changed = |at: usize| {
        let mut text = good.clone().into_bytes();
        text[at] = if text[at] == b'a' { b'b' } else { b'a' };
        String::from_utf8(text).unwrap()
    };
    vec![
        ("an empty key", String::new(), &[401]),
        ("a key that is none", "sk_dev_x".into(), &[401]),
        ("another word for a key", good.replace("sk_dev", "sk_prod"), &[401]),
        ("a publishable key's text made secret", victims.root.publishable.replace("pk_", "sk_"), &[401]),
        ("another locator", changed(10), &[401]),
        ("another secret", changed(30), &[401]),
        ("another checksum", changed(good.len() - 1), &[401]),
        ("a key cut short", good[..good.len() - 1].to_owned(), &[401]),
        ("a key and more", format!("{good}a"), &[401]),
        ("two keys in one", format!("{good},{}", victims.root.publishable), &[401]),
        ("SQL for a key", "sk_dev_' OR '1'='1".into(), &[401]),
        ("a very long key", format!("sk_dev_{}", "a".repeat(6_000)), &[401]),
        ("a secret key of nobody", strange(TokenKind::Api(KeyKind::Secret, KeyEnvironment::Dev)), &[401]),
        ("a publishable key of nobody", strange(TokenKind::Api(KeyKind::Publishable, KeyEnvironment::Prod)), &[401]),
        ("a token of nobody", strange(TokenKind::Personal), &[401]),
        ("a revoked key", victims.revoked.clone(), &[401]),
        ("an expired key", victims.expired.clone(), &[401]),
        ("a key of a deleted environment", victims.deleted.secret.clone(), &[401]),
        ("a publishable key of a deleted environment", victims.deleted.publishable.clone(), &[401]),
        ("a key of a paused environment", victims.paused.secret.clone(), &[503, 401]),
        ("a publishable key of a paused environment", victims.paused.publishable.clone(), &[503, 401]),
        ("an environment's id for a key", victims.root.id.clone(), &[401]),
        ("the owner's token at the data plane", server.owner().token, &[401]),
        ("a secret key at the management plane", good.clone(), &[401]),
        ("a publishable key at the management plane", victims.root.publishable.clone(), &[401]),
    ]
}

/// Whether a credential of this name is out of place at the route: what opens it is no wrong credential there.
fn out_of_place(name: &str, route: &Route) -> bool {
    match route.credential {
        Credential::Key => !name.ends_with("at the management plane"),
        Credential::Token => !name.ends_with("at the data plane"),
        Credential::AnyKey => !name.ends_with("at the management plane"),
        Credential::Session | Credential::Link => true,
        Credential::Nothing => false,
    }
}

/// Without a password or a link, signing in is refused, in whatever words.
fn is_refused(route: &Route, status: u16, statuses: &[u16]) -> bool {
    if matches!(route.credential, Credential::Session | Credential::Link) {
        (400..500).contains(&status) || statuses.contains(&status)
    } else {
        statuses.contains(&status)
    }
}

async fn wrong_credentials(matrix: &mut Matrix<'_>, route: &Route) {
    let id = matrix.victims.author.clone();
    let query = narrowed(route, &id, "");
    if route.credential != Credential::Nothing {
        let answer = matrix.send(route, &[], "authors", &id, &query).await;
        matrix.note(route, "no credential", &answer, is_refused(route, answer.status, &[401]));
        let in_query = format!("apikey={0}&x-api-key={0}&key={0}&token={0}", matrix.victims.root.secret);
        let in_query = narrowed(route, &id, &in_query);
        let answer = matrix.send(route, &[], "authors", &id, &in_query).await;
        matrix.note(route, "a good key in the query", &answer, is_refused(route, answer.status, &[401]));
        let cookie =
            format!("apikey={0}; x-api-key={0}; cloche-session={1}", matrix.victims.root.secret, matrix.server.owner().token);
        let answer = matrix.send(route, &[("cookie", &cookie)], "authors", &id, &query).await;
        matrix.note(route, "good credentials in a cookie", &answer, is_refused(route, answer.status, &[401]));
        let basic = format!("Basic {}", matrix.victims.root.secret);
        let answer = matrix.send(route, &[("authorization", &basic)], "authors", &id, &query).await;
        matrix.note(route, "a good key as Basic", &answer, is_refused(route, answer.status, &[401]));
    }
    for (name, credential, statuses) in refused(matrix.server, matrix.victims) {
        let bearer = format!("Bearer {credential}");
        for (header, value) in carried(&credential, &bearer) {
            if out_of_place(name, route) {
                let answer = matrix.send(route, &[(header, value)], "authors", &id, &query).await;
                matrix.note(route, &format!("{name} as {header}"), &answer, is_refused(route, answer.status, statuses));
            }
        }
    }
}

/// Two keys in one request: whichever would be taken, the other one says something else.
async fn two_keys(matrix: &mut Matrix<'_>, route: &Route, mine: &Environment) {
    let id = matrix.victims.author.clone();
    let (theirs, own) = (matrix.victims.root.secret.clone(), mine.secret.clone());
    let (their_bearer, own_bearer) = (format!("Bearer {theirs}"), format!("Bearer {own}"));
    for first in carried(&theirs, &their_bearer) {
        for second in carried(&own, &own_bearer) {
            for headers in [[first, second], [second, first]] {
                let answer = matrix.send(route, &headers, "authors", &id, &narrowed(route, &id, "")).await;
                let how = format!("two keys, {} and {}", headers[0].0, headers[1].0);
                matrix.note(route, &how, &answer, (400..500).contains(&answer.status));
            }
        }
    }
}

/// Two members' tokens in one request.
async fn two_tokens(matrix: &mut Matrix<'_>, route: &Route, stranger: &str) {
    let owner = format!("Bearer {}", matrix.server.owner().token);
    for pair in [[stranger, &owner], [&owner, stranger]] {
        let headers = pair.map(|value| ("authorization", value));
        let answer = matrix.send(route, &headers, "", "", "").await;
        matrix.note(route, "two tokens", &answer, answer.status == 401);
    }
}

/// A publishable key where a secret one is needed.
async fn publishable(matrix: &mut Matrix<'_>, route: &Route) {
    let key = matrix.victims.root.publishable.clone();
    let id = matrix.victims.author.clone();
    let table = if matches!(route.method, "GET" | "HEAD") { "notes" } else { "authors" };
    let answer = matrix.send(route, &[("x-api-key", &key)], table, &id, &narrowed(route, &id, "")).await;
    // What it may not even read is not there for it; and what describes the environment to it tells nothing of that.
    let describes = matches!(route.path, "/v1/openapi.json" | "/rest/v1/");
    let refused = matches!(answer.status, 403 | 404) || (describes && answer.status == 200 && !answer.text.contains("notes"));
    matrix.note(route, "a publishable key where a secret one is needed", &answer, refused);
}

/// A good key of another environment, with the victim's ids wherever an id could be taken from.
async fn foreign_ids(matrix: &mut Matrix<'_>, route: &Route, own: &[(&str, &str)]) {
    let victims = matrix.victims;
    let database = victims.ids.last().unwrap().clone();
    let victim_query = narrowed(route, &victims.author, "");
    let ids = if full() { &victims.ids[..] } else { &victims.ids[..2] };
    for id in ids {
        let answer = matrix.send(route, own, "authors", id, &victim_query).await;
        matrix.note(route, &format!("the id {id} in the path"), &answer, true);
        for name in
            ["environment", "environmentId", "environment_id", "env", "project", "projectId", "database", "db", "id", "key"]
        {
            let query = narrowed(route, &victims.author, &format!("{name}={id}"));
            let answer = matrix.send(route, own, "authors", &victims.author, &query).await;
            matrix.note(route, &format!("{name}={id} in the query"), &answer, true);
        }
        for name in
            ["x-environment", "x-environment-id", "x-project-id", "x-cloche-environment", "x-tenant-id", "x-database", "host"]
        {
            let headers: Vec<_> = own.iter().copied().chain([(name, id.as_str())]).collect();
            let answer = matrix.send(route, &headers, "authors", &victims.author, &victim_query).await;
            matrix.note(route, &format!("{id} as {name}"), &answer, true);
        }
    }
    let path = format!("/v1/data/authors/{}", victims.author);
    for (name, value) in [
        ("accept-profile", "cloche"),
        ("content-profile", "cloche"),
        ("accept-profile", database.as_str()),
        ("x-original-url", &path),
        ("x-rewrite-url", &path),
        ("x-forwarded-host", &victims.root.id),
        ("x-http-method-override", "DELETE"),
        ("x-forwarded-user", "owner@localhost"),
        ("prefer", "return=representation, tx=commit, params=multiple-objects"),
    ] {
        let headers: Vec<_> = own.iter().copied().chain([(name, value)]).collect();
        let answer = matrix.send(route, &headers, "authors", &victims.author, &victim_query).await;
        matrix.note(route, &format!("{name}: {value}"), &answer, true);
    }
    if !route.path.contains("{table}") {
        return;
    }
    let tables = [
        "cloche.variables",
        "variables",
        "definitions",
        "cloche%2Evariables",
        "pg_authid",
        "pg_catalog.pg_authid",
        "pg_database",
        "pg_stat_activity",
        "information_schema.tables",
        "public.authors",
        "%22cloche%22.%22variables%22",
        "authors%22%3B%20--",
        "authors%20JOIN%20cloche.variables",
        "..%2F..%2Fgraphql",
        "authors%00",
        "pg_shadow",
        "table_access",
        "cloche.table_access",
        "access_rules",
        "cloche.access_rules",
    ];
    for table in tables.iter().map(|table| (*table).to_owned()).chain([format!("{database}.public.authors")]) {
        let answer = matrix.send(route, own, &table, &victims.author, "?select=*").await;
        matrix.note(route, &format!("the table {table}"), &answer, (400..500).contains(&answer.status));
    }
    for query in [
        "?select=*,cloche.variables(*)",
        "?select=current_user",
        "?select=name::text",
        "?select=*&schema=cloche",
        "?select=name,(select%20sealed%20from%20cloche.variables)",
        "?order=(select%201)",
        "?name=eq.(select%20current_user)",
        "?id=in.(select%20id)",
        "?or=(id.eq.1)",
        "?select=\"name\"%20from%20cloche.variables%20--",
    ] {
        let answer = matrix.send(route, own, "authors", &victims.author, query).await;
        matrix.note(route, &format!("the query {query}"), &answer, true);
    }
}

#[tokio::test]
async fn no_route_leads_to_somebody_elses_environment() {
    let listed: BTreeSet<&str> = routes().iter().map(|route| route.path).collect();
    let rows: BTreeSet<&str> = ROWS.iter().map(|row| row.path).collect();
    assert_eq!(listed, rows, "a route has no row in ROWS, or a row no route");

    let server = Server::start();
    let owner = server.owner();
    let victims = victims(&server).await;
    let mine = project(&owner, "mine").await;
    owner.must("applyDefinitions", json!({ "environmentId": mine.id, "files": blog_files() })).await;
    // A branch knows the victim's ids as its own: what it does with them must stay in it.
    let sibling = Environment::of(&branch(&owner, &victims.root.project, "dev", "sibling", json!({})).await);
    let clean = json!({ "name": "Sibling", "handle": "sibling" });
    let sibling_api = server.api(&sibling.secret);
    assert_eq!(sibling_api.patch(&format!("/v1/data/authors?id=eq.{}", victims.author), &clean).await.status, 204);
    let mut files = blog_files();
    let notes = json!({ "path": "tables/notes.yaml", "content": "columns:\n  id: { type: uuid, primary_key: true }\n" });
    files.as_array_mut().unwrap().push(notes);
    owner.must("applyDefinitions", json!({ "environmentId": victims.root.id, "files": files })).await;
    let before = contents(&server, &victims).await;
    let stranger = member(&server, "stranger@example.com", Some((&mine.project, "OWNER"))).await;

    let mut matrix = Matrix { server: &server, stranger: server.stranger(), victims: &victims, tries: 0, violations: Vec::new() };
    for route in routes() {
        let bearer = format!("Bearer {}", stranger.token);
        wrong_credentials(&mut matrix, &route).await;
        match route.credential {
            Credential::Key | Credential::AnyKey => {
                two_keys(&mut matrix, &route, &mine).await;
                if route.credential == Credential::Key {
                    publishable(&mut matrix, &route).await;
                }
                let keys = [&mine.secret, &sibling.publishable, &mine.publishable, &sibling.secret];
                for key in keys.into_iter().take(if full() { 4 } else { 2 }) {
                    foreign_ids(&mut matrix, &route, &[("x-api-key", key)]).await;
                }
            }
            Credential::Token => {
                two_tokens(&mut matrix, &route, &bearer).await;
                foreign_ids(&mut matrix, &route, &[("authorization", &bearer)]).await;
            }
            Credential::Session | Credential::Link | Credential::Nothing => foreign_ids(&mut matrix, &route, &[]).await,
        }
    }
    let (tries, mut violations) = (matrix.tries, matrix.violations);
    let after = contents(&server, &victims).await;
    if after != before {
        violations.push(format!("the victims' records are not what they were: {before:?}, now {after:?}"));
    }
    assert_eq!(server.api(&victims.root.secret).get("/v1/data/authors").await.status, 200);
    report("routes", What::Crossings, tries, &violations);
}
