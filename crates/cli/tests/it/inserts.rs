//! Inserts keep their connection; what one of them leaves there must not reach another.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Server, until};
use crate::world::{customer, project};

/// `notes` shows what is left. Each of the others sets something, in a way of its own.
const TABLES: &str = "
    CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, seen text DEFAULT current_setting('app.left', true), text text);
    CREATE TABLE by_default (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, left_there text DEFAULT set_config('app.left', 'default', false), text text);
    CREATE TABLE by_check (id bigint PRIMARY KEY, text text CHECK (set_config('app.left', 'check', false) IS NOT NULL));
    CREATE TABLE by_index (id bigint PRIMARY KEY, text text);
    CREATE FUNCTION leave(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
        $$ BEGIN PERFORM set_config('app.left', 'index', false); RETURN $1; END $$;
    CREATE INDEX ON by_index (leave(text));
    CREATE TABLE by_trigger (id bigint PRIMARY KEY, text text);
    CREATE FUNCTION leave_row() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM set_config('app.left', 'trigger', false); RETURN NEW; END $$;
    CREATE TRIGGER leave BEFORE INSERT ON by_trigger FOR EACH ROW EXECUTE FUNCTION leave_row();
    CREATE TABLE by_rule (id bigint PRIMARY KEY, text text);
    CREATE RULE leave AS ON INSERT TO by_rule DO ALSO SELECT set_config('app.left', 'rule', false)";

#[tokio::test]
async fn no_insert_leaves_anything_for_the_next() {
    let server = Server::start();
    let root = project(&server.owner(), "notes").await;
    let sql = customer(&server.owner(), &root.id).await;
    sql.batch_execute(TABLES).await.unwrap();
    let api = server.api(&root.secret);
    let clean = async |after: &str| {
        let note = api.make("notes", &json!({ "text": after })).await;
        // Nothing, or the empty string that a setting of a transaction leaves where there was none.
        assert!(note[0]["seen"].is_null() || note[0]["seen"] == "", "after {after}: {note}");
    };
    clean("the start").await;
    for (id, table) in ["by_default", "by_check", "by_index", "by_trigger", "by_rule"].into_iter().enumerate() {
        let record = if table == "by_default" { json!({ "text": "x" }) } else { json!({ "id": id, "text": "x" }) };
        let answer = api.post(&format!("/v1/data/{table}"), &record).await;
        assert_eq!(answer.status, 201, "{table}: {}", answer.text);
        clean(table).await;
    }
    // An insert that fails does not spoil its connection, and a table that changes is met as it is now.
    assert_eq!(api.post("/v1/data/by_check", &json!({ "id": 1 })).await.status, 409);
    assert_eq!(api.post("/v1/data/notes", &json!({ "text": "before" })).await.status, 201);
    sql.batch_execute("ALTER TABLE notes ALTER COLUMN text TYPE integer USING 0, ADD COLUMN more text DEFAULT 'm'")
        .await
        .unwrap();
    until("the table is known as it is now", async || {
        let answer = api.post("/v1/data/notes", &json!({ "text": -7, "more": "n" })).await;
        (answer.status == 201).then_some(())
    })
    .await;
    // Many at once, each of which is kept.
    let made = (0..100).map(|number| {
        let api = api.clone();
        tokio::spawn(async move { api.post("/v1/data/notes", &json!({ "text": number })).await.status })
    });
    for made in made.collect::<Vec<_>>() {
        assert_eq!(made.await.unwrap(), 201);
    }
    let count = sql.query_one("SELECT count(DISTINCT text) FROM notes WHERE text >= 0", &[]).await.unwrap().get::<_, i64>(0);
    assert_eq!(count, 100);
}

/// PostgreSQL goes on with an insert whose sender has gone. Those that come meanwhile must wait for its connection, not be refused another.
#[tokio::test]
async fn senders_who_go_away_leave_room_for_others() {
    let server = Server::start();
    let root = project(&server.owner(), "notes").await;
    let sql = customer(&server.owner(), &root.id).await;
    sql.batch_execute("CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text)").await.unwrap();
    let api = server.api(&root.secret);
    api.make("notes", &json!({ "text": "first" })).await;
    sql.batch_execute("BEGIN; LOCK TABLE notes IN EXCLUSIVE MODE").await.unwrap();
    let send = |text: &'static str| {
        let api = server.api(&root.secret);
        tokio::spawn(async move { api.post("/v1/data/notes", &json!({ "text": text })).await })
    };
    for _ in 0..3 {
        let gone: Vec<_> = (0..40).map(|_| send("gone")).collect();
        tokio::time::sleep(Duration::from_millis(400)).await;
        for sender in gone {
            sender.abort();
            let _ = sender.await;
        }
    }
    let stayed: Vec<_> = (0..10).map(|_| send("stayed")).collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    sql.batch_execute("ROLLBACK").await.unwrap();
    for sender in stayed {
        let answer = sender.await.unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
}
