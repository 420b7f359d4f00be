//! Parts of a list: limit, offset, Range, counts, and going on by key.

use serde_json::json;

use super::{Ask, Cinema};

#[tokio::test]
async fn limits_ranges_and_counts() {
    let cinema = Cinema::open().await;
    cinema.sql.batch_execute("ANALYZE items").await.unwrap();
    let mut checks = cinema.checks();
    let get = |path, headers| Ask { method: "GET", path, headers, body: None };
    let exact = [("prefer", "count=exact")];
    // path, headers, status, Content-Range, how many records
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], u16, &'a str, usize);
    let rows: [Row<'_>; 14] = [
        ("/items?order=id&limit=3", &[], 200, "0-2/*", 3),
        ("/items?order=id&limit=3&offset=2", &[], 200, "2-4/*", 3),
        ("/items?order=id&limit=0", &[], 200, "*/*", 0),
        ("/items?order=id&offset=0", &[], 200, "0-14/*", 15),
        ("/items?order=id&limit=5", &exact, 206, "0-4/15", 5),
        ("/items?order=id", &exact, 200, "0-14/15", 15),
        ("/items?order=id&id=gt.10", &exact, 200, "0-4/5", 5),
        ("/items?id=gt.99", &exact, 200, "*/0", 0),
        ("/items?order=id", &[("range", "0-4"), ("range-unit", "items")], 200, "0-4/*", 5),
        ("/items?order=id", &[("range", "10-")], 200, "10-14/*", 5),
        ("/items?order=id", &[("range", "0-9"), ("prefer", "count=exact")], 206, "0-9/15", 10),
        ("/items?order=id&limit=2", &[("range", "5-9")], 200, "5-6/*", 2),
        ("/items?order=id&offset=14", &exact, 206, "14-14/15", 1),
        ("/items?order=id&limit=15", &[("prefer", "count=estimated")], 200, "0-14/15", 15),
    ];
    for (path, headers, status, range, count) in rows {
        let answer = checks.ask("GET", path, headers, None).await;
        let of = format!("{path} {headers:?}");
        checks.header(&of, &answer, "content-range", Some(range));
        let found = answer.json().as_array().map(Vec::len);
        checks.text(&of, &answer, status, &answer.text);
        assert_eq!(found, Some(count), "{of}: {}", answer.text);
    }
    checks.send_refused(get("/items?offset=100", &exact), 416, "PGRST103").await;
    checks.send_refused(get("/items", &[("range", "9-3")]), 416, "PGRST103").await;
    checks.refused("/items?limit=-1", 416, "PGRST103").await;
    let answer = checks.send(Ask { method: "HEAD", path: "/items?limit=5", headers: &exact, body: None }, 206, None).await;
    checks.header("HEAD", &answer, "content-range", Some("0-4/15"));
    let answer = checks
        .send(
            Ask { method: "GET", path: "/items?id=eq.1", headers: &exact, body: None },
            200,
            json!([{ "id": 1, "note": "item 1" }]),
        )
        .await;
    checks.header("count", &answer, "preference-applied", Some("count=exact"));
    checks.end();
}

/// All ids of a list, page by page along `Link: rel="next"`.
async fn walk(cinema: &Cinema, path: &str) -> Vec<i64> {
    let mut next = Some(format!("/rest/v1{path}"));
    let mut ids = Vec::new();
    while let Some(path) = next {
        let answer = cinema.api.get(&path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        ids.extend(answer.json().as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()));
        assert!(ids.len() <= 100, "{path} goes in circles: {ids:?}");
        next = answer.header("link").map(|link| {
            let (path, rest) = link.strip_prefix('<').and_then(|link| link.split_once('>')).unwrap();
            assert_eq!(rest, "; rel=\"next\"");
            path.to_owned()
        });
    }
    ids
}

#[tokio::test]
async fn going_on_by_key() {
    let cinema = Cinema::open().await;
    assert_eq!(walk(&cinema, "/items?select=id&order=id&limit=4").await, (1..=15).collect::<Vec<_>>());
    assert_eq!(walk(&cinema, "/items?select=id&order=id.desc&limit=5").await, (1..=15).rev().collect::<Vec<_>>());
    assert_eq!(walk(&cinema, "/items?select=id&order=id&limit=4&id=gt.5&note=like.item*").await, (6..=15).collect::<Vec<_>>());
    // Through nulls and equal values, in each order.
    assert_eq!(walk(&cinema, "/people?select=id&order=age&limit=1").await, [1, 2, 3, 4]);
    assert_eq!(walk(&cinema, "/people?select=id&order=age.desc&limit=1").await, [4, 3, 2, 1]);
    assert_eq!(walk(&cinema, "/people?select=id&order=age.desc.nullslast&limit=1").await, [3, 2, 1, 4]);
    assert_eq!(walk(&cinema, "/people?select=id&order=mood.nullsfirst&limit=1").await, [4, 1, 2, 3]);
    assert_eq!(walk(&cinema, "/people?select=id&order=mood.desc.nullslast,age&limit=3").await, [2, 3, 1, 4]);
    assert_eq!(walk(&cinema, "/sales?select=id,customers(name)&order=order_date.desc,amount&limit=2").await, [2, 4, 3, 1]);
    // Records that come and go meanwhile move no others.
    let first = cinema.api.get("/rest/v1/items?select=id&order=id&limit=5").await;
    let link = first.header("link").unwrap().to_owned();
    cinema.sql.batch_execute("DELETE FROM items WHERE id IN (2, 5); INSERT INTO items VALUES (0, 'new')").await.unwrap();
    let next = link.trim_start_matches('<').split('>').next().unwrap();
    assert_eq!(cinema.api.rows(next).await[0]["id"], 6);
    // What is not from this list is refused.
    let mut checks = cinema.checks();
    let token = next.split("after=").nth(1).unwrap();
    checks.refused(&format!("/items?order=note&limit=5&after={token}"), 400, "request/malformed-parameter").await;
    checks.refused("/items?order=id&limit=5&after=abc", 400, "request/malformed-parameter").await;
    checks.refused(&format!("/items?limit=5&after={token}"), 400, "request/malformed-parameter").await;
    checks.end();
}
