//! What the documentation only mentions: views that are written to, odd names, large values, errors that functions choose.

use serde_json::json;

use super::{Ask, Cinema};

const TELL: [(&str, &str); 1] = [("prefer", "return=representation")];

fn ask<'a>(method: &'a str, path: &'a str, headers: &'a [(&'a str, &'a str)], body: &'a str) -> Ask<'a> {
    Ask { method, path, headers, body: Some(body).filter(|body| !body.is_empty()) }
}

#[tokio::test]
async fn views_are_written_and_embedded_as_their_tables() {
    let cinema = Cinema::open().await;
    let sql = "CREATE VIEW named AS SELECT f.id AS film, f.director_id AS made_by, upper(f.title) AS title FROM films f;
        CREATE VIEW cast_list AS SELECT r.film_id, r.actor_id, a.last_name FROM roles r JOIN actors a ON a.id = r.actor_id;
        CREATE VIEW on_named AS SELECT film, made_by FROM named WHERE film > 1;
        CREATE MATERIALIZED VIEW kept AS SELECT id, director_id FROM films;";
    cinema.sql.batch_execute(sql).await.unwrap();
    let mut checks = cinema.checks();
    checks
        .send(
            ask("POST", "/recent_films", &TELL, r#"{"id": 60, "title": "Now", "year": 2026, "director_id": 4}"#),
            201,
            json!([{ "id": 60, "director_id": 4, "title": "Now", "year": 2026 }]),
        )
        .await;
    checks
        .send(
            ask("PATCH", "/recent_films?id=eq.60&select=title,directors(last_name)", &TELL, r#"{"title": "Later"}"#),
            200,
            json!([{ "title": "Later", "directors": { "last_name": "Yet" } }]),
        )
        .await;
    checks.send(ask("DELETE", "/recent_films?id=eq.60&select=id", &TELL, ""), 200, json!([{ "id": 60 }])).await;
    checks
        .gets([
            (
                "/named?select=title,directors(last_name)&film=eq.4",
                json!([{ "title": "THE LIGHTHOUSE", "directors": { "last_name": "Eggers" } }]),
            ),
            (
                "/on_named?select=film,directors!inner(last_name)&directors.last_name=eq.Eggers",
                json!([{ "film": 4, "directors": { "last_name": "Eggers" } }]),
            ),
            ("/named?select=film,roles(character)&film=eq.4", json!([{ "film": 4, "roles": [{ "character": "Thomas Wake" }] }])),
            ("/named?select=film,actors(last_name)&film=eq.4", json!([{ "film": 4, "actors": [{ "last_name": "Dafoe" }] }])),
            (
                "/cast_list?select=last_name,films(title)&film_id=eq.4",
                json!([{ "last_name": "Dafoe", "films": { "title": "The Lighthouse" } }]),
            ),
            (
                "/films?select=id,cast_list(last_name)&id=eq.2&cast_list.order=last_name",
                json!([{ "id": 2, "cast_list": [{ "last_name": "Keitel" }, { "last_name": "Travolta" }] }]),
            ),
            ("/kept?select=id,directors(last_name)&id=eq.4", json!([{ "id": 4, "directors": { "last_name": "Eggers" } }])),
            // A key's own name leads to the table, however many views there are.
            ("/films?select=id,director_id(last_name)&id=eq.4", json!([{ "id": 4, "director_id": { "last_name": "Eggers" } }])),
            ("/directors?select=id,films(id)&id=eq.3", json!([{ "id": 3, "films": [{ "id": 4 }] }])),
        ])
        .await;
    checks.end();
}

#[tokio::test]
async fn odd_names_and_large_values() {
    let cinema = Cinema::open().await;
    let sql = r#"CREATE TABLE "Order Items" (id bigint PRIMARY KEY, "Unit Price" numeric, "a.b" text, "x""y" text, "select" text, "موارد" text);
        CREATE TABLE "موارد" (id int PRIMARY KEY, "اسم" text, item bigint REFERENCES "Order Items" (id));
        INSERT INTO "Order Items" VALUES (9007199254740993, 12345678901234567890.123456789, 'dot', 'quote', 'word', 'یک');
        INSERT INTO "موارد" VALUES (1, 'دو', 9007199254740993);"#;
    cinema.sql.batch_execute(sql).await.unwrap();
    let mut checks = cinema.checks();
    let path = "/Order Items?Unit Price=gt.200&select=id,Unit Price,\"a.b\",\"x\\\"y\"";
    let answer = checks.ask("GET", path, &[], None).await;
    checks.text(
        path,
        &answer,
        200,
        r#"[{"id":9007199254740993,"Unit Price":12345678901234567890.123456789,"a.b":"dot","x\"y":"quote"}]"#,
    );
    checks
        .gets([
            ("/Order Items?\"a.b\"=eq.dot&\"x\\\"y\"=eq.quote&select=\"select\"", json!([{ "select": "word" }])),
            ("/Order Items?\"select\"=eq.word&select=n:موارد", json!([{ "n": "یک" }])),
            ("/Order Items?or=(\"a.b\".eq.dot,id.eq.1)&order=\"a.b\".desc&select=\"a.b\"", json!([{ "a.b": "dot" }])),
            (
                "/%D9%85%D9%88%D8%A7%D8%B1%D8%AF?select=اسم,Order Items(\"a.b\")&اسم=eq.دو",
                json!([{ "اسم": "دو", "Order Items": { "a.b": "dot" } }]),
            ),
            (
                "/%D9%85%D9%88%D8%A7%D8%B1%D8%AF?select=id,Order Items(id)&Order Items.\"a.b\"=eq.other",
                json!([{ "id": 1, "Order Items": null }]),
            ),
        ])
        .await;
    checks
        .send(
            ask("POST", "/Order Items?select=id", &TELL, r#"{"id": 1, "Unit Price": 1, "a.b": "c", "x\"y": "d", "select": "e"}"#),
            201,
            json!([{ "id": 1 }]),
        )
        .await;
    checks
        .send(
            ask("PATCH", "/Order Items?\"a.b\"=eq.c&select=\"x\\\"y\"", &TELL, r#"{"x\"y": "new"}"#),
            200,
            json!([{ "x\"y": "new" }]),
        )
        .await;
    let list: Vec<String> = (0..1_500).map(|number| number.to_string()).collect();
    checks.ids(&format!("/items?id=in.({})&id=gt.14", list.join(",")), &[15]).await;
    checks.end();
}

#[tokio::test]
async fn answers_of_writes_know_computed_fields_and_what_is_embedded() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    checks
        .send(
            ask("POST", "/actors?select=full_name", &TELL, r#"{"id": 9, "first_name": "A", "last_name": "B"}"#),
            201,
            json!([{ "full_name": "A B" }]),
        )
        .await;
    checks
        .send(
            ask("PATCH", "/actors?id=eq.9&select=full_name,roles(character)", &TELL, r#"{"last_name": "C"}"#),
            200,
            json!([{ "full_name": "A C", "roles": [] }]),
        )
        .await;
    checks
        .send(ask("PATCH", "/actors?full_name=eq.A C&select=id", &TELL, r#"{"last_name": "D"}"#), 200, json!([{ "id": 9 }]))
        .await;
    checks
        .send(
            ask(
                "PATCH",
                "/directors?id=eq.2&select=last_name,films(title)&films.order=title&films.limit=1",
                &TELL,
                r#"{"last_name": "T"}"#,
            ),
            200,
            json!([{ "last_name": "T", "films": [{ "title": "Pulp Fiction" }] }]),
        )
        .await;
    checks
        .send(
            ask(
                "POST",
                "/roles?select=character,...actors(last_name)",
                &TELL,
                r#"[{"film_id": 5, "actor_id": 1, "character": "x"}]"#,
            ),
            201,
            json!([{ "character": "x", "last_name": "Dafoe" }]),
        )
        .await;
    let place = [("prefer", "return=headers-only")];
    let answer = checks.send(ask("POST", "/roles", &place, r#"{"film_id": 5, "actor_id": 2}"#), 201, None).await;
    checks.header("a key of two columns", &answer, "location", Some("/rest/v1/roles?film_id=eq.5&actor_id=eq.2"));
    checks
        .send(
            ask(
                "PATCH",
                "/people?id=eq.1&select=data,tags",
                &TELL,
                r#"{"data": {"new": [1, {"a": null}]}, "tags": ["x", null]}"#,
            ),
            200,
            json!([{ "data": { "new": [1, { "a": null }] }, "tags": ["x", null] }]),
        )
        .await;
    let csv = [("accept", "text/csv"), ("prefer", "return=representation")];
    let answer = checks.ask("PATCH", "/items?id=eq.1", &csv, Some(r#"{"note": "a,b"}"#)).await;
    checks.text("CSV of a change", &answer, 200, "id,note\n1,\"a,b\"\n");
    checks.end();
}

#[tokio::test]
async fn functions_of_every_kind() {
    let cinema = Cinema::open().await;
    let sql = "CREATE FUNCTION records() RETURNS SETOF record STABLE LANGUAGE sql AS 'SELECT id, note FROM items ORDER BY id LIMIT 2';
        CREATE FUNCTION places() RETURNS SETOF coordinates STABLE LANGUAGE sql AS 'SELECT location FROM people WHERE id = 0 UNION ALL SELECT (1.5, 2.5)::coordinates';
        CREATE FUNCTION a_record() RETURNS record STABLE LANGUAGE sql AS 'SELECT id, note FROM items WHERE id = 1';
        CREATE FUNCTION document() RETURNS json IMMUTABLE LANGUAGE sql AS $$ SELECT '{\"a\": [1]}'::json $$;
        CREATE FUNCTION documents() RETURNS SETOF jsonb IMMUTABLE LANGUAGE sql AS $$ VALUES ('{\"a\": 1}'::jsonb), ('2') $$;
        CREATE FUNCTION moods() RETURNS mood[] IMMUTABLE LANGUAGE sql AS $$ SELECT enum_range(NULL::mood) $$;
        CREATE FUNCTION nothing_found() RETURNS films STABLE LANGUAGE sql AS 'SELECT * FROM films WHERE false';
        CREATE FUNCTION pair(OUT x int, OUT y text) RETURNS SETOF record IMMUTABLE LANGUAGE sql AS $$ VALUES (1, 'a'), (2, 'b') $$;
        CREATE FUNCTION with_defaults(a int, b int DEFAULT 10, c int DEFAULT 100) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT a + b + c';
        CREATE FUNCTION \"someFunc\"(\"someParam\" text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
        CREATE FUNCTION settings(name text) RETURNS text STABLE LANGUAGE sql AS $$ SELECT current_setting(name, true) $$;
        CREATE FUNCTION refuse(code text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = code; END $$;
        CREATE FUNCTION happy() RETURNS SETOF happy_people STABLE LANGUAGE sql AS 'SELECT * FROM happy_people';";
    cinema.sql.batch_execute(sql).await.unwrap();
    let mut checks = cinema.checks();
    checks
        .gets([
            ("/rpc/records", json!([{ "id": 1, "note": "item 1" }, { "id": 2, "note": "item 2" }])),
            ("/rpc/a_record", json!({ "id": 1, "note": "item 1" })),
            ("/rpc/document", json!({ "a": [1] })),
            ("/rpc/documents", json!([{ "a": 1 }, 2])),
            ("/rpc/moods", json!(["sad", "ok", "happy"])),
            // A record of nulls, as PostgreSQL has it.
            ("/rpc/nothing_found?select=id,title", json!({ "id": null, "title": null })),
            ("/rpc/places", json!([{ "lat": 1.5, "long": 2.5 }])),
            ("/rpc/pair?x=gt.1", json!([{ "x": 2, "y": "b" }])),
            ("/rpc/pair?order=y.desc&select=y", json!([{ "y": "b" }, { "y": "a" }])),
            ("/rpc/with_defaults?a=1", json!(111)),
            ("/rpc/with_defaults?a=1&c=0", json!(11)),
            ("/rpc/someFunc?someParam=x", json!("x")),
            ("/rpc/settings?name=request.method", json!("GET")),
            ("/rpc/settings?name=request.path", json!("/rest/v1/rpc/settings")),
            ("/rpc/happy?age=gt.25&select=name", json!([{ "name": "Cy Pan" }])),
        ])
        .await;
    checks.send(ask("POST", "/rpc/with_defaults", &[], r#"{"a": 1, "b": 2}"#), 200, json!(103)).await;
    checks.send(ask("HEAD", "/rpc/add_them?a=1&b=2", &[], ""), 200, None).await;
    for (code, status) in
        [("45000", 400), ("ABC12", 400), ("P0001", 400), ("23505", 409), ("42501", 403), ("PT418", 418), ("PT200", 400)]
    {
        checks.send_refused(ask("POST", "/rpc/refuse", &[], &format!(r#"{{"code": "{code}"}}"#)), status, code).await;
    }
    checks.end();
}
