//! The records of an answer are PostgreSQL's own JSON, byte for byte, whoever wrote them.

mod values;

use crate::harness::Server;
use crate::world::{customer, database_of, project, superuser};
use values::{Random, create_table, insert};

const RECORDS: usize = 3000;
const PAGE: usize = 1000;
/// What the JSON depends on, as the data plane has it.
const SETTINGS: &str = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres'; \
                        SET extra_float_digits = 1; SET bytea_output = 'hex'";

#[tokio::test]
async fn records_are_written_as_postgresql_writes_them() {
    let server = Server::start();
    let root = project(&server.owner(), "kinds").await;
    let sql = customer(&server.owner(), &root.id).await;
    // A database may be set to anything: answers do not change with it.
    let database = database_of(&server, &root.id).await;
    let admin = superuser(&server, "postgres").await;
    for setting in [
        "TimeZone = 'Asia/Tokyo'",
        "DateStyle = 'German'",
        "IntervalStyle = 'iso_8601'",
        "extra_float_digits = 0",
        "bytea_output = 'escape'",
    ] {
        admin.batch_execute(&format!("ALTER DATABASE {database} SET {setting}")).await.unwrap();
    }
    sql.batch_execute(SETTINGS).await.unwrap();
    sql.batch_execute(&create_table()).await.unwrap();
    let seed = std::process::id().into();
    println!("seed {seed}");
    let mut random = Random(seed);
    for first in (0..RECORDS).step_by(100) {
        sql.batch_execute(&insert(&mut random, first, 100)).await.unwrap();
    }
    // Columns whose types only PostgreSQL can write.
    sql.batch_execute("CREATE DOMAIN share AS real; CREATE TABLE spans (id bigint PRIMARY KEY, span interval, at timestamptz, share share); INSERT INTO spans VALUES (1, '1 day 2:00', now(), 0.1), (2, NULL, NULL, 1e10)")
        .await
        .unwrap();

    let api = server.api(&root.secret);
    for table in ["kinds", "spans"] {
        for offset in (0..RECORDS).step_by(PAGE) {
            let rows = format!("SELECT * FROM {table} ORDER BY id LIMIT {PAGE} OFFSET {offset}");
            let query = format!("SELECT coalesce(json_agg(r.*), '[]')::text FROM ({rows}) AS r");
            let expected: String = sql.query_one(&query, &[]).await.unwrap().get(0);
            let told = api.get(&format!("/v1/data/{table}?order=id&limit={PAGE}&offset={offset}")).await.text;
            assert_same(&told, &expected);
        }
    }
    for id in 0..20 {
        let query =
            format!("SELECT row_to_json(r.*)::text FROM (SELECT v3, a7 AS \"a \"\"7\"\"\", id FROM kinds WHERE id = {id}) AS r");
        let expected: String = sql.query_one(&query, &[]).await.unwrap().get(0);
        assert_same(&api.get(&format!("/v1/data/kinds/{id}?select=v3,%22a%20%5C%227%5C%22%22:a7,id")).await.text, &expected);
        let query = format!("SELECT row_to_json(r.*)::text FROM kinds AS r WHERE id = {id}");
        let expected: String = sql.query_one(&query, &[]).await.unwrap().get(0);
        assert_same(&api.get(&format!("/v1/data/kinds/{id}")).await.text, &expected);
    }
}

/// Shows where two long texts part. PostgreSQL breaks the line between records, or does not, as they come out of a query.
fn assert_same(told: &str, expected: &str) {
    let [told, expected] = [told, expected].map(|text| text.replace(", \n {\"id\"", ", {\"id\""));
    if let Some(at) = told.bytes().zip(expected.bytes()).position(|(told, expected)| told != expected) {
        let around =
            |text: &str| String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(60)..text.len().min(at + 60)]).into_owned();
        panic!("at {at}\n    told {}\nexpected {}", around(&told), around(&expected));
    }
    assert_eq!(told.len(), expected.len());
}
