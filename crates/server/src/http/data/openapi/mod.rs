//! `GET /v1/openapi.json`: what the caller may do in this environment, as OpenAPI 3.1. Made anew for each caller from the schema as it is.

mod parts;
mod types;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use crate::access::Mask;
use crate::app::access::Caller;
use crate::error::Result;
use crate::postgres::query::Access;
use crate::postgres::schema::{Column, Function, Returns, Schema, Table, TableKind, Verb};
use crate::postgres::scope::EnvironmentScope;

/// What stands in a path as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// `GET /v1/openapi.json`, and where PostgREST has it.
pub(super) async fn show(scope: EnvironmentScope) -> Result<Response> {
    // As it is now: whoever reads this has just changed it, perhaps by SQL of their own.
    let schema = scope.reload_schema().await?;
    let document = document(&schema, &Caller::new(scope.actor(), &schema), scope.settings().max_rows);
    Ok(([(header::CONTENT_TYPE, "application/openapi+json; charset=utf-8")], document.to_string()).into_response())
}

/// The whole document, in one order.
fn document(schema: &Schema, access: &dyn Access, max_rows: u64) -> Value {
    let (mut paths, mut schemas, mut tags) = (Map::new(), parts::schemas(), Vec::new());
    let mut tables: Vec<&Table> = schema.tables().collect();
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    for table in tables {
        let seen = Seen::of(schema, table, access);
        if seen.verbs.is_empty() {
            continue;
        }
        tags.push(json!({ "name": table.name, "description": seen.description() }));
        schemas.extend(seen.schemas());
        paths.extend(seen.paths());
    }
    let mut functions: Vec<&Function> = schema.all_functions().filter(|function| access.function(&function.name)).collect();
    functions.sort_by(|a, b| a.name.cmp(&b.name));
    // One path a name: of an overloaded function the first is described.
    functions.dedup_by(|a, b| a.name == b.name);
    if !functions.is_empty() {
        tags.push(json!({ "name": "functions", "description": "Functions of the database." }));
    }
    paths.extend(
        functions.into_iter().map(|function| (format!("/v1/rpc/{}", encoded(&function.name)), call(schema, function, &schemas))),
    );
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Data of this environment",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What the key that asked may do. Another key may see more or less. The same is below `/rest/v1` for clients of PostgREST and Supabase.",
        },
        "servers": [{ "url": "/" }],
        "security": [{ "key": [] }, { "bearer": [] }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": parts::parameters(max_rows),
            "responses": parts::responses(),
            "securitySchemes": parts::security_schemes(),
        },
    })
}

fn encoded(name: &str) -> String {
    utf8_percent_encode(name, PLAIN).to_string()
}

/// The name of a table's schema: these allow fewer characters than PostgreSQL.
fn component(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    name.chars().map(|c| if allowed(c) { c.to_string() } else { format!(".{:x}", u32::from(c)) }).collect()
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

/// A table as the caller sees it.
struct Seen<'s> {
    schema: &'s Schema,
    table: &'s Table,
    verbs: Vec<Verb>,
    /// Those that are not hidden.
    columns: Vec<&'s Column>,
}

impl<'s> Seen<'s> {
    fn of(schema: &'s Schema, table: &'s Table, access: &dyn Access) -> Self {
        let all = [Verb::Read, Verb::Create, Verb::Update, Verb::Delete];
        let guards: Vec<_> = all.into_iter().filter_map(|verb| Some((verb, access.table(table, verb)?))).collect();
        let hidden = |column: &&Column| guards.iter().all(|(_, guard)| guard.masks.get(&column.name) == Some(&Mask::Hide));
        let columns = table.columns.iter().filter(|column| !hidden(column)).collect();
        Self { schema, table, verbs: guards.into_iter().map(|(verb, _)| verb).collect(), columns }
    }

    fn may(&self, verb: Verb) -> bool {
        self.verbs.contains(&verb)
    }

    fn description(&self) -> String {
        let kind = if self.table.kind == TableKind::View { "A view." } else { "A table." };
        self.table.comment.clone().unwrap_or_else(|| kind.to_owned())
    }

    fn schemas(&self) -> Vec<(String, Value)> {
        let name = component(&self.table.name);
        let of = |columns: &[&Column], required: Vec<&str>| {
            let properties: Map<String, Value> =
                columns.iter().map(|column| (column.name.clone(), types::property(self.schema, column))).collect();
            let mut object = json!({ "type": "object", "properties": properties });
            if !required.is_empty() {
                object["required"] = json!(required);
            }
            object
        };
        let written: Vec<&Column> = self.columns.iter().filter(|column| !column.generated).copied().collect();
        let names = |fits: &dyn Fn(&Column) -> bool| -> Vec<&str> {
            self.columns.iter().filter(|column| fits(column)).map(|column| column.name.as_str()).collect()
        };
        let mut record = of(&self.columns, names(&|column| column.not_null));
        record["description"] = json!(self.description());
        let wanted = |column: &Column| column.not_null && column.default.is_none() && !column.identity && !column.generated;
        let mut schemas = vec![(name.clone(), record)];
        if self.may(Verb::Create) {
            schemas.push((format!("{name}.new"), of(&written, names(&wanted))));
        }
        if self.may(Verb::Update) {
            schemas.push((format!("{name}.change"), of(&written, Vec::new())));
        }
        schemas
    }

    fn paths(&self) -> Vec<(String, Value)> {
        let path = format!("/v1/data/{}", encoded(&self.table.name));
        let mut paths = vec![(path.clone(), self.many())];
        // With a column of the name there is one address for each record.
        if let Some(key) = self.table.single_key()
            && let Some(column) = self.columns.iter().find(|column| column.name == key)
            && self.verbs != [Verb::Create]
        {
            paths.push((format!("{path}/{{id}}"), self.one(column)));
        }
        paths
    }

    /// Operations on all records that filters let through.
    fn many(&self) -> Value {
        let name = component(&self.table.name);
        let (record, filters) = (reference("schemas", &name), self.filters());
        let list = json!({ "type": "array", "items": record });
        let shown = |status: &str, description: &str| json!({ status: parts::records(description, &list), "default": problem() });
        let with = |more: &[&str], filtered: bool| -> Vec<Value> {
            let common = more.iter().map(|name| reference("parameters", name));
            if filtered { filters.iter().cloned().chain(common).collect() } else { common.collect() }
        };
        let mut item = Map::new();
        if self.may(Verb::Read) {
            let parameters = with(&["select", "or", "and", "order", "limit", "offset", "after", "range", "preferRead"], true);
            let mut responses = shown("200", "The records that fit, as many as a page holds.");
            responses["206"] = parts::records("Some of the records that fit; `Content-Range` tells which.", &list);
            item.insert("get".into(), self.operation("List", "list", parameters, None, responses));
        }
        if self.may(Verb::Create) {
            let one = reference("schemas", &format!("{name}.new"));
            let body = json!({ "oneOf": [one, { "type": "array", "items": one }] });
            let parameters = with(&["select", "columns", "on_conflict", "preferWrite"], false);
            let responses = shown("201", "Made. The records, where `Prefer: return=representation` asks for them.");
            item.insert("post".into(), self.operation("Make", "make", parameters, Some(body), responses));
        }
        let done = json!({ "200": parts::records("Done. The records.", &list),
            "204": { "description": "Done." }, "default": problem() });
        if self.may(Verb::Update) {
            let body = reference("schemas", &format!("{name}.change"));
            let parameters = with(&["select", "or", "and", "preferWrite"], true);
            item.insert("patch".into(), self.operation("Change", "change", parameters, Some(body), done.clone()));
        }
        if self.may(Verb::Delete) {
            let parameters = with(&["select", "or", "and", "preferWrite"], true);
            item.insert("delete".into(), self.operation("Delete", "delete", parameters, None, done));
        }
        Value::Object(item)
    }

    /// Operations on the record with a primary key.
    fn one(&self, key: &Column) -> Value {
        let name = component(&self.table.name);
        let record = reference("schemas", &name);
        let mut schema = types::of(self.schema, key);
        schema["description"] = json!(format!("Its {}.", key.name));
        let id = json!({ "name": "id", "in": "path", "required": true, "schema": schema });
        let mut item = Map::from_iter([("parameters".to_owned(), json!([id]))]);
        let select = || vec![reference("parameters", "select")];
        let writing = || vec![reference("parameters", "select"), reference("parameters", "preferWrite")];
        let found = json!({ "200": parts::records("The record.", &record), "default": problem() });
        let done = json!({ "200": parts::records("Done. The record.", &record), "204": { "description": "Done." },
            "default": problem() });
        if self.may(Verb::Read) {
            item.insert("get".into(), self.operation("Find one of", "find", select(), None, found));
        }
        if self.may(Verb::Update) {
            let body = reference("schemas", &format!("{name}.change"));
            item.insert("patch".into(), self.operation("Change one of", "changeOne", writing(), Some(body), done.clone()));
        }
        if self.may(Verb::Delete) {
            item.insert("delete".into(), self.operation("Delete one of", "deleteOne", writing(), None, done));
        }
        Value::Object(item)
    }

    fn filters(&self) -> Vec<Value> {
        let filter = |column: &&Column| {
            json!({ "name": column.name, "in": "query", "schema": { "type": "string" }, "example": types::example(column),
                "description": format!("Filter by {} ({}): operator and value, as in `eq.…`, `gt.…`, `in.(…)`, `is.null`.",
                    column.name, column.shown_type) })
        };
        // A column may be called as a parameter is; then it is filtered within `and`.
        let taken = ["select", "or", "and", "order", "limit", "offset", "after", "columns", "on_conflict"];
        self.columns.iter().filter(|column| !taken.contains(&column.name.as_str())).map(filter).collect()
    }

    fn operation(&self, what: &str, id: &str, parameters: Vec<Value>, body: Option<Value>, responses: Value) -> Value {
        let table = &self.table.name;
        let mut operation = json!({
            "tags": [table], "summary": format!("{what} {table}"), "operationId": format!("{id}.{}", component(table)),
            "parameters": parameters, "responses": responses,
        });
        if let Some(schema) = body {
            operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
        }
        operation
    }
}

fn problem() -> Value {
    reference("responses", "Problem")
}

/// A function: called with POST, and with GET where it changes nothing.
fn call(schema: &Schema, function: &Function, schemas: &Map<String, Value>) -> Value {
    let name = &function.name;
    let one = match &function.returns {
        Returns::Void => None,
        Returns::Scalar { sql_type } => Some(types::of_name(schema, sql_type)),
        Returns::Table(table) if schemas.contains_key(&component(table)) => Some(reference("schemas", &component(table))),
        Returns::Table(_) => Some(json!({ "type": "object" })),
        Returns::Records(table) => {
            let columns = table.columns.iter().map(|column| (column.name.clone(), types::property(schema, column)));
            Some(json!({ "type": "object", "properties": columns.collect::<Map<_, _>>() }))
        }
    };
    let answer = match one {
        None => json!({ "204": { "description": "Done." }, "default": problem() }),
        Some(one) => {
            let whole = if function.is_set { json!({ "type": "array", "items": one }) } else { one };
            json!({ "200": parts::records("What it answers.", &whole), "default": problem() })
        }
    };
    let arguments = &function.arguments;
    let wanted: Vec<&str> = arguments.iter().filter(|a| !a.has_default && !a.is_variadic).map(|a| a.name.as_str()).collect();
    let operation = |id: &str| {
        let mut operation = json!({ "tags": ["functions"], "summary": format!("Call {name}"),
            "operationId": format!("{id}.{}", component(name)), "responses": answer });
        if let Some(comment) = &function.comment {
            operation["description"] = json!(comment);
        }
        operation
    };
    let mut post = operation("call");
    let takes_body = matches!(arguments.as_slice(), [only] if only.name.is_empty());
    if takes_body {
        post["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": {} } } });
    } else if !arguments.is_empty() {
        let properties = arguments.iter().map(|a| (a.name.clone(), types::of_name(schema, &a.sql_type)));
        let mut body = json!({ "type": "object", "properties": properties.collect::<Map<_, _>>() });
        if !wanted.is_empty() {
            body["required"] = json!(wanted);
        }
        post["requestBody"] = json!({ "required": !wanted.is_empty(), "content": { "application/json": { "schema": body } } });
    }
    let mut item = json!({ "post": post });
    if !function.is_volatile && !takes_body {
        let mut get = operation("read");
        let parameter = |a: &crate::postgres::schema::Argument| {
            json!({ "name": a.name, "in": "query", "required": wanted.contains(&a.name.as_str()), "schema": { "type": "string" },
                "description": a.sql_type })
        };
        get["parameters"] = arguments.iter().map(parameter).collect();
        item["get"] = get;
    }
    item
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::access::Guard;

    /// Reads and makes records of whatever it is asked about, and hides `secret`.
    struct Reader;

    impl Access for Reader {
        fn table(&self, table: &Table, verb: Verb) -> Option<Guard<'_>> {
            let masks = Cow::Owned([("secret".to_owned(), Mask::Hide)].into());
            (table.name != "closed" && matches!(verb, Verb::Read | Verb::Create)).then_some(Guard { rows: None, masks })
        }

        fn function(&self, _: &str) -> bool {
            false
        }
    }

    #[test]
    fn it_tells_what_the_caller_may_and_sees() {
        let schema = Schema::of([
            Table::for_tests("posts", &["id", "title", "secret"]),
            Table::for_tests("my posts", &["id"]),
            Table::for_tests("closed", &["id"]),
        ]);
        let document = document(&schema, &Reader, 10);
        let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
        assert_eq!(paths, ["/v1/data/my%20posts", "/v1/data/my%20posts/{id}", "/v1/data/posts", "/v1/data/posts/{id}"]);
        let posts = document["paths"]["/v1/data/posts"].as_object().unwrap();
        assert_eq!(posts.keys().collect::<Vec<_>>(), ["get", "post"]);
        assert!(document["components"]["schemas"].get("my.20posts.new").is_some());
        let text = document.to_string();
        assert!(!text.contains("\"secret\"") && !text.contains("closed"), "{text}");
    }
}
