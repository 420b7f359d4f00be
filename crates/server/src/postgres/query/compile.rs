//! Writes the SQL of a request. Names come from the [`Table`] and are quoted; values are bound; each request is one
//! statement, so that it happens whole or not at all.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{Comparison, Filter, Is, Order, Output, Query, Test, closest};
use crate::error::{Error, Result};
use crate::postgres::param::TextParam;
use crate::postgres::schema::{Column, Table};
use cloche_definitions::quote_identifier;

/// Records in an answer, at most and unless fewer are asked for: no request may fill the server's memory.
pub(crate) const MAX_LIMIT: u64 = 1000;

/// PostgREST's code for a key of the body that is no column.
pub(crate) const UNKNOWN_KEY: &str = "PGRST204";

/// One statement and its values.
#[derive(Debug)]
pub(crate) struct Statement<'a> {
    pub(crate) sql: String,
    pub(crate) params: Vec<TextParam<'a>>,
}

/// What a write tells about the records it touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Returning {
    /// No row at all.
    Nothing,
    /// One row: how many.
    Count,
    /// One row: how many, and the records as a JSON array.
    Records,
    /// One row: how many, and a JSON array of objects with the primary key's columns as text.
    Keys,
}

/// The columns and shape of a JSON body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body<'a> {
    /// The JSON itself: an object, or an array of objects.
    pub(crate) json: &'a str,
    /// The keys, which all objects share.
    pub(crate) keys: Vec<String>,
    pub(crate) is_array: bool,
}

/// Many records: one row of their number and their JSON array, and with `count` the number of all that fit the filters.
pub(crate) fn list<'a>(table: &Table, query: &'a Query, count: bool) -> Result<Statement<'a>> {
    let mut sql = Sql::default();
    let condition = sql.condition(table, &query.filters)?;
    sql.push("SELECT count(*), coalesce(pg_catalog.json_agg(r.*), '[]')::text");
    if count {
        sql.push(format_args!(", (SELECT count(*) FROM {} AS t{condition})", table.sql_name));
    }
    sql.push(" FROM (SELECT ");
    sql.outputs(table, &query.select)?;
    sql.push(format_args!(" FROM {} AS t{condition}", table.sql_name));
    sql.order(table, &query.order)?;
    // The limit is written out: with a bound one PostgreSQL guesses a tenth of the table and plans anew every time.
    sql.push(format_args!(" LIMIT {}", query.limit.unwrap_or(MAX_LIMIT).min(MAX_LIMIT)));
    if let Some(offset) = query.offset.filter(|offset| *offset > 0) {
        sql.push(" OFFSET ");
        sql.bind(offset.to_string());
    }
    sql.push(") AS r");
    Ok(sql.finish())
}

/// One record by its key: one row with its JSON, or none.
pub(crate) fn find<'a>(table: &Table, key: &Column, id: &'a str, select: &[Output]) -> Result<Statement<'a>> {
    let mut sql = Sql::default();
    if select.is_empty() {
        sql.push(format_args!("SELECT pg_catalog.row_to_json(t.*)::text FROM {} AS t", table.sql_name));
    } else {
        sql.push("SELECT pg_catalog.row_to_json(r.*)::text FROM (SELECT ");
        sql.outputs(table, select)?;
        sql.push(format_args!(" FROM {} AS t", table.sql_name));
    }
    sql.push(format_args!(" WHERE t.{} = ", quote_identifier(&key.name)));
    sql.bind(id);
    if !select.is_empty() {
        sql.push(") AS r");
    }
    Ok(sql.finish())
}

/// New records from the objects of `body`.
pub(crate) fn insert<'a>(table: &Table, body: &Body<'a>, select: &[Output], returning: Returning) -> Result<Statement<'a>> {
    let returning = tellable(table, returning);
    let mut sql = Sql::default();
    sql.open(returning);
    sql.push(format_args!("INSERT INTO {} AS t", table.sql_name));
    if body.keys.is_empty() && body.is_array {
        // As many records of defaults as there are empty objects.
        sql.push(" SELECT FROM pg_catalog.json_array_elements(");
        sql.bind(body.json);
        sql.push(")");
    } else if body.keys.is_empty() {
        sql.push(" DEFAULT VALUES");
    } else {
        let columns = body_columns(table, body)?;
        sql.push(format_args!(" ({}) SELECT ", names(&columns, "")));
        sql.push(format_args!("{} FROM ", names(&columns, "b.")));
        sql.body(body, &columns);
    }
    sql.close(table, select, returning)?;
    Ok(sql.finish())
}

/// Gives the values of `body`, which is one object, to every record that fits the filters.
///
/// An object without keys changes nothing. The statement then finds the one record meant by its id, or none for filters.
pub(crate) fn update<'a>(table: &Table, query: &'a Query, body: &Body<'a>, change: Change<'a>) -> Result<Statement<'a>> {
    let columns = body_columns(table, body)?;
    let mut sql = Sql::default();
    let condition = sql.target(table, query, &change)?;
    if columns.is_empty() {
        let condition = if change.id.is_some() { condition } else { format!("{condition} AND false") };
        sql.open(change.returning);
        sql.push("SELECT ");
        sql.touched(table, &query.select, change.returning)?;
        sql.push(format_args!(" FROM {} AS t{condition}", table.sql_name));
        sql.summarise(change.returning);
        return Ok(sql.finish());
    }
    sql.open_guarded(table, &condition, &change);
    sql.push(format_args!("UPDATE {} AS t SET ", table.sql_name));
    for (at, column) in columns.iter().enumerate() {
        let name = quote_identifier(&column.name);
        sql.push(format_args!("{}{name} = b.{name}", comma(at)));
    }
    sql.push(" FROM ");
    sql.body(body, &columns);
    sql.push(&condition);
    sql.guard(&change);
    sql.close(table, &query.select, change.returning)?;
    Ok(sql.finish())
}

/// Removes every record that fits the filters.
pub(crate) fn delete<'a>(table: &Table, query: &'a Query, change: Change<'a>) -> Result<Statement<'a>> {
    let mut sql = Sql::default();
    let condition = sql.target(table, query, &change)?;
    sql.open_guarded(table, &condition, &change);
    sql.push(format_args!("DELETE FROM {} AS t{condition}", table.sql_name));
    sql.guard(&change);
    sql.close(table, &query.select, change.returning)?;
    Ok(sql.finish())
}

/// How an update or delete finds its records, and what it answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change<'a> {
    pub(crate) returning: Returning,
    /// Touch nothing unless exactly one record fits. Only with [`Returning::Records`].
    pub(crate) exactly_one: bool,
    /// The record with this primary key, in place of filters.
    pub(crate) id: Option<&'a str>,
}

/// The column of a single-column primary key.
pub(crate) fn single_key(table: &Table) -> Result<&Column> {
    table.single_key().and_then(|key| table.column(key)).ok_or_else(|| {
        Error::bad_input("record/no-single-key", format!("'{}' has no primary key of one column.", table.name))
            .hint(format!("Find its records with filters: /v1/data/{}?column=eq.value.", table.name))
    })
}

/// The column of that name, or an error that names the closest one.
fn column<'t>(table: &'t Table, name: &str, used_in: &str) -> Result<&'t Column> {
    table.column(name).ok_or_else(|| {
        let message = format!("'{}' has no column '{name}', which {used_in} names.", table.name);
        Error::bad_input("column/not-found", message).hint(
            match closest(name, table.columns.iter().map(|column| column.name.as_str())) {
                Some(near) => format!("Did you mean '{near}'?"),
                None => format!("Its columns: {}.", listed(table)),
            },
        )
    })
}

fn listed(table: &Table) -> String {
    let names: Vec<&str> = table.columns.iter().take(30).map(|column| column.name.as_str()).collect();
    let more = if table.columns.len() > 30 { ", …" } else { "" };
    names.join(", ") + more
}

fn body_columns<'t>(table: &'t Table, body: &Body<'_>) -> Result<Vec<&'t Column>> {
    let of_body = |key: &String| {
        column(table, key, "the body").map_err(|error| {
            let error = error.field(key, "unknown", "There is no such column.");
            Error { code: UNKNOWN_KEY.to_owned(), ..error }
        })
    };
    body.keys.iter().map(of_body).collect()
}

/// Without a primary key there are no keys to tell.
fn tellable(table: &Table, returning: Returning) -> Returning {
    if returning == Returning::Keys && table.primary_key.is_empty() { Returning::Count } else { returning }
}

fn names(columns: &[&Column], prefix: &str) -> String {
    let mut list = String::new();
    for (at, column) in columns.iter().enumerate() {
        let _ = write!(list, "{}{prefix}{}", comma(at), quote_identifier(&column.name));
    }
    list
}

fn comma(at: usize) -> &'static str {
    if at == 0 { "" } else { ", " }
}

/// A PostgreSQL array of texts, in its text form. Quoted, so that `NULL` and `{` are texts too.
fn array_literal(values: &[String]) -> String {
    let mut literal = String::with_capacity(2 + values.iter().map(|value| value.len() + 3).sum::<usize>());
    literal.push('{');
    for (at, value) in values.iter().enumerate() {
        literal.push_str(if at == 0 { "\"" } else { ",\"" });
        for character in value.chars() {
            if matches!(character, '"' | '\\') {
                literal.push('\\');
            }
            literal.push(character);
        }
        literal.push('"');
    }
    literal.push('}');
    literal
}

/// SQL being written.
#[derive(Default)]
struct Sql<'a> {
    text: String,
    params: Vec<TextParam<'a>>,
}

impl<'a> Sql<'a> {
    fn push(&mut self, text: impl std::fmt::Display) {
        let _ = write!(self.text, "{text}");
    }

    /// The placeholder of a new value.
    fn placeholder(&mut self, value: impl Into<Cow<'a, str>>) -> String {
        self.params.push(TextParam::new(value));
        format!("${}", self.params.len())
    }

    fn bind(&mut self, value: impl Into<Cow<'a, str>>) {
        let placeholder = self.placeholder(value);
        self.push(placeholder);
    }

    fn finish(self) -> Statement<'a> {
        Statement { sql: self.text, params: self.params }
    }

    fn outputs(&mut self, table: &Table, select: &[Output]) -> Result<()> {
        if select.is_empty() {
            self.push("t.*");
        }
        for (at, output) in select.iter().enumerate() {
            let column = column(table, &output.column, "'select'")?;
            if select[..at].iter().any(|other| other.name() == output.name()) {
                let message = format!("'select' gives the name '{}' to two columns.", output.name());
                return Err(Error::bad_input("select/duplicate-name", message).hint("Give one of them an alias: alias:column."));
            }
            self.push(format_args!("{}t.{} AS {}", comma(at), quote_identifier(&column.name), quote_identifier(output.name())));
        }
        Ok(())
    }

    /// ` WHERE …`, or nothing. Its values are bound at once: the text may be used several times.
    fn condition(&mut self, table: &Table, filters: &'a [Filter]) -> Result<String> {
        let mut text = String::new();
        for filter in filters {
            let column = column(table, &filter.column, "a filter")?;
            text.push_str(if text.is_empty() { " WHERE " } else { " AND " });
            if filter.negated {
                text.push_str("NOT ");
            }
            let _ = write!(text, "t.{}", quote_identifier(&column.name));
            match &filter.test {
                Test::Compare(comparison, value) => {
                    let _ = write!(text, " {} {}", comparison.sql(), self.placeholder(value.as_str()));
                }
                Test::In(values) => {
                    let _ = write!(text, " = ANY ({})", self.placeholder(array_literal(values)));
                }
                Test::Like { pattern, ignore_case } => {
                    let operator = if *ignore_case { "ILIKE" } else { "LIKE" };
                    let _ = write!(text, " {operator} {}", self.placeholder(pattern.as_str()));
                }
                Test::Is(is) => {
                    let _ = write!(text, " IS {}", is.sql());
                }
            }
        }
        Ok(text)
    }

    fn order(&mut self, table: &Table, order: &[Order]) -> Result<()> {
        for (at, key) in order.iter().enumerate() {
            let column = column(table, &key.column, "'order'")?;
            let lead = if at == 0 { " ORDER BY " } else { ", " };
            let direction = if key.descending { " DESC" } else { "" };
            let nulls = match key.nulls_first {
                Some(true) => " NULLS FIRST",
                Some(false) => " NULLS LAST",
                None => "",
            };
            self.push(format_args!("{lead}t.{}{direction}{nulls}", quote_identifier(&column.name)));
        }
        Ok(())
    }

    /// The records of the body as a relation `b` with typed columns.
    fn body(&mut self, body: &Body<'a>, columns: &[&Column]) {
        self.push(if body.is_array { "pg_catalog.json_to_recordset(" } else { "pg_catalog.json_to_record(" });
        self.bind(body.json);
        self.push(") AS b(");
        for (at, column) in columns.iter().enumerate() {
            self.push(format_args!("{}{} {}", comma(at), quote_identifier(&column.name), column.sql_type));
        }
        self.push(")");
    }

    fn target(&mut self, table: &Table, query: &'a Query, change: &Change<'a>) -> Result<String> {
        match change.id {
            Some(id) => Ok(format!(" WHERE t.{} = {}", quote_identifier(&single_key(table)?.name), self.placeholder(id))),
            None if query.filters.is_empty() => Err(filter_required(table)),
            None => self.condition(table, &query.filters),
        }
    }

    fn open(&mut self, returning: Returning) {
        if returning != Returning::Nothing {
            self.push("WITH w AS (");
        }
    }

    fn open_guarded(&mut self, table: &Table, condition: &str, change: &Change<'_>) {
        if change.exactly_one {
            self.push(format_args!("WITH fitting AS (SELECT count(*) AS n FROM {} AS t{condition}), w AS (", table.sql_name));
        } else {
            self.open(change.returning);
        }
    }

    fn guard(&mut self, change: &Change<'_>) {
        if change.exactly_one {
            self.push(" AND (SELECT n FROM fitting) = 1");
        }
    }

    fn close(&mut self, table: &Table, select: &[Output], returning: Returning) -> Result<()> {
        if returning != Returning::Nothing {
            self.push(" RETURNING ");
            self.touched(table, select, returning)?;
        }
        self.summarise(returning);
        Ok(())
    }

    /// What is told of each record touched.
    fn touched(&mut self, table: &Table, select: &[Output], returning: Returning) -> Result<()> {
        match returning {
            Returning::Nothing | Returning::Count => self.push("1"),
            Returning::Records => self.outputs(table, select)?,
            Returning::Keys => {
                for (at, key) in table.primary_key.iter().enumerate() {
                    let name = quote_identifier(key);
                    self.push(format_args!("{}t.{name}::text AS {name}", comma(at)));
                }
            }
        }
        Ok(())
    }

    fn summarise(&mut self, returning: Returning) {
        match returning {
            Returning::Nothing => {}
            Returning::Count => self.push(") SELECT count(*) FROM w"),
            Returning::Records | Returning::Keys => {
                self.push(") SELECT count(*), coalesce(pg_catalog.json_agg(w.*), '[]')::text FROM w");
            }
        }
    }
}

impl Comparison {
    fn sql(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
        }
    }
}

impl Is {
    fn sql(self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::NotNull => "NOT NULL",
            Self::True => "TRUE",
            Self::False => "FALSE",
            Self::Unknown => "UNKNOWN",
        }
    }
}

fn filter_required(table: &Table) -> Error {
    Error::bad_input(
        "request/filter-required",
        format!("This would change every record of '{}'; nothing was changed.", table.name),
    )
    .hint("Add a filter, such as id=eq.1. To mean every record, use a filter that all of them pass, such as id=not.is.null.")
}

#[cfg(test)]
mod tests;
