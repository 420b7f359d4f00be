//! Every field of the management schema × people without a right in a project × its ids, alone and together with their own.
//!
//! What each argument is called says what it takes; `isolation.rs` has the values, and fails for a new one.

use serde_json::{Map, Value, json};

use super::{What, full, report};
use crate::client::Person;
use crate::harness::Server;
use crate::isolation::{LISTS, Leaked, OWN_BUSINESS, bottom, introspect, leak, selection, written};
use crate::world::{Environment, database_of, member, project, superuser};

/// In the victim's records, variables and names; nowhere else.
const MARKER: &str = "only-the-victim-has-this";

/// What the victim's project is made of, in the control database. Times of use are nobody's secret.
const CONTROL: &[&str] = &[
    "SELECT to_jsonb(p) FROM projects p WHERE id::text = $1",
    "SELECT to_jsonb(e) FROM environments e WHERE project_id::text = $1",
    "SELECT to_jsonb(k) - 'last_used_at' FROM api_keys k JOIN environments e ON e.id = k.environment_id WHERE e.project_id::text = $1",
    "SELECT to_jsonb(m) FROM project_members m WHERE project_id::text = $1",
    "SELECT to_jsonb(o) FROM operations o WHERE project_id::text = $1",
    "SELECT to_jsonb(a) FROM audit_log a WHERE project_id::text = $1",
    "SELECT to_jsonb(c) FROM claims c JOIN environments e ON e.id = c.environment_id WHERE e.project_id::text = $1",
    "SELECT to_jsonb(t) - 'last_used_at' FROM access_tokens t WHERE name = 'theirs' AND $1 <> ''",
];
const DATABASE: &str = "SELECT to_jsonb(a) FROM public.authors a UNION ALL SELECT to_jsonb(p) FROM public.posts p
    UNION ALL SELECT to_jsonb(v) FROM cloche.variables v UNION ALL SELECT to_jsonb(d) FROM cloche.definitions d
    UNION ALL SELECT to_jsonb(r) FROM cloche.revisions r UNION ALL SELECT to_jsonb(s) FROM cloche.settings s";

async fn state(server: &Server, root: &Environment) -> Vec<String> {
    let control = superuser(server, "cloche_control").await;
    let database = superuser(server, &database_of(server, &root.id).await).await;
    let mut lines: Vec<String> = Vec::new();
    let mut keep = |rows: Vec<tokio_postgres::Row>| lines.extend(rows.iter().map(|row| row.get::<_, Value>(0).to_string()));
    for sql in CONTROL {
        keep(control.query(*sql, &[&root.project]).await.unwrap());
    }
    keep(database.query(DATABASE, &[]).await.unwrap());
    lines.sort();
    lines
}

/// Somebody who has no role in the victim's project, and a project of their own to mix its ids with.
struct Stranger {
    what: &'static str,
    person: Person,
    member: String,
    own: Environment,
    key: String,
    token: String,
}

impl Stranger {
    async fn new(server: &Server, what: &'static str, role: Option<&str>) -> Self {
        let name = uuid::Uuid::now_v7().simple().to_string();
        let owner = server.owner();
        let own = project(&owner, &format!("own-{name}")).await;
        let person = member(server, &format!("{name}@example.com"), role.map(|role| (own.project.as_str(), role))).await;
        let viewer = person.query("{ viewer { id } }", json!({})).await["viewer"]["id"].clone();
        let keys = "query($e: String!) { apiKeys(environmentId: $e) { nodes { id } } }";
        let keys = owner.query(keys, json!({ "e": own.id })).await;
        let token = owner.must("createAccessToken", json!({ "name": "spare", "memberId": viewer })).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (key, token) = (text(&keys["apiKeys"]["nodes"][0]["id"]), text(&token["accessToken"]["id"]));
        Self { what, person, member: text(&viewer), own, key, token }
    }

    /// Their own value for an argument that takes an id.
    fn value(&self, name: &str) -> Option<Value> {
        Some(match name {
            "environmentId" => json!(self.own.id),
            "projectId" => json!(self.own.project),
            "keyId" => json!(self.key),
            "tokenId" => json!(self.token),
            "memberId" => json!(self.member),
            "operationId" => json!(uuid::Uuid::now_v7()),
            "sourceEnvironment" => json!("dev"),
            _ => return None,
        })
    }
}

/// The victim's value for an argument.
fn theirs(leaked: &Leaked, field: &str, name: &str) -> Option<Value> {
    match (field, name) {
        ("environment", "id") => Some(json!(leaked.root.id)),
        ("project", "id") => Some(json!(leaked.root.project)),
        ("operation", "id") | (_, "operationId" | "after") => Some(json!(leaked.operation)),
        ("environment", "name") => Some(json!("dev")),
        ("project", "name") => Some(json!("blog")),
        (_, "planHash" | "confirmName") => Some(json!("dev")),
        _ => leaked.value(name),
    }
}

/// The arguments that take an id or the name of something.
fn is_reference(name: &str) -> bool {
    name == "id" || name.ends_with("Id") || matches!(name, "sourceEnvironment" | "after" | "name")
}

/// One way of filling the arguments: which of them are the victim's, and whether that must be refused.
struct Filling {
    how: String,
    values: Map<String, Value>,
    refused: bool,
}

fn fillings(field: &str, names: &[String], required: &[String], leaked: &Leaked, stranger: &Stranger) -> Vec<Filling> {
    let all = names.iter().filter_map(|name| Some((name.clone(), theirs(leaked, field, name)?)));
    let optional = ["operationId", "after", "planHash", "confirmName"];
    let together: Map<String, Value> = all.clone().filter(|(name, _)| !optional.contains(&name.as_str())).collect();
    // What names nothing of anybody's is one's own business, as long as nothing is told.
    let refused = names.iter().any(|name| is_reference(name) && together.contains_key(name));
    let mut fillings = vec![Filling { how: "all of the victim's ids".into(), values: together.clone(), refused }];
    for (name, value) in all.filter(|(name, _)| is_reference(name)) {
        // The victim's for this one; one's own for all other references, where there is such a value.
        let mut values = together.clone();
        for (other, place) in values.iter_mut().filter(|(other, _)| is_reference(other) && **other != name) {
            if let Some(own) = stranger.value(other) {
                *place = own;
            }
        }
        values.insert(name.clone(), value.clone());
        fillings.push(Filling { how: format!("the victim's {name} among one's own"), values, refused: false });
        if required.iter().all(|needed| *needed == name) {
            let values = Map::from_iter([(name.clone(), value)]);
            fillings.push(Filling { how: format!("the victim's {name} alone"), values, refused: false });
        }
    }
    fillings
}

/// The names of arguments or input fields, and of those that must be given.
fn names(arguments: &Value) -> (Vec<String>, Vec<String>) {
    let name = |argument: &Value| argument["name"].as_str().unwrap().to_owned();
    let arguments = arguments.as_array().unwrap();
    let required = arguments.iter().filter(|argument| argument["type"]["kind"] == "NON_NULL").map(name).collect();
    (arguments.iter().map(name).collect(), required)
}

/// What is wrong with an answer, if anything.
fn judge(body: &Value, field: &str, filling: &Filling, leaked: &Leaked) -> Option<String> {
    let text = body.to_string();
    // An error may repeat the words it was asked with.
    let data = body["data"].to_string();
    let told = [MARKER, &leaked.root.publishable, &leaked.root.secret].into_iter().any(|secret| text.contains(secret))
        || ["\"blog\"", "\"theirs\"", "\"staging\""].into_iter().any(|name| data.contains(name));
    if told {
        return Some(format!("it tells of the victim: {text}"));
    }
    if body["errors"].is_array() && !body["errors"][0]["extensions"]["code"].is_string() {
        return Some(format!("it is asked wrongly, which shows nothing: {text}"));
    }
    let value = &body["data"][field];
    let empty = value.is_null() || value["success"] == false || LISTS.contains(&field);
    (filling.refused && !empty).then(|| format!("it is not refused: {text}"))
}

#[tokio::test]
async fn no_field_leads_to_somebody_elses_project() {
    let server = Server::start();
    let leaked = leak(&server).await;
    let marked = json!([{ "name": "MARKER", "value": MARKER }]);
    server.owner().must("setVariables", json!({ "environmentId": leaked.root.id, "variables": marked })).await;
    server.api(&leaked.root.secret).make("authors", &json!({ "handle": MARKER, "name": MARKER })).await;
    let strangers = [
        ("the owner of another project", Some("OWNER")),
        ("a viewer of another project", Some("VIEWER")),
        ("somebody without any role", None),
    ];
    let (mut tries, mut violations) = (0, Vec::new());
    let mut before = state(&server, &leaked.root).await;
    for (what, role) in strangers.into_iter().take(if full() { 3 } else { 1 }) {
        let mut stranger = Stranger::new(&server, what, role).await;
        let (queries, mutations, types) = introspect(&stranger.person).await;
        let mutations = mutations.iter().filter(|field| !OWN_BUSINESS.contains(&field["name"].as_str().unwrap()));
        for (field, changes) in mutations.map(|field| (field, true)).chain(queries.iter().map(|field| (field, false))) {
            let name = field["name"].as_str().unwrap();
            let input = changes.then(|| bottom(&field["args"][0]["type"])["name"].as_str().unwrap());
            let (arguments, required) = names(input.map_or(&field["args"], |input| &types[input]["inputFields"]));
            for filling in fillings(name, &arguments, &required, &leaked, &stranger) {
                tries += 1;
                let selected = selection(&field["type"], &types, 2);
                let body = match input {
                    Some(input) => {
                        let document = format!("mutation($input: {input}!) {{ {name}(input: $input) {selected} }}");
                        stranger.person.ask(&document, json!({ "input": filling.values })).await
                    }
                    None => ask(&stranger.person, field, &filling.values, &selected).await,
                };
                let at = format!("{name} by {} with {}", stranger.what, filling.how);
                violations.extend(judge(&body, name, &filling, &leaked).map(|problem| format!("{at}: {problem}")));
                if changes && body["data"][name]["success"] == true {
                    // It may have used up what is theirs, down to being a member.
                    stranger = Stranger::new(&server, what, role).await;
                }
            }
            let after = state(&server, &leaked.root).await;
            if after != before {
                let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
                violations.push(format!("{name} by {}: the victim's project is not what it was: {new:?}", stranger.what));
                before = after;
            }
        }
    }
    report("fields", What::Crossings, tries, &violations);
}

/// Asks a query with some of its arguments given.
async fn ask(person: &Person, field: &Value, values: &Map<String, Value>, selected: &str) -> Value {
    let name = field["name"].as_str().unwrap();
    let arguments = field["args"].as_array().unwrap().iter().filter(|one| values.contains_key(one["name"].as_str().unwrap()));
    let (declared, given): (Vec<_>, Vec<_>) = arguments
        .map(|argument| {
            let name = argument["name"].as_str().unwrap();
            (format!("${name}: {}", written(&argument["type"])), format!("{name}: ${name}"))
        })
        .unzip();
    let parentheses = |parts: &[String]| if parts.is_empty() { String::new() } else { format!("({})", parts.join(", ")) };
    let document = format!("query{} {{ {name}{} {selected} }}", parentheses(&declared), parentheses(&given));
    person.ask(&document, Value::Object(values.clone())).await
}
