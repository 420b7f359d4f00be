//! The data plane: reading and writing records, and what is said when that cannot be.

use serde_json::{Value, json};

use crate::client::Api;
use crate::harness::Server;
use crate::transcript::Transcript;
use crate::world::{blog, count};

#[tokio::test]
async fn records_are_read_as_asked() {
    let server = Server::start();
    let root = blog(&server).await;
    let api = server.api(&root.secret);
    let rows = json!([
        { "handle": "x1", "name": "Ann, B.", "bio": null }, { "handle": "x2", "name": "ann \"q\"", "bio": "(y)" },
        { "handle": "x3", "name": "50%", "bio": "*" }, { "handle": "x4", "name": "\u{fc}nic\u{f6}de \u{1f33f}", "bio": "a\\b" },
    ]);
    api.make("authors", &rows).await;
    let handles = async |query: &str| -> Vec<String> {
        let rows = api.rows(&format!("/v1/data/authors?select=handle&order=handle&{query}")).await;
        rows.as_array().unwrap().iter().map(|row| row["handle"].as_str().unwrap().to_owned()).collect()
    };
    for (query, expected) in [
        ("handle=eq.x1", vec!["x1"]),
        ("handle=neq.x1&handle=like.x*", vec!["x2", "x3", "x4"]),
        ("handle=gt.x2", vec!["x3", "x4"]),
        ("handle=gte.x2&handle=lt.x4", vec!["x2", "x3"]),
        ("handle=lte.bea", vec!["ada", "bea"]),
        ("handle=in.(x1,x3,none)", vec!["x1", "x3"]),
        ("name=in.(\"Ann, B.\",50%25)", vec!["x1", "x3"]),
        ("name=in.(\"ann \\\"q\\\"\")", vec!["x2"]),
        ("name=eq.Ann,%20B.", vec!["x1"]),
        ("name=ilike.ANN*", vec!["x1", "x2"]),
        ("name=like.%C3%BCn*", vec!["x4"]),
        ("bio=is.null&handle=like.x*", vec!["x1"]),
        ("bio=not.is.null", vec!["x2", "x3", "x4"]),
        ("handle=not.in.(x1,x2,x3,x4)", vec!["ada", "bea"]),
        ("limit=2", vec!["ada", "bea"]),
        ("limit=2&offset=4", vec!["x3", "x4"]),
        ("limit=0", vec![]),
    ] {
        assert_eq!(handles(query).await, expected, "{query}");
    }
    // The order of the answer and of columns is the one asked for.
    let two = api.get("/v1/data/authors?select=name,handle&order=bio.desc.nullslast,handle&limit=2&handle=like.x*").await;
    let expected = r#"[{"name":"ünicöde 🌿","handle":"x4"},{"name":"50%","handle":"x3"}]"#;
    assert_eq!(two.json().to_string(), expected);

    let counted = api.clone().header("prefer", "count=exact").get("/v1/data/authors?limit=2&offset=1&order=handle").await;
    assert_eq!((counted.status, counted.header("content-range")), (206, Some("1-2/6")));
    let one =
        api.clone().header("accept", "application/vnd.pgrst.object+json").get("/v1/data/authors?handle=eq.x1&select=name").await;
    assert_eq!((one.status, one.json()), (200, json!({ "name": "Ann, B." })));
    let head = api.send("HEAD", "/v1/data/authors?order=handle", None).await;
    assert_eq!((head.status, head.text.as_str(), head.header("content-range")), (200, "", Some("0-5/*")));
    let id = api.rows("/v1/data/authors?handle=eq.x1").await[0]["id"].as_str().unwrap().to_owned();
    let record = api.get(&format!("/v1/data/authors/{id}?select=handle,bio")).await;
    assert_eq!((record.status, record.json()), (200, json!({ "handle": "x1", "bio": null })));
    // The alias answers the same.
    assert_eq!(api.rows("/rest/v1/posts?order=slug").await, api.rows("/v1/data/posts?order=slug").await);
}

#[tokio::test]
async fn records_are_written_as_asked() {
    let server = Server::start();
    let root = blog(&server).await;
    let api = server.api(&root.secret);
    let telling = api.clone().header("prefer", "return=representation");
    let mut transcript = Transcript::default();

    let author = json!({ "handle": "eve", "name": "Eve" });
    transcript.answer("POST one", &api.post("/v1/data/authors", &author).await);
    transcript.answer(
        "POST two and be told",
        &telling
            .post(
                "/v1/data/authors?select=handle,bio",
                &json!([
        { "handle": "fay", "name": "Fay", "bio": null }, { "handle": "gus", "name": "Gus", "bio": "G" }]),
            )
            .await,
    );
    transcript.answer("POST none", &telling.post("/v1/data/authors", &json!([])).await);
    let fay = api.rows("/v1/data/authors?handle=eq.fay").await[0]["id"].as_str().unwrap().to_owned();
    let place = api
        .clone()
        .header("prefer", "return=headers-only")
        .post("/v1/data/authors", &json!({ "handle": "hal", "name": "Hal" }))
        .await;
    let hal = place.header("location").unwrap().to_owned();
    assert_eq!(api.rows(&hal).await["handle"], "hal");
    transcript.answer("POST and be told where", &place);

    transcript.answer(
        "PATCH by filter",
        &telling.patch("/v1/data/authors?handle=in.(fay,gus)&select=handle,bio", &json!({ "bio": "both" })).await,
    );
    transcript.answer("PATCH by id", &api.patch(&format!("/v1/data/authors/{fay}"), &json!({ "name": "Faye" })).await);
    transcript.answer("PATCH nothing", &api.patch("/v1/data/authors?handle=eq.nobody", &json!({ "name": "Faye" })).await);
    assert_eq!(
        api.rows("/v1/data/authors?select=handle,name,bio&handle=in.(fay,gus)&order=handle").await,
        json!([{ "handle": "fay", "name": "Faye", "bio": "both" }, { "handle": "gus", "name": "Gus", "bio": "both" }])
    );

    transcript.answer("DELETE by filter", &telling.delete("/v1/data/authors?handle=eq.gus&select=handle").await);
    transcript.answer("DELETE by id", &api.delete(&format!("/v1/data/authors/{fay}")).await);
    transcript.answer("DELETE it again", &api.delete(&format!("/v1/data/authors/{fay}")).await);
    transcript.answer(
        "DELETE by another key's filter",
        &api.delete("/v1/data/authors?id=eq.00000000-0000-0000-0000-000000000000").await,
    );
    assert_eq!(count(&api, "authors").await, 4);
    transcript.check("data_writes");
}

#[tokio::test]
async fn what_is_wrong_is_said_and_changes_nothing() {
    let server = Server::start();
    let root = blog(&server).await;
    let api = server.api(&root.secret);
    let everything = async || {
        let mut all = Vec::new();
        for path in ["authors?order=handle", "posts?order=slug", "comments?order=id"] {
            all.push(api.rows(&format!("/v1/data/{path}")).await);
        }
        json!(all)
    };
    let before = everything().await;
    let (author, post) = (before[0][0]["id"].as_str().unwrap(), before[1][0]["id"].as_str().unwrap());
    let mut transcript = Transcript::default();
    for path in [
        "/v1/data/post",
        "/v1/data/none?select=id",
        "/v1/data/pg_class",
        "/v1/data/posts?select=titel",
        "/v1/data/posts?select=*,title",
        "/v1/data/posts?wrong=eq.1",
        "/v1/data/posts?title=equals.x",
        "/v1/data/posts?title=x",
        "/v1/data/posts?title=in.x",
        "/v1/data/posts?title=is.maybe",
        "/v1/data/posts?order=title.up",
        "/v1/data/posts?limit=-1",
        "/v1/data/posts?limit=1&limit=2",
        "/v1/data/posts?id=eq.7",
        "/v1/data/posts?created_at=gt.yesterdayish",
        "/v1/data/posts?status=eq.lost",
        "/v1/data/posts?title=eq.%FF",
        "/v1/data/posts?title=eq.%00",
        "/v1/data/posts/7",
        "/v1/data/posts/00000000-0000-0000-0000-000000000000",
        "/v1/data/posts/00000000-0000-0000-0000-000000000000?title=eq.x",
        "/v1/data/a/b/c",
        "/v2",
    ] {
        transcript.answer(&format!("GET {path}"), &api.get(path).await);
    }
    let picky = api.clone().header("accept", "image/png").get("/v1/data/posts").await;
    transcript.answer("GET as CSV", &picky);
    let single = api.clone().header("accept", "application/vnd.pgrst.object+json").get("/v1/data/posts").await;
    transcript.answer("GET one of three as one object", &single);
    let far = api.clone().header("prefer", "count=exact").get("/v1/data/posts?offset=9").await;
    transcript.answer("GET a page past the end", &far);
    transcript.check("data_read_errors");

    let mut transcript = Transcript::default();
    let by_id = format!("/v1/data/authors/{author}");
    for (method, path, body) in [
        ("POST", "/v1/data/authors", "{\"handle\": \"x\","),
        ("POST", "/v1/data/authors", "handle=x"),
        ("POST", "/v1/data/authors", "7"),
        ("POST", "/v1/data/authors", ""),
        ("POST", "/v1/data/authors", r#"{"handle": "ada", "name": "Again"}"#),
        ("POST", "/v1/data/authors", r#"{"handle": "x"}"#),
        ("POST", "/v1/data/authors", r#"{"handle": "x", "name": ""}"#),
        ("POST", "/v1/data/authors", r#"{"handle": "x", "name": "X", "nmae": 1}"#),
        ("POST", "/v1/data/authors", r#"[{"handle": "x", "name": "X"}, {"handle": "y"}]"#),
        ("POST", "/v1/data/authors", r#"[{"handle": "x", "name": "X"}, {"handle": "ada", "name": "Y"}]"#),
        ("POST", "/v1/data/authors", r#"{"handle": "a\u0000b", "name": "X"}"#),
        ("POST", "/v1/data/posts", r#"{"slug": "x", "title": "X", "author_id": "00000000-0000-0000-0000-000000000000"}"#),
        ("POST", "/v1/data/posts", r#"{"slug": "x", "title": "X", "status": "lost"}"#),
        ("POST", "/v1/data/authors?handle=eq.x", r#"{"handle": "x", "name": "X"}"#),
        ("PATCH", "/v1/data/authors", r#"{"name": "All"}"#),
        ("PATCH", "/v1/data/authors?handle=eq.ada", r#"[{"name": "X"}]"#),
        ("PATCH", "/v1/data/authors?handle=eq.ada", r#"{"handle": "bea"}"#),
        ("PATCH", "/v1/data/authors?handle=eq.ada&limit=1", r#"{"name": "X"}"#),
        ("PATCH", &by_id, r#"{"created_at": "soon"}"#),
        ("DELETE", "/v1/data/authors", ""),
        ("DELETE", "/v1/data/authors?handle=eq.ada&order=handle", ""),
        ("PUT", "/v1/data/authors", "{}"),
        ("POST", &by_id, "{}"),
    ] {
        transcript.answer(
            &format!("{method} {} {body}", path.replace(author, "[id]")),
            &api.send(method, path, Some(body.to_owned())).await,
        );
    }
    let plain = api.clone().header("content-type", "text/plain");
    assert_eq!(plain.post("/v1/data/authors", &json!({})).await.status, 415);
    let preferring = api.clone().header("prefer", "handling=strict, tx=sometimes");
    transcript.answer(
        "POST with a preference that is not known",
        &preferring.post("/v1/data/authors", &json!({ "handle": "x", "name": "X" })).await,
    );
    let large = json!({ "handle": "x", "name": "X", "bio": "b".repeat(10 << 20) });
    transcript.answer("POST of 10 MB", &api.post("/v1/data/authors", &large).await);
    let missing = format!("/v1/data/comments?post_id=eq.{post}&id=eq.99");
    assert_eq!(api.delete(&missing).await.status, 204);
    transcript.check("data_write_errors");
    assert_eq!(everything().await, before);
}

/// `access: {anon: [read]}` for posts and authors, `[read, create]` for comments.
#[tokio::test]
async fn a_publishable_key_does_what_the_table_says() {
    let server = Server::start();
    let root = blog(&server).await;
    let owner = server.owner();
    let secret_table = json!([{ "path": "tables/notes.yaml", "content": "columns:\n  id: { type: bigint, primary_key: true, identity: true }\n  note: text\n" }]);
    owner.must("applyDefinitions", json!({ "environmentId": root.id, "files": secret_table })).await;
    let (secret, anon) = (server.api(&root.secret), server.api(&root.publishable));
    secret.make("notes", &json!({ "note": "hidden" })).await;
    let post = anon.rows("/v1/data/posts?slug=eq.one&select=id").await[0]["id"].clone();
    let id = post.as_str().unwrap();
    let comment = json!({ "post_id": post, "author_name": "Anon", "body": "hello" });
    let mut transcript = Transcript::default();
    transcript.answer("create a comment", &anon.post("/v1/data/comments", &comment).await);
    transcript.answer("change a comment", &anon.patch("/v1/data/comments?id=eq.1", &json!({ "body": "changed" })).await);
    transcript.answer("delete a comment", &anon.delete("/v1/data/comments/1").await);
    transcript.answer("create a post", &anon.post("/v1/data/posts", &json!({ "slug": "x", "title": "X" })).await);
    transcript.answer("delete a post", &anon.delete(&format!("/v1/data/posts/{id}")).await);
    transcript.answer("read a closed table", &anon.get("/v1/data/notes").await);
    transcript.answer("read a table that is not there", &anon.get("/v1/data/motes").await);
    transcript.answer("write to a closed table", &anon.post("/v1/data/notes", &json!({ "note": "x" })).await);
    transcript.check("data_anon");
    assert_eq!((count(&anon, "comments").await, count(&anon, "posts").await, count(&secret, "notes").await), (3, 3, 1));
}

/// Values come back as they went in.
#[tokio::test]
async fn values_survive_the_round_trip() {
    let server = Server::start();
    let root = blog(&server).await;
    let columns = [
        ("b", "boolean"),
        ("i", "bigint"),
        ("n", "numeric"),
        ("d", "double precision"),
        ("t", "text"),
        ("j", "jsonb"),
        ("a", "\"text[]\""),
        ("ts", "timestamptz"),
        ("dt", "date"),
        ("u", "uuid"),
    ];
    let mut yaml = "columns:\n  id: { type: bigint, primary_key: true, identity: true }\n".to_owned();
    for (name, kind) in columns {
        yaml.push_str(&format!("  {name}: {{ type: {kind}, nullable: true }}\n"));
    }
    let files = json!([{ "path": "tables/things.yaml", "content": yaml }]);
    server.owner().must("applyDefinitions", json!({ "environmentId": root.id, "files": files })).await;
    let api: Api = server.api(&root.secret);
    let thing = json!({
        "b": true, "i": 9_007_199_254_740_993_i64, "d": 0.1, "t": "'; DROP TABLE things; --\n\u{1f33f}\\",
        "j": { "a": [1, null, { "b": "c" }] }, "a": ["x,y", "\"z\"", "{}", "NULL", ""],
        "ts": "2026-01-02T03:04:05.678901+00:00", "dt": "2026-02-28", "u": "0197f000-0000-7000-8000-000000000000",
    });
    let made = api.make("things", &thing).await[0].clone();
    for (name, value) in thing.as_object().unwrap() {
        assert_eq!(made[name], *value, "{name}");
    }
    // Digits that no double holds.
    let number = r#"{"n": 123456789012345678901234567890.123456789}"#.to_owned();
    assert_eq!(api.send("PATCH", "/v1/data/things?id=eq.1", Some(number)).await.status, 204);
    assert_eq!(api.get("/v1/data/things?select=n").await.text, r#"[{"n":123456789012345678901234567890.123456789}]"#);
    let text = "' OR 1=1 --";
    let query = format!("/v1/data/things?t=eq.{}", text.replace(' ', "%20"));
    assert_eq!(api.rows(&query).await, Value::Array(vec![]));
}
