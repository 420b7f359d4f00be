//! Updates and deletes, and what all writes share. What is written must fit the guards before and after: a record that does not is refused, and with it all.

use std::borrow::Cow;

use cloche_definitions::quote_identifier;
use cloche_dialect::Query;

use super::given::Given;
use super::level::Level;
use super::{Context, Format, From, UNKNOWN_KEY, Writer, csv, near};
use crate::access::{Guard, Mask};
use crate::error::{Error, Result};
use crate::postgres::query::{Returning, Statement};
use crate::postgres::schema::{Column, Table, Verb};

/// Says in a written record whether it may be as it is. No column is called so: a colon is in no name that people type.
const ALLOWED: &str = "\"cloche:allowed\"";
const INSERTED: &str = "\"cloche:inserted\"";

/// The columns and shape of a JSON body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body<'a> {
    /// The JSON itself: an object, or an array of objects.
    pub(crate) json: &'a str,
    /// The keys that are taken of it.
    pub(crate) keys: Vec<String>,
    pub(crate) is_array: bool,
    /// Objects may lack keys; the column's default stands for those, instead of null.
    pub(crate) missing_default: bool,
    /// The value of each key as text, none for null: of one object, when all of them are texts, numbers, booleans or null.
    pub(crate) scalars: Option<Vec<Option<Cow<'a, str>>>>,
}

/// Which records a change is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target<'a> {
    /// Those that fit the filters of the query.
    Filtered,
    /// The one with this primary key.
    Id(&'a str),
    /// The one with these values in the columns of its primary key.
    Keys(&'a [(String, String)]),
}

/// How an update or delete finds its records, and what it answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change<'a> {
    pub(crate) target: Target<'a>,
    pub(crate) returning: Returning,
    pub(crate) format: Format,
    /// Nothing is changed unless exactly one record is.
    pub(crate) exactly_one: bool,
    /// Nothing is changed if more would be.
    pub(crate) max_affected: Option<u64>,
}

/// Gives the values of `body`, which is one object, to every record that fits the filters.
///
/// A body without keys changes nothing: the statement then finds the one record meant by its id, or none for filters.
pub(crate) fn update<'a, 'p>(
    context: &'a Context<'a>,
    table: &'a Table,
    query: &Query,
    body: &Body<'p>,
    asked: Option<&[String]>,
    change: Change<'p>,
) -> Result<Statement<'p>> {
    let mut writer = Writer::new(context);
    let guard = writer.guard(table, Verb::Update)?;
    let guards = [guard];
    let columns = written_columns(table, &guards, body)?;
    let (level, from) = writer.target(table, query, &change, &guards[0])?;
    if columns.is_empty() {
        let nothing = matches!(change.target, Target::Filtered).then_some("false");
        let sql = format!("SELECT {}{}", whole(&level), from.sql("", nothing));
        return writer.answer_rows(sql, &level, query, &change, None);
    }
    let sets: Vec<String> = columns
        .iter()
        .map(|column| {
            let name = quote_identifier(&column.name);
            let given = asked.is_none_or(|given| given.contains(&column.name));
            match (given, body.missing_default) {
                (true, _) => format!("{name} = b.{name}"),
                (false, true) => format!("{name} = DEFAULT"),
                (false, false) => format!("{name} = NULL"),
            }
        })
        .collect();
    let values = writer.body(body, &columns);
    let sql = format!("UPDATE {} SET {} FROM {values}{}", level.source, sets.join(", "), from.condition(None));
    let rules = writer.rules(&level, &guards, &change, None)?;
    writer.answer(sql, &level, query, rules, &change, false)
}

/// Removes every record that fits the filters.
pub(crate) fn delete<'a, 'p>(
    context: &'a Context<'a>,
    table: &'a Table,
    query: &Query,
    change: Change<'p>,
) -> Result<Statement<'p>> {
    let mut writer = Writer::new(context);
    let guard = writer.guard(table, Verb::Delete)?;
    let (level, from) = writer.target(table, query, &change, &guard)?;
    let sql = format!("DELETE{}", from.sql("", None));
    // What is gone need fit no rule any more.
    writer.answer(sql, &level, query, Vec::new(), &change, false)
}

impl<'a, 'p> Writer<'a, 'p> {
    /// The level of a change and the records it reaches: those that its own guard and that of reading let through.
    fn target(&mut self, table: &'a Table, query: &Query, change: &Change<'p>, guard: &Guard<'_>) -> Result<(Level<'a>, From)> {
        let read = self.context.access.table(table, Verb::Read);
        if read.is_none() && matches!(change.target, Target::Filtered) {
            // Who may not read would read by filters, and by how many records they change.
            return Err(Error::forbidden("access/denied", format!("You may not read records of '{}'.", table.name))
                .hint("Without reading, records are named by their id alone."));
        }
        let level = self.level(table, read.unwrap_or_default());
        let mut more = match change.target {
            Target::Id(id) => self.key_condition(&level, id)?,
            Target::Keys(_) => return Err(Error::internal("only an insert is made for several keys")),
            Target::Filtered if query.filters.is_empty() => return Err(filter_required(table)),
            Target::Filtered => String::new(),
        };
        if let Some(rule) = &guard.rows {
            let rule = self.rule(&level, rule)?;
            more = if more.is_empty() { rule } else { format!("{more} AND {rule}") };
        }
        let from = self.from(&level, query, Some(more).filter(|more| !more.is_empty()))?;
        Ok((level, from))
    }

    /// The records of the body as a relation `b` with typed columns.
    pub(super) fn body(&mut self, body: &Body<'p>, columns: &[&Column]) -> String {
        let function = if body.is_array { "json_to_recordset" } else { "json_to_record" };
        format!("pg_catalog.{function}({}) AS b({})", self.bind(body.json), typed(columns))
    }

    /// What a written record must be like, but for what it is for certain by what was given.
    pub(super) fn rules(
        &mut self,
        level: &Level<'a>,
        guards: &[Guard<'a>],
        change: &Change<'_>,
        given: Option<&Given<'_>>,
    ) -> Result<Vec<String>> {
        // What is told of must be readable; its own keys are told to nobody else.
        let read = (change.returning != Returning::Nothing).then(|| self.guard(level.table, Verb::Read)).transpose()?;
        let rows = guards.iter().chain(&read).filter_map(|guard| guard.rows.as_ref());
        rows.filter(|rows| !given.is_some_and(|given| given.meets(rows))).map(|rows| self.rule(level, rows)).collect()
    }

    /// The statement with what it answers. What it has written must fit the rules.
    pub(super) fn answer(
        self,
        mut sql: String,
        level: &Level<'a>,
        query: &Query,
        rules: Vec<String>,
        change: &Change<'p>,
        merges: bool,
    ) -> Result<Statement<'p>> {
        let checked = !rules.is_empty();
        if change.returning == Returning::Nothing && !change.exactly_one && change.max_affected.is_none() && !merges {
            if checked {
                // Nobody counts them: each is looked at as it is written.
                sql.push_str(&format!(" RETURNING CASE WHEN {} THEN true ELSE cloche.refuse('row', 0) END", rules.join(" AND ")));
            }
            return Ok(self.finish_write(sql));
        }
        let allowed = if checked { format!(", ({}) AS {ALLOWED}", rules.join(" AND ")) } else { String::new() };
        let inserted = if merges { format!(", ({}.xmax = 0) AS {INSERTED}", level.alias) } else { String::new() };
        sql.push_str(&format!(" RETURNING {}{allowed}{inserted}", whole(level)));
        let more = if merges { format!("(SELECT count(*) FROM w WHERE {INSERTED}) AS inserted") } else { String::new() };
        let refusal = checked
            .then(|| format!("CASE WHEN EXISTS (SELECT FROM w WHERE {ALLOWED} IS NOT TRUE) THEN cloche.refuse('row', 0) END"));
        let extra: Vec<String> = [Some(more).filter(|more| !more.is_empty()), refusal].into_iter().flatten().collect();
        self.answer_rows(sql, level, query, change, Some(extra.join(", ")).filter(|extra| !extra.is_empty()))
    }

    /// `WITH w AS (…)` and one row: the number `n` and, where asked for, the text `body` of the records in it.
    fn answer_rows(
        mut self,
        sql: String,
        level: &Level<'a>,
        query: &Query,
        change: &Change<'p>,
        extra: Option<String>,
    ) -> Result<Statement<'p>> {
        let mut outputs = vec!["(SELECT count(*) FROM w) AS n".to_owned()];
        let mut source = String::new();
        match change.returning {
            Returning::Nothing | Returning::Count => {}
            Returning::Keys if level.table.primary_key.is_empty() => {}
            Returning::Keys => {
                let keys: Vec<String> = level.table.primary_key.iter().map(|key| quote_identifier(key)).collect();
                let keys: Vec<String> = keys.iter().map(|name| format!("w.{name}::text AS {name}")).collect();
                source = format!(" FROM (SELECT {} FROM w) AS r", keys.join(", "));
                outputs.push("coalesce(pg_catalog.json_agg(r.*), '[]')::text AS body".to_owned());
            }
            Returning::Records => {
                self.named = change.format == Format::Csv;
                let read = self.guard(level.table, Verb::Read)?;
                let mut written = self.level(level.table, read);
                written.source = format!("w AS {}", written.alias);
                written.is_table = false;
                // Those written are told of, whatever the filters that found them say of them now.
                let shown = Query { filters: Vec::new(), ..query.clone() };
                written.guard.rows = None;
                let from = self.from(&written, &shown, None)?;
                let selected = self.selected(&written, &shown)?;
                let order = self.order(&written, &shown)?;
                let records =
                    format!("SELECT {}{}{}{order}", selected.list(), from.sql(&selected.joins, None), selected.group_by());
                source = format!(" FROM ({records}) AS r");
                outputs.push(format!("{} AS body", self.bounded(csv::aggregated(change.format, &selected))));
            }
        }
        outputs.extend(extra);
        if change.exactly_one {
            let number = "(SELECT count(*) FROM w)";
            outputs.push(format!("CASE WHEN {number} <> 1 THEN cloche.refuse('single', {number}) END"));
        }
        if let Some(most) = change.max_affected {
            let number = "(SELECT count(*) FROM w)";
            outputs.push(format!("CASE WHEN {number} > {most} THEN cloche.refuse('affected', {number}) END"));
        }
        let sql = format!("WITH w AS ({sql}) SELECT {}{source}", outputs.join(", "));
        Ok(self.finish_write(sql))
    }

    fn finish_write(self, sql: String) -> Statement<'p> {
        Statement { is_plain: false, ..self.finish(sql) }
    }
}

/// All columns, by their names.
fn whole(level: &Level<'_>) -> String {
    let columns: Vec<String> =
        level.table.columns.iter().map(|column| format!("{}.{}", level.alias, quote_identifier(&column.name))).collect();
    if columns.is_empty() { "1 AS one".to_owned() } else { columns.join(", ") }
}

pub(super) fn typed(columns: &[&Column]) -> String {
    let typed: Vec<String> =
        columns.iter().map(|column| format!("{} {}", quote_identifier(&column.name), column.sql_type)).collect();
    typed.join(", ")
}

/// The columns that are written. A masked one is not: who does not see it does not change it.
pub(super) fn written_columns<'t>(table: &'t Table, guards: &[Guard<'t>], body: &Body<'_>) -> Result<Vec<&'t Column>> {
    let of_body = |key: &String| {
        let masked = |mask: fn(&Mask) -> bool| guards.iter().any(|guard| guard.masks.get(key).is_some_and(mask));
        if masked(|mask| *mask == Mask::Hide) {
            return Err(unknown_key(table, guards, key));
        }
        if masked(|_| true) {
            return Err(Error::forbidden("access/denied", format!("The column '{key}' of '{}' is masked for you.", table.name)));
        }
        known(table, key, "the body").map_err(|_| unknown_key(table, guards, key))
    };
    body.keys.iter().map(of_body).collect()
}

pub(super) fn known<'t>(table: &'t Table, name: &str, place: &str) -> Result<&'t Column> {
    let level = Level::of(table, String::new(), Guard::default());
    table.column(name).ok_or_else(|| {
        let message = format!("'{}' has no column '{name}', which {place} names.", table.name);
        Error::bad_input(crate::postgres::sqlstate::UNDEFINED_COLUMN, message).hint(near(name, &level))
    })
}

/// All masks of several guards.
pub(super) fn shown<'r>(guards: &[Guard<'r>]) -> Guard<'r> {
    let masks = guards.iter().flat_map(|guard| guard.masks.iter()).map(|(column, mask)| (column.clone(), mask.clone()));
    Guard { rows: None, masks: Cow::Owned(masks.collect()) }
}

/// What is hidden is no hint.
fn unknown_key<'t>(table: &'t Table, guards: &[Guard<'t>], key: &str) -> Error {
    let level = Level::of(table, String::new(), shown(guards));
    let message = format!("Could not find the '{key}' column of '{}' in the schema cache", table.name);
    Error::bad_input(UNKNOWN_KEY, message).hint(near(key, &level)).field(key, "unknown", "There is no such column.")
}

fn filter_required(table: &Table) -> Error {
    Error::bad_input(
        "request/filter-required",
        format!("This would change every record of '{}'; nothing was changed.", table.name),
    )
    .hint("Add a filter, such as id=eq.1. To mean every record, use a filter that all of them pass, such as id=not.is.null.")
}
