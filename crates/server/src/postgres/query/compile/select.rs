//! What is shown: columns, aggregates, and what is embedded.

use cloche_definitions::{push_identifier, quote_identifier, quote_literal};
use cloche_dialect::{Aggregate, Column as Asked, Embed, Field, Item, Query};

use super::Writer;
use super::embed::Way;
use super::level::{Level, Use};
use crate::access::Mask;
use crate::error::{Error, Result};
use crate::postgres::encode::BESIDE;
use crate::postgres::schema::Column;

/// The outputs of a level.
#[derive(Default)]
pub(super) struct Selected {
    pub(super) outputs: Vec<Output>,
    /// Lateral joins that outputs refer to.
    pub(super) joins: String,
    /// There is an aggregate: all else is grouped by.
    aggregated: bool,
}

/// One output: an expression and its name. `*` of the level has no name.
pub(super) struct Output {
    pub(super) sql: String,
    pub(super) name: Option<String>,
    is_aggregate: bool,
    /// It is a stored column, masked or not, or all of them, of types that can be written as JSON here.
    is_flat: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// A stored column as it is, or what its mask shows instead.
    Flat,
    /// An expression of any kind.
    Made,
    Aggregate,
}

impl Selected {
    /// `t1."a" AS "a", …`
    pub(super) fn list(&self) -> String {
        let mut list = String::with_capacity(self.outputs.iter().map(|output| 2 * output.sql.len() + 6).sum());
        for output in &self.outputs {
            if !list.is_empty() {
                list.push_str(", ");
            }
            list.push_str(&output.sql);
            if let Some(name) = &output.name {
                list.push_str(" AS ");
                push_identifier(&mut list, name);
            }
        }
        list
    }

    /// ` GROUP BY …`, where there is an aggregate beside other outputs.
    pub(super) fn group_by(&self) -> String {
        let keys: Vec<&str> =
            self.outputs.iter().filter(|output| !output.is_aggregate).map(|output| output.sql.as_str()).collect();
        if !self.aggregated || keys.is_empty() {
            return String::new();
        }
        format!(" GROUP BY {}", keys.join(", "))
    }

    /// The rows are the records: nothing has to be made JSON of by PostgreSQL.
    pub(super) fn is_flat(&self) -> bool {
        self.joins.is_empty() && self.outputs.iter().all(|output| output.is_flat)
    }

    pub(super) fn is_aggregated(&self) -> bool {
        self.aggregated
    }

    fn add(&mut self, sql: String, name: String, kind: Shown) -> Result<()> {
        if let Some(other) = self.outputs.iter().find(|other| other.name.as_deref() == Some(&name)) {
            if other.sql == sql {
                return Ok(());
            }
            let message = format!("'select' gives the name '{name}' to two columns.");
            return Err(Error::bad_input("select/duplicate-name", message).hint("Give one of them an alias: alias:column."));
        }
        let is_aggregate = kind == Shown::Aggregate;
        self.aggregated |= is_aggregate;
        let is_flat = kind == Shown::Flat && !name.starts_with(BESIDE);
        self.outputs.push(Output { sql, name: Some(name), is_aggregate, is_flat });
        Ok(())
    }
}

impl<'a, 'p> Writer<'a, 'p> {
    /// The outputs of a level.
    pub(super) fn selected(&mut self, level: &Level<'a>, query: &Query) -> Result<Selected> {
        let mut selected = Selected::default();
        if query.select.is_empty() {
            self.all(level, &mut selected)?;
        }
        for item in &query.select {
            match item {
                Item::All => self.all(level, &mut selected)?,
                Item::Column(column) => self.column(level, column, &mut selected)?,
                Item::Embed(embed) if embed.spread => self.spread(level, embed, &mut selected)?,
                Item::Embed(embed) => self.embed(level, embed, aggregates(query), &mut selected)?,
            }
        }
        if selected.outputs.is_empty() {
            // Only embedded resources that are filtered by, and not shown.
            selected.outputs.push(Output {
                sql: "NULL".to_owned(),
                name: Some("?column?".to_owned()),
                is_aggregate: false,
                is_flat: false,
            });
        }
        Ok(selected)
    }

    /// Every column that is not hidden.
    fn all(&mut self, level: &Level<'a>, selected: &mut Selected) -> Result<()> {
        if level.is_table && !self.named && level.guard.masks.is_empty() && selected.outputs.is_empty() {
            // Also those added since the schema was read.
            let is_flat = level.table.columns.iter().all(Column::is_flat);
            selected.outputs.push(Output {
                sql: [level.alias.as_str(), ".*"].concat(),
                name: None,
                is_aggregate: false,
                is_flat,
            });
            return Ok(());
        }
        for column in level.visible() {
            let sql = self.shown(level, column, None)?;
            selected.add(sql, column.name.clone(), if column.is_flat() { Shown::Flat } else { Shown::Made })?;
        }
        Ok(())
    }

    fn column(&mut self, level: &Level<'a>, asked: &Asked, selected: &mut Selected) -> Result<()> {
        let (sql, kind) = match asked.aggregate {
            Some(aggregate) => (self.aggregate(level, asked, aggregate)?, Shown::Aggregate),
            None => self.plain(level, asked)?,
        };
        if is_repeated(level, asked, selected) {
            return Ok(());
        }
        selected.add(sql, asked.alias.clone().unwrap_or_else(|| own_name(asked)), kind)
    }

    fn aggregate(&mut self, level: &Level<'a>, asked: &Asked, aggregate: Aggregate) -> Result<String> {
        self.require_aggregates()?;
        let function = aggregate_name(aggregate);
        let argument = if asked.field.column.is_empty() {
            "*".to_owned()
        } else {
            let field = self.deciding(level, &asked.field, Use::Decide, "'select'")?;
            self.cast(field.sql, asked.cast.as_deref())?
        };
        self.cast(format!("pg_catalog.{function}({argument})"), asked.aggregate_cast.as_deref())
    }

    fn require_aggregates(&self) -> Result<()> {
        if self.context.aggregates {
            return Ok(());
        }
        Err(Error::bad_input("PGRST123", "Use of aggregate functions is not allowed")
            .hint("Allow them in the environment's settings: aggregates reveal sums over all records that filters let through."))
    }

    /// A field that is shown, cast as asked for.
    fn plain(&mut self, level: &Level<'a>, asked: &Asked) -> Result<(String, Shown)> {
        let field = &asked.field;
        let expression = level.field(field, Use::Show, "'select'")?;
        let sql = match expression.column {
            None => {
                self.is_plain = false;
                self.require_function(&field.column)?;
                expression.sql
            }
            Some(column) if expression.is_masked => self.shown(level, column, Some(field))?,
            Some(_) => expression.sql,
        };
        // What stands for a masked one is of the same type.
        let is_whole = field.path.is_empty() && asked.cast.is_none();
        let is_flat = is_whole && expression.column.is_some_and(Column::is_flat);
        Ok((self.cast(sql, asked.cast.as_deref())?, if is_flat { Shown::Flat } else { Shown::Made }))
    }

    pub(super) fn cast(&mut self, sql: String, cast: Option<&str>) -> Result<String> {
        match cast {
            Some(written) => Ok(format!("CAST({sql} AS {})", self.type_name(written)?)),
            None => Ok(sql),
        }
    }

    /// A column as its mask lets it be seen, or the place in it that `field` leads to.
    fn shown(&mut self, level: &Level<'a>, column: &Column, field: Option<&Field>) -> Result<String> {
        let whole = Field { column: column.name.clone(), path: Vec::new() };
        let sql = level.field(field.unwrap_or(&whole), Use::Show, "'select'")?.sql;
        let in_place_of = |text: Option<&str>| match text {
            Some(text) if column.category == 'S' && field.is_none_or(|field| field.path.is_empty()) => quote_literal(text),
            _ => "NULL".to_owned(),
        };
        Ok(match level.guard.masks.get(&column.name) {
            None => sql,
            Some(Mask::Hide) => "NULL".to_owned(),
            Some(Mask::Redact(text)) => format!("CAST({} AS {})", in_place_of(Some(text)), column.sql_type),
            Some(Mask::Unless { rows, text }) => {
                let condition = self.rule(level, rows)?;
                format!("CASE WHEN {condition} THEN {sql} ELSE {} END", in_place_of(text.as_deref()))
            }
        })
    }

    /// A resource in the records: an object, or an array of them. Beside aggregates it is grouped by, so it must be comparable.
    fn embed(&mut self, level: &Level<'a>, embed: &Embed, is_grouped: bool, selected: &mut Selected) -> Result<()> {
        let way = self.way(level, embed)?;
        let rows = self.embedded_rows(level, &way, embed)?;
        let Some((records, _)) = rows else { return Ok(()) };
        let sql = if way.to_one {
            format!("(SELECT pg_catalog.row_to_json(e.*) FROM ({records}) AS e)")
        } else {
            format!("(SELECT coalesce(pg_catalog.json_agg(e.*), '[]') FROM ({records}) AS e)")
        };
        if !is_grouped {
            return selected.add(sql, embed.name().to_owned(), Shown::Made);
        }
        let alias = self.alias();
        selected.joins.push_str(&format!(" LEFT JOIN LATERAL (SELECT {sql}::jsonb AS v) AS {alias} ON true"));
        selected.add(format!("{alias}.v"), embed.name().to_owned(), Shown::Made)
    }

    /// The outputs of another resource among those of this one; arrays of them, where it has many records.
    fn spread(&mut self, level: &Level<'a>, embed: &Embed, selected: &mut Selected) -> Result<()> {
        let way = self.way(level, embed)?;
        let (hoisted, inner) = if way.to_one { hoist(&embed.query) } else { (Vec::new(), embed.query.clone()) };
        if !hoisted.is_empty() {
            self.require_aggregates()?;
        }
        let inner = Embed { query: inner, ..embed.clone() };
        let Some((records, names)) = self.embedded_rows(level, &way, &inner)? else { return Ok(()) };
        let alias = self.alias();
        let column = |name: &str| quote_identifier(name);
        if way.to_one {
            selected.joins.push_str(&format!(" LEFT JOIN LATERAL ({records}) AS {alias} ON true"));
        } else {
            let arrays: Vec<String> =
                names.iter().map(|name| format!("coalesce(pg_catalog.json_agg(e.{0}), '[]') AS {0}", column(name))).collect();
            let arrays = arrays.join(", ");
            selected.joins.push_str(&format!(" LEFT JOIN LATERAL (SELECT {arrays} FROM ({records}) AS e) AS {alias} ON true"));
        }
        for name in names {
            let sql = format!("{alias}.{}", column(&name));
            match hoisted.iter().find(|(inner, _)| *inner == name) {
                Some((_, asked)) => {
                    let function = asked.aggregate.map_or("", aggregate_name);
                    let sql = self.cast(format!("pg_catalog.{function}({sql})"), asked.aggregate_cast.as_deref())?;
                    let name = asked.alias.clone().unwrap_or_else(|| own_name(asked));
                    selected.add(sql, name, Shown::Aggregate)?;
                }
                None => selected.add(sql, name, Shown::Made)?,
            }
        }
        Ok(())
    }

    /// The records to embed as a query of their own, and the names of their outputs; none when nothing of them is shown.
    fn embedded_rows(&mut self, level: &Level<'a>, way: &Way<'a>, embed: &Embed) -> Result<Option<(String, Vec<String>)>> {
        if embed.query.select.is_empty() {
            return Ok(None);
        }
        let child = self.child(level, way);
        let correlation = self.correlation(level, &child, way)?;
        let query = &embed.query;
        let from = self.from(&child, query, Some(correlation))?;
        let selected = self.selected(&child, query)?;
        let order = self.order(&child, query)?;
        let mut page = order;
        if !way.to_one {
            page.push_str(&format!(" LIMIT {}", query.limit.unwrap_or(u64::MAX).min(self.context.max_rows)));
            if let Some(offset) = query.offset.filter(|offset| *offset > 0) {
                page.push_str(&format!(" OFFSET {}", self.bind(offset.to_string())));
            }
        } else if way.is_function() {
            page.push_str(" LIMIT 1");
        }
        let names = selected.outputs.iter().flat_map(|output| match &output.name {
            Some(name) => vec![name.clone()],
            None => child.table.columns.iter().map(|column| column.name.clone()).collect(),
        });
        let names = names.collect();
        let sql = format!("SELECT {}{}{}{page}", selected.list(), from.sql(&selected.joins, None), selected.group_by());
        Ok(Some((sql, names)))
    }
}

/// Takes the aggregates out of a query that is spread: they are made over the records of the level above.
fn hoist(query: &Query) -> (Vec<(String, Asked)>, Query) {
    let (mut hoisted, mut inner) = (Vec::new(), query.clone());
    for (at, item) in inner.select.iter_mut().enumerate() {
        let Item::Column(asked) = item else { continue };
        if asked.aggregate.is_none() || asked.field.column.is_empty() {
            continue;
        }
        let name = format!("aggregate{at}");
        hoisted.push((name.clone(), asked.clone()));
        asked.alias = Some(name);
        asked.aggregate = None;
        asked.aggregate_cast = None;
    }
    (hoisted, inner)
}

/// Whether the records of a level are grouped. What a spread resource aggregates counts for the level above.
fn aggregates(query: &Query) -> bool {
    query.select.iter().any(|item| match item {
        Item::All => false,
        Item::Column(column) => column.aggregate.is_some(),
        Item::Embed(embed) => embed.spread && aggregates(&embed.query),
    })
}

/// A plain column that `*` has brought already.
fn is_repeated(level: &Level<'_>, asked: &Asked, selected: &Selected) -> bool {
    let star = selected.outputs.iter().any(|output| output.name.is_none());
    let plain = asked.alias.is_none() && asked.cast.is_none() && asked.aggregate.is_none() && asked.field.path.is_empty();
    star && plain && level.table.column(&asked.field.column).is_some()
}

/// What a column is called that is given no name: itself, the last key of its path, or its aggregate.
fn own_name(asked: &Asked) -> String {
    if let Some(aggregate) = asked.aggregate {
        return aggregate_name(aggregate).to_owned();
    }
    let key = asked.field.path.iter().rev().find(|step| !step.is_index).map(|step| step.key.clone());
    key.unwrap_or_else(|| asked.field.column.clone())
}

fn aggregate_name(aggregate: Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Count => "count",
        Aggregate::Sum => "sum",
        Aggregate::Avg => "avg",
        Aggregate::Min => "min",
        Aggregate::Max => "max",
    }
}
