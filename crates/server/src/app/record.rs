//! Operations on the records of an environment's tables. Each is one statement: it happens whole or not at all.
//!
//! A list holds at most [`compile::MAX_LIMIT`] records, whether or not the caller gives a limit.

use std::sync::Arc;

use bytes::Bytes;
use tokio_postgres::Row;

use super::access;
use crate::error::{Error, Result};
use crate::postgres::query::compile::{self, Body, Change};
use crate::postgres::query::{Query, Returning, Statement};
use crate::postgres::schema::{Schema, Table, Verb};
use crate::postgres::scope::{EnvironmentScope, On};
use crate::postgres::sqlstate;

/// Records as PostgreSQL wrote them.
#[derive(Debug)]
pub(crate) struct Page {
    /// A JSON array.
    pub(crate) json: Bytes,
    /// How many records are in it.
    pub(crate) records: u64,
    /// How many fit the filters, if that was asked for.
    pub(crate) total: Option<u64>,
}

/// What a write did.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// How many records; zero when the answer was to be nothing.
    pub(crate) records: u64,
    /// A JSON array of records or of keys, if that was asked for.
    pub(crate) json: Option<Bytes>,
}

/// Which record or records a change is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target<'a> {
    /// Those that fit the filters of the query.
    Filtered,
    /// As above, but nothing happens unless exactly one fits.
    OnlyOne,
    /// The one with this primary key.
    Id(&'a str),
}

/// The records that fit the query, at most [`compile::MAX_LIMIT`].
pub(crate) async fn list(scope: &EnvironmentScope, table: &str, query: &Query, count: bool) -> Result<Page> {
    let rows = execute(scope, table, &[Verb::Read], |table| {
        // Counting reads the whole table: not on a lane, where others would wait behind it.
        let on = if table.is_plain && !count { On::Lane } else { On::Session };
        Ok(Some((on, compile::list(table, query, count)?)))
    })
    .await?;
    let row = only(&rows)?;
    let total = if count { Some(number(row, 2)?) } else { None };
    Ok(Page { records: number(row, 0)?, json: json(row, 1)?, total })
}

/// The record with that primary key, as a JSON object.
pub(crate) async fn find(scope: &EnvironmentScope, table: &str, id: &str, query: &Query) -> Result<Bytes> {
    let rows = execute(scope, table, &[Verb::Read], |table| {
        let key = compile::single_key(table)?;
        let on = if table.is_plain { On::Lane } else { On::Session };
        Ok(Some((on, compile::find(table, key, id, &query.select)?)))
    })
    .await?;
    match rows.first() {
        Some(row) => json(row, 0),
        None => Err(not_found(table, id)),
    }
}

/// Makes a record of every object in `body`.
pub(crate) async fn create(
    scope: &EnvironmentScope,
    table: &str,
    query: &Query,
    body: Option<&Body<'_>>,
    returning: Returning,
) -> Result<Written> {
    let verbs = verbs(Verb::Create, returning);
    let rows = execute(scope, table, &verbs, |table| match body {
        Some(body) => Ok(Some((On::Session, compile::insert(table, body, &query.select, returning)?))),
        None => Ok(None),
    })
    .await?;
    written(&rows, returning)
}

/// Gives the values of `body` to the target; an empty object changes nothing.
pub(crate) async fn update(
    scope: &EnvironmentScope,
    table: &str,
    query: &Query,
    body: &Body<'_>,
    target: Target<'_>,
    returning: Returning,
) -> Result<Written> {
    let verbs = verbs(Verb::Update, returning);
    let change = change(target, returning);
    let rows = execute(scope, table, &verbs, |table| {
        let statement = compile::update(table, query, body, change)?;
        Ok(Some((On::Session, statement)))
    })
    .await?;
    changed(&rows, table, target, change.returning)
}

/// Removes the target.
pub(crate) async fn delete(
    scope: &EnvironmentScope,
    table: &str,
    query: &Query,
    target: Target<'_>,
    returning: Returning,
) -> Result<Written> {
    let verbs = verbs(Verb::Delete, returning);
    let change = change(target, returning);
    let rows = execute(scope, table, &verbs, |table| Ok(Some((On::Session, compile::delete(table, query, change)?)))).await?;
    changed(&rows, table, target, change.returning)
}

/// Looks the table up, has the statement written, and runs it; once more if the schema turns out to have changed.
async fn execute<'a>(
    scope: &EnvironmentScope,
    table: &str,
    verbs: &[Verb],
    write: impl Fn(&Table) -> Result<Option<(On, Statement<'a>)>>,
) -> Result<Vec<Row>> {
    let schema = scope.schema().await?;
    match attempt(scope, &schema, table, verbs, &write).await {
        Err(error) if may_be_outdated(&error, verbs) => {
            let fresh = scope.reload_schema().await?;
            if Arc::ptr_eq(&schema, &fresh) {
                return Err(error);
            }
            attempt(scope, &fresh, table, verbs, &write).await
        }
        outcome => outcome,
    }
}

async fn attempt<'a>(
    scope: &EnvironmentScope,
    schema: &Schema,
    table: &str,
    verbs: &[Verb],
    write: impl Fn(&Table) -> Result<Option<(On, Statement<'a>)>>,
) -> Result<Vec<Row>> {
    let table = access::table(scope.actor(), schema, table, verbs)?;
    scope.used(&table.name, verbs[0], std::iter::empty());
    let Some((on, statement)) = write(table)? else {
        return Ok(Vec::new());
    };
    scope.run(on, &statement.sql, &statement.params).await
}

/// The answer may be another one with the schema as it is now. None of these errors has changed anything.
fn may_be_outdated(error: &Error, verbs: &[Verb]) -> bool {
    let codes = [
        "table/not-found",
        "column/not-found",
        compile::UNKNOWN_KEY,
        "record/no-single-key",
        sqlstate::UNDEFINED_TABLE,
        sqlstate::UNDEFINED_COLUMN,
        sqlstate::UNDEFINED_TYPE,
        sqlstate::TYPE_MISMATCH,
        sqlstate::FEATURE_NOT_SUPPORTED,
    ];
    // Bodies are read with the columns' types, so a value may be wrong for the old type alone.
    let reads_a_body = verbs.iter().any(|verb| matches!(verb, Verb::Create | Verb::Update));
    codes.contains(&error.code.as_str()) || (reads_a_body && error.code == sqlstate::INVALID_TEXT)
}

/// Whoever is told about the records that a write touched must be allowed to read them.
fn verbs(write: Verb, returning: Returning) -> Vec<Verb> {
    match returning {
        Returning::Nothing => vec![write],
        Returning::Count | Returning::Records | Returning::Keys => vec![write, Verb::Read],
    }
}

fn change(target: Target<'_>, returning: Returning) -> Change<'_> {
    match target {
        Target::Filtered => Change { returning, exactly_one: false, id: None },
        Target::OnlyOne => Change { returning: Returning::Records, exactly_one: true, id: None },
        // Counted even when nobody asked: a record that is not there is an error.
        Target::Id(id) if returning == Returning::Nothing => {
            Change { returning: Returning::Count, exactly_one: false, id: Some(id) }
        }
        Target::Id(id) => Change { returning, exactly_one: false, id: Some(id) },
    }
}

fn written(rows: &[Row], returning: Returning) -> Result<Written> {
    let Some(row) = rows.first() else {
        let json = matches!(returning, Returning::Records | Returning::Keys).then(|| Bytes::from_static(b"[]"));
        return Ok(Written { records: 0, json });
    };
    let json = if row.len() > 1 { Some(json(row, 1)?) } else { None };
    Ok(Written { records: number(row, 0)?, json })
}

fn changed(rows: &[Row], table: &str, target: Target<'_>, returning: Returning) -> Result<Written> {
    let written = written(rows, returning)?;
    match target {
        Target::Id(id) if written.records == 0 => Err(not_found(table, id)),
        Target::OnlyOne if written.records != 1 => Err(not_exactly_one("none, or more than one")),
        _ => Ok(written),
    }
}

/// The single-object form was asked for, and `found` is how many records there are.
pub(crate) fn not_exactly_one(found: impl std::fmt::Display) -> Error {
    Error::not_acceptable("PGRST116", "The answer is not exactly one record; nothing was changed.")
        .details(format!("Records: {found}."))
        .hint("Use filters that fit one record, or ask for application/json.")
}

fn not_found(table: &str, id: &str) -> Error {
    Error::not_found("record/not-found", format!("There is no record '{id}' in '{table}'."))
        .hint("Check the id; the record may have been deleted.")
}

fn only(rows: &[Row]) -> Result<&Row> {
    rows.first().ok_or_else(|| Error::internal("an aggregate gave no row"))
}

fn number(row: &Row, column: usize) -> Result<u64> {
    let number: i64 = row.try_get(column).map_err(Error::internal)?;
    Ok(number.unsigned_abs())
}

fn json(row: &Row, column: usize) -> Result<Bytes> {
    let text: &str = row.try_get(column).map_err(Error::internal)?;
    Ok(Bytes::copy_from_slice(text.as_bytes()))
}
