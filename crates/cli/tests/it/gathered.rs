//! Small inserts that come at the same time are one transaction together. Whatever becomes of one, each has its own outcome, once.
//! What is not known of a write is not said of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio_postgres::Client;

use crate::client::Api;
use crate::harness::{Server, signal, until};
use crate::world::{Environment, customer, database_of, project, superuser};

const TABLES: &str = "
    CREATE TABLE places (id int PRIMARY KEY);
    INSERT INTO places VALUES (1);
    CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number int NOT NULL UNIQUE CHECK (number >= 0),
        place int REFERENCES places, later int REFERENCES places DEFERRABLE INITIALLY DEFERRED, at timestamptz DEFAULT now())";
/// At a time, and how often.
const MANY: i32 = 60;
const ROUNDS: i32 = 6;

async fn notes(server: &Server, tables: &str) -> (Environment, Client) {
    let root = project(&server.owner(), "notes").await;
    let sql = customer(&server.owner(), &root.id).await;
    sql.batch_execute(tables).await.unwrap();
    let api = server.api(&root.secret);
    until("the table is found", async || (api.get("/v1/data/notes").await.status == 200).then_some(())).await;
    (root, sql)
}

async fn number_of(sql: &Client, query: &str) -> i64 {
    sql.query_one(query, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_insert_has_its_own_outcome() {
    let server = Server::start();
    let (root, sql) = notes(&server, TABLES).await;
    let api = server.api(&root.secret).header("prefer", "return=representation");
    api.make("notes", &json!({ "number": 1_000_000 })).await;
    let mut good = 1;
    for round in 0..ROUNDS {
        let mut inserts = JoinSet::new();
        for at in 0..MANY {
            let number = round * MANY + at;
            // One that fails in a way of its own among all that do not: when it is bound, when it runs, when it is committed.
            let (body, expected) = match (at, round) {
                (0, 0) => (json!({ "number": "x" }), (400, Some("22P02"))),
                (0, 1) => (json!({ "number": 1_000_000 }), (409, Some("23505"))),
                (0, 2) => (json!({ "number": -1 }), (400, Some("23514"))),
                (0, 3) => (json!({ "number": number, "place": 2 }), (409, Some("23503"))),
                (0, 4) => (json!({ "number": number, "later": 2 }), (409, Some("23503"))),
                _ => (json!({ "number": number, "place": 1, "later": 1 }), (201, None)),
            };
            good += i64::from(expected.0 == 201);
            let api = api.clone();
            inserts.spawn(async move {
                let answer = api.post("/v1/data/notes", &body).await;
                let told = answer.json();
                assert_eq!((answer.status, told["code"].as_str()), expected, "{body}: {}", answer.text);
                if answer.status == 201 {
                    assert_eq!(told[0]["number"], body["number"]);
                }
            });
        }
        inserts.join_all().await;
        assert_eq!(number_of(&sql, "SELECT count(*) FROM notes").await, good, "after round {round}");
    }
    // Fewer transactions than inserts: some were one together, or nothing of this was tried.
    let transactions = number_of(&sql, "SELECT count(DISTINCT at) FROM notes").await;
    assert!(transactions < good, "{transactions} transactions for {good} inserts");
}

/// Inserts a note for each number and sorts the numbers by what was said of them.
async fn insert_all(api: &Api, numbers: impl Iterator<Item = i32>) -> BTreeMap<u16, Vec<i32>> {
    let mut inserts = JoinSet::new();
    for number in numbers {
        let api = api.clone();
        inserts.spawn(async move { (number, api.post("/v1/data/notes", &json!({ "number": number })).await) });
    }
    let mut told = BTreeMap::<u16, Vec<i32>>::new();
    for (number, answer) in inserts.join_all().await {
        assert!(matches!(answer.status, 201 | 503), "{}", answer.text);
        told.entry(answer.status).or_default().push(number);
    }
    told
}

/// A connection that ends takes no insert along that was acknowledged, and none is made twice because it is not known whether it was made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_is_kept_and_nothing_is_made_twice() {
    let server = Server::start();
    let (root, sql) = notes(&server, "CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number int)").await;
    let api = server.api(&root.secret);
    let admin = superuser(&server, &database_of(&server, &root.id).await).await;
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
        WHERE usename LIKE '%\\_data' AND datname = current_database() AND query LIKE 'INSERT%'";
    let (mut made, mut ended) = (0, 0);
    for round in 0..ROUNDS {
        let first = round * MANY;
        let insert = insert_all(&api, first..first + MANY);
        let kill = async {
            for _ in 0..5 {
                ended += number_of(&admin, end).await;
            }
        };
        let (told, ()) = tokio::join!(insert, kill);
        let kept: Vec<i32> =
            sql.query("SELECT number FROM notes ORDER BY number", &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
        assert!(kept.is_sorted_by(|a, b| a < b), "made twice: {kept:?}");
        for number in told.get(&201).into_iter().flatten() {
            assert!(kept.contains(number), "{number} was told of");
            made += 1;
        }
    }
    assert!(made > 0 && ended > 0, "{made} inserts, {ended} connections ended");
    assert_eq!(insert_all(&api, 10_000..10_000 + MANY).await.len(), 1, "all are made once nothing ends any more");
}

/// The commit waits for a lock when its connection ends: whether it was made is not known, and it is not made again.
#[tokio::test]
async fn what_is_not_known_to_be_made_is_not_made_again() {
    let server = Server::start();
    let (root, sql) = notes(&server, TABLES).await;
    let api = server.api(&root.secret);
    let admin = superuser(&server, &database_of(&server, &root.id).await).await;
    api.make("notes", &json!({ "number": 1 })).await;
    let outcome = until("a connection ends while it commits", async || {
        sql.batch_execute("BEGIN; SELECT FROM places FOR UPDATE").await.unwrap();
        let body = json!({ "number": 2, "later": 1 });
        let insert = tokio::spawn({
            let api = api.clone();
            async move { api.post("/v1/data/notes", &body).await }
        });
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
            WHERE usename LIKE '%\\_data' AND datname = current_database() AND wait_event_type = 'Lock'";
        let mut ended = 0;
        while ended == 0 && !insert.is_finished() {
            ended = number_of(&admin, end).await;
        }
        // One that runs again by itself would be made now.
        tokio::time::sleep(Duration::from_millis(300)).await;
        sql.batch_execute("ROLLBACK").await.unwrap();
        let answer = insert.await.unwrap();
        // The wait at the lock may have been over before.
        (ended > 0).then_some(answer)
    })
    .await;
    assert!(outcome.status == 503 && outcome.text.contains("database/outcome-unknown"), "{} {}", outcome.status, outcome.text);
    assert_eq!(number_of(&sql, "SELECT count(*) FROM notes").await, 1);
}

/// The same for changes that have a connection of their own, by themselves and in a transaction.
#[tokio::test]
async fn a_change_whose_connection_breaks_may_have_been_made() {
    let server = Server::start();
    let (root, _) = notes(&server, TABLES).await;
    let database = database_of(&server, &root.id).await;
    let plain = server.api(&root.secret);
    plain.make("notes", &json!({ "number": 1 })).await;
    for api in [plain.clone(), plain.clone().header("prefer", "timezone=UTC")] {
        let (holder, admin) = (superuser(&server, &database).await, superuser(&server, &database).await);
        holder.batch_execute("BEGIN; SELECT FROM notes FOR UPDATE").await.unwrap();
        let change = tokio::spawn(async move { api.patch("/v1/data/notes?number=eq.1", &json!({ "number": 2 })).await });
        let waiting = "SELECT pid FROM pg_stat_activity WHERE usename LIKE '%\\_data' AND datname = current_database() \
            AND wait_event_type = 'Lock'";
        let waiting = until("the change waits", async || admin.query_opt(waiting, &[]).await.unwrap()).await;
        // So it can have no last word.
        signal(waiting.get::<_, i32>(0).try_into().unwrap(), "KILL");
        let answer = change.await.unwrap();
        assert!(answer.status == 503 && answer.text.contains("database/outcome-unknown"), "{} {}", answer.status, answer.text);
        // Some clients repeat by themselves what is to be tried again.
        assert_eq!(answer.header("retry-after"), None);
        until("PostgreSQL has noticed", async || holder.is_closed().then_some(())).await;
        until("PostgreSQL is back", async || (plain.get("/v1/data/notes").await.status == 200).then_some(())).await;
    }
    assert_eq!(plain.rows("/v1/data/notes?select=number").await, json!([{ "number": 1 }]));
}
