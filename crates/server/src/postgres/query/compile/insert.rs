//! Inserts: where their values come from, and what becomes of records that are there already.

use cloche_definitions::{quote_identifier, quote_literal};
use cloche_dialect::Query;

use super::given::Given;
use super::level::{Level, Use};
use super::lists::lists;
use super::write::{Body, Change, Target, known, shown, typed, written_columns};
use super::{Context, Writer, single_key};
use crate::access::Guard;
use crate::error::Result;
use crate::postgres::query::Statement;
use crate::postgres::schema::{Column, Table, Verb};

/// What an insert does about records that are there already.
#[derive(Debug, Clone)]
pub(crate) struct Conflict {
    /// What makes two records the same; the primary key when empty.
    pub(crate) columns: Vec<String>,
    pub(crate) resolving: Resolving,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resolving {
    Merge,
    Ignore,
}

/// New records from the objects of `body`; with `conflict`, or the old ones changed. `change.target` by id takes the key from there.
pub(crate) fn insert<'a, 'p>(
    context: &'a Context<'a>,
    table: &'a Table,
    query: &Query,
    body: &Body<'p>,
    conflict: Option<&Conflict>,
    change: Change<'p>,
) -> Result<Statement<'p>> {
    let mut writer = Writer::new(context);
    let mut guards = vec![writer.guard(table, Verb::Create)?];
    if conflict.is_some_and(|conflict| conflict.resolving == Resolving::Merge) {
        guards.push(writer.guard(table, Verb::Update)?);
    }
    let columns = written_columns(table, &guards, body)?;
    let level = writer.level(table, Guard::default());
    let mut sql = format!("INSERT INTO {}", level.source);
    let given = Given::of(context, table, &columns, body, change.target);
    match (&given, lists(body, &columns, change.target)) {
        (Some(given), _) => writer.insert_texts(&mut sql, given, body),
        (None, Some(lists)) => writer.insert_lists(&mut sql, &columns, lists),
        (None, None) => writer.insert_values(&mut sql, table, body, &columns, change.target)?,
    }
    if let Some(conflict) = conflict {
        writer.on_conflict(&mut sql, &level, conflict, &columns, &guards)?;
    }
    let merges = guards.len() > 1;
    // What is merged with what is there is looked at as it is then.
    let rules = writer.rules(&level, &guards, &change, given.filter(|_| conflict.is_none()).as_ref())?;
    writer.answer(sql, &level, query, rules, &change, merges)
}

impl<'a, 'p> Writer<'a, 'p> {
    fn insert_values(
        &mut self,
        sql: &mut String,
        table: &Table,
        body: &Body<'p>,
        columns: &[&Column],
        target: Target<'p>,
    ) -> Result<()> {
        let mut names: Vec<String> = columns.iter().map(|column| quote_identifier(&column.name)).collect();
        let mut values: Vec<String> = names.iter().map(|name| format!("b.{name}")).collect();
        let mut condition = String::new();
        for (key, value) in keys_of(table, target)? {
            let (name, value) = (quote_identifier(&key.name), self.bind(value));
            if names.contains(&name) {
                condition.push_str(if condition.is_empty() { " WHERE " } else { " AND " });
                condition.push_str(&format!("b.{name} = {value}"));
            } else {
                values.push(format!("CAST({value} AS {})", key.sql_type));
                names.push(name);
            }
        }
        if names.is_empty() && !body.is_array {
            sql.push_str(" DEFAULT VALUES");
            return Ok(());
        }
        if columns.is_empty() {
            // As many records of defaults as there are empty objects.
            let from = if body.is_array {
                format!(" FROM pg_catalog.json_array_elements({})", self.bind(body.json))
            } else {
                String::new()
            };
            let list = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
            sql.push_str(&format!("{list} SELECT {}{from}", values.join(", ")));
            return Ok(());
        }
        sql.push_str(&format!(" ({}) SELECT ", names.join(", ")));
        if !body.missing_default {
            let from = self.body(body, columns);
            sql.push_str(&format!("{} FROM {from}{condition}", values.join(", ")));
            return Ok(());
        }
        for (value, column) in values.iter_mut().zip(columns) {
            let key = quote_literal(&column.name);
            *value = format!("CASE WHEN (j.doc -> {key}::text) IS NULL THEN {} ELSE {value} END", default_of(table, column));
        }
        let document = self.bind(body.json);
        let documents = if body.is_array {
            format!("pg_catalog.json_array_elements({document}) AS j(doc)")
        } else {
            format!("(SELECT {document}::json AS doc) AS j")
        };
        let typed = typed(columns);
        let values = values.join(", ");
        sql.push_str(&format!("{values} FROM {documents}, LATERAL pg_catalog.json_to_record(j.doc) AS b({typed}){condition}"));
        Ok(())
    }

    /// What PostgreSQL would make of the object, without having it read there. The types are said, so that a statement that is kept does
    /// not outlive them.
    fn insert_texts(&mut self, sql: &mut String, given: &Given<'_>, body: &Body<'p>) {
        let names: Vec<String> = given.pairs().map(|(column, _)| quote_identifier(&column.name)).collect();
        sql.push_str(" (");
        sql.push_str(&names.join(", "));
        sql.push_str(") VALUES (");
        for (at, ((column, _), value)) in given.pairs().zip(body.scalars.iter().flatten()).enumerate() {
            sql.push_str(if at == 0 { "CAST(" } else { ", CAST(" });
            sql.push_str(&self.bind_optional(value.clone()));
            sql.push_str(" AS ");
            sql.push_str(&column.sql_type);
            sql.push(')');
        }
        sql.push(')');
    }

    /// The same for many objects, each column's values an array.
    fn insert_lists(&mut self, sql: &mut String, columns: &[&Column], lists: Vec<String>) {
        let names: Vec<String> = columns.iter().map(|column| quote_identifier(&column.name)).collect();
        let lists = columns.iter().zip(lists);
        let lists: Vec<String> = lists
            .map(|(column, list)| format!("pg_catalog.unnest(CAST({} AS {}[]))", self.bind(list), column.sql_type))
            .collect();
        sql.push_str(&format!(" ({}) SELECT b.* FROM ROWS FROM ({}) AS b", names.join(", "), lists.join(", ")));
    }

    fn on_conflict(
        &mut self,
        sql: &mut String,
        level: &Level<'a>,
        conflict: &Conflict,
        columns: &[&Column],
        guards: &[Guard<'a>],
    ) -> Result<()> {
        let table = level.table;
        let seen = Level::of(table, String::new(), shown(guards));
        let keys: Vec<&Column> = match conflict.columns.as_slice() {
            [] => table.primary_key.iter().filter_map(|key| table.column(key)).collect(),
            named => named.iter().map(|key| seen.column(key, Use::Decide, "'on_conflict'")).collect::<Result<_>>()?,
        };
        if keys.is_empty() {
            // Nothing makes two records the same.
            return Ok(());
        }
        let names: Vec<String> = keys.iter().map(|key| quote_identifier(&key.name)).collect();
        sql.push_str(&format!(" ON CONFLICT ({}) DO ", names.join(", ")));
        if conflict.resolving == Resolving::Ignore || columns.is_empty() {
            sql.push_str("NOTHING");
            return Ok(());
        }
        let sets: Vec<String> =
            columns.iter().map(|column| quote_identifier(&column.name)).map(|name| format!("{name} = EXCLUDED.{name}")).collect();
        sql.push_str(&format!("UPDATE SET {}", sets.join(", ")));
        // What is there must be within reach of a change, as for PATCH: of updating it, and of reading it.
        let read = self.context.access.table(table, Verb::Read);
        let reaches = guards.get(1).into_iter().chain(&read).filter_map(|guard| guard.rows.as_ref());
        let rules: Vec<String> = reaches.map(|rule| self.rule(level, rule)).collect::<Result<_>>()?;
        if !rules.is_empty() {
            let rules = rules.join(" AND ");
            sql.push_str(&format!(" WHERE CASE WHEN {rules} THEN true ELSE cloche.refuse('row', 0) END"));
        }
        Ok(())
    }
}

/// The key of the one record that is meant.
fn keys_of<'t, 'p>(table: &'t Table, target: Target<'p>) -> Result<Vec<(&'t Column, &'p str)>> {
    match target {
        Target::Filtered => Ok(Vec::new()),
        Target::Id(id) => Ok(vec![(single_key(table)?, id)]),
        Target::Keys(keys) => keys.iter().map(|(name, value)| Ok((known(table, name, "the key")?, value.as_str()))).collect(),
    }
}

/// What stands for a value that was not given.
fn default_of(table: &Table, column: &Column) -> String {
    match &column.default {
        Some(default) => default.clone(),
        None if column.identity => format!(
            "pg_catalog.nextval(pg_catalog.pg_get_serial_sequence({}, {}))",
            quote_literal(&table.sql_name),
            quote_literal(&column.name)
        ),
        None => "NULL".to_owned(),
    }
}
