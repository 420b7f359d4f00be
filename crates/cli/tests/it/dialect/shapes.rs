//! What an answer looks like: names, casts, order, aggregates, computed fields, media types.

use serde_json::json;

use super::{Ask, Cinema};

#[tokio::test]
async fn columns_names_casts_and_order() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    checks
        .gets([
            (
                "/addresses?order=id",
                json!([{ "id": 1, "name": "Home", "city": "Lyon" }, { "id": 2, "name": "Office", "city": "Paris" }]),
            ),
            ("/addresses?select=*&id=eq.1", json!([{ "id": 1, "name": "Home", "city": "Lyon" }])),
            ("/people?select=fullName:name,age&id=eq.2", json!([{ "fullName": "Ben Potter", "age": 20 }])),
            ("/people?select=name,age::text&id=eq.2", json!([{ "name": "Ben Potter", "age": "20" }])),
            (
                "/people?select=n:age::numeric(10,2),mood::text,tags::text&id=eq.2",
                json!([{ "n": 20.00, "mood": "happy", "tags": "{new}" }]),
            ),
            ("/people?select=\"information.cpe\",Unit Price&id=eq.1", json!([{ "information.cpe": "MS-1", "Unit Price": 150 }])),
            ("/people?select=age&order=age", json!([{ "age": 14 }, { "age": 20 }, { "age": 30 }, { "age": null }])),
            ("/people?select=age&order=age.desc", json!([{ "age": null }, { "age": 30 }, { "age": 20 }, { "age": 14 }])),
            ("/people?select=age&order=age.nullsfirst", json!([{ "age": null }, { "age": 14 }, { "age": 20 }, { "age": 30 }])),
            ("/people?select=age&order=age.desc.nullslast&limit=1", json!([{ "age": 30 }])),
            ("/people?select=id&order=mood.desc.nullslast,age.desc", json!([{ "id": 3 }, { "id": 2 }, { "id": 1 }, { "id": 4 }])),
            (
                "/happy_people?order=age.desc",
                json!([{ "id": 3, "name": "Cy Pan", "age": 30 }, { "id": 2, "name": "Ben Potter", "age": 20 }]),
            ),
            ("/happy_people?age=lt.25&select=name", json!([{ "name": "Ben Potter" }])),
            (
                "/people?select=period,location,born,tags,mood&id=eq.1",
                json!([{
                    "period": "[1,6)", "location": { "lat": 19.741755, "long": -155.844437 }, "born": "2010-01-01",
                    "tags": ["example", "new"], "mood": "sad"
                }]),
            ),
        ])
        .await;
    checks.end();
}

#[tokio::test]
async fn computed_fields() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    checks
        .gets([
            ("/actors?select=full_name,id&id=eq.1", json!([{ "full_name": "Willem Dafoe", "id": 1 }])),
            ("/actors?select=id&full_name=eq.John Travolta", json!([{ "id": 3 }])),
            ("/actors?select=id&full_name=fts.Keitel", json!([{ "id": 2 }])),
            ("/actors?select=name:full_name&order=full_name.desc&limit=1", json!([{ "name": "Willem Dafoe" }])),
            ("/actors?id=eq.1", json!([{ "id": 1, "first_name": "Willem", "last_name": "Dafoe" }])),
            ("/films?select=actors(full_name)&id=eq.4", json!([{ "actors": [{ "full_name": "Willem Dafoe" }] }])),
        ])
        .await;
    checks.end();
}

#[tokio::test]
async fn media_types() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    let accept = |value| [("accept", value)];
    let object = accept("application/vnd.pgrst.object+json");
    let one = "/addresses?id=eq.1";
    let get = |path, headers| Ask { method: "GET", path, headers, body: None };
    let answer = checks.send(get(one, &object), 200, json!({ "id": 1, "name": "Home", "city": "Lyon" })).await;
    checks.header(one, &answer, "content-type", Some("application/vnd.pgrst.object+json; charset=utf-8"));
    checks.send_refused(get("/addresses", &object), 406, "PGRST116").await;
    checks.send_refused(get("/addresses?id=eq.99", &object), 406, "PGRST116").await;
    let stripped = accept("application/vnd.pgrst.array+json;nulls=stripped");
    checks.send(get("/films?select=id,year,director_id&id=eq.5", &stripped), 200, json!([{ "id": 5 }])).await;
    let stripped = accept("application/vnd.pgrst.object+json;nulls=stripped");
    checks.send(get("/films?select=id,year,director_id&id=eq.5", &stripped), 200, json!({ "id": 5 })).await;

    let csv = accept("text/csv");
    let path = "/films?select=id,title,year&order=id.desc&limit=2";
    let answer = checks.ask("GET", path, &csv, None).await;
    checks.text(path, &answer, 200, "id,title,year\n5,\"Orphan, (the) \"\"film\"\"\",\n4,The Lighthouse,2019\n");
    checks.header(path, &answer, "content-type", Some("text/csv; charset=utf-8"));
    let path = "/films?id=eq.99&select=id,title";
    let answer = checks.ask("GET", path, &csv, None).await;
    checks.text(path, &answer, 200, "id,title\n");
    let path = "/films?id=eq.2&select=id,actors(last_name)&actors.order=last_name";
    let answer = checks.ask("GET", path, &csv, None).await;
    checks.text(
        path,
        &answer,
        200,
        "id,actors\n2,\"[{\"\"last_name\"\":\"\"Keitel\"\"}, \n {\"\"last_name\"\":\"\"Travolta\"\"}]\"\n",
    );
    checks.send_refused(get("/films", &accept("image/png")), 406, "PGRST107").await;

    let answer = checks.send(Ask { method: "HEAD", path: "/films", headers: &[], body: None }, 200, None).await;
    checks.header("HEAD /films", &answer, "content-range", Some("0-4/*"));
    checks.end();
}
