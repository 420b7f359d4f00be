//! Writes the SQL of a request. Names come from the schema and are quoted; values are bound; each request is one statement, so that it
//! happens whole or not at all. What the caller's guards leave of a table is part of the statement, on every level of it.

mod call;
mod csv;
mod embed;
mod filter;
mod given;
mod insert;
mod level;
mod lists;
mod order;
mod rule;
mod select;
mod types;
mod write;

use std::borrow::Cow;

use cloche_definitions::quote_identifier;
use cloche_dialect::Query;

use super::{Context, Format, Statement, closest};
use crate::access::Guard;
use crate::error::{Error, Result};
use crate::postgres::param::TextParam;
use crate::postgres::schema::{Column, Table, Verb};
use level::Level;

pub(crate) use call::{Arguments, call, choose};
pub(crate) use insert::{Conflict, Resolving, insert};
pub(crate) use order::Keyset;
pub(crate) use write::{Body, Change, Target, delete, update};

/// Records in an answer, at most and unless the environment's settings say otherwise: no request may fill the server's memory.
pub(crate) const MAX_ROWS: u64 = 1000;

/// Bytes of an answer with embedded records, at most: a thousand of them each with a thousand others would be very many.
pub(crate) const MAX_EMBEDDED: u64 = 32 << 20;

/// PostgREST's code for a key of the body that is no column.
pub(crate) const UNKNOWN_KEY: &str = "PGRST204";

/// What is asked for beside the records of a list.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    /// How many fit the filters, whatever the limit.
    pub(crate) count: bool,
    pub(crate) format: Format,
    /// Rows may come as they are, to be written as JSON by the server.
    pub(crate) flat: bool,
    /// Refuse to answer more records.
    pub(crate) max_affected: Option<u64>,
}

/// A statement for a list, and what its answer holds.
pub(crate) struct List<'p> {
    pub(crate) statement: Statement<'p>,
    /// The rows are the records, and the keys of the last stand behind it.
    pub(crate) is_flat: bool,
    /// The answer's last column tells where the page ended, to go on from there.
    pub(crate) keyset: Option<Keyset>,
}

/// Many records: one row of their number, their text and, with `count`, the number of all that fit the filters; then the keys of the
/// last record, where a next page can begin after them.
pub(crate) fn list<'a, 'p>(context: &'a Context<'a>, table: &'a Table, query: &Query, wanted: Wanted) -> Result<List<'p>> {
    let mut writer = Writer::new(context);
    let guard = writer.guard(table, Verb::Read)?;
    let level = writer.level(table, guard);
    let from = writer.from(&level, query, None)?;
    let rows = writer.rows(&level, query, &from, wanted)?;
    Ok(List { is_flat: rows.is_flat, statement: writer.finish(rows.sql), keyset: rows.keyset })
}

/// One record by its key: one row with its JSON, or, where `flat`, as it is; or none.
pub(crate) fn find<'a, 'p>(context: &'a Context<'a>, table: &'a Table, id: &'p str, query: &Query) -> Result<List<'p>> {
    let mut writer = Writer::new(context);
    let guard = writer.guard(table, Verb::Read)?;
    let level = writer.level(table, guard);
    let key = writer.key_condition(&level, id)?;
    let from = writer.from(&level, query, Some(key))?;
    let selected = writer.selected(&level, query)?;
    let (list, found) = (selected.list(), from.sql(&selected.joins, None));
    let is_flat = writer.is_plain && selected.is_flat();
    let records = ["SELECT ", &list, &found, &selected.group_by()].concat();
    let sql = if is_flat {
        records
    } else if writer.embeds {
        // Made once, though it is looked at twice: what has an offset is not merged into the query around it.
        let text = writer.bounded("s.v".to_owned());
        format!("SELECT {text} FROM (SELECT pg_catalog.row_to_json(r.*)::text AS v FROM ({records}) AS r OFFSET 0) AS s")
    } else {
        format!("SELECT pg_catalog.row_to_json(r.*)::text FROM ({records}) AS r")
    };
    Ok(List { is_flat, statement: writer.finish(sql), keyset: None })
}

/// PostgreSQL's plan for all that fits the filters, as JSON.
pub(crate) fn estimate<'a, 'p>(context: &'a Context<'a>, table: &'a Table, query: &Query) -> Result<Statement<'p>> {
    let mut writer = Writer::new(context);
    let guard = writer.guard(table, Verb::Read)?;
    let level = writer.level(table, guard);
    let from = writer.from(&level, query, None)?;
    Ok(writer.finish(format!("EXPLAIN (FORMAT JSON) SELECT 1{}", from.sql("", None))))
}

/// The column of a single-column primary key.
fn single_key(table: &Table) -> Result<&Column> {
    table.single_key().and_then(|key| table.column(key)).ok_or_else(|| {
        Error::bad_input("record/no-single-key", format!("'{}' has no primary key of one column.", table.name))
            .hint(format!("Find its records with filters: /v1/data/{}?column=eq.value.", table.name))
    })
}

/// The text of the rows of a list, as a whole statement.
struct Rows {
    sql: String,
    is_flat: bool,
    keyset: Option<Keyset>,
}

/// SQL being written. Fragments are texts; their values are bound as they come up.
struct Writer<'a, 'p> {
    context: &'a Context<'a>,
    params: Vec<TextParam<'p>>,
    /// Aliases given out.
    aliases: usize,
    is_plain: bool,
    /// Records stand in records.
    embeds: bool,
    /// Every output needs a name of its own: `*` will not do.
    named: bool,
}

impl<'a, 'p> Writer<'a, 'p> {
    fn new(context: &'a Context<'a>) -> Self {
        Self { context, params: Vec::new(), aliases: 0, is_plain: true, embeds: false, named: false }
    }

    fn finish(self, sql: String) -> Statement<'p> {
        Statement { sql, params: self.params, is_plain: self.is_plain, tells_plainly: self.is_plain }
    }

    /// The placeholder of a new value.
    fn bind(&mut self, value: impl Into<Cow<'p, str>>) -> String {
        self.params.push(TextParam::new(value));
        numbered('$', self.params.len())
    }

    /// The same for one that may be NULL.
    fn bind_optional(&mut self, value: Option<Cow<'p, str>>) -> String {
        self.params.push(TextParam(value));
        numbered('$', self.params.len())
    }

    fn alias(&mut self) -> String {
        self.aliases += 1;
        numbered('t', self.aliases)
    }

    /// What the caller may do with a table, which has been found open for that before.
    fn guard(&self, table: &Table, verb: Verb) -> Result<Guard<'a>> {
        self.context.access.table(table, verb).ok_or_else(|| {
            Error::forbidden("access/denied", format!("You may not {} records of '{}'.", verb.as_str(), table.name))
        })
    }

    fn level(&mut self, table: &'a Table, guard: Guard<'a>) -> Level<'a> {
        self.is_plain &= table.is_plain;
        Level::of(table, self.alias(), guard)
    }

    fn key_condition(&mut self, level: &Level<'a>, id: &'p str) -> Result<String> {
        let key = single_key(level.table)?;
        Ok([level.alias.as_str(), ".", &quote_identifier(&key.name), " = ", &self.bind(id)].concat())
    }

    /// The records that fit the filters, the guard, and `more`.
    fn from(&mut self, level: &Level<'a>, query: &Query, more: Option<String>) -> Result<From> {
        let mut conditions: Vec<String> = Vec::with_capacity(query.filters.len() + 2);
        conditions.extend(more);
        self.conditions(level, query, &mut conditions)?;
        Ok(From { source: level.source.clone(), conditions })
    }

    /// The text of an answer, unless it is too long. An aggregate that stands in a statement twice is made once.
    fn bounded(&self, text: String) -> String {
        if !self.embeds {
            return text;
        }
        format!(
            "CASE WHEN pg_catalog.octet_length({text}) > {MAX_EMBEDDED} THEN cloche.refuse('row', {MAX_EMBEDDED})::text ELSE {text} END"
        )
    }

    /// Many records as one row: their number, their text, what was `wanted` beside, and the keys of the last.
    fn rows(&mut self, level: &Level<'a>, query: &Query, from: &From, wanted: Wanted) -> Result<Rows> {
        self.named = wanted.format == Format::Csv;
        let selected = self.selected(level, query)?;
        let order = self.order(level, query)?;
        let keyset = if wanted.format == Format::Json { Keyset::of(level, query, &selected) } else { None };
        // What the page before ended with counts for the page alone, not for the number of all.
        let after = match (&keyset, &query.after) {
            (Some(keyset), Some(token)) => Some(self.after(level, keyset, token)?),
            (None, Some(_)) => return Err(order::no_keyset()),
            _ => None,
        };
        let grouped = selected.group_by();
        // The limit is written out: with a bound one PostgreSQL guesses a tenth of the table and plans anew every time.
        let limit = query.limit.unwrap_or(u64::MAX).min(self.context.max_rows);
        let mut page = keyset.as_ref().map_or(order, |keyset| keyset.order_by(&level.alias));
        page.push_str(&format!(" LIMIT {limit}"));
        if let Some(offset) = query.offset.filter(|offset| *offset > 0) {
            page.push_str(&format!(" OFFSET {}", self.bind(offset.to_string())));
        }
        let found = from.sql(&selected.joins, after.as_deref());
        let count = match (wanted.count, grouped.is_empty()) {
            (false, _) => String::new(),
            (true, true) => format!(", (SELECT count(*){})", from.sql("", None)),
            (true, false) => format!(", (SELECT count(*) FROM (SELECT 1{}{grouped}) AS g)", from.sql(&selected.joins, None)),
        };
        let refusal = call::refusal(wanted);
        let is_flat = wanted.flat && !wanted.count && wanted.format == Format::Json && self.is_plain && selected.is_flat();
        let sql = match &keyset {
            keyset if is_flat => {
                let keys = keyset.as_ref().map(|keyset| keyset.beside(&level.alias)).unwrap_or_default();
                ["SELECT ", &selected.list(), &keys, &found, &page].concat()
            }
            Some(keyset) => format!(
                "SELECT count(*), {}{count}, (pg_catalog.array_agg(r.k))[count(*)]::text{refusal} \
                 FROM (SELECT (SELECT pg_catalog.row_to_json(o.*) FROM (SELECT {}) AS o) AS v, {} AS k{found}{page}) AS r",
                self.bounded("coalesce(pg_catalog.json_agg(r.v), '[]')::text".to_owned()),
                selected.list(),
                keyset.texts(&level.alias)
            ),
            None => {
                let records = format!("SELECT {}{found}{grouped}{page}", selected.list());
                let text = self.bounded(csv::aggregated(wanted.format, &selected));
                format!("SELECT count(*), {text}{count}{refusal} FROM ({records}) AS r")
            }
        };
        Ok(Rows { sql, is_flat, keyset })
    }
}

/// `$1`, `t2`.
fn numbered(kind: char, number: usize) -> String {
    let mut text = String::with_capacity(4);
    text.push(kind);
    match u32::try_from(number).ok().and_then(|number| char::from_digit(number, 10)) {
        Some(digit) => text.push(digit),
        None => text.push_str(&number.to_string()),
    }
    text
}

/// Where records come from, and what they must fit.
struct From {
    source: String,
    conditions: Vec<String>,
}

impl From {
    /// ` FROM … WHERE …`
    fn sql(&self, joins: &str, more: Option<&str>) -> String {
        [" FROM ", &self.source, joins, &self.condition(more)].concat()
    }

    /// ` WHERE …`, or nothing.
    fn condition(&self, more: Option<&str>) -> String {
        let mut text = String::with_capacity(self.conditions.iter().map(|condition| condition.len() + 7).sum());
        for (at, condition) in self.conditions.iter().map(String::as_str).chain(more).enumerate() {
            text.push_str(if at == 0 { " WHERE " } else { " AND " });
            text.push_str(condition);
        }
        text
    }
}

/// The name most like the one asked for, or the list of those there are.
fn near(wanted: &str, level: &Level<'_>) -> String {
    let names = || level.visible().map(|column| column.name.as_str());
    match closest(wanted, names()) {
        Some(near) => format!("Did you mean '{near}'?"),
        None => {
            let listed: Vec<&str> = names().take(30).collect();
            let more = if names().count() > 30 { ", …" } else { "" };
            format!("Its columns: {}{more}.", listed.join(", "))
        }
    }
}

#[cfg(test)]
mod tests;
