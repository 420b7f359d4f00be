//! One level of a request: a resource under an alias, and what the caller sees of it.

use cloche_definitions::{push_identifier, quote_identifier, quote_literal};
use cloche_dialect::{Field, Step};

use super::near;
use crate::access::{Guard, Mask};
use crate::error::{Error, Result};
use crate::postgres::schema::{Column, Table, TableKind};
use crate::postgres::sqlstate::UNDEFINED_COLUMN;

/// A table, view or function's outcome as it is read at one place of a statement.
pub(super) struct Level<'a> {
    pub(super) table: &'a Table,
    pub(super) alias: String,
    pub(super) guard: Guard<'a>,
    /// `public."posts" AS t1`, or what stands in for it.
    pub(super) source: String,
    /// Its rows are those of the table, so that functions take them as they are. Not so for records just written.
    pub(super) is_table: bool,
}

/// What a field is used for. A masked column is only ever shown, as its mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// It is part of the answer.
    Show,
    /// It decides about the answer: filters, order, groups.
    Decide,
    /// A rule of the environment's own decides by it.
    Rule,
}

/// A field as an SQL expression.
#[derive(Debug, Clone)]
pub(super) struct Expression<'a> {
    pub(super) sql: String,
    /// The type, where it is known: `text` after `->>`.
    pub(super) sql_type: &'a str,
    /// The stored column it is, or is a place in. None: a function of the environment's owner computes it.
    pub(super) column: Option<&'a Column>,
    pub(super) is_masked: bool,
}

impl<'a> Level<'a> {
    pub(super) fn of(table: &'a Table, alias: String, guard: Guard<'a>) -> Self {
        let source = [table.sql_name.as_str(), " AS ", &alias].concat();
        Self { table, source, alias, guard, is_table: table.kind != TableKind::Outcome }
    }

    /// The columns that are not hidden.
    pub(super) fn visible(&self) -> impl Iterator<Item = &'a Column> + '_ {
        self.table.columns.iter().filter(|column| self.guard.masks.get(&column.name) != Some(&Mask::Hide))
    }

    /// The column, if it may be used so. Hidden ones look as if they were not there.
    pub(super) fn column(&self, name: &str, used: Use, place: &str) -> Result<&'a Column> {
        self.usable(self.table.column(name), name, used, place).map(|(column, _)| column)
    }

    /// The same, and whether it is masked.
    fn usable(&self, column: Option<&'a Column>, name: &str, used: Use, place: &str) -> Result<(&'a Column, bool)> {
        let mask = if used == Use::Rule { None } else { self.guard.masks.get(name) };
        match (column, mask) {
            (None, _) | (_, Some(Mask::Hide)) => Err(self.unknown(name, place)),
            (_, Some(_)) if used == Use::Decide => {
                let message =
                    format!("The column '{name}' of '{}' is masked for you, so it cannot be used by {place}.", self.table.name);
                Err(Error::forbidden("access/denied", message).hint("Masked columns can be shown, but nothing else."))
            }
            (Some(column), mask) => Ok((column, mask.is_some())),
        }
    }

    fn unknown(&self, name: &str, place: &str) -> Error {
        let message = format!("'{}' has no column '{name}', which {place} names.", self.table.name);
        Error::bad_input(UNDEFINED_COLUMN, message).hint(near(name, self))
    }

    /// The field as an expression.
    pub(super) fn field(&self, field: &Field, used: Use, place: &str) -> Result<Expression<'a>> {
        let name = &field.column;
        let column = self.table.column(name);
        let start = match self.table.computed(name) {
            Some(computed) if column.is_none() => {
                let sql = format!("public.{}({})", quote_identifier(name), self.record());
                Expression { sql, sql_type: &computed.sql_type, column, is_masked: false }
            }
            _ => {
                let (column, is_masked) = self.usable(column, name, used, place)?;
                let mut sql = String::with_capacity(self.alias.len() + name.len() + 3);
                sql.push_str(&self.alias);
                sql.push('.');
                push_identifier(&mut sql, name);
                Expression { sql, sql_type: &column.sql_type, column: Some(column), is_masked }
            }
        };
        Ok(if field.path.is_empty() { start } else { inside(start, &field.path) })
    }

    /// The whole record, as an argument of a function.
    pub(super) fn record(&self) -> String {
        if self.is_table {
            return format!("{}.*", self.alias);
        }
        let columns: Vec<String> =
            self.table.columns.iter().map(|column| format!("{}.{}", self.alias, quote_identifier(&column.name))).collect();
        format!("ROW({})::{}", columns.join(", "), self.table.sql_name)
    }
}

/// A place in JSON, or in what JSON can be made of.
fn inside<'a>(start: Expression<'a>, path: &[Step]) -> Expression<'a> {
    let is_json = matches!(start.sql_type, "json" | "jsonb");
    let mut sql = if is_json { start.sql } else { format!("pg_catalog.to_jsonb({})", start.sql) };
    for step in path {
        let arrow = if step.as_text { "->>" } else { "->" };
        let key = if step.is_index { step.key.clone() } else { format!("{}::text", quote_literal(&step.key)) };
        sql = format!("({sql} {arrow} {key})");
    }
    let as_text = path.last().is_some_and(|step| step.as_text);
    let json = if is_json { start.sql_type } else { "jsonb" };
    Expression { sql, sql_type: if as_text { "text" } else { json }, ..start }
}
