//! Operations on the records of an environment's tables, and calls of its functions. Each is one statement: it happens whole or not at all.
//!
//! A list holds at most [`Context::max_rows`] records, whether or not the caller gives a limit.

use std::sync::Arc;

use bytes::Bytes;
use cloche_dialect::{Count, Item, Query};
use cloche_wire::KeyKind;

use super::access::{self, Caller};
use super::usage;
use crate::error::{Error, Result};
use crate::postgres::encode::Records;
use crate::postgres::environments::SCHEMA_AGE;
use crate::postgres::query::compile::{self, Arguments, Body, Change, Conflict, Keyset, Resolving, Target, Wanted};
use crate::postgres::query::{Context, Format, Returning, Statement};
use crate::postgres::rows::{Row, Rows};
use crate::postgres::schema::{Function, Returns, Schema, Table, Verb};
use crate::postgres::scope::{EnvironmentScope, On, Transaction};
use crate::postgres::sqlstate;

/// Records as PostgreSQL wrote them.
#[derive(Debug)]
pub(crate) struct Page {
    /// A JSON array, or CSV; the value itself where a function answers one.
    pub(crate) text: Bytes,
    /// How many records are in it.
    pub(crate) records: u64,
    /// How many fit the filters, if that was asked for.
    pub(crate) total: Option<u64>,
    /// How many were passed over.
    pub(crate) offset: u64,
    /// Where the next page begins, for `after=`: only when this one is full.
    pub(crate) next: Option<String>,
}

/// What a write did.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// How many records; zero when the answer was to be nothing.
    pub(crate) records: u64,
    /// Records or keys, if that was asked for.
    pub(crate) text: Option<Bytes>,
    /// How many of them are new, of an upsert.
    pub(crate) inserted: Option<u64>,
}

/// What a list is asked for beside its query.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Listing<'r> {
    pub(crate) count: Option<Count>,
    pub(crate) format: Format,
    /// Of a call: nothing is changed if it answers more records.
    pub(crate) max_affected: Option<u64>,
    pub(crate) transaction: Transaction<'r>,
}

/// What a write is asked for beside its query and body.
#[derive(Debug, Clone)]
pub(crate) struct Writing<'a> {
    pub(crate) target: Target<'a>,
    pub(crate) returning: Returning,
    pub(crate) format: Format,
    pub(crate) exactly_one: bool,
    pub(crate) max_affected: Option<u64>,
    pub(crate) conflict: Option<Conflict>,
    pub(crate) transaction: Transaction<'a>,
}

impl<'a> Writing<'a> {
    fn change(&self) -> Change<'a> {
        let returning = match (self.target, self.returning) {
            // Counted even when nobody asked: a record that is not there is an error.
            (Target::Id(_), Returning::Nothing) => Returning::Count,
            (_, returning) => returning,
        };
        let Self { target, format, exactly_one, max_affected, .. } = *self;
        Change { target, returning, format, exactly_one, max_affected }
    }

    /// Whoever is told about the records that a write touched must be allowed to read them.
    fn verbs(&self, write: Verb) -> Vec<Verb> {
        let mut verbs = vec![write];
        if self.conflict.as_ref().is_some_and(|conflict| conflict.resolving == Resolving::Merge) {
            verbs.push(Verb::Update);
        }
        // A limit on how many tells how many there are, too.
        if self.returning != Returning::Nothing || self.exactly_one || self.max_affected.is_some() {
            verbs.push(Verb::Read);
        }
        verbs
    }
}

/// What a function answered.
pub(crate) enum Outcome {
    Nothing,
    /// A value by itself.
    Value(Bytes),
    Records(Page),
}

/// A statement, and how it is run.
struct Planned<'p, T> {
    statement: Statement<'p>,
    on: Place,
    /// The rows are the records.
    is_flat: bool,
    /// What reading the answer needs.
    extra: T,
}

/// What a statement answered.
enum Answered {
    Rows(Rows),
    /// A list, or one record, as rows.
    Records(Records),
}

impl Answered {
    /// Of a statement that is not flat.
    fn rows(self) -> Result<Rows> {
        match self {
            Self::Rows(rows) => Ok(rows),
            Self::Records(_) => Err(Error::internal("a write answered records")),
        }
    }
}

/// Which kind of connection, as [`On`], of which the caller knows the rest.
#[derive(Clone, Copy)]
enum Place {
    Lane,
    Session,
    Inserts,
    Writer,
    Transaction,
}

/// The records that fit the query.
pub(crate) async fn list(scope: &EnvironmentScope, table: &str, query: &Query, asked: &Listing<'_>) -> Result<Page> {
    let (count, planned) = counts(scope, asked.count);
    let reading = asked.transaction.reading();
    let wanted = Wanted { count, format: asked.format, flat: reading.is_plain(), max_affected: None };
    let work = |context: &Context<'_>, table: &Table| {
        let compile::List { statement, is_flat, keyset } = compile::list(context, table, query, wanted)?;
        usage::note(scope, context, table, Verb::Read, query, &[]);
        let limit = query.limit.unwrap_or(u64::MAX).min(context.max_rows);
        Ok(Some(Planned { on: place(table, &statement, count, reading), statement, is_flat, extra: (keyset, limit) }))
    };
    let (answered, extra) = execute(scope, table, &[Verb::Read], reading, work).await?;
    let (keyset, limit) = extra.ok_or_else(|| Error::internal("a list without a statement"))?;
    let mut page = match answered {
        Answered::Rows(rows) => page(&rows, count, keyset.as_ref(), limit, query)?,
        Answered::Records(records) => page_of(&records, keyset.as_ref(), limit, query)?,
    };
    if planned {
        page.total = Some(estimate(scope, table, query, &page).await?);
    }
    Ok(page)
}

/// The record with that primary key, as a JSON object.
pub(crate) async fn find(scope: &EnvironmentScope, table: &str, id: &str, query: &Query) -> Result<Bytes> {
    let reading = Transaction::default().reading();
    let work = |context: &Context<'_>, table: &Table| {
        let compile::List { statement, is_flat, .. } = compile::find(context, table, id, query)?;
        usage::note(scope, context, table, Verb::Read, query, &[]);
        Ok(Some(Planned { on: place(table, &statement, false, reading), statement, is_flat, extra: () }))
    };
    let (answered, _) = execute(scope, table, &[Verb::Read], reading, work).await?;
    let found = match answered {
        Answered::Records(records) => records.to_object()?,
        Answered::Rows(rows) => rows.first().map(|row| text(&row, 0)).transpose()?,
    };
    found.ok_or_else(|| not_found(table, id))
}

/// Makes a record of every object in `body`; with a conflict to resolve, or changes the one that is there.
pub(crate) async fn create(
    scope: &EnvironmentScope,
    table: &str,
    query: &Query,
    body: Option<&Body<'_>>,
    asked: &Writing<'_>,
) -> Result<Written> {
    let verbs = asked.verbs(Verb::Create);
    let work = |context: &Context<'_>, table: &Table| {
        let Some(body) = body else { return Ok(None) };
        let statement = compile::insert(context, table, query, body, asked.conflict.as_ref(), asked.change())?;
        usage::note(scope, context, table, Verb::Create, query, &body.keys);
        let on = match place(table, &statement, false, asked.transaction) {
            // What is merged may change keys that others refer to, and with them those others.
            Place::Session if asked.conflict.is_none() && statement.tells_plainly && !table.inserts_leave_state => {
                // What reads other tables as well may be slow.
                let embeds = query.select.iter().any(|item| matches!(item, Item::Embed(_)));
                if body.scalars.is_some() && !embeds { Place::Inserts } else { Place::Writer }
            }
            place => place,
        };
        Ok(Some(Planned { on, statement, is_flat: false, extra: () }))
    };
    let (answered, _) = execute(scope, table, &verbs, asked.transaction, work).await?;
    written(&answered.rows()?, asked.returning)
}

/// The columns that name a record of the table, for who may put one there. None for others, to whom [`create`] says why not.
pub(crate) async fn key(scope: &EnvironmentScope, table: &str) -> Result<Option<Vec<String>>> {
    let schema = scope.schema().await?;
    let found = access::table(scope.actor(), &schema, table, &[Verb::Create, Verb::Update]);
    Ok(found.ok().map(|table| table.primary_key.clone()))
}

/// Gives the values of `body` to the target; an object without keys changes nothing. `given` are the keys it has, where more are asked for.
pub(crate) async fn update(
    scope: &EnvironmentScope,
    table: &str,
    query: &Query,
    body: &Body<'_>,
    given: Option<&[String]>,
    asked: &Writing<'_>,
) -> Result<Written> {
    let work = |context: &Context<'_>, table: &Table| {
        let statement = compile::update(context, table, query, body, given, asked.change())?;
        usage::note(scope, context, table, Verb::Update, query, &body.keys);
        Ok(Some(Planned { on: place(table, &statement, false, asked.transaction), statement, is_flat: false, extra: () }))
    };
    let (answered, _) = execute(scope, table, &asked.verbs(Verb::Update), asked.transaction, work).await?;
    changed(&answered.rows()?, table, asked)
}

/// Removes the target.
pub(crate) async fn delete(scope: &EnvironmentScope, table: &str, query: &Query, asked: &Writing<'_>) -> Result<Written> {
    let work = |context: &Context<'_>, table: &Table| {
        let statement = compile::delete(context, table, query, asked.change())?;
        usage::note(scope, context, table, Verb::Delete, query, &[]);
        Ok(Some(Planned { on: place(table, &statement, false, asked.transaction), statement, is_flat: false, extra: () }))
    };
    let (answered, _) = execute(scope, table, &asked.verbs(Verb::Delete), asked.transaction, work).await?;
    changed(&answered.rows()?, table, asked)
}

/// Calls a function. `read` reads the arguments once it is known which there are; it gets the functions of that name.
pub(crate) async fn call<'p>(
    scope: &EnvironmentScope,
    name: &str,
    read: impl Fn(&[Function]) -> Result<(Arguments<'p>, Option<&'p str>, Query)>,
    only_reads: bool,
    asked: &Listing<'_>,
) -> Result<Outcome> {
    let transaction = if only_reads { asked.transaction.reading() } else { asked.transaction };
    let (count, _) = counts(scope, asked.count);
    let wanted = Wanted { count, format: asked.format, flat: false, max_affected: asked.max_affected };
    let work = |schema: &Schema| {
        let caller = Caller::new(scope.actor(), schema);
        let context = context(scope, schema, &caller);
        let visible = context.access.function(name);
        let (arguments, body, query) = read(if visible { schema.functions(name) } else { &[] })?;
        let (function, arguments) = compile::choose(schema, visible, name, arguments, body)?;
        if only_reads && function.is_volatile {
            return Err(Error::method_not_allowed(
                "25006",
                format!("The function '{name}' may change something, so GET does not call it."),
            )
            .hint("Call it with POST."));
        }
        scope.used(name, Verb::Call, |_| {});
        let compile::List { statement, keyset, .. } = compile::call(&context, function, &arguments, &query, wanted)?;
        let limit = query.limit.unwrap_or(u64::MAX).min(context.max_rows);
        let kind =
            (!matches!(function.returns, Returns::Void), matches!(function.returns, Returns::Scalar { .. }), function.is_set);
        Ok(Some(Planned { statement, is_flat: false, on: Place::Transaction, extra: (keyset, limit, query, kind) }))
    };
    let (answered, extra) = attempt_twice(scope, transaction, false, work).await?;
    let rows = answered.rows()?;
    let (keyset, limit, query, kind) = extra.ok_or_else(|| Error::internal("a call without a statement"))?;
    let row = only(&rows)?;
    Ok(match kind {
        (false, ..) => Outcome::Nothing,
        (_, true, false) => Outcome::Value(text(&row, 1)?),
        (_, true, true) => Outcome::Records(page(&rows, false, None, limit, &query)?),
        (_, false, true) => Outcome::Records(page(&rows, count, keyset.as_ref(), limit, &query)?),
        (_, false, false) => Outcome::Value(alone(&text(&row, 1)?)),
    })
}

/// The only record of a JSON array by itself; null when there is none.
fn alone(array: &Bytes) -> Bytes {
    if array.len() <= 2 { Bytes::from_static(b"null") } else { array.slice(1..array.len() - 1) }
}

fn context<'s>(scope: &EnvironmentScope, schema: &'s Schema, access: &'s Caller<'s>) -> Context<'s> {
    let settings = scope.settings();
    let is_recent = schema.read.elapsed() <= SCHEMA_AGE;
    Context { schema, access, max_rows: settings.max_rows, aggregates: settings.aggregates, is_recent }
}

/// Looks the table up, has the statement written, and runs it; once more if the schema turns out to have changed.
async fn execute<'p, T>(
    scope: &EnvironmentScope,
    table: &str,
    verbs: &[Verb],
    transaction: Transaction<'_>,
    work: impl Fn(&Context<'_>, &Table) -> Result<Option<Planned<'p, T>>>,
) -> Result<(Answered, Option<T>)> {
    let reads_a_body = verbs.iter().any(|verb| matches!(verb, Verb::Create | Verb::Update));
    let work = |schema: &Schema| {
        let caller = Caller::new(scope.actor(), schema);
        let found = access::table(scope.actor(), schema, table, verbs)?;
        work(&context(scope, schema, &caller), found)
    };
    attempt_twice(scope, transaction, reads_a_body, work).await
}

async fn attempt_twice<'p, T>(
    scope: &EnvironmentScope,
    transaction: Transaction<'_>,
    reads_a_body: bool,
    work: impl Fn(&Schema) -> Result<Option<Planned<'p, T>>>,
) -> Result<(Answered, Option<T>)> {
    let schema = scope.schema().await?;
    match attempt(scope, transaction, work(&schema)).await {
        Err(error) if may_be_outdated(&error, reads_a_body) => {
            let again = async {
                let fresh = scope.reload_schema().await?;
                if Arc::ptr_eq(&schema, &fresh) { Err(error) } else { attempt(scope, transaction, work(&fresh)).await }
            };
            Box::pin(again).await
        }
        outcome => outcome,
    }
}

async fn attempt<T>(
    scope: &EnvironmentScope,
    transaction: Transaction<'_>,
    planned: Result<Option<Planned<'_, T>>>,
) -> Result<(Answered, Option<T>)> {
    let Some(Planned { statement, on, is_flat, extra }) = planned? else { return Ok((Answered::Rows(Rows::none()), None)) };
    let on = match on {
        Place::Lane => On::Lane,
        Place::Session if transaction.writes() => On::Change,
        Place::Session => On::Session,
        Place::Inserts => On::Inserts,
        Place::Writer => On::Writer,
        Place::Transaction => On::Transaction(transaction),
    };
    let answered = if is_flat {
        Answered::Records(scope.records(on, &statement.sql, &statement.params).await?)
    } else {
        Answered::Rows(scope.run(on, &statement.sql, &statement.params).await?)
    };
    Ok((answered, Some(extra)))
}

/// Where a statement belongs.
fn place(table: &Table, statement: &Statement<'_>, is_long: bool, transaction: Transaction<'_>) -> Place {
    let writes_plainly = transaction.writes() && table.is_plain && !table.writes_run_code;
    if !transaction.is_plain() || !(statement.is_plain || writes_plainly) {
        // What runs may ask who calls.
        return Place::Transaction;
    }
    // Counting reads the whole table: not on a lane, where others would wait behind it.
    if statement.is_plain && !is_long { Place::Lane } else { Place::Session }
}

/// Whether to count, and whether to take PostgreSQL's guess instead.
///
/// The guess comes from statistics of all records, so whoever is held to rules is told the exact number of theirs.
fn counts(scope: &EnvironmentScope, asked: Option<Count>) -> (bool, bool) {
    let sees_all = scope.actor().kind == KeyKind::Secret && scope.actor().user.is_none();
    match asked {
        Some(Count::Exact) => (true, false),
        Some(Count::Planned | Count::Estimated) if !sees_all => (true, false),
        Some(Count::Planned | Count::Estimated) => (false, true),
        None => (false, false),
    }
}

/// How many records PostgreSQL thinks there are; how many there are, where the page holds all of them.
async fn estimate(scope: &EnvironmentScope, table: &str, query: &Query, page: &Page) -> Result<u64> {
    let (limit, offset) = (query.limit.unwrap_or(u64::MAX).min(scope.settings().max_rows), query.offset.unwrap_or(0));
    if page.records > 0 && page.records < limit && query.after.is_none() {
        return Ok(offset + page.records);
    }
    let reading = Transaction::default().reading();
    let work = |context: &Context<'_>, table: &Table| {
        let statement = compile::estimate(context, table, query)?;
        Ok(Some(Planned { statement, on: Place::Session, is_flat: false, extra: () }))
    };
    let (answered, _) = execute(scope, table, &[Verb::Read], reading, work).await?;
    let plan: serde_json::Value =
        only(&answered.rows()?).and_then(|row| serde_json::from_slice(&text(&row, 0)?).map_err(Error::internal))?;
    let guess = plan[0]["Plan"]["Plan Rows"].as_f64().unwrap_or(0.0) as u64;
    Ok(guess.max(offset + page.records))
}

/// The answer may be another one with the schema as it is now. None of these errors has changed anything.
fn may_be_outdated(error: &Error, reads_a_body: bool) -> bool {
    let codes = [
        "PGRST200",
        "PGRST202",
        access::UNKNOWN_TABLE,
        compile::UNKNOWN_KEY,
        "record/no-single-key",
        sqlstate::UNDEFINED_FUNCTION,
        sqlstate::UNDEFINED_TABLE,
        sqlstate::UNDEFINED_COLUMN,
        sqlstate::UNDEFINED_TYPE,
        sqlstate::TYPE_MISMATCH,
        sqlstate::FEATURE_NOT_SUPPORTED,
    ];
    // Bodies are read with the columns' types, so a value may be wrong for the old type alone.
    codes.contains(&error.code.as_str()) || (reads_a_body && error.code == sqlstate::INVALID_TEXT)
}

fn page(rows: &Rows, counted: bool, keyset: Option<&Keyset>, limit: u64, query: &Query) -> Result<Page> {
    let row = only(rows)?;
    let records = number(&row, 0)?;
    let total = if counted { Some(number(&row, 2)?) } else { None };
    let keys = match keyset {
        Some(_) if records == limit => row.text(if counted { 3 } else { 2 })?,
        _ => None,
    };
    let next = keyset.zip(keys).map(|(keyset, keys)| keyset.token(keys));
    Ok(Page { records, text: text(&row, 1)?, total, offset: query.offset.unwrap_or(0), next })
}

/// A page whose rows are the records.
fn page_of(records: &Records, keyset: Option<&Keyset>, limit: u64, query: &Query) -> Result<Page> {
    let rows = records.rows();
    let number = rows.len() as u64;
    let last = keyset.filter(|_| number == limit).zip(rows.last());
    let next = last.and_then(|(keyset, row)| Some(keyset.token(&keyset.texts_of(row)?)));
    Ok(Page { records: number, text: records.to_array()?, total: None, offset: query.offset.unwrap_or(0), next })
}

fn written(rows: &Rows, returning: Returning) -> Result<Written> {
    let Some(row) = rows.first() else {
        let text = matches!(returning, Returning::Records | Returning::Keys).then(|| Bytes::from_static(b"[]"));
        return Ok(Written { text, ..Written::default() });
    };
    let at = |name: &str| rows.columns().iter().position(|column| &*column.name == name);
    Ok(Written {
        // Not there where nobody counts.
        records: at("n").map(|at| number(&row, at)).transpose()?.unwrap_or(0),
        text: at("body").map(|at| text(&row, at)).transpose()?,
        inserted: at("inserted").map(|at| number(&row, at)).transpose()?,
    })
}

fn changed(rows: &Rows, table: &str, asked: &Writing<'_>) -> Result<Written> {
    let written = written(rows, asked.returning)?;
    match asked.target {
        Target::Id(id) if written.records == 0 => Err(not_found(table, id)),
        _ => Ok(written),
    }
}

fn not_found(table: &str, id: &str) -> Error {
    Error::not_found("record/not-found", format!("There is no record '{id}' in '{table}'."))
        .hint("Check the id; the record may have been deleted.")
}

fn only(rows: &Rows) -> Result<Row<'_>> {
    rows.first().ok_or_else(|| Error::internal("an aggregate gave no row"))
}

fn number(row: &Row<'_>, column: usize) -> Result<u64> {
    Ok(row.number(column)?.unsigned_abs())
}

/// JSON, or CSV; `null` for nothing.
fn text(row: &Row<'_>, column: usize) -> Result<Bytes> {
    Ok(row.bytes(column)?.unwrap_or(Bytes::from_static(b"null")))
}
