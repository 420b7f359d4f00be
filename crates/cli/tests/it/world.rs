//! What tests begin with: projects, environments, people; and what lies behind them in PostgreSQL.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use tokio_postgres::NoTls;

use crate::client::{Answer, Api, Browser, Person};
use crate::harness::{Server, workspace};

/// An environment with its keys.
#[derive(Clone)]
pub(crate) struct Environment {
    pub(crate) id: String,
    pub(crate) project: String,
    pub(crate) publishable: String,
    pub(crate) secret: String,
}

impl Environment {
    /// Of the payload of a mutation that made it.
    pub(crate) fn of(payload: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{payload:#}")).to_owned();
        Self {
            id: text(&payload["environment"]["id"]),
            project: text(&payload["environment"]["projectId"]),
            publishable: text(&payload["keys"]["publishable"]),
            secret: text(&payload["keys"]["secret"]),
        }
    }
}

/// A project named `name` and its root environment.
pub(crate) async fn project(owner: &Person, name: &str) -> Environment {
    Environment::of(&owner.must("createProject", json!({ "name": name })).await)
}

/// The same with the tables of `examples/blog` and a few records: two authors, three posts, two comments.
pub(crate) async fn blog(server: &Server) -> Environment {
    let root = project(&server.owner(), "blog").await;
    server.owner().must("applyDefinitions", json!({ "environmentId": root.id, "files": blog_files() })).await;
    let api = server.api(&root.secret);
    let authors = json!([{ "handle": "ada", "name": "Ada" }, { "handle": "bea", "name": "Bea" }]);
    let authors = api.make("authors", &authors).await;
    let post =
        |slug: &str, author: usize| json!({ "slug": slug, "title": slug.to_uppercase(), "author_id": authors[author]["id"] });
    let posts = api.make("posts", &json!([post("one", 0), post("two", 0), post("three", 1)])).await;
    let comment = |body: &str| json!({ "post_id": posts[0]["id"], "author_name": "Cy", "body": body });
    api.make("comments", &json!([comment("first"), comment("second")])).await;
    root
}

/// The files of `examples/blog`, as the command line would send them.
pub(crate) fn blog_files() -> Value {
    let folder = workspace().join("examples/blog");
    let mut files = Vec::new();
    for kind in ["enums", "roles", "tables"] {
        for entry in fs::read_dir(folder.join(kind)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            files.push(json!({ "path": format!("{kind}/{name}"), "content": fs::read_to_string(&path).unwrap() }));
        }
    }
    files.sort_by_key(|file| file["path"].as_str().unwrap().to_owned());
    Value::Array(files)
}

/// Branches `source` by name; it must work.
pub(crate) async fn branch(owner: &Person, project: &str, source: &str, name: &str, more: Value) -> Value {
    let mut input = json!({ "projectId": project, "name": name, "sourceEnvironment": source, "mode": "full" });
    for (field, value) in more.as_object().unwrap() {
        input[field] = value.clone();
    }
    owner.must("branchEnvironment", input).await
}

/// A new member with a token, and with this role in the project.
pub(crate) async fn member(server: &Server, email: &str, role: Option<(&str, &str)>) -> Person {
    let owner = server.owner();
    let member = owner.must("addMember", json!({ "email": email })).await["member"]["id"].clone();
    if let Some((project, role)) = role {
        owner.must("setProjectRole", json!({ "projectId": project, "memberId": member, "role": role })).await;
    }
    let token = owner.must("createAccessToken", json!({ "name": "test", "memberId": member })).await;
    Person::new(&server.url, token["token"].as_str().unwrap())
}

/// How many records a table has, by the API.
pub(crate) async fn count(api: &Api, table: &str) -> usize {
    api.rows(&format!("/v1/data/{table}")).await.as_array().unwrap().len()
}

/// The control database, past everything the server guards.
pub(crate) async fn control(server: &Server) -> tokio_postgres::Client {
    superuser(server, "cloche_control").await
}

/// The same for PostgreSQL's programs.
pub(crate) fn superuser_url(server: &Server, database: &str) -> String {
    let facts: Value = serde_json::from_str(&fs::read_to_string(server.data_dir().join("postgres.json")).unwrap()).unwrap();
    let password = fs::read_to_string(server.data_dir().join("secrets/postgres-password")).unwrap();
    let (host, port, user) = (facts["socket_dir"].as_str().unwrap(), &facts["port"], facts["superuser"].as_str().unwrap());
    format!("host='{host}' port={port} user={user} password={} dbname={database}", password.trim())
}

/// A connection as superuser, past everything the server guards.
pub(crate) async fn superuser(server: &Server, database: &str) -> tokio_postgres::Client {
    connect(&superuser_url(server, database).parse().unwrap()).await
}

/// A connection with a URL such as `rotateDatabaseCredential` gives.
pub(crate) async fn connect_url(url: &str) -> tokio_postgres::Client {
    connect(&url.parse().unwrap()).await
}

async fn connect(config: &tokio_postgres::Config) -> tokio_postgres::Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The customer's own SQL connection to an environment.
pub(crate) async fn customer(owner: &Person, environment: &str) -> tokio_postgres::Client {
    let payload = owner.must("rotateDatabaseCredential", json!({ "environmentId": environment })).await;
    connect_url(payload["url"].as_str().unwrap()).await
}

/// Everything a saga could leave behind. Two of them are equal when nothing was.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Remains {
    pub(crate) databases: BTreeSet<String>,
    pub(crate) roles: BTreeSet<String>,
    pub(crate) environments: BTreeSet<String>,
    pub(crate) keys: i64,
    pub(crate) claims: i64,
    pub(crate) running: i64,
    pub(crate) dumps: BTreeSet<String>,
    pub(crate) projects: i64,
    /// Of which role is whose member.
    pub(crate) memberships: i64,
    /// Settings given to roles and databases.
    pub(crate) settings: i64,
    /// Folders of databases that there are not.
    pub(crate) folders: BTreeSet<String>,
    /// Programs the server runs beside its PostgreSQL.
    pub(crate) children: BTreeSet<String>,
}

/// What there is now.
pub(crate) async fn remains(server: &Server) -> Remains {
    let control = superuser(server, "cloche_control").await;
    let names =
        async |sql: &str| -> BTreeSet<String> { control.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect() };
    let number = async |sql: &str| -> i64 { control.query_one(sql, &[]).await.unwrap().get(0) };
    Remains {
        databases: names("SELECT datname::text FROM pg_database WHERE datname LIKE 'ce\\_%'").await,
        roles: names("SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'ce\\_%'").await,
        environments: names("SELECT name || ' ' || status FROM environments").await,
        keys: number("SELECT count(*) FROM api_keys").await,
        claims: number("SELECT count(*) FROM claims").await,
        running: number("SELECT count(*) FROM operations WHERE status IN ('running', 'stuck')").await,
        dumps: fs::read_dir(server.data_dir().join("dumps"))
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect(),
        projects: number("SELECT count(*) FROM projects").await,
        memberships: number("SELECT count(*) FROM pg_auth_members").await,
        settings: number("SELECT count(*) FROM pg_db_role_setting").await,
        folders: stray_folders(server, &names("SELECT oid::text FROM pg_database").await),
        children: children(server.pid()),
    }
}

/// Folders of PostgreSQL's `base` that belong to no database.
fn stray_folders(server: &Server, oids: &BTreeSet<String>) -> BTreeSet<String> {
    let folders = fs::read_dir(server.data_dir().join("postgres/base")).unwrap();
    let names = folders.map(|folder| folder.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.parse::<u32>().is_ok() && !oids.contains(name)).collect()
}

/// The names of a process's children, but for PostgreSQL.
fn children(pid: u32) -> BTreeSet<String> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let stats = processes.filter_map(|id| fs::read_to_string(format!("/proc/{}/stat", id.parse::<u32>().ok()?)).ok());
    let named = stats.filter_map(|stat| {
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
        let parent = rest.split_whitespace().nth(1)?;
        (parent == pid.to_string() && name != "postgres").then(|| name.to_owned())
    });
    named.collect()
}

/// The name of an environment's database.
pub(crate) async fn database_of(server: &Server, environment: &str) -> String {
    let control = superuser(server, "cloche_control").await;
    let sql = format!("SELECT database_name FROM environments WHERE id = '{environment}'");
    control.query_one(&sql, &[]).await.unwrap().get(0)
}

/// The password of everybody in these tests.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// The first owner, who came by the set-up link.
pub(crate) async fn set_up(server: &Server) -> Browser {
    let link = server.setup_link().await;
    let body = json!({ "token": link, "email": "ada@example.com", "name": "Ada", "password": PASSWORD });
    Browser::of(&server.url, &server.stranger().post("/session/setup", &body).await)
}

/// The secret in a link that an answer shows.
pub(crate) fn secret_of(link: &Value) -> String {
    link.as_str().unwrap_or_else(|| panic!("no link: {link}")).split_once('#').unwrap().1.to_owned()
}

/// Somebody who was invited into the owner's first organization, with these further fields, and came.
pub(crate) async fn invited(server: &Server, owner: &Person, email: &str, more: Value) -> Browser {
    let link = invite(owner, email, more).await;
    let body = json!({ "token": link, "name": email.split('@').next().unwrap(), "password": PASSWORD });
    Browser::of(&server.url, &server.stranger().post("/session/invitation", &body).await)
}

/// The secret of a new invitation.
pub(crate) async fn invite(owner: &Person, email: &str, more: Value) -> String {
    let mut input = json!({ "email": email });
    for (field, value) in more.as_object().unwrap() {
        input[field] = value.clone();
    }
    if input["organizationId"].is_null() {
        input["organizationId"] = json!(organization(owner).await);
    }
    secret_of(&owner.must("inviteMember", input).await["link"])
}

/// The id of somebody's oldest organization.
pub(crate) async fn organization(person: &Person) -> String {
    let answer = person.query("{ organizations { id } }", json!({})).await;
    answer["organizations"][0]["id"].as_str().unwrap().to_owned()
}

/// The id of a member of somebody's oldest organization.
pub(crate) async fn id_of(person: &Person, email: &str) -> String {
    let answer = person.query("{ members(first: 200) { nodes { id email } } }", json!({})).await;
    let all = answer["members"]["nodes"].as_array().unwrap();
    let found = all.iter().find(|member| member["email"] == email).unwrap_or_else(|| panic!("no {email}: {answer:#}"));
    found["id"].as_str().unwrap().to_owned()
}

/// The first owner's session, and the id of their organization.
pub(crate) async fn owner_of(server: &Server) -> (Browser, Person, String) {
    let ada = set_up(server).await;
    let owner = ada.person();
    let organization = organization(&owner).await;
    (ada, owner, organization)
}

/// Uses a link at one of the paths of `/session`.
pub(crate) async fn use_link(server: &Server, path: &str, token: &str, more: Value) -> Answer {
    let mut body = json!({ "token": token });
    more.as_object().unwrap().iter().for_each(|(field, value)| body[field] = value.clone());
    server.stranger().post(path, &body).await
}
