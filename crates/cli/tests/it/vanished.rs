//! Statements that nobody waits for any more, and those that do not want to stop: neither keeps others out.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::client::{Answer, Api};
use crate::harness::{Server, until};
use crate::settings::set;
use crate::world::{Environment, customer, database_of, project, superuser};

/// A table to read, and two slow functions: one ends when it is told to, the other goes on whatever it is told.
const FUNCTIONS: &str = "
    CREATE TABLE notes (id int PRIMARY KEY);
    CREATE FUNCTION nap(seconds int) RETURNS int LANGUAGE sql AS $$ SELECT seconds FROM pg_sleep(seconds) $$;
    CREATE FUNCTION stubborn() RETURNS int LANGUAGE plpgsql AS
        $$ BEGIN LOOP BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$";

async fn functions(server: &Server) -> Environment {
    let root = project(&server.owner(), "naps").await;
    customer(&server.owner(), &root.id).await.batch_execute(FUNCTIONS).await.unwrap();
    let api = server.api(&root.secret);
    until("the function is found", async || (nap(&api, 0).await.status == 200).then_some(())).await;
    root
}

async fn nap(api: &Api, seconds: u32) -> Answer {
    api.post("/v1/rpc/nap", &json!({ "seconds": seconds })).await
}

/// As many at once as an environment has sessions.
fn naps(api: &Api, seconds: u32) -> Vec<JoinHandle<Answer>> {
    let spawned = |api: Api| tokio::spawn(async move { nap(&api, seconds).await });
    (0..8).map(|_| spawned(api.clone())).collect()
}

/// Backends that are at work for one of the functions.
async fn at_work(admin: &Client) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE '%\\_data' AND datname = current_database() AND state = 'active' \
        AND query ~ 'nap|stubborn'";
    admin.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn reads_whose_senders_have_gone_are_stopped() {
    let server = Server::start();
    let root = functions(&server).await;
    let api = server.api(&root.secret);
    let admin = superuser(&server, &database_of(&server, &root.id).await).await;
    let mut most = 0;
    // More, one after another, than a login may have connections.
    for _ in 0..12 {
        let gone = naps(&api, 25);
        tokio::time::sleep(Duration::from_millis(300)).await;
        for sender in gone {
            sender.abort();
            let _ = sender.await;
        }
        most = most.max(at_work(&admin).await);
    }
    assert!((1..=8).contains(&most), "{most} at a time");
    let answer = nap(&api, 0).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    until("nothing is under way any more", async || (at_work(&admin).await == 0).then_some(())).await;
}

#[tokio::test]
async fn tables_are_read_again_while_all_sessions_are_at_work() {
    let server = Server::start();
    let root = functions(&server).await;
    let api = server.api(&root.secret);
    assert_eq!(api.get("/v1/data/notes").await.status, 200);
    let all = naps(&api, 12);
    tokio::time::sleep(Duration::from_millis(500)).await;
    // What is remembered of the environment is forgotten.
    set(&server.owner(), &root, json!({ "maxRows": 7 })).await;
    let answer = api.get("/v1/data/notes").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    for nap in all {
        assert_eq!(nap.await.unwrap().text, "12");
    }
}

#[tokio::test]
async fn what_catches_its_end_is_ended() {
    let server = Server::start();
    let root = functions(&server).await;
    set(&server.owner(), &root, json!({ "statementTimeoutSeconds": 1 })).await;
    let api = server.api(&root.secret);
    let admin = superuser(&server, &database_of(&server, &root.id).await).await;
    // One stays, the others go: all that the environment has.
    let calls = (0..8).map(|_| {
        let api = api.clone();
        tokio::spawn(async move { api.post("/v1/rpc/stubborn", &json!({})).await })
    });
    let mut calls: Vec<_> = calls.collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let stays = calls.pop().unwrap();
    calls.into_iter().for_each(|call| call.abort());
    let answer = stays.await.unwrap();
    assert_eq!((answer.status, answer.json()["code"].as_str()), (503, Some("57P01")), "{}", answer.text);
    until("nothing is under way any more", async || (at_work(&admin).await == 0).then_some(())).await;
    assert_eq!(nap(&api, 0).await.status, 200);
}
