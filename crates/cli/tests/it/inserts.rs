//! Inserts keep their connection; what one of them leaves there must not reach another. Large ones are read as arrays where they can be.

use std::time::Duration;

use serde_json::{Value, json};

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

/// `o` is no type whose values are told by their text: with it, PostgreSQL reads the objects as JSON. Without `k`, whose type is the owner's
/// own code, the statement is kept for the next insert.
const ALIKE: &str = "
    CREATE TYPE mood AS ENUM ('glad', 'not so, glad');
    CREATE DOMAIN short AS text CHECK (length(value) < 4);
    CREATE TABLE lists (id bigint PRIMARY KEY, b bool, c char(3), d date, e mood, f float8, h time, i int2, k short, m interval,
        n numeric(6, 2), p inet, s timestamp, t text, u uuid, v varchar(5), z timestamptz DEFAULT '2026-01-01Z', o jsonb);
    CREATE TABLE objects (LIKE lists INCLUDING ALL);
    CREATE TABLE plain (LIKE lists INCLUDING ALL);
    ALTER TABLE plain DROP COLUMN k";

fn values() -> Vec<Value> {
    let mut records = vec![
        json!({ "b": true, "c": "ab", "d": "2026-02-28", "e": "glad", "f": 1.5, "h": "12:30", "i": 7, "k": "abc", "m": "1 day 02:03", "n": 12.345,
            "p": "10.0.0.1/8", "s": "2026-01-02T03:04:05", "t": "plain", "u": "5F0F0000-0000-0000-0000-000000000001", "v": "12345",
            "z": "2026-05-06 07:08:09+02" }),
        json!({ "b": "yes", "c": "", "d": "infinity", "e": "not so, glad", "f": "NaN", "h": "allballs", "i": "12", "k": "", "m": "P1Y2M", "n": "1e2",
            "p": "::1", "s": "-infinity", "t": "with \"quotes\", \\ and {braces}\n\tNULL é 😀", "u": "{5f0f0000000000000000000000000002}",
            "v": "12345   ", "z": "2026-05-06" }),
        json!({ "b": 1, "c": 1, "d": "epoch", "e": "glad", "f": 1e300, "h": "23:59:60", "i": 0, "k": 12, "m": "-3h", "n": 0, "p": "10.1.2.3",
            "s": "2026-01-02", "t": "\\", "u": "5f0f0000-0000-0000-0000-000000000003", "v": true, "z": "2026-01-01Z" }),
    ];
    let texts = ["NULL", "null", "", " ", "\"", "\\", "\\\"", "{}", "{", ",", "\u{1}\u{7f}", "a\r\nb", "{\"a\": [1]}"];
    let empty = json!({ "b": null, "c": null, "d": null, "e": null, "f": null, "h": null, "i": null, "k": null, "m": null, "n": null, "p": null,
        "s": null, "t": null, "u": null, "v": null, "z": null });
    records.push(empty.clone());
    records.extend(texts.map(|text| changed(&empty, "t", json!(text))));
    records.extend(
        [json!(1.50), json!(-0.0), json!(1e2), json!(12_345_678_901_234_567_890_u64), json!(true)]
            .map(|text| changed(&empty, "t", text)),
    );
    records.into_iter().enumerate().map(|(id, record)| changed(&record, "id", json!(id + 1))).collect()
}

fn changed(record: &Value, key: &str, value: Value) -> Value {
    let mut record = record.clone();
    record[key] = value;
    record
}

#[tokio::test]
async fn arrays_and_json_are_written_alike() {
    let server = Server::start();
    let root = project(&server.owner(), "alike").await;
    let sql = customer(&server.owner(), &root.id).await;
    sql.batch_execute(ALIKE).await.unwrap();
    let api = server.api(&root.secret);
    until("the tables are known", async || (api.get("/v1/data/objects").await.status == 200).then_some(())).await;
    let as_json = |records: &[Value]| Value::Array(records.iter().map(|record| changed(record, "o", json!({}))).collect());
    let records = values();
    api.make("lists", &Value::Array(records.clone())).await;
    api.make("objects", &as_json(&records)).await;
    let shown = "select=id,b,c,d,e,f,h,i,k,m,n,p,s,t,u,v,z&order=id";
    let found = api.rows(&format!("/v1/data/lists?{shown}")).await;
    assert_eq!(found, api.rows(&format!("/v1/data/objects?{shown}")).await);
    assert_eq!(found.as_array().unwrap().len(), records.len());
    for (sent, found) in records.iter().zip(found.as_array().unwrap()).filter(|(sent, _)| sent["t"].is_string()) {
        assert_eq!(sent["t"], found["t"]);
    }
    let without_k = |record: &Value| {
        let mut record = record.clone();
        record.as_object_mut().unwrap().remove("k");
        record
    };
    for half in records.chunks(records.len() / 2 + 1) {
        api.make("plain", &half.iter().map(without_k).collect()).await;
    }
    let expected: Value = found.as_array().unwrap().iter().map(without_k).collect();
    assert_eq!(api.rows(&format!("/v1/data/plain?{}", shown.replace(",k", ""))).await, expected);
    // What is wrong with one is told alike, and none is written.
    let wrong = [
        ("i", json!(40000)),
        ("i", json!(1.5)),
        ("b", json!("perhaps")),
        ("b", json!(2)),
        ("n", json!(99999)),
        ("f", json!("1e999")),
        ("v", json!("too long")),
        ("c", json!("long")),
        ("k", json!("long")),
        ("e", json!("sad")),
        ("u", json!("5f0f")),
        ("d", json!("2026-02-30")),
        ("z", json!(1)),
        ("m", json!("a while")),
        ("p", json!("10.0.0.300")),
        ("id", json!(null)),
        ("id", json!(1)),
        ("t", json!("\u{0}")),
        ("i", json!([1])),
        ("u", json!({})),
    ];
    for (key, value) in wrong {
        let rest = [changed(&records[0], "id", json!(98)), changed(&changed(&records[0], "id", json!(99)), key, value.clone())];
        let listed = api.post("/v1/data/lists", &json!(rest)).await;
        let parsed = api.post("/v1/data/objects", &as_json(&rest)).await;
        assert!((400..500).contains(&listed.status), "{key} = {value}: {}", listed.text);
        assert_eq!(
            (listed.status, &listed.json()["code"]),
            (parsed.status, &parsed.json()["code"]),
            "{key} = {value}: {}",
            listed.text
        );
    }
    assert_eq!(sql.query_one("SELECT count(*) FROM lists WHERE id > 90", &[]).await.unwrap().get::<_, i64>(0), 0);
    // A kept statement does not outlive its types, for one record or many.
    for kind in ["'sad'", "'sad', 'glad'"] {
        let again = format!(
            "ALTER TABLE plain ALTER COLUMN e TYPE text; DROP TYPE mood CASCADE; CREATE TYPE mood AS ENUM ({kind});
            TRUNCATE plain; ALTER TABLE plain ALTER COLUMN e TYPE mood USING e::mood"
        );
        sql.batch_execute(&again).await.unwrap();
        for body in [json!([{ "id": 1, "e": "sad" }, { "id": 2, "e": "sad" }]), json!({ "id": 3, "e": "sad" })] {
            until("it is written as the type is now", async || {
                let answer = api.post("/v1/data/plain", &body).await;
                assert_ne!(answer.status, 500, "{}", answer.text);
                (answer.status == 201).then_some(())
            })
            .await;
        }
    }
}
