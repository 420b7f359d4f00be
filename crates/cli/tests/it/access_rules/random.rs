//! Random roles over a small table: what the API answers is what a naive reading of the rules says, row by row.

use serde_json::{Map, Value, json};

use super::{ADA, BEA};
use crate::client::Api;
use crate::harness::Server;
use crate::users::{front, signed_in};
use crate::world::project;

const TABLE: &str = "
columns:
  id: { type: int, primary_key: true }
  a: { type: text, nullable: true }
  b: { type: text, nullable: true }
  owner: { type: uuid, nullable: true }
  tags: { type: 'text[]', default: \"'{}'\" }
";
const COLUMNS: [&str; 5] = ["id", "a", "b", "owner", "tags"];
const ROLES: [&str; 4] = ["anon", "user", "one", "two"];
const ROUNDS: usize = 25;

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn actions(&mut self) -> Value {
        json!(
            [["read"].as_slice(), &["read", "update"], &["update", "delete", "create"], &["read", "update", "delete", "create"]]
                [self.below(4)]
        )
    }

    fn scope(&mut self) -> Value {
        let value = self.one(&["0", "1", "2"]);
        let (field, operator, value) = match self.below(8) {
            0 => ("owner", "eq", json!("actor.userId")),
            1 => ("a", "in", json!(["0", "1"])),
            2 => ("b", "is_null", json!(self.below(2) == 0)),
            3 => ("tags", "contains", json!(value)),
            4 => ("b", "in", json!("actor.roles")),
            5 => ("owner", "eq", json!("actor.claims.sub")),
            _ => (self.one(&["a", "b"]), self.one(&["eq", "neq", "gt", "gte", "lt", "lte"]), json!(value)),
        };
        json!({ "resource": "t", "field": field, "operator": operator, "value": value, "actions": self.actions() })
    }

    fn mask(&mut self) -> Value {
        let column = self.one(&["a", "b", "tags"]);
        match self.below(3) {
            0 => json!({ "resource": "t", "fields": { column: "hide" } }),
            1 => json!({ "resource": "t", "fields": { column: "redact" } }),
            _ => json!({ "resource": "t", "allow": ["id", column] }),
        }
    }

    fn role(&mut self) -> Value {
        let mut policies = Vec::new();
        for _ in 0..self.below(3) {
            let effect = if self.below(8) == 0 { "deny" } else { "allow" };
            policies.push(json!({ "resource": self.one(&["t", "t", "*"]), "actions": self.actions(), "effect": effect }));
        }
        let scopes: Vec<Value> = (0..self.below(3)).map(|_| self.scope()).collect();
        let masks: Vec<Value> = (0..[0, 0, 1][self.below(3)]).map(|_| self.mask()).collect();
        json!({ "policies": policies, "scope_rules": scopes, "field_masks": masks })
    }

    fn row(&mut self, id: usize) -> Value {
        let mut cell = || match self.below(4) {
            0 => Value::Null,
            other => json!((other - 1).to_string()),
        };
        let (a, b) = (cell(), cell());
        let owner = [Value::Null, json!(ADA), json!(BEA)][self.below(3)].clone();
        let tags: Vec<&str> = (0..self.below(3)).map(|_| self.one(&["0", "1", "2"])).collect();
        json!({ "id": id, "a": a, "b": b, "owner": owner, "tags": tags })
    }
}

/// Who sends a request, and what rules may ask of them.
struct Actor {
    api: Api,
    roles: Vec<&'static str>,
    id: Option<&'static str>,
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value[key].as_array().unwrap().iter()
}

fn is_for(rule: &Value, action: &str) -> bool {
    list(rule, "actions").any(|other| other == action)
}

impl Actor {
    /// One rule for one row, from its words.
    fn meets(&self, rule: &Value, row: &Value) -> bool {
        let cell = &row[rule["field"].as_str().unwrap()];
        let operator = rule["operator"].as_str().unwrap();
        let own: Vec<&str> = self.roles.iter().copied().filter(|role| !["anon", "user"].contains(role)).collect();
        let value = match rule["value"].as_str() {
            Some("actor.userId") => json!(self.id),
            Some("actor.roles") => json!(own),
            Some("actor.claims.sub") => json!(self.id),
            _ => rule["value"].clone(),
        };
        if operator == "is_null" {
            return cell.is_null() == value.as_bool().unwrap();
        }
        if cell.is_null() || value.is_null() {
            return false;
        }
        let (left, right) = (cell.as_str(), value.as_str());
        match operator {
            "eq" => left == right,
            "neq" => left != right,
            "gt" => left > right,
            "gte" => left >= right,
            "lt" => left < right,
            "lte" => left <= right,
            "in" => value.as_array().unwrap().contains(cell),
            "contains" => cell.as_array().unwrap().contains(&value),
            other => panic!("{other}"),
        }
    }

    /// The roles through which a row is reached; None if nothing is allowed at all.
    fn reaching<'r>(&self, roles: &'r Map<String, Value>, row: &Value, action: &str) -> Option<Vec<&'r Value>> {
        let mine: Vec<&Value> = self.roles.iter().map(|name| &roles[*name]).collect();
        let says =
            |role: &Value, effect: &str| list(role, "policies").any(|rule| rule["effect"] == effect && is_for(rule, action));
        if mine.iter().any(|role| says(role, "deny")) || !mine.iter().any(|role| says(role, "allow")) {
            return None;
        }
        let meets =
            |role: &Value| list(role, "scope_rules").filter(|rule| is_for(rule, action)).all(|rule| self.meets(rule, row));
        Some(mine.into_iter().filter(|role| says(role, "allow") && meets(role)).collect())
    }

    fn reaches(&self, roles: &Map<String, Value>, row: &Value, action: &str) -> bool {
        self.reaching(roles, row, action).is_some_and(|reaching| !reaching.is_empty())
    }
}

fn shows(role: &Value, column: &str) -> bool {
    list(role, "field_masks").all(|mask| match mask["allow"].as_array() {
        Some(allow) => allow.iter().any(|shown| shown == column),
        None => mask["fields"].get(column).is_none(),
    })
}

/// Reads everything, and compares it with what the rules say of every row.
async fn check_read(actor: &Actor, roles: &Map<String, Value>, rows: &[Value], context: &str) {
    let answer = actor.api.get("/v1/data/t?order=id").await;
    let expected: Option<Vec<(&Value, Vec<&Value>)>> =
        rows.iter().map(|row| Some((row, actor.reaching(roles, row, "read")?))).collect();
    let Some(expected) = expected else {
        assert!([403, 404].contains(&answer.status), "{context}: {}", answer.text);
        return;
    };
    let expected: Vec<_> = expected.into_iter().filter(|(_, reaching)| !reaching.is_empty()).collect();
    assert_eq!(answer.status, 200, "{context}: {}", answer.text);
    let found = answer.json();
    let found = found.as_array().unwrap();
    assert_eq!(found.len(), expected.len(), "{context}: {}", answer.text);
    for (got, (row, reaching)) in found.iter().zip(&expected) {
        for column in COLUMNS {
            let shown = reaching.iter().any(|role| shows(role, column));
            match got.get(column) {
                Some(value) if shown => assert_eq!(*value, row[column], "{context}: {column} of {row}"),
                Some(value) => assert!(value.is_null() || value == "***", "{context}: {column} of {row} is shown as {value}"),
                None => assert!(!shown, "{context}: {column} of {row} is not shown"),
            }
        }
    }
    let count = actor.api.clone().header("prefer", "count=exact").get("/v1/data/t?select=id&limit=1").await;
    let total = count.header("content-range").and_then(|range| range.split('/').next_back()).map(str::to_owned);
    assert_eq!(total, Some(expected.len().to_string()), "{context}");
}

/// Changes everything that can be, and looks that nothing else has changed, and nothing into what may not be.
async fn check_write(actor: &Actor, secret: &Api, roles: &Map<String, Value>, rows: &[Value], change: &Value, context: &str) {
    let answer = actor.api.patch("/v1/data/t?id=gte.0", change).await;
    let after = secret.rows("/v1/data/t?order=id").await;
    let changed = |row: &Value| {
        let mut row = row.clone();
        change.as_object().unwrap().iter().for_each(|(key, value)| row[key] = value.clone());
        row
    };
    let reached = |row: &Value| actor.reaches(roles, row, "update") && actor.reaches(roles, row, "read");
    let may_all = rows.iter().filter(|row| reached(row)).all(|row| actor.reaches(roles, &changed(row), "update"));
    let done: Vec<Value> = rows.iter().map(|row| if reached(row) { changed(row) } else { row.clone() }).collect();
    if answer.status < 300 {
        assert!(may_all, "{context}: written into what may not be: {after}");
        assert_eq!(after, json!(done), "{context}");
    } else {
        assert!([400, 403, 404].contains(&answer.status), "{context}: {} {}", answer.status, answer.text);
        assert_eq!(after, json!(rows), "{context}: refused, and yet changed");
    }
    for (before, now) in rows.iter().zip(after.as_array().unwrap()).filter(|(before, now)| before != now) {
        let id = &before["id"];
        assert_eq!(secret.patch(&format!("/v1/data/t?id=eq.{id}"), before).await.status, 204, "{now}");
    }
}

#[tokio::test]
async fn the_api_answers_what_the_rules_say() {
    let server = Server::start();
    let root = project(&server.owner(), "random").await;
    let secret = server.api(&root.secret);
    let deploy = async |roles: &Map<String, Value>| {
        let mut files = vec![json!({ "path": "tables/t.yaml", "content": TABLE })];
        files.extend(
            roles.iter().map(|(name, role)| json!({ "path": format!("roles/{name}.yaml"), "content": role.to_string() })),
        );
        server.owner().must("applyDefinitions", json!({ "environmentId": root.id, "files": files })).await;
    };
    let mut dice = Dice(7);
    deploy(&Map::new()).await;
    let rows: Vec<Value> = (0..8).map(|id| dice.row(id)).collect();
    secret.make("t", &json!(rows)).await;
    let mut actors = vec![Actor { api: front(&server, &root), roles: vec!["anon"], id: None }];
    for (id, own, name) in [(ADA, vec![], "1"), (BEA, vec!["one"], "2"), (ADA, vec!["one", "two"], "0")] {
        let minted = secret.post("/v1/auth/token", &json!({ "userId": id, "name": name, "roles": own })).await;
        let minted = minted.json();
        let api = signed_in(&front(&server, &root), &minted);
        actors.push(Actor { api, roles: [vec!["user"], own].concat(), id: Some(id) });
    }
    for round in 0..ROUNDS {
        let roles: Map<String, Value> = ROLES.iter().map(|name| ((*name).to_owned(), dice.role())).collect();
        deploy(&roles).await;
        let change =
            [json!({ "a": "1" }), json!({ "b": null }), json!({ "owner": ADA }), json!({ "tags": ["0"] })][dice.below(4)].clone();
        for actor in &actors {
            let context = format!("round {round}, {:?} with {:#}", actor.roles, json!(roles));
            check_read(actor, &roles, &rows, &context).await;
            check_write(actor, &secret, &roles, &rows, &change, &context).await;
        }
    }
}
