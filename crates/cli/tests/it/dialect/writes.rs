//! Writing: inserts, upserts, updates, deletes, and what `Prefer` makes of them.

use serde_json::json;

use super::{Ask, Checks, Cinema};

const TELL: [(&str, &str); 1] = [("prefer", "return=representation")];

fn ask<'a>(method: &'a str, path: &'a str, headers: &'a [(&'a str, &'a str)], body: &'a str) -> Ask<'a> {
    Ask { method, path, headers, body: Some(body).filter(|body| !body.is_empty()) }
}

#[tokio::test]
async fn records_are_made() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    checks.send(ask("POST", "/items", &[], r#"{"id": 20, "note": "a"}"#), 201, None).await;
    checks.send(ask("POST", "/items", &TELL, r#"{"id": 21, "note": null}"#), 201, json!([{ "id": 21, "note": null }])).await;
    checks
        .send(
            ask("POST", "/items?select=n:note", &TELL, r#"[{"id": 22, "note": "b"}, {"note": "c", "id": 23}]"#),
            201,
            json!([{ "n": "b" }, { "n": "c" }]),
        )
        .await;
    checks.send(ask("POST", "/items", &TELL, "[]"), 201, json!([])).await;
    let answer = checks.send(ask("POST", "/items", &[("prefer", "return=headers-only")], r#"{"id": 24}"#), 201, None).await;
    checks.header("headers-only", &answer, "location", Some("/rest/v1/items?id=eq.24"));
    checks.header("headers-only", &answer, "preference-applied", Some("return=headers-only"));
    let answer = checks
        .send(ask("POST", "/items", &[("prefer", "return=minimal, count=exact")], r#"[{"id": 25}, {"id": 26}]"#), 201, None)
        .await;
    checks.header("count", &answer, "content-range", Some("*/2"));
    // A body of another kind.
    let csv = [("content-type", "text/csv"), ("prefer", "return=representation")];
    checks
        .send(
            ask("POST", "/items", &csv, "id,note\n30,\"x, y\"\n31,NULL\n32,\n"),
            201,
            json!([{ "id": 30, "note": "x, y" }, { "id": 31, "note": null }, { "id": 32, "note": "" }]),
        )
        .await;
    let form = [("content-type", "application/x-www-form-urlencoded"), ("prefer", "return=representation")];
    checks.send(ask("POST", "/items", &form, "id=33&note=John+Doe"), 201, json!([{ "id": 33, "note": "John Doe" }])).await;
    let object = [("accept", "application/vnd.pgrst.object+json"), ("prefer", "return=representation")];
    checks.send(ask("POST", "/items", &object, r#"{"id": 34}"#), 201, json!({ "id": 34, "note": null })).await;
    checks.send_refused(ask("POST", "/items", &object, r#"[{"id": 35}, {"id": 36}]"#), 406, "PGRST116").await;
    checks.ids("/items?id=gt.34", &[]).await;
    // With what is embedded in the answer.
    checks
        .send(
            ask("POST", "/films?select=title,directors(last_name)", &TELL, r#"{"id": 50, "title": "New", "director_id": 3}"#),
            201,
            json!([{ "title": "New", "directors": { "last_name": "Eggers" } }]),
        )
        .await;
    // Generated and identity columns, defaults.
    checks
        .send(
            ask("POST", "/products", &TELL, r#"{"sku": "A", "name": "a"}"#),
            201,
            json!([{ "id": 1, "sku": "A", "name": "a", "price": 10, "double_price": 20 }]),
        )
        .await;
    checks.send_refused(ask("POST", "/products", &[], r#"{"id": 7, "sku": "B"}"#), 400, "428C9").await;
    checks.send(ask("POST", "/foo", &TELL, "{}"), 201, json!([{ "id": 1, "bar": null, "baz": 100 }])).await;
    checks.send(ask("POST", "/people?select=mood,tags,data,period,location", &TELL, r#"{"id": 9, "mood": "ok", "tags": ["a", "b,c"], "data": {"x": [1]}, "period": "[1,2]", "location": {"lat": 1.5, "long": 2}}"#), 201, json!([{ "mood": "ok", "tags": ["a", "b,c"], "data": { "x": [1] }, "period": "[1,3)", "location": { "lat": 1.5, "long": 2.0 } }])).await;
    checks.end();
}

#[tokio::test]
async fn columns_and_missing_values() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    let default = [("prefer", "missing=default, return=representation")];
    let body = r#"[{"bar": "val1"}, {"bar": "val2", "baz": 15}]"#;
    let answer = checks
        .send(
            ask("POST", "/foo?columns=id,bar,baz", &default, body),
            201,
            json!([{ "id": 1, "bar": "val1", "baz": 100 }, { "id": 2, "bar": "val2", "baz": 15 }]),
        )
        .await;
    checks.header("missing", &answer, "preference-applied", Some("missing=default, return=representation"));
    checks
        .send(
            ask("POST", "/foo?columns=bar,baz", &TELL, body),
            201,
            json!([{ "id": 3, "bar": "val1", "baz": null }, { "id": 4, "bar": "val2", "baz": 15 }]),
        )
        .await;
    checks
        .send(
            ask("POST", "/foo?columns=bar&select=bar,baz", &TELL, r#"{"bar": "x", "baz": 7, "more": true}"#),
            201,
            json!([{ "bar": "x", "baz": 100 }]),
        )
        .await;
    checks
        .send(
            ask("POST", "/foo?columns=\"bar\",\"baz\"&select=bar,baz", &TELL, r#"[{"bar": "q", "baz": 1}]"#),
            201,
            json!([{ "bar": "q", "baz": 1 }]),
        )
        .await;
    checks
        .send(
            ask("PATCH", "/foo?id=eq.1&columns=baz", &TELL, r#"{"bar": "ignored", "baz": 1}"#),
            200,
            json!([{ "id": 1, "bar": "val1", "baz": 1 }]),
        )
        .await;
    checks
        .send(
            ask("PATCH", "/foo?id=eq.1&columns=bar,baz", &default, r#"{"bar": "new"}"#),
            200,
            json!([{ "id": 1, "bar": "new", "baz": 100 }]),
        )
        .await;
    checks.end();
}

#[tokio::test]
async fn records_are_changed_and_removed() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    checks.send(ask("PATCH", "/items?id=eq.1", &[], r#"{"note": "one"}"#), 204, None).await;
    checks
        .send(
            ask("PATCH", "/items?id=in.(2,3)&select=note", &TELL, r#"{"note": "both"}"#),
            200,
            json!([{ "note": "both" }, { "note": "both" }]),
        )
        .await;
    checks
        .send(
            ask("PATCH", "/items?or=(id.eq.4,note.eq.item 5)&select=id", &TELL, r#"{"note": "or"}"#),
            200,
            json!([{ "id": 4 }, { "id": 5 }]),
        )
        .await;
    checks.send(ask("PATCH", "/items?id=eq.99", &TELL, r#"{"note": "none"}"#), 200, json!([])).await;
    checks.send(ask("PATCH", "/items?id=eq.99", &[], r#"{"note": "none"}"#), 204, None).await;
    checks.send(ask("PATCH", "/items?id=eq.1", &TELL, "{}"), 200, json!([])).await;
    let answer = checks.send(ask("PATCH", "/items?id=lt.4", &[("prefer", "count=exact")], r#"{"note": "n"}"#), 204, None).await;
    checks.header("count", &answer, "content-range", Some("*/3"));
    checks
        .send(
            ask("PATCH", "/films?id=eq.2&select=title,directors(last_name)", &TELL, r#"{"director_id": 4}"#),
            200,
            json!([{ "title": "Pulp Fiction", "directors": { "last_name": "Yet" } }]),
        )
        .await;
    // What a filter finds is told, though it fits no longer.
    checks
        .send(ask("PATCH", "/items?note=eq.n&id=eq.1", &TELL, r#"{"note": "other"}"#), 200, json!([{ "id": 1, "note": "other" }]))
        .await;
    let object = [("accept", "application/vnd.pgrst.object+json"), ("prefer", "return=representation")];
    checks.send(ask("PATCH", "/items?id=eq.6", &object, r#"{"note": "six"}"#), 200, json!({ "id": 6, "note": "six" })).await;
    checks.send_refused(ask("PATCH", "/items?id=in.(6,7)", &object, r#"{"note": "two"}"#), 406, "PGRST116").await;
    checks.get("/items?id=eq.7&select=note", json!([{ "note": "item 7" }])).await;

    checks.send(ask("DELETE", "/items?id=eq.8", &[], ""), 204, None).await;
    checks.send(ask("DELETE", "/items?id=in.(9,10)&select=id", &TELL, ""), 200, json!([{ "id": 9 }, { "id": 10 }])).await;
    checks.send(ask("DELETE", "/items?id=eq.8", &TELL, ""), 200, json!([])).await;
    checks
        .send_refused(ask("DELETE", "/items?id=gt.10", &[("prefer", "handling=strict, max-affected=2")], ""), 400, "PGRST124")
        .await;
    checks
        .send_refused(
            ask("PATCH", "/items?id=gt.10", &[("prefer", "handling=strict, max-affected=2")], r#"{"note": "x"}"#),
            400,
            "PGRST124",
        )
        .await;
    checks.ids("/items?id=gt.10&note=neq.x", &[11, 12, 13, 14, 15]).await;
    checks.send(ask("DELETE", "/items?id=gt.14", &[("prefer", "max-affected=0")], ""), 204, None).await;
    let answer = checks
        .send(ask("DELETE", "/items?id=gt.10", &[("prefer", "handling=strict, max-affected=4, count=exact")], ""), 204, None)
        .await;
    checks.header("count", &answer, "content-range", Some("*/4"));
    checks.end();
}

#[tokio::test]
async fn upserts() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    let merge = [("prefer", "resolution=merge-duplicates, return=representation")];
    let ignore = [("prefer", "resolution=ignore-duplicates, return=representation")];
    let answer = checks
        .send(
            ask("POST", "/items", &merge, r#"[{"id": 1, "note": "merged"}, {"id": 40, "note": "new"}]"#),
            201,
            json!([{ "id": 1, "note": "merged" }, { "id": 40, "note": "new" }]),
        )
        .await;
    checks.header("merge", &answer, "preference-applied", Some("resolution=merge-duplicates, return=representation"));
    checks
        .send(ask("POST", "/items", &merge, r#"[{"id": 1, "note": "again"}]"#), 200, json!([{ "id": 1, "note": "again" }]))
        .await;
    checks
        .send(
            ask("POST", "/items", &ignore, r#"[{"id": 1, "note": "ignored"}, {"id": 41, "note": "new"}]"#),
            201,
            json!([{ "id": 41, "note": "new" }]),
        )
        .await;
    checks.get("/items?id=eq.1", json!([{ "id": 1, "note": "again" }])).await;
    checks
        .send(
            ask("POST", "/products?select=sku,name", &TELL, r#"{"sku": "CL2031", "name": "Shirt"}"#),
            201,
            json!([{ "sku": "CL2031", "name": "Shirt" }]),
        )
        .await;
    checks
        .send(
            ask(
                "POST",
                "/products?on_conflict=sku&select=sku,name",
                &merge,
                r#"[{"sku": "CL2031", "name": "Tee"}, {"sku": "CL2040", "name": "Hoodie"}]"#,
            ),
            201,
            json!([{ "sku": "CL2031", "name": "Tee" }, { "sku": "CL2040", "name": "Hoodie" }]),
        )
        .await;
    checks
        .send(
            ask("POST", "/products?on_conflict=sku&select=sku", &ignore, r#"[{"sku": "CL2031", "name": "No"}]"#),
            201,
            json!([]),
        )
        .await;
    checks
        .send_refused(ask("POST", "/products?on_conflict=name", &merge, r#"[{"sku": "X", "name": "Tee"}]"#), 400, "42P10")
        .await;
    checks
        .send(
            ask("POST", "/roles?select=character", &merge, r#"{"film_id": 2, "actor_id": 3, "character": "Vince"}"#),
            200,
            json!([{ "character": "Vince" }]),
        )
        .await;
    let defaults = [("prefer", "resolution=merge-duplicates, missing=default, return=representation")];
    checks.send(ask("POST", "/foo", &TELL, r#"{"bar": "a"}"#), 201, json!([{ "id": 1, "bar": "a", "baz": 100 }])).await;
    checks
        .send(
            ask("POST", "/foo?columns=id,bar", &defaults, r#"[{"id": 1, "bar": "b"}, {"bar": "c"}]"#),
            201,
            json!([{ "id": 1, "bar": "b", "baz": 100 }, { "id": 2, "bar": "c", "baz": 100 }]),
        )
        .await;
    puts(&mut checks).await;
    checks.end();
}

async fn puts(checks: &mut Checks) {
    checks
        .send(ask("PUT", "/items?id=eq.50", &TELL, r#"{"id": 50, "note": "put"}"#), 201, json!([{ "id": 50, "note": "put" }]))
        .await;
    checks
        .send(ask("PUT", "/items?id=eq.50", &TELL, r#"{"id": 50, "note": "again"}"#), 200, json!([{ "id": 50, "note": "again" }]))
        .await;
    checks.send(ask("PUT", "/items?id=eq.51", &[], r#"{"id": 51, "note": "new"}"#), 201, None).await;
    checks.send(ask("PUT", "/items?id=eq.51", &[], r#"{"id": 51, "note": "old"}"#), 204, None).await;
    checks.send_refused(ask("PUT", "/items?id=eq.50", &[], r#"{"id": 52, "note": "x"}"#), 400, "PGRST115").await;
    checks.send_refused(ask("PUT", "/items?id=gt.50", &[], r#"{"id": 52, "note": "x"}"#), 405, "PGRST105").await;
    checks.send_refused(ask("PUT", "/items?note=eq.x", &[], r#"{"id": 52, "note": "x"}"#), 405, "PGRST105").await;
    checks.send_refused(ask("PUT", "/items?id=eq.50&limit=1", &[], r#"{"id": 50, "note": "x"}"#), 400, "PGRST114").await;
    checks
        .send(
            ask("PUT", "/roles?film_id=eq.2&actor_id=eq.3", &TELL, r#"{"film_id": 2, "actor_id": 3, "character": "V"}"#),
            200,
            json!([{ "film_id": 2, "actor_id": 3, "character": "V" }]),
        )
        .await;
    checks
        .send_refused(
            ask("PUT", "/roles?film_id=eq.2", &[], r#"{"film_id": 2, "actor_id": 3, "character": "V"}"#),
            405,
            "PGRST105",
        )
        .await;
    checks.ids("/items?id=gte.50", &[50, 51]).await;
}

#[tokio::test]
async fn a_rehearsal_changes_nothing() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    let rehearse = [("prefer", "tx=rollback, return=representation")];
    let answer = checks
        .send(ask("POST", "/items", &rehearse, r#"{"id": 60, "note": "x"}"#), 201, json!([{ "id": 60, "note": "x" }]))
        .await;
    checks.header("rollback", &answer, "preference-applied", Some("return=representation, tx=rollback"));
    checks.send(ask("PATCH", "/items?id=eq.1&select=note", &rehearse, r#"{"note": "x"}"#), 200, json!([{ "note": "x" }])).await;
    checks.send(ask("DELETE", "/items?id=eq.1&select=id", &rehearse, ""), 200, json!([{ "id": 1 }])).await;
    checks.send(ask("PUT", "/items?id=eq.61", &rehearse, r#"{"id": 61}"#), 201, json!([{ "id": 61, "note": null }])).await;
    checks.get("/items?or=(id.eq.1,id.gt.59)", json!([{ "id": 1, "note": "item 1" }])).await;
    checks
        .send(
            ask("DELETE", "/items?id=eq.1&select=id", &[("prefer", "tx=commit, return=representation")], ""),
            200,
            json!([{ "id": 1 }]),
        )
        .await;
    checks.ids("/items?id=eq.1", &[]).await;
    checks.end();
}
