//! What is the same in every environment: parameters of the dialect, problems, how a key is sent.

use serde_json::{Map, Value, json};

/// An answer with records, in the forms there are.
pub(super) fn records(description: &str, schema: &Value) -> Value {
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}

pub(super) fn schemas() -> Map<String, Value> {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let maybe = |description: &str| json!({ "type": ["string", "null"], "description": description });
    let field = json!({ "type": "object", "required": ["field", "rule", "message"],
        "properties": { "field": { "type": "string" }, "rule": { "type": "string" }, "message": { "type": "string" } } });
    let problem = json!({
        "type": "object",
        "description": "RFC 9457, with the members that clients of PostgREST and Supabase read.",
        "required": ["type", "title", "status", "detail", "code", "message", "request_id"],
        "properties": {
            "type": text("Names the kind of problem."),
            "title": text("The status in words."),
            "status": { "type": "integer" },
            "detail": text("The same as `message`."),
            "code": text("Stable: `noun/reason`, PostgREST's code, or PostgreSQL's SQLSTATE."),
            "message": text("What went wrong."),
            "details": maybe("More about it."),
            "hint": maybe("What to do next."),
            "request_id": text("Under which the server has it in its log."),
            "errors": { "type": "array", "items": field, "description": "Fields of the input that were refused." },
        },
    });
    // Dots: no table is called like that, for its dots are written otherwise.
    Map::from_iter([("cloche..problem".to_owned(), problem)])
}

pub(super) fn responses() -> Value {
    let header = |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    json!({ "Problem": {
        "description": "It was not done: `code` and `message` say why, `hint` what to do.",
        "headers": {
            "Retry-After": header("Seconds to wait; with 429 and 503."),
            "RateLimit": header("What is left of a rate, where there is one."),
            "RateLimit-Policy": header("The rates there are."),
        },
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/cloche..problem" } } },
    } })
}

pub(super) fn security_schemes() -> Value {
    json!({
        "key": { "type": "apiKey", "in": "header", "name": "X-API-Key",
            "description": "A publishable key (`pk_…`) in pages and apps, a secret key (`sk_…`) on servers." },
        "bearer": { "type": "http", "scheme": "bearer",
            "description": "A secret key; or, beside a publishable key in `apikey`, the access token of a signed-in user." },
    })
}

/// Those of the dialect that are not columns.
pub(super) fn parameters(max_rows: u64) -> Value {
    let query = |name: &str, example: &str, description: &str| json!({ "name": name, "in": "query", "schema": { "type": "string" }, "example": example, "description": description });
    let number = |name: &str, most: Option<u64>, description: &str| {
        let mut schema = json!({ "type": "integer", "minimum": 0 });
        if let Some(most) = most {
            schema["maximum"] = json!(most);
        }
        json!({ "name": name, "in": "query", "schema": schema, "description": description })
    };
    let prefer = |example: &str, description: &str| json!({ "name": "Prefer", "in": "header", "schema": { "type": "string" }, "example": example, "description": description });
    json!({
        "select": query("select", "*", "Columns, with commas between: `name`, `alias:name`, `name::type`, `data->key`, and what is embedded by its foreign key: `author(name)`."),
        "or": query("or", "(a.eq.1,b.gt.2)", "Conditions of which one must hold; they nest: `and(…)`, `not.or(…)`."),
        "and": query("and", "(a.eq.1,b.gt.2)", "Conditions that must all hold."),
        "order": query("order", "name.asc", "Columns, with commas between, each with `.asc` or `.desc`, and `.nullsfirst` or `.nullslast`."),
        "limit": number("limit", None, &format!("Records at most; a page holds {max_rows}.")),
        "offset": number("offset", None, "Records to pass over."),
        "after": query("after", "", "Where the page before ended: the `Link` of its answer has it."),
        "columns": query("columns", "a,b", "Keys of the body that are written; others are ignored."),
        "on_conflict": query("on_conflict", "id", "Columns of a unique key, for `Prefer: resolution=merge-duplicates`."),
        "range": json!({ "name": "Range", "in": "header", "schema": { "type": "string" }, "example": "0-24",
            "description": "The same as limit and offset: the first and the last record." }),
        "preferRead": prefer("count=exact", "`count=exact`, `count=planned` or `count=estimated` for the total in `Content-Range`."),
        "preferWrite": prefer("return=representation", "`return=representation` to be told the records, `return=headers-only`, `resolution=merge-duplicates`, `missing=default`, `max-affected=1`, `tx=rollback`."),
    })
}
