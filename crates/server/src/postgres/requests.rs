//! The log of an environment's requests and its counters, in tables of schema `cloche`.

use std::net::IpAddr;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::error::Result;
use crate::traffic::requests::{Batch, Request};

/// How much of the log is kept; looked at when there is something to add, and then one time in so many.
const KEPT_DAYS: i32 = 7;
const KEPT_ROWS: i64 = 50_000;
const CLEAR_ONE_IN: u64 = 50;
/// How long the counters are kept.
const COUNTED_DAYS: i32 = 90;

/// A line of the log.
pub(crate) struct Line {
    pub(crate) id: i64,
    pub(crate) at: DateTime<Utc>,
    pub(crate) method: String,
    pub(crate) route: String,
    pub(crate) resource: Option<String>,
    pub(crate) status: i16,
    pub(crate) micros: i64,
    pub(crate) key_id: Uuid,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) request_id: String,
    pub(crate) address: Option<IpAddr>,
}

/// Which lines are asked for.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// Older than the line with this id.
    pub(crate) before: Option<i64>,
    /// Newer than that.
    pub(crate) after: Option<i64>,
    /// Statuses from the first to the last.
    pub(crate) status: Option<(i16, i16)>,
    pub(crate) resource: Option<String>,
    pub(crate) limit: i64,
}

/// All requests of a day.
pub(crate) struct Day {
    pub(crate) day: NaiveDate,
    pub(crate) requests: i64,
    pub(crate) client_errors: i64,
    pub(crate) server_errors: i64,
    pub(crate) not_kept: i64,
    pub(crate) micros: i64,
}

/// How often a table, or a column of it, was used.
#[derive(Debug, Serialize)]
pub(crate) struct Used {
    pub(crate) resource: String,
    pub(crate) verb: String,
    pub(crate) column: String,
    pub(crate) count: i64,
}

/// Writes a batch: all of it or nothing.
pub(crate) async fn write(client: &mut Client, batch: &Batch) -> Result<()> {
    let tx = client.transaction().await?;
    // A lost line is no harm; nobody waits for the disk.
    tx.batch_execute("SET LOCAL synchronous_commit = off").await?;
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    if !batch.noted.is_empty() {
        write_noted(&tx, &batch.noted).await?;
    }
    tx.execute(
        "INSERT INTO cloche.request_days AS d (day, requests, client_errors, server_errors, not_kept, micros)
         VALUES ((now() AT TIME ZONE 'UTC')::date, $1, $2, $3, $4, $5)
         ON CONFLICT (day) DO UPDATE SET requests = d.requests + excluded.requests,
             client_errors = d.client_errors + excluded.client_errors, server_errors = d.server_errors + excluded.server_errors,
             not_kept = d.not_kept + excluded.not_kept, micros = d.micros + excluded.micros",
        &[
            &number(batch.requests),
            &number(batch.client_errors),
            &number(batch.server_errors),
            &number(batch.not_kept),
            &number(batch.micros),
        ],
    )
    .await?;
    if !batch.uses.is_empty() {
        let resources: Vec<&str> = batch.uses.iter().map(|used| used.resource.as_str()).collect();
        let verbs: Vec<&str> = batch.uses.iter().map(|used| used.verb).collect();
        let columns: Vec<&str> = batch.uses.iter().map(|used| used.column.as_str()).collect();
        let counts: Vec<i64> = batch.uses.iter().map(|used| number(used.count)).collect();
        tx.execute(
            // In one order, so that two servers never wait for each other.
            "INSERT INTO cloche.usage AS u (day, resource, verb, column_name, count)
             SELECT (now() AT TIME ZONE 'UTC')::date, r, v, c, n FROM unnest($1::text[], $2::text[], $3::text[], $4::int8[]) AS x (r, v, c, n)
             ORDER BY r, v, c
             ON CONFLICT (day, resource, verb, column_name) DO UPDATE SET count = u.count + excluded.count",
            &[&resources, &verbs, &columns, &counts],
        )
        .await?;
    }
    let lot = Uuid::now_v7().as_u128() as u64;
    if lot.is_multiple_of(CLEAR_ONE_IN) {
        clear(&tx).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn write_noted(tx: &tokio_postgres::Transaction<'_>, noted: &[Request]) -> Result<()> {
    fn all<'r, T>(noted: &'r [Request], of: impl Fn(&'r Request) -> T) -> Vec<T> {
        noted.iter().map(of).collect()
    }
    tx.execute(
        "INSERT INTO cloche.request_log (at, method, route, resource, status, micros, key_id, user_id, request_id, address)
         SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::int2[], $6::int8[], $7::uuid[], $8::uuid[],
             $9::text[], $10::inet[])",
        &[
            &all(noted, |request| request.at),
            &all(noted, |request| request.method),
            &all(noted, |request| request.route),
            &all(noted, |request| request.resource.as_deref()),
            &all(noted, |request| i16::try_from(request.status).unwrap_or(i16::MAX)),
            &all(noted, |request| i64::try_from(request.took.as_micros()).unwrap_or(i64::MAX)),
            &all(noted, |request| request.key_id),
            &all(noted, |request| request.user_id),
            &all(noted, |request| request.request_id.as_str()),
            &all(noted, |request| request.address),
        ],
    )
    .await?;
    Ok(())
}

/// Forgets what is old, and what is too much.
async fn clear(tx: &tokio_postgres::Transaction<'_>) -> Result<()> {
    tx.execute(
        "DELETE FROM cloche.request_log WHERE at < now() - make_interval(days => $1)
         OR id <= (SELECT id FROM cloche.request_log ORDER BY id DESC OFFSET $2 LIMIT 1)",
        &[&KEPT_DAYS, &KEPT_ROWS],
    )
    .await?;
    for table in ["request_days", "usage"] {
        let old = format!("DELETE FROM cloche.{table} WHERE day < (now() AT TIME ZONE 'UTC')::date - $1::int4");
        tx.execute(&old, &[&COUNTED_DAYS]).await?;
    }
    Ok(())
}

/// Lines of the log, newest first; with `after`, oldest first.
pub(crate) async fn lines(client: &Client, filter: &Filter) -> Result<Vec<Line>> {
    let order = if filter.after.is_some() { "ASC" } else { "DESC" };
    let (least, most) = filter.status.unwrap_or((0, i16::MAX));
    let rows = client
        .query(
            &format!(
                "SELECT id, at, method, route, resource, status, micros, key_id, user_id, request_id, address FROM cloche.request_log
                 WHERE at > now() - make_interval(days => $1) AND ($2::int8 IS NULL OR id < $2) AND ($3::int8 IS NULL OR id > $3)
                     AND status BETWEEN $4 AND $5 AND ($6::text IS NULL OR resource = $6)
                 ORDER BY id {order} LIMIT $7"
            ),
            &[&KEPT_DAYS, &filter.before, &filter.after, &least, &most, &filter.resource, &filter.limit],
        )
        .await?;
    let line = |row: &tokio_postgres::Row| Line {
        id: row.get(0),
        at: row.get(1),
        method: row.get(2),
        route: row.get(3),
        resource: row.get(4),
        status: row.get(5),
        micros: row.get(6),
        key_id: row.get(7),
        user_id: row.get(8),
        request_id: row.get(9),
        address: row.get(10),
    };
    Ok(rows.iter().map(line).collect())
}

/// The last days with requests, newest first.
pub(crate) async fn days(client: &Client, days: i32) -> Result<Vec<Day>> {
    let rows = client
        .query(
            "SELECT day, requests, client_errors, server_errors, not_kept, micros FROM cloche.request_days
             WHERE day > (now() AT TIME ZONE 'UTC')::date - $1::int4 ORDER BY day DESC",
            &[&days],
        )
        .await?;
    let day = |row: &tokio_postgres::Row| Day {
        day: row.get(0),
        requests: row.get(1),
        client_errors: row.get(2),
        server_errors: row.get(3),
        not_kept: row.get(4),
        micros: row.get(5),
    };
    Ok(rows.iter().map(day).collect())
}

/// How tables and columns were used in the last days, most used first.
pub(crate) async fn used(client: &Client, days: i32, limit: i64) -> Result<Vec<Used>> {
    let rows = client
        .query(
            "SELECT resource, verb, column_name, sum(count)::int8 FROM cloche.usage
             WHERE day > (now() AT TIME ZONE 'UTC')::date - $1::int4
             GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3 LIMIT $2",
            &[&days, &limit],
        )
        .await?;
    let used = |row: &tokio_postgres::Row| Used { resource: row.get(0), verb: row.get(1), column: row.get(2), count: row.get(3) };
    Ok(rows.iter().map(used).collect())
}
