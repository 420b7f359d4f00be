//! Who may do what: every query and mutation of the management schema × everybody there can be.
//!
//! The operations come from the schema itself. One that has no row in [`rows::ROWS`] fails the test.

mod rows;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::client::{Api, Person};
use crate::harness::Server;
use crate::isolation::{introspect, selection, written};
use crate::proof::{What, full, report};
use crate::world::{Environment, PASSWORD, blog, control, id_of, invited, organization, project, set_up};
use rows::{ROWS, input};

/// What somebody must be, at the least. Each is everything before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Least {
    /// Signed in, wherever they belong.
    Anybody,
    /// Of the project's organization, without a role in the project.
    Member,
    Viewer,
    Developer,
    Admin,
    ProjectOwner,
    OrganizationOwner,
    /// Of the organization, and of the server.
    InstanceOwner,
    /// Not even they.
    Nobody,
}

/// Somebody who tries.
pub(crate) struct Caller {
    name: &'static str,
    email: String,
    /// What they are; nothing without a credential.
    is: Option<Least>,
    /// They own the server, and no more than another organization.
    runs_server: bool,
    api: Api,
}

impl Caller {
    fn may(&self, least: Least) -> bool {
        let enough = self.is.is_some_and(|is| is >= least && least != Least::Nobody);
        enough || (self.runs_server && least == Least::InstanceOwner)
    }

    fn person(&self) -> Person {
        Person::with(self.api.clone())
    }
}

/// What they try it on.
pub(crate) struct World {
    server: Server,
    /// Who prepares things for others: the local owner.
    owner: Person,
    organization: String,
    root: Environment,
    /// A custom environment, and one of type prod.
    work: String,
    prod: String,
    /// A member without a password or a role, to whom things are done.
    helper: String,
    /// A session of somebody who does nothing.
    bystander: String,
    /// An operation of the project.
    operation: String,
}

/// How a try went.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    /// For want of a right, or because it is not there for the caller.
    Refused,
    /// For another reason: the row's input is wrong.
    Failed(String),
}

fn outcome(status: u16, body: &Value, field: &str) -> Outcome {
    let refusal = |code: &str| {
        let refused = code.ends_with("/not-found") || ["auth/forbidden", "auth/required"].contains(&code);
        if refused { Outcome::Refused } else { Outcome::Failed(code.to_owned()) }
    };
    if status == 401 {
        return Outcome::Refused;
    }
    if let Some(error) = body["errors"].as_array().and_then(|errors| errors.first()) {
        let told = body["data"].is_object() && !body["data"][field].is_null();
        return match error["extensions"]["code"].as_str() {
            Some(code) if !told => refusal(code),
            _ => Outcome::Failed(body.to_string()),
        };
    }
    let answer = &body["data"][field];
    match answer.get("success") {
        Some(Value::Bool(true)) => Outcome::Done,
        Some(_) => refusal(answer["code"].as_str().unwrap_or_default()),
        None if answer.is_null() => Outcome::Refused,
        None => Outcome::Done,
    }
}

async fn world() -> (World, Vec<Caller>) {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let make = async |name: &str, kind: &str| {
        let made = owner.must("createEnvironment", json!({ "projectId": root.project, "name": name, "type": kind })).await;
        (text(&made["environment"]["id"]), text(&made["operation"]["id"]))
    };
    let ((work, operation), (prod, _)) = (make("work", "custom").await, make("prod", "prod").await);
    let ada = set_up(&server).await;
    let organization = organization(&owner).await;
    let helper = owner.must("addMember", json!({ "email": "helper@example.com" })).await["member"]["id"].clone();
    let bystander = invited(&server, &owner, "bystander@example.com", json!({})).await;
    let bystander = bystander.person().query("{ sessions { id } }", json!({})).await["sessions"][0]["id"].clone();

    let mut callers =
        vec![Caller { name: "no credential", email: String::new(), is: None, runs_server: false, api: server.stranger() }];
    let mut add = async |name, is, runs_server, person: Person, email: &str| {
        let token = text(&person.must("createAccessToken", json!({ "name": "matrix" })).await["token"]);
        let api = server.stranger().header("authorization", &format!("Bearer {token}"));
        callers.push(Caller { name, email: email.to_owned(), is: Some(is), runs_server, api });
    };
    // Of another organization, with every right there.
    for (name, email, runs_server) in [
        ("owner of another organization", "foreign@example.com", false),
        ("owner of the server elsewhere", "elsewhere@example.com", true),
    ] {
        let other = owner.must("createOrganization", json!({ "name": name })).await["organization"]["id"].clone();
        let person = invited(&server, &owner, email, json!({ "organizationId": other, "role": "OWNER" })).await.person();
        let sql = "UPDATE members SET instance_owner = $1 WHERE email = $2";
        control(&server).await.execute(sql, &[&runs_server, &email]).await.unwrap();
        project(&person, &format!("of-{}", email.split('@').next().unwrap())).await;
        add(name, Least::Anybody, runs_server, person, email).await;
    }
    for (name, is, role) in [
        ("member without a role", Least::Member, None),
        ("viewer", Least::Viewer, Some("VIEWER")),
        ("developer", Least::Developer, Some("DEVELOPER")),
        ("admin", Least::Admin, Some("ADMIN")),
        ("owner of the project", Least::ProjectOwner, Some("OWNER")),
    ] {
        let email = format!("{}@example.com", name.replace(' ', "-"));
        let projects: Vec<Value> = role.iter().map(|role| json!({ "projectId": root.project, "role": role })).collect();
        let person = invited(&server, &owner, &email, json!({ "projects": projects })).await.person();
        add(name, is, false, person, &email).await;
    }
    let boss = invited(&server, &owner, "boss@example.com", json!({ "role": "OWNER" })).await.person();
    add("owner of the organization", Least::OrganizationOwner, false, boss, "boss@example.com").await;
    add("owner of organization and server", Least::InstanceOwner, false, ada.person(), "ada@example.com").await;
    let (helper, bystander) = (text(&helper), text(&bystander));
    (World { server, owner, organization, root, work, prod, helper, bystander, operation }, callers)
}

/// The statement that makes one hash of all that is written down. Not in it is what changes by itself: the times of last uses, which
/// are noted whenever somebody asks for anything, and what servers tell each other.
async fn everything(control: &tokio_postgres::Client) -> tokio_postgres::Statement {
    let tables = control
        .query(
            "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('nodes', 'fence_changes') ORDER BY 1",
            &[],
        )
        .await
        .unwrap();
    let parts: Vec<String> = tables
        .iter()
        .map(|row| row.get::<_, String>(0))
        .map(|table| {
            format!("SELECT '{table}' || (to_jsonb(t) - '{{last_used_at,last_seen_at}}'::text[])::text AS x FROM {table} t")
        })
        .collect();
    let sql = format!("SELECT md5(string_agg(x, '|' ORDER BY x)) FROM ({}) s", parts.join(" UNION ALL "));
    control.prepare(&sql).await.unwrap()
}

/// The document of a query with the arguments given, selecting all it can.
fn document(query: &Value, types: &Map<String, Value>, given: &Value) -> String {
    let name = query["name"].as_str().unwrap();
    let arguments: Vec<&Value> =
        query["args"].as_array().unwrap().iter().filter(|one| given.get(one["name"].as_str().unwrap()).is_some()).collect();
    let joined = |form: &dyn Fn(&str, &Value) -> String| {
        let parts: Vec<String> = arguments.iter().map(|one| form(one["name"].as_str().unwrap(), one)).collect();
        if parts.is_empty() { String::new() } else { format!("({})", parts.join(", ")) }
    };
    let declared = joined(&|name, one| format!("${name}: {}", written(&one["type"])));
    let passed = joined(&|name, _| format!("{name}: ${name}"));
    format!("query{declared} {{ {name}{passed} {} }}", selection(&query["type"], types, 1))
}

/// Puts back what a success has changed and the next one needs.
async fn put_back(world: &World, operation: &str, caller: &Caller) {
    if operation == "transferOwnership" {
        for (member, role) in [(id_of(&world.owner, &caller.email).await, "OWNER"), (world.helper.clone(), "MEMBER")] {
            let input = json!({ "organizationId": world.organization, "memberId": member, "role": role });
            world.owner.must("setOrganizationRole", input).await;
        }
    }
}

#[tokio::test]
async fn everybody_may_do_what_their_role_says_and_no_more() {
    let (world, callers) = world().await;
    let (queries, mutations, types) = introspect(&world.owner).await;
    let named =
        |fields: &[Value]| -> BTreeSet<String> { fields.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect() };
    let served: BTreeSet<String> = &named(&queries) | &named(&mutations);
    let rows: BTreeSet<String> = ROWS.iter().map(|(operation, _)| (*operation).to_owned()).collect();
    assert_eq!(served, rows, "an operation has no row in ROWS, or a row no operation");

    let control = control(&world.server).await;
    let everything = everything(&control).await;
    let hash = async || -> String { control.query_one(&everything, &[]).await.unwrap().get(0) };
    let (mut tried, mut violations) = (0, Vec::new());
    for (operation, cases) in ROWS {
        let query = queries.iter().find(|one| one["name"] == *operation);
        for (place, least) in *cases {
            // What a refused try has left as it was serves the next one.
            let (mut prepared, mut text) = (None, None);
            for caller in &callers {
                let own = *place == "own";
                let (given, before) = match prepared.take().filter(|_| !own) {
                    Some(prepared) => prepared,
                    None => {
                        let who = if own && caller.is.is_none() { &callers[1] } else { caller };
                        (input(&world, who, operation, place).await, hash().await)
                    }
                };
                let body = match query {
                    Some(query) => {
                        let text = text.get_or_insert_with(|| document(query, &types, &given));
                        json!({ "query": text, "variables": given })
                    }
                    None => json!({ "query": Person::document(operation), "variables": { "input": given } }),
                };
                let answer = caller.api.post("/graphql", &body).await;
                let told = outcome(answer.status, &answer.json(), operation);
                tried += 1;
                let at = format!("{operation} ({place}) by {}", caller.name);
                match (caller.may(*least), &told) {
                    (true, Outcome::Done) => put_back(&world, operation, caller).await,
                    (false, Outcome::Refused) => {
                        let after = hash().await;
                        if after != before {
                            violations.push(format!("{at} is refused, and has changed something"));
                        }
                        prepared = Some((given, after));
                    }
                    (may, _) => {
                        let due = if may { "be done" } else { "be refused" };
                        violations.push(format!("{at} should {due}: {told:?}: {}", answer.text));
                    }
                }
            }
        }
    }
    println!("roles: {tried} cells of {} operations × {} people", ROWS.len(), callers.len());
    report("roles", What::Crossings, tried, &violations);
}

/// Every text of a value, by the path to it.
fn texts(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(path.to_owned()),
        Value::Array(all) => all.iter().enumerate().for_each(|(at, one)| texts(one, &format!("{path}/{at}"), found)),
        Value::Object(fields) => fields.iter().for_each(|(name, one)| texts(one, &format!("{path}/{name}"), found)),
        _ => {}
    }
}

/// Whatever somebody writes where a text belongs, it is a mistake of theirs or it is fine.
#[tokio::test]
async fn no_text_makes_the_server_fail() {
    let (world, callers) = world().await;
    let (queries, _, types) = introspect(&world.owner).await;
    let ada = callers.last().unwrap();
    let long = "x".repeat(100_000);
    let all = ["a\u{0}b", &long, "\u{202e}\u{feff}\u{1f4a5}", "", " ", "'; DROP TABLE members; --", "%s%n$1", "../../etc/passwd"];
    let odd = &all[..if full() { all.len() } else { 3 }];
    let mut tried = 0;
    for (operation, cases) in ROWS {
        let query = queries.iter().find(|one| one["name"] == *operation);
        for (place, _) in *cases {
            let given = input(&world, ada, operation, place).await;
            let mut paths = Vec::new();
            texts(&given, "", &mut paths);
            // The files of definitions: one is like the other.
            for path in paths.iter().take(4) {
                // What would be taken for a password is one.
                for text in odd.iter().filter(|text| path != "/new" || text.len() < 10) {
                    let mut given = given.clone();
                    *given.pointer_mut(path).unwrap() = json!(text);
                    let body = match query {
                        Some(query) => json!({ "query": document(query, &types, &given), "variables": given }),
                        None => json!({ "query": Person::document(operation), "variables": { "input": given } }),
                    };
                    let answer = ada.api.post("/graphql", &body).await;
                    tried += 1;
                    let shown: String = text.chars().take(20).collect();
                    assert!(answer.status < 500, "{operation} ({place}) with {shown:?} as {path}: {}", answer.text);
                    assert!(!answer.text.contains("server/internal"), "{operation} ({place}) with {shown:?} as {path}");
                }
            }
        }
    }
    for path in ["/session", "/session/link", "/session/setup", "/session/invitation", "/session/password"] {
        for field in ["token", "email", "name", "password"] {
            for text in odd {
                let mut body = json!({ "token": "lnk_x", "email": "a@example.com", "name": "A", "password": PASSWORD });
                body[field] = json!(text);
                let answer = world.server.stranger().post(path, &body).await;
                tried += 1;
                assert!((400..500).contains(&answer.status), "{path} with {field}: {}", answer.text);
            }
        }
    }
    println!("{tried} odd texts");
}
