//! What is wrong is said in PostgREST's codes, and a schema that changes is seen.

use serde_json::json;

use super::{Ask, Cinema};

#[tokio::test]
async fn every_mistake_has_its_code() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    for (path, status, code) in [
        ("/nothing", 404, "PGRST205"),
        ("/films?wrong=eq.1", 400, "42703"),
        ("/films?select=wrong", 400, "42703"),
        ("/films?order=wrong", 400, "42703"),
        ("/films?id=eq.x", 400, "22P02"),
        ("/films?id=noop.1", 400, "PGRST100"),
        ("/films?id=1", 400, "PGRST100"),
        ("/films?select=id,(", 400, "PGRST100"),
        ("/films?or=()", 400, "PGRST100"),
        ("/films?order=id.up", 400, "PGRST100"),
        ("/films?id=like.1*", 400, "42883"),
        ("/films?title=fts(klingon).x", 400, "42704"),
        ("/films?select=id::nothing", 400, "42704"),
        ("/films?select=id.sum()", 400, "PGRST123"),
        ("/films?select=count()", 400, "PGRST123"),
        ("/films?select=id,directors(id.max())", 400, "PGRST123"),
        ("/people?mood=eq.bored", 400, "22P02"),
        ("/films?title=match.(", 400, "2201B"),
    ] {
        checks.refused(path, status, code).await;
    }
    let get = |headers| Ask { method: "GET", path: "/films?limit=1&select=id&order=id", headers, body: None };
    checks.send_refused(get(&[("prefer", "handling=strict, foo, bar")]), 400, "PGRST122").await;
    checks.send(get(&[("prefer", "handling=lenient, foo")]), 200, json!([{ "id": 1 }])).await;
    checks.send_refused(get(&[("prefer", "timezone=Jupiter/Red_Spot")]), 400, "22023").await;
    let method = |method, path| Ask { method, path, headers: &[], body: Some("{}") };
    checks.send_refused(method("PUT", "/rpc/add_them"), 405, "request/method-not-allowed").await;
    let post = |path, body| Ask { method: "POST", path, headers: &[], body: Some(body) };
    checks.send_refused(post("/films", r#"{"id": 2, "title": "again"}"#), 409, "23505").await;
    checks.send_refused(post("/films", r#"{"id": 9}"#), 400, "23502").await;
    checks.send_refused(post("/films", r#"{"id": 9, "title": "x", "director_id": 77}"#), 409, "23503").await;
    checks.send_refused(post("/films", r#"{"id": 9, "wrong": 1}"#), 400, "PGRST204").await;
    checks.send_refused(post("/films", r#"[{"id": 9, "title": "a"}, {"id": 10}]"#), 400, "PGRST102").await;
    checks.send_refused(post("/films?columns=id,wrong", r#"{"id": 9}"#), 400, "PGRST204").await;
    checks.send_refused(post("/films", "{"), 400, "PGRST102").await;
    checks.end();
}

#[tokio::test]
async fn times_come_in_the_zone_that_is_asked_for() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    let path = "/people?select=seen&id=eq.1";
    let get = |headers| Ask { method: "GET", path, headers, body: None };
    checks.get(path, json!([{ "seen": "2023-10-18T12:37:59+00:00" }])).await;
    let zone = [("prefer", "timezone=America/Los_Angeles")];
    let answer = checks.send(get(&zone), 200, json!([{ "seen": "2023-10-18T05:37:59-07:00" }])).await;
    checks.header(path, &answer, "preference-applied", Some("timezone=America/Los_Angeles"));
    // A number is hours east of Greenwich; with minutes it is as in POSIX, west of it. So is PostgREST's.
    checks.send(get(&[("prefer", "timezone=-4")]), 200, json!([{ "seen": "2023-10-18T08:37:59-04:00" }])).await;
    checks.send(get(&[("prefer", "timezone=+05:30")]), 200, json!([{ "seen": "2023-10-18T07:07:59-05:30" }])).await;
    // Only for that request.
    checks.get(path, json!([{ "seen": "2023-10-18T12:37:59+00:00" }])).await;
    checks.end();
}

#[tokio::test]
async fn a_changed_schema_is_seen() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    let now = async |sql: &str| cinema.sql.batch_execute(sql).await.unwrap();
    checks.refused("/later?select=id", 404, "PGRST205").await;
    now("CREATE TABLE later (id int PRIMARY KEY, film_id int REFERENCES films (id)); INSERT INTO later VALUES (1, 2)").await;
    checks.eventually("/later?select=id,films(title)", json!([{ "id": 1, "films": { "title": "Pulp Fiction" } }])).await;
    checks.get("/films?select=id,later(id)&id=eq.2", json!([{ "id": 2, "later": [{ "id": 1 }] }])).await;
    now("ALTER TABLE later ADD COLUMN more text DEFAULT 'm'").await;
    checks.eventually("/later?select=id,more", json!([{ "id": 1, "more": "m" }])).await;
    checks.get("/later?more=eq.m&select=id", json!([{ "id": 1 }])).await;
    now("ALTER TABLE later RENAME COLUMN more TO most; ALTER TABLE later ALTER COLUMN id TYPE bigint").await;
    checks.eventually("/later?select=id,most&id=eq.1", json!([{ "id": 1, "most": "m" }])).await;
    checks.refused("/later?select=more", 400, "42703").await;
    now("CREATE FUNCTION fresh(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x'").await;
    checks.eventually("/rpc/fresh?x=7", json!(7)).await;
    now("DROP TABLE later").await;
    checks.refused_eventually("/later", 404, "PGRST205").await;
    checks.refused("/films?select=later(id)", 400, "PGRST200").await;
    checks.end();
}
