//! Access rules over a real server: what anon, users and users with roles reach, see and write.

mod random;

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::client::{Answer, Api};
use crate::harness::{Server, until};
use crate::settings::set;
use crate::users::{front, signed_in};
use crate::world::{Environment, blog, customer, project};

const ADA: &str = "01939e3c-0000-7000-8000-00000000000a";
const BEA: &str = "01939e3c-0000-7000-8000-00000000000b";

/// A server with teams, their people and notes, and rules about them.
struct Office {
    server: Server,
    root: Environment,
    secret: Api,
}

const PEOPLE: &str = "
columns:
  id: { type: uuid, primary_key: true }
  name: text
  email: { type: text, nullable: true }
  phone: { type: text, nullable: true }
  salary: { type: int, nullable: true }
access: { anon: [read], user: [read] }";
const NOTES: &str = "
columns:
  id: { type: int, primary_key: true }
  owner: { type: uuid, references: people.id }
  team: { type: text, nullable: true }
  body: { type: text, default: \"''\" }
  public: { type: bool, default: 'false' }
  tags: { type: 'text[]', default: \"'{}'\" }
access: { anon: [read] }";
const ANON: &str = "
scope_rules:
  - { resource: notes, field: public, operator: eq, value: true, actions: [read] }
field_masks:
  - { resource: people, allow: [id, name] }
  - { resource: notes, fields: { owner: hide } }";
const USER: &str = "
description: Whoever is signed in.
policies:
  - { resource: notes, actions: [read, create, update, delete] }
scope_rules:
  - { resource: notes, field: owner, operator: eq, value: actor.userId }
field_masks:
  - { resource: people, fields: { email: hide, phone: redact, salary: redact } }";
const TEAM: &str = "
policies:
  - { resource: notes, actions: [read] }
  - { resource: people, actions: [update] }
  - { resource: 'view:bodies', actions: [read] }
  - { resource: 'function:count_notes', actions: [call] }
scope_rules:
  - { resource: notes, field: team, operator: in, value: actor.claims.teams }
  - { resource: people, field: id, operator: eq, value: actor.userId }
  - { resource: 'view:bodies', field: id, operator: lt, value: 3 }
field_masks:
  - { resource: people, fields: { salary: hide } }";
const PAYROLL: &str = "
policies: [{ resource: people, actions: [read] }]
scope_rules: [{ resource: people, field: salary, operator: lt, value: 200 }]";
const BANNED: &str = "policies: [{ resource: notes, actions: '*', effect: deny }]";

impl Office {
    async fn open() -> Self {
        let server = Server::start();
        let root = project(&server.owner(), "office").await;
        let file = |path: &str, content: &str| json!({ "path": path, "content": content });
        let files = json!([
            file("tables/people.yaml", PEOPLE),
            file("tables/notes.yaml", NOTES),
            file("views/bodies.yaml", "select id, body, owner from notes"),
            file(
                "functions/count_notes.yaml",
                "returns: bigint\nlanguage: sql\nvolatility: stable\nbody: select count(*) from notes"
            ),
            file("roles/anon.yaml", ANON),
            file("roles/user.yaml", USER),
            file("roles/team.yaml", TEAM),
            file("roles/payroll.yaml", PAYROLL),
            file("roles/banned.yaml", BANNED),
        ]);
        server.owner().must("applyDefinitions", json!({ "environmentId": root.id, "files": files })).await;
        let secret = server.api(&root.secret);
        let person = |id: &str, name: &str, salary: i64| {
            let email = format!("{name}@example.com");
            json!({ "id": id, "name": name, "email": email, "phone": "123", "salary": salary })
        };
        secret.make("people", &json!([person(ADA, "ada", 100), person(BEA, "bea", 300)])).await;
        let note = |id: i64, owner: &str, team: &str, public: bool| {
            let body = format!("note {id}");
            json!({ "id": id, "owner": owner, "team": team, "body": body, "public": public, "tags": [team] })
        };
        let notes = json!([
            note(1, ADA, "red", false),
            note(2, ADA, "blue", true),
            note(3, BEA, "red", false),
            note(4, BEA, "blue", false)
        ]);
        secret.make("notes", &notes).await;
        Self { server, root, secret }
    }

    fn anon(&self) -> Api {
        front(&self.server, &self.root)
    }

    /// A user of the environment with these roles.
    async fn user(&self, id: &str, roles: &[&str]) -> Api {
        let minted = self.secret.post("/v1/auth/token", &json!({ "userId": id, "name": "x", "roles": roles })).await;
        assert_eq!(minted.status, 200, "{}", minted.text);
        signed_in(&self.anon(), &minted.json())
    }
}

fn code(answer: &Answer) -> String {
    answer.json()["code"].as_str().unwrap_or_default().to_owned()
}

async fn ids(api: &Api, path: &str) -> String {
    let answer = api.get(path).await;
    if answer.status >= 300 {
        return format!("{} {}", answer.status, code(&answer));
    }
    let rows = answer.json();
    let mut ids = String::new();
    for row in rows.as_array().unwrap() {
        write!(ids, "{} ", row["id"]).unwrap();
    }
    ids.trim_end().to_owned()
}

/// Status and code of what is refused.
async fn outcome(api: &Api, method: &str, path: &str, body: Value) -> String {
    let body = (!body.is_null()).then(|| body.to_string());
    let answer = api.send(method, path, body).await;
    if answer.status < 300 { answer.status.to_string() } else { format!("{} {}", answer.status, code(&answer)) }
}

#[tokio::test]
async fn rows_are_reached_through_roles() {
    let office = Office::open().await;
    let (anon, ada) = (office.anon(), office.user(ADA, &[]).await);
    let bea = office.user(BEA, &["team"]).await;
    let banned = office.user(ADA, &["team", "banned"]).await;
    let stranger = office.user(&uuid::Uuid::new_v4().to_string(), &["nobody-knows"]).await;
    let notes = "/v1/data/notes?select=id&order=id";
    assert_eq!(ids(&office.secret, notes).await, "1 2 3 4");
    assert_eq!(ids(&anon, notes).await, "2");
    assert_eq!(ids(&ada, notes).await, "1 2");
    // The claim that the role asks for is not there, so that it matches no row.
    assert_eq!(ids(&bea, notes).await, "3 4");
    assert_eq!(ids(&stranger, notes).await, "");
    assert_eq!(ids(&banned, notes).await, "404 PGRST205");
    assert_eq!(ids(&ada, "/v1/data/notes/3?select=id").await, "404 record/not-found");

    // Counts, embedding and filters see the same rows.
    let counted = ada.clone().header("prefer", "count=exact").get("/v1/data/notes?select=id&limit=1").await;
    assert_eq!(counted.header("content-range"), Some("0-0/2"));
    let people = ada.rows("/v1/data/people?select=name,notes(id)&order=name").await;
    assert_eq!(people, json!([{ "name": "ada", "notes": [{ "id": 1 }, { "id": 2 }] }, { "name": "bea", "notes": [] }]));
    let inner = ada.rows("/v1/data/people?select=name,notes!inner(id)&notes.id=gt.1").await;
    assert_eq!(inner, json!([{ "name": "ada", "notes": [{ "id": 2 }] }]));
    assert_eq!(ada.rows("/v1/data/people?select=name,notes()&notes=is.null").await, json!([{ "name": "bea" }]));
    let csv = anon.clone().header("accept", "text/csv").get("/v1/data/notes?select=id,body").await;
    assert_eq!(csv.text.trim_end(), "id,body\n2,note 2");
}

#[tokio::test]
async fn masked_columns_are_shown_masked_and_nothing_else() {
    let office = Office::open().await;
    let (anon, ada) = (office.anon(), office.user(ADA, &[]).await);
    let payroll = office.user(ADA, &["payroll"]).await;
    // A list of what is shown hides the rest.
    assert_eq!(anon.rows("/v1/data/people?order=name").await[0], json!({ "id": ADA, "name": "ada" }));
    for path in [
        "people?select=email",
        "people?email=eq.x",
        "people?order=email",
        "people?or=(email.eq.x,name.eq.y)",
        "people?select=name&phone=is.null",
    ] {
        let answer = anon.get(&format!("/v1/data/{path}")).await;
        assert_eq!((answer.status, code(&answer).as_str()), (400, "42703"), "{path}: {}", answer.text);
        // Nor do hints tell that it is there.
        assert!(!answer.json()["hint"].to_string().contains("email"), "{}", answer.text);
    }
    // Nor does a way lead over a hidden column, in either direction.
    for path in ["notes?select=id,people(name)", "people?select=name,notes(id)"] {
        assert_eq!(outcome(&anon, "GET", &format!("/v1/data/{path}"), Value::Null).await, "400 PGRST200", "{path}");
    }
    let shown = ada.rows("/v1/data/people?order=name").await;
    assert_eq!(shown[0], json!({ "id": ADA, "name": "ada", "phone": "***", "salary": null }));
    for path in [
        "people?phone=eq.123",
        "people?order=salary",
        "people?select=name&salary=gt.10",
        "notes?select=id,people(name)&people.phone=eq.1",
    ] {
        let answer = ada.get(&format!("/v1/data/{path}")).await;
        assert_eq!((answer.status, code(&answer).as_str()), (403, "access/denied"), "{path}: {}", answer.text);
    }
    let csv = ada.clone().header("accept", "text/csv").get("/v1/data/people?order=name&limit=1").await;
    assert_eq!(csv.text.trim_end(), format!("id,name,phone,salary\n{ADA},ada,***,"));
    let embedded = ada.rows("/v1/data/notes?select=id,people(*)&order=id&limit=1").await;
    assert_eq!(embedded[0]["people"], json!({ "id": ADA, "name": "ada", "phone": "***", "salary": null }));
    // Another role shows all columns of some rows.
    let shown = payroll.rows("/v1/data/people?select=name,email,phone,salary&order=name").await;
    let open = json!({ "name": "ada", "email": "ada@example.com", "phone": "123", "salary": 100 });
    assert_eq!(shown, json!([open, { "name": "bea", "email": null, "phone": "***", "salary": null }]));
    assert_eq!(outcome(&payroll, "GET", "/v1/data/people?salary=lt.200", Value::Null).await, "403 access/denied");
}

/// What is given fits the rule by its words; what becomes of it does not.
#[tokio::test]
async fn what_a_trigger_makes_of_a_record_must_fit() {
    let office = Office::open().await;
    let (ada, anew) = (office.user(ADA, &[]).await, |id: i64| json!({ "id": id, "owner": ADA, "body": "new" }));
    assert_eq!(outcome(&ada, "POST", "/v1/data/notes", anew(20)).await, "201");
    let sql = customer(&office.server.owner(), &office.root.id).await;
    let trigger = format!(
        "CREATE FUNCTION give() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.owner := '{BEA}'; RETURN NEW; END $$;
         CREATE TRIGGER give BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION give()"
    );
    sql.batch_execute(&trigger).await.unwrap();
    // What is remembered of the environment is forgotten.
    set(&office.server.owner(), &office.root, json!({ "maxRows": 900 })).await;
    assert_eq!(outcome(&ada, "POST", "/v1/data/notes", anew(21)).await, "403 42501");
    assert_eq!(office.secret.rows("/v1/data/notes?id=gte.20&select=id,owner").await, json!([{ "id": 20, "owner": ADA }]));
}

#[tokio::test]
async fn what_is_written_must_fit_before_and_after() {
    let office = Office::open().await;
    let (anon, ada) = (office.anon(), office.user(ADA, &[]).await);
    let team = office.user(ADA, &["team"]).await;
    let note = |id: i64, owner: &str| json!({ "id": id, "owner": owner, "body": "new" });
    assert_eq!(outcome(&anon, "POST", "/v1/data/notes", note(10, ADA)).await, "403 access/denied");
    assert_eq!(outcome(&ada, "POST", "/v1/data/notes", note(10, ADA)).await, "201");
    assert_eq!(outcome(&ada, "POST", "/v1/data/notes", note(11, BEA)).await, "403 42501");
    assert_eq!(outcome(&ada, "POST", "/v1/data/notes", json!([note(12, ADA), note(13, BEA)])).await, "403 42501");
    // Those of others are not there.
    assert_eq!(outcome(&ada, "PATCH", "/v1/data/notes/3", json!({ "body": "mine" })).await, "404 record/not-found");
    assert_eq!(outcome(&ada, "DELETE", "/v1/data/notes/3", Value::Null).await, "404 record/not-found");
    assert_eq!(outcome(&ada, "PATCH", "/v1/data/notes/1", json!({ "owner": BEA })).await, "403 42501");
    ada.patch("/v1/data/notes?id=gt.0", &json!({ "body": "changed" })).await;
    ada.delete("/v1/data/notes?id=in.(2,4)").await;
    let left = office.secret.rows("/v1/data/notes?select=id,body&order=id").await;
    let expected: Vec<Value> = [(1, "changed"), (3, "note 3"), (4, "note 4"), (10, "changed")]
        .iter()
        .map(|(id, body)| json!({ "id": id, "body": body }))
        .collect();
    assert_eq!(left, json!(expected));
    // An upsert may neither take somebody else's record nor leave one to them.
    let upsert = ada.clone().header("prefer", "resolution=merge-duplicates");
    assert_eq!(outcome(&upsert, "POST", "/v1/data/notes", note(3, ADA)).await, "403 42501");
    assert_eq!(outcome(&upsert, "POST", "/v1/data/notes", note(1, ADA)).await, "200");
    assert_eq!(outcome(&upsert, "POST", "/v1/data/notes", note(1, BEA)).await, "403 42501");
    assert_eq!(office.secret.rows("/v1/data/notes?id=eq.3").await[0]["owner"], BEA);

    // A role's rules and masks are those of what it allows: their own phone is theirs to change, a hidden column nobody's.
    assert_eq!(outcome(&ada, "PATCH", &format!("/v1/data/people/{ADA}"), json!({ "phone": "9" })).await, "403 access/denied");
    assert_eq!(outcome(&team, "PATCH", &format!("/v1/data/people/{ADA}"), json!({ "name": "Ada" })).await, "204");
    assert_eq!(outcome(&team, "PATCH", &format!("/v1/data/people/{BEA}"), json!({ "name": "B" })).await, "404 record/not-found");
    let hidden = team.patch(&format!("/v1/data/people/{ADA}"), &json!({ "salary": 9 })).await;
    assert_eq!((hidden.status, code(&hidden).as_str()), (400, "PGRST204"), "{}", hidden.text);
    assert!(!hidden.json()["hint"].to_string().contains("salary"), "{}", hidden.text);
}

#[tokio::test]
async fn functions_and_views_are_closed_until_a_role_opens_them() {
    let office = Office::open().await;
    let (anon, ada, team) = (office.anon(), office.user(ADA, &[]).await, office.user(ADA, &["team"]).await);
    for closed in [&anon, &ada] {
        assert_eq!(outcome(closed, "GET", "/v1/data/bodies", Value::Null).await, "404 PGRST205");
        assert_eq!(outcome(closed, "POST", "/v1/rpc/count_notes", json!({})).await, "404 PGRST202");
    }
    assert_eq!(ids(&team, "/v1/data/bodies?order=id").await, "1 2");
    assert_eq!(outcome(&team, "PATCH", "/v1/data/bodies?id=eq.1", json!({ "body": "x" })).await, "403 access/denied");
    let called = team.post("/v1/rpc/count_notes", &json!({})).await;
    assert_eq!((called.status, called.text.as_str()), (200, "4"), "no rule reaches inside a function");
}

#[tokio::test]
async fn a_change_of_a_role_is_in_force_at_once_and_explained() {
    let office = Office::open().await;
    let owner = office.server.owner();
    let ada = office.user(ADA, &["guest"]).await;
    let environment = json!(office.root.id);
    assert_eq!(ids(&ada, "/v1/data/notes?select=id&order=id").await, "1 2");
    let spec = json!({ "description": "Guests.", "policies": [{ "resource": "notes", "actions": ["read"] }],
        "scope_rules": [{ "resource": "notes", "field": "tags", "operator": "contains", "value": "red" }] });
    let set = owner.must("setRole", json!({ "environmentId": environment, "name": "guest", "spec": spec })).await;
    assert_eq!(set["success"], true);
    assert_eq!(ids(&ada, "/v1/data/notes?select=id&order=id").await, "1 2 3");
    let wrong = json!({ "policies": [{ "resource": "nots", "actions": ["read"] }] });
    let code = owner.refused("setRole", json!({ "environmentId": environment, "name": "guest", "spec": wrong })).await;
    assert_eq!(code, "role/invalid");
    let listed = owner
        .query("query($e: String!) { roles(environmentId: $e) { name description spec } }", json!({ "e": environment }))
        .await;
    let names: Vec<&str> = listed["roles"].as_array().unwrap().iter().map(|role| role["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["anon", "banned", "guest", "payroll", "team", "user"]);
    // What is listed can be given again, and changes nothing.
    let again = json!({ "environmentId": environment, "name": "guest", "spec": listed["roles"][2]["spec"] });
    owner.must("setRole", again).await;
    let document = "query($e: String!, $actor: AccessActorInput!) {
        explainAccess(environmentId: $e, resource: \"notes\", action: READ, actor: $actor)
        { decision reason rows rules { role kind index effect decides } } }";
    let ask = async |roles: Value| {
        let actor = json!({ "key": "ANON", "userId": ADA, "roles": roles });
        owner.query(document, json!({ "e": environment, "actor": actor })).await["explainAccess"].clone()
    };
    let told = ask(json!(["guest"])).await;
    assert_eq!(told["decision"], "allowed");
    assert_eq!(told["rows"], json!(format!("owner = '{ADA}' or tags contains 'red'")));
    let told = ask(json!(["guest", "banned"])).await;
    assert_eq!(told["decision"], "denied", "{told:#}");
    let deciding: Vec<&Value> = told["rules"].as_array().unwrap().iter().filter(|rule| rule["decides"] == true).collect();
    let denial = json!({ "role": "banned", "kind": "policy", "index": 0, "effect": "deny", "decides": true });
    assert_eq!(deciding, [&denial]);
    owner.must("deleteRole", json!({ "environmentId": environment, "name": "guest" })).await;
    assert_eq!(ids(&ada, "/v1/data/notes?select=id&order=id").await, "1 2");
    assert_eq!(owner.refused("deleteRole", json!({ "environmentId": environment, "name": "guest" })).await, "role/not-found");
}

#[tokio::test]
async fn the_blog_keeps_drafts_to_their_authors() {
    let server = Server::start();
    let root = blog(&server).await;
    let secret = server.api(&root.secret);
    let author = secret.rows("/v1/data/authors?handle=eq.ada&select=id").await[0]["id"].clone();
    secret.patch("/v1/data/posts?slug=eq.three", &json!({ "status": "published", "published_at": "2026-01-01T00:00:00Z" })).await;
    let token = async |id: &Value, roles: Value| {
        let minted = secret.post("/v1/auth/token", &json!({ "userId": id, "roles": roles })).await;
        signed_in(&front(&server, &root), &minted.json())
    };
    let (ada, reader) = (token(&author, json!(["author"])).await, token(&json!("reader"), json!([])).await);
    let slugs = async |api: &Api| api.rows("/v1/data/posts?select=slug&order=slug").await;
    assert_eq!(slugs(&reader).await, json!([{ "slug": "three" }]));
    assert_eq!(slugs(&ada).await, json!([{ "slug": "one" }, { "slug": "three" }, { "slug": "two" }]));
    let post = json!({ "slug": "four", "title": "Four", "author_id": author });
    assert_eq!(outcome(&ada, "POST", "/v1/data/posts", post).await, "201");
    assert_eq!(outcome(&ada, "PATCH", "/v1/data/posts?slug=eq.three", json!({ "title": "Mine" })).await, "204");
    assert_eq!(secret.rows("/v1/data/posts?slug=eq.three&select=title").await, json!([{ "title": "THREE" }]));
    assert_eq!(outcome(&reader, "PATCH", "/v1/data/posts?slug=eq.three", json!({ "title": "x" })).await, "403 access/denied");
    let folder = ["--project", root.project.as_str(), "--env", "dev"];
    let arguments = ["access", "explain", "posts", "--action", "read", "--as", "user", "--role", "author"];
    let told = server.cli(&[&arguments[..], &folder].concat()).await;
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(told.stdout.contains("status = 'published' or author_id = "), "{}", told.stdout);
    let told = server
        .cli(&[&["access", "explain", "posts", "--action", "delete", "--as", "anon", "--json"][..], &folder].concat())
        .await;
    assert_eq!(told.json()["decision"], "denied");
    let wrong = server
        .cli(&[&["access", "explain", "posts", "--action", "read", "--as", "anon", "--role", "author"][..], &folder].concat())
        .await;
    assert_eq!(wrong.code, 2, "{}", wrong.stderr);
}

/// A value that depends on the time is read with every request, though the statement is prepared once.
#[tokio::test]
async fn a_rule_by_the_time_goes_with_it() {
    let server = Server::start();
    let root = project(&server.owner(), "news").await;
    let file = |path: &str, content: &str| json!({ "path": path, "content": content });
    let files = json!([
        file("tables/news.yaml", "columns:\n  id: { type: int, primary_key: true }\n  ends: timestamptz\n"),
        file(
            "roles/anon.yaml",
            "policies: [{ resource: news, actions: [read] }]\nscope_rules: [{ resource: news, field: ends, operator: gt, value: now }]"
        ),
    ]);
    server.owner().must("applyDefinitions", json!({ "environmentId": root.id, "files": files })).await;
    let sql = customer(&server.owner(), &root.id).await;
    sql.batch_execute("INSERT INTO news VALUES (1, now() + interval '2 s'), (2, now() + interval '1 h')").await.unwrap();
    let anon = server.api(&root.publishable);
    let read = async || anon.rows("/v1/data/news?select=id&order=id").await;
    assert_eq!(read().await, json!([{ "id": 1 }, { "id": 2 }]));
    until("the first is over", async || (read().await == json!([{ "id": 2 }])).then_some(())).await;
}
