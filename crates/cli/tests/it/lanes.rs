//! Lanes: connections that reads share. Whatever becomes of one read, each of the others gets its own answer.

use tokio::task::JoinSet;

use crate::harness::Server;
use crate::world::{customer, database_of, project, superuser};

const RECORDS: i64 = 200;

/// Reads every record by its key at the same time, each beside one that fails. None of them may get another's answer.
async fn read_all(server: &Server, secret: &str, shown: impl Fn(i64) -> String) {
    let mut reads = JoinSet::new();
    for id in 1..=RECORDS {
        let (good, bad) = (server.api(secret), server.api(secret));
        let expected = shown(id);
        reads.spawn(async move {
            let answer = good.get(&format!("/v1/data/numbers/{id}")).await;
            assert_eq!((answer.status, answer.text), (200, expected));
        });
        reads.spawn(async move {
            // Wrong in ways that are seen when the statement is bound, when it runs, and not at all.
            let (path, status, code) = match id % 3 {
                0 => (format!("/v1/data/numbers/{id}x"), 400, "22P02"),
                1 => (format!("/v1/data/numbers?select=text::int&id=eq.{id}"), 400, "22P02"),
                _ => (format!("/v1/data/numbers/{}", id + RECORDS), 404, "record/not-found"),
            };
            let answer = bad.get(&path).await;
            assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{path}: {}", answer.text);
        });
    }
    reads.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_read_has_its_own_answer() {
    let server = Server::start();
    let root = project(&server.owner(), "lanes").await;
    let sql = customer(&server.owner(), &root.id).await;
    sql.batch_execute(&format!(
        "CREATE TYPE mood AS ENUM ('calm', 'wild'); CREATE DOMAIN share AS numeric; \
         CREATE TABLE numbers (id bigint PRIMARY KEY, text text, mood mood, moods mood[], shares share[], of_all bigint); \
         INSERT INTO numbers SELECT n, 'text ' || n, 'calm', '{{wild,NULL}}', '{{0.50}}', n * n FROM generate_series(1, {RECORDS}) n"
    ))
    .await
    .unwrap();
    let shown = |id: i64, last: &str| {
        format!(r#"{{"id":{id},"text":"text {id}","mood":"calm","moods":["wild",null],"shares":[0.50],"of_all":{last}}}"#)
    };
    for _ in 0..3 {
        read_all(&server, &root.secret, |id| shown(id, &(id * id).to_string())).await;
    }

    // What is prepared on the lanes stands on a column that is another one now. A read that is written for the old one may say so once.
    sql.batch_execute("ALTER TABLE numbers ALTER of_all TYPE text USING 'is ' || of_all").await.unwrap();
    let api = server.api(&root.secret);
    let first = api.get("/v1/data/numbers/1").await;
    assert!(first.status == 200 || first.json()["code"] == "0A000", "{}", first.text);
    read_all(&server, &root.secret, |id| shown(id, &format!("\"is {}\"", id * id))).await;

    // A lane that ends takes nothing along.
    let admin = superuser(&server, &database_of(&server, &root.id).await).await;
    let ended = admin
        .query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE '%\\_data' AND datname = current_database()", &[])
        .await
        .unwrap();
    assert!(!ended.is_empty());
    read_all(&server, &root.secret, |id| shown(id, &format!("\"is {}\"", id * id))).await;
}
