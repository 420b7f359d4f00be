//! Reaching into another project by ids: a matrix over the whole management schema, made from the schema itself.

use serde_json::{Map, Value, json};

use crate::client::Person;
use crate::harness::Server;
use crate::world::{Environment, Remains, blog, blog_files, branch, member, organization, project, remains, set_up};

/// Mutations that name nothing of anybody else's.
pub(crate) const OWN_BUSINESS: [&str; 2] = ["createProject", "updateViewer"];
/// Queries without a foreign id in them; what they list is checked for traces of the other project.
pub(crate) const LISTS: [&str; 8] =
    ["viewer", "server", "clusters", "projects", "members", "accessTokens", "organizations", "sessions"];

const FIELDS: &str = "name args { name type { ...T } } type { ...T }";
const TYPE: &str = "fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// What a stranger knows of another project, if all its ids leaked.
pub(crate) struct Leaked {
    pub(crate) root: Environment,
    pub(crate) operation: String,
    key: String,
    token: String,
    member: String,
    organization: String,
    invitation: String,
    session: String,
    user: String,
}

impl Leaked {
    /// A value for an argument or a field of an input, by its name.
    pub(crate) fn value(&self, name: &str) -> Option<Value> {
        Some(match name {
            "environmentId" => json!(self.root.id),
            "projectId" => json!(self.root.project),
            "keyId" => json!(self.key),
            "tokenId" => json!(self.token),
            "memberId" => json!(self.member),
            "organizationId" => json!(self.organization),
            "invitationId" => json!(self.invitation),
            "sessionId" => json!(self.session),
            "userId" => json!(self.user),
            "password" => json!("long enough a word"),
            "roles" => json!(["editor"]),
            "banDuration" => json!("none"),
            "siteUrl" => json!("https://example.com"),
            "redirectUrls" => json!(["https://example.com/*"]),
            "signUp" | "confirmEmail" | "anonymous" => json!(true),
            "tokenTtl" => json!(1200),
            "passwordMin" => json!(12),
            "search" | "recipient" => json!("example"),
            "offset" => json!(0),
            "issuer" => json!("https://id.example"),
            "clientId" | "clientSecret" => json!("word"),
            "scopes" => json!(["openid"]),
            "current" | "new" => json!("correct horse"),
            "sourceEnvironment" => json!("dev"),
            "mode" => json!("full"),
            "kind" => json!("SECRET"),
            "role" => json!("OWNER"),
            "organizationRole" => json!("OWNER"),
            "email" => json!("new@example.com"),
            "name" => json!("taken-over"),
            "variables" => json!([{ "name": "A", "value": "1" }]),
            "files" => blog_files(),
            "changes" => json!([{ "createEnum": { "name": "stolen", "values": ["a"] } }]),
            "spec" => json!({ "policies": [{ "resource": "*", "actions": "*" }] }),
            "resource" => json!("posts"),
            "action" => json!("READ"),
            "actor" => json!({ "key": "SECRET" }),
            "reveal" => json!(true),
            "protected" => json!(false),
            _ => return None,
        })
    }
}

/// The name at the bottom of a type, without lists and non-nulls.
pub(crate) fn bottom(kind: &Value) -> &Value {
    if kind["ofType"].is_null() { kind } else { bottom(&kind["ofType"]) }
}

/// The type as GraphQL writes it.
pub(crate) fn written(kind: &Value) -> String {
    match kind["kind"].as_str().unwrap() {
        "NON_NULL" => format!("{}!", written(&kind["ofType"])),
        "LIST" => format!("[{}]", written(&kind["ofType"])),
        _ => kind["name"].as_str().unwrap().to_owned(),
    }
}

/// Queries, mutations, and all types by name.
pub(crate) async fn introspect(person: &Person) -> (Vec<Value>, Vec<Value>, Map<String, Value>) {
    let document = format!(
        "query {{ __schema {{ queryType {{ fields {{ {FIELDS} }} }} mutationType {{ fields {{ {FIELDS} }} }}
         types {{ name inputFields {{ name type {{ ...T }} }} fields {{ name type {{ ...T }} }} }} }} }} {TYPE}"
    );
    let schema = person.query(&document, json!({})).await["__schema"].clone();
    let fields = |kind: &str| schema[kind]["fields"].as_array().unwrap().clone();
    let types = schema["types"].as_array().unwrap();
    let types = types.iter().map(|one| (one["name"].as_str().unwrap().to_owned(), one.clone())).collect();
    (fields("queryType"), fields("mutationType"), types)
}

/// The scalar fields of a type, and one level of those below.
pub(crate) fn selection(kind: &Value, types: &Map<String, Value>, depth: usize) -> String {
    let Some(fields) = types[bottom(kind)["name"].as_str().unwrap()]["fields"].as_array() else { return String::new() };
    let mut parts = Vec::new();
    for field in fields {
        let below = selection(&field["type"], types, depth.saturating_sub(1));
        let is_object = types[bottom(&field["type"])["name"].as_str().unwrap()]["fields"].is_array();
        if !is_object || (depth > 0 && !below.is_empty()) {
            parts.push(format!("{} {below}", field["name"].as_str().unwrap()));
        }
    }
    if parts.is_empty() { String::new() } else { format!("{{ {} }}", parts.join(" ")) }
}

pub(crate) async fn leak(server: &Server) -> Leaked {
    let owner = server.owner();
    let root = blog(server).await;
    let staging = branch(&owner, &root.project, "dev", "staging", json!({})).await;
    let keys = owner.query("query($e: String!) { apiKeys(environmentId: $e) { nodes { id } } }", json!({ "e": root.id })).await;
    let token = owner.must("createAccessToken", json!({ "name": "theirs" })).await;
    let viewer = owner.query("{ viewer { id } }", json!({})).await;
    let organization = organization(&owner).await;
    let invitation = json!({ "organizationId": organization, "email": "theirs@example.com" });
    let invitation = owner.must("inviteMember", invitation).await;
    let session = set_up(server).await.person().query("{ sessions { id } }", json!({})).await;
    let user = owner.must("createUser", json!({ "environmentId": root.id, "email": "theirs@example.com" })).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Leaked {
        user: text(&user["user"]["id"]),
        operation: text(&staging["operation"]["id"]),
        key: text(&keys["apiKeys"]["nodes"][0]["id"]),
        token: text(&token["accessToken"]["id"]),
        member: text(&viewer["viewer"]["id"]),
        invitation: text(&invitation["invitation"]["id"]),
        session: text(&session["sessions"][0]["id"]),
        organization,
        root,
    }
}

#[tokio::test]
async fn the_owner_of_one_project_reaches_nothing_of_another() {
    let server = Server::start();
    let leaked = leak(&server).await;
    // As much right as one can have without any in the other project.
    let own = project(&server.owner(), "own").await;
    let stranger = member(&server, "stranger@example.com", Some((&own.project, "OWNER"))).await;
    let before: Remains = remains(&server).await;
    let (queries, mutations, types) = introspect(&stranger).await;
    assert!(mutations.len() > 15 && queries.len() > 12, "the schema was not read");

    for mutation in &mutations {
        let name = mutation["name"].as_str().unwrap();
        if OWN_BUSINESS.contains(&name) {
            continue;
        }
        let kind = bottom(&mutation["args"][0]["type"])["name"].as_str().unwrap();
        let mut input = Map::new();
        for field in types[kind]["inputFields"].as_array().unwrap() {
            let field_name = field["name"].as_str().unwrap();
            match leaked.value(field_name) {
                Some(value) => _ = input.insert(field_name.to_owned(), value),
                None => {
                    assert_ne!(field["type"]["kind"], "NON_NULL", "{name} has a new field {field_name}: give it a value above")
                }
            }
        }
        let body = stranger.send(name, Value::Object(input)).await;
        let payload = &body["data"][name];
        let refused = payload["success"] == false || body["errors"][0]["extensions"]["code"].is_string();
        assert!(refused, "{name} is not refused: {body:#}");
        assert_untold(name, &leaked, &payload.to_string());
    }
    assert_eq!(remains(&server).await, before, "a stranger has changed something");
    assert_eq!(server.api(&leaked.root.secret).get("/v1/data/posts").await.status, 200);

    for query in &queries {
        let name = query["name"].as_str().unwrap();
        let (mut declared, mut given, mut variables) = (Vec::new(), Vec::new(), Map::new());
        for argument in query["args"].as_array().unwrap() {
            let argument_name = argument["name"].as_str().unwrap();
            let value = match (name, argument_name) {
                ("environment", "id") => json!(leaked.root.id),
                ("project", "id") => json!(leaked.root.project),
                ("operation", "id") => json!(leaked.operation),
                ("environment", _) | ("project", _) => continue,
                _ => match leaked.value(argument_name) {
                    Some(value) => value,
                    None => continue,
                },
            };
            declared.push(format!("${argument_name}: {}", written(&argument["type"])));
            given.push(format!("{argument_name}: ${argument_name}"));
            variables.insert(argument_name.to_owned(), value);
        }
        assert!(!given.is_empty() || LISTS.contains(&name), "{name} is new: give it a row above");
        let parentheses = |parts: &[String]| if parts.is_empty() { String::new() } else { format!("({})", parts.join(", ")) };
        let selected = selection(&query["type"], &types, 2);
        let document = format!("query{} {{ {name}{} {selected} }}", parentheses(&declared), parentheses(&given));
        let body = stranger.ask(&document, Value::Object(variables)).await;
        let refused =
            body["errors"][0]["extensions"]["code"].is_string() && body.get("data").is_none_or(|data| data[name].is_null());
        let empty = body.get("errors").is_none() && body["data"][name].is_null();
        assert!(refused || empty || LISTS.contains(&name), "{name} answers about another project: {body:#}");
        assert_untold(name, &leaked, &body["data"].to_string());
    }
}

/// Nothing that only the other project's people may know is in an answer; ids may be, for the stranger gave them.
fn assert_untold(name: &str, leaked: &Leaked, answer: &str) {
    for secret in [&leaked.root.publishable, "blog", "theirs", "staging"] {
        assert!(!answer.contains(secret), "{name} tells of another project: {answer}");
    }
}
