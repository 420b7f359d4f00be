//! Functions, by GET and by POST.

use serde_json::json;

use super::{Ask, Cinema};

#[tokio::test]
async fn functions_are_called_with_arguments() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    checks
        .gets([
            ("/rpc/add_them?a=1&b=2", json!(3)),
            ("/rpc/greet_user", json!("Hello guest!")),
            ("/rpc/greet_user?username=eq.x y", json!("Hello eq.x y!")),
            ("/rpc/plus_one?arr={1,2,3,4}", json!([2, 3, 4, 5])),
            ("/rpc/plus_two?v=1&v=2&v=3", json!([3, 4, 5])),
            ("/rpc/plus_two?v=1", json!([3])),
            ("/rpc/small_numbers", json!([1, 2, 3, 4, 5])),
            ("/rpc/halls?since=2026-01-01&order=hall", json!([{ "hall": "A", "shows": 2 }, { "hall": "B", "shows": 1 }])),
            ("/rpc/halls?since=2026-01-01&shows=gt.1&select=name:hall", json!([{ "name": "A" }])),
            ("/rpc/min_max", json!({ "first": 1895, "last": 2019 })),
            ("/rpc/duration?customer_id=232", json!("one")),
            ("/rpc/duration?customer_id=232&from_date=2018-07-01", json!("two")),
            (
                "/rpc/getallfilms?select=title,directors(id,last_name)&title=like.*Workers*",
                json!([
                    { "title": "Workers Leaving The Lumière Factory In Lyon", "directors": { "id": 1, "last_name": "Lumière" } },
                ]),
            ),
            (
                "/rpc/getallfilms?select=id,actors!inner(last_name)&actors.last_name=eq.Dafoe",
                json!([{ "id": 4, "actors": [{ "last_name": "Dafoe" }] }]),
            ),
            ("/rpc/getallfilms?rating=gt.8&order=title.desc&select=id", json!([{ "id": 3 }, { "id": 2 }])),
            ("/rpc/getallfilms?select=id&order=id&limit=2&offset=1", json!([{ "id": 2 }, { "id": 3 }])),
            ("/rpc/best_film?select=title", json!({ "title": "Pulp Fiction" })),
        ])
        .await;
    let post = |path, body| Ask { method: "POST", path, headers: &[], body: Some(body) };
    checks.send(post("/rpc/add_them", r#"{"a": 1, "b": 2}"#), 200, json!(3)).await;
    checks.send(Ask { method: "POST", path: "/rpc/greet_user", headers: &[], body: None }, 200, json!("Hello guest!")).await;
    checks.send(post("/rpc/greet_user", "{}"), 200, json!("Hello guest!")).await;
    checks.send(post("/rpc/greet_user", r#"{"username": null}"#), 200, json!(null)).await;
    checks.send(post("/rpc/mult_them", r#"{"x": 4, "y": 2}"#), 200, json!(8)).await;
    checks.send(post("/rpc/plus_one", r#"{"arr": [1, 2, 3, 4]}"#), 200, json!([2, 3, 4, 5])).await;
    checks.send(post("/rpc/plus_two", r#"{"v": [1, 2, 3, 4]}"#), 200, json!([3, 4, 5, 6])).await;
    checks.send(post("/rpc/getallfilms?select=id&id=lt.3&order=id", "{}"), 200, json!([{ "id": 1 }, { "id": 2 }])).await;
    checks.send(post("/rpc/do_nothing", "{}"), 204, None).await;
    checks.send(post("/rpc/add_item", r#"{"id": 99, "note": "new"}"#), 200, json!({ "id": 99, "note": "new" })).await;
    let text = [("content-type", "text/plain")];
    checks.send(Ask { method: "POST", path: "/rpc/shout", headers: &text, body: Some("hey you") }, 200, json!("HEY YOU")).await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    checks.send(Ask { method: "POST", path: "/rpc/add_them", headers: &form, body: Some("a=1&b=2") }, 200, json!(3)).await;
    checks.send(Ask { method: "POST", path: "/rpc/plus_two", headers: &form, body: Some("v=1&v=2") }, 200, json!([3, 4])).await;
    checks.end();
}

#[tokio::test]
async fn outcomes_have_ranges_counts_and_forms() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    let path = "/rpc/getallfilms?order=id&limit=2&select=id";
    let answer = checks.ask("GET", path, &[("prefer", "count=exact")], None).await;
    checks.header(path, &answer, "content-range", Some("0-1/5"));
    checks.text(path, &answer, 206, &answer.text);
    let path = "/rpc/getallfilms?id=eq.2&select=id";
    let get = |path, headers| Ask { method: "GET", path, headers, body: None };
    let object = [("accept", "application/vnd.pgrst.object+json")];
    checks.send(get(path, &object), 200, json!({ "id": 2 })).await;
    checks.send_refused(get("/rpc/getallfilms", &object), 406, "PGRST116").await;
    let path = "/rpc/getallfilms?select=id,year&order=id&limit=1";
    let answer = checks.ask("GET", path, &[("accept", "text/csv")], None).await;
    checks.text(path, &answer, 200, "id,year\n1,1895\n");

    let post = |path, headers, body| Ask { method: "POST", path, headers, body: Some(body) };
    checks
        .send_refused(
            post("/rpc/delete_items", &[("prefer", "handling=strict, max-affected=10")], r#"{"below": 15}"#),
            400,
            "PGRST124",
        )
        .await;
    checks.ids("/items?id=lt.3", &[1, 2]).await;
    let kept = [("prefer", "tx=rollback")];
    let answer =
        checks.send(post("/rpc/delete_items?select=id", &kept, r#"{"below": 3}"#), 200, json!([{ "id": 1 }, { "id": 2 }])).await;
    checks.header("rollback", &answer, "preference-applied", Some("tx=rollback"));
    checks.ids("/items?id=lt.3", &[1, 2]).await;
    let affected = [("prefer", "handling=strict, max-affected=10")];
    checks.send(post("/rpc/delete_items?select=id", &affected, r#"{"below": 3}"#), 200, json!([{ "id": 1 }, { "id": 2 }])).await;
    checks.ids("/items?id=lt.3", &[]).await;
    checks.end();
}

#[tokio::test]
async fn what_cannot_be_called_is_refused() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    checks.refused("/rpc/nothing", 404, "PGRST202").await;
    checks.refused("/rpc/add_them?a=1", 404, "PGRST202").await;
    checks.refused("/rpc/add_them?a=1&b=2&c=3", 404, "PGRST202").await;
    checks.refused("/rpc/add_them?a=1&b=x", 400, "22P02").await;
    checks.refused("/rpc/delete_items?below=3", 405, "25006").await;
    checks.refused("/rpc/twice?x=1", 300, "PGRST203").await;
    let post = |path, body| Ask { method: "POST", path, headers: &[], body: Some(body) };
    checks.send_refused(post("/rpc/add_them", r#"{"a": 1, "b": 2, "c": 3}"#), 404, "PGRST202").await;
    checks.send_refused(post("/rpc/add_them", r#"{"a": 1"#), 400, "PGRST102").await;
    checks.send_refused(post("/rpc/just_fail", "{}"), 400, "P0001").await;
    checks.send_refused(post("/rpc/pay", "{}"), 402, "PT402").await;
    checks.end();
}
