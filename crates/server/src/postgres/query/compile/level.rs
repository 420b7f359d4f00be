//! One level of a request: a resource under an alias, and what the caller sees of it.

use cloche_definitions::{quote_identifier, quote_literal};
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
    pub(super) guard: Guard,
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
pub(super) struct Expression {
    pub(super) sql: String,
    /// The type, where it is known: `text` after `->>`.
    pub(super) sql_type: String,
    /// It runs code of the environment's owner.
    pub(super) is_plain: bool,
}

impl<'a> Level<'a> {
    pub(super) fn of(table: &'a Table, alias: String, guard: Guard) -> Self {
        let source = [table.sql_name.as_str(), " AS ", &alias].concat();
        Self { table, source, alias, guard, is_table: table.kind != TableKind::Outcome }
    }

    /// The columns that are not hidden.
    pub(super) fn visible(&self) -> impl Iterator<Item = &'a Column> + '_ {
        self.table.columns.iter().filter(|column| self.guard.masks.get(&column.name) != Some(&Mask::Hide))
    }

    /// The column, if it may be used so. Hidden ones look as if they were not there.
    pub(super) fn column(&self, name: &str, used: Use, place: &str) -> Result<&'a Column> {
        let column = self.table.column(name).filter(|_| used == Use::Rule || self.guard.masks.get(name) != Some(&Mask::Hide));
        let column = column.ok_or_else(|| self.unknown(name, place))?;
        if used == Use::Decide && self.guard.masks.contains_key(name) {
            let message =
                format!("The column '{name}' of '{}' is masked for you, so it cannot be used by {place}.", self.table.name);
            return Err(Error::forbidden("access/denied", message).hint("Masked columns can be shown, but nothing else."));
        }
        Ok(column)
    }

    fn unknown(&self, name: &str, place: &str) -> Error {
        let message = format!("'{}' has no column '{name}', which {place} names.", self.table.name);
        Error::bad_input(UNDEFINED_COLUMN, message).hint(near(name, self))
    }

    /// The field as an expression; `masked` writes the condition of a mask.
    pub(super) fn field(&self, field: &Field, used: Use, place: &str) -> Result<Expression> {
        let name = &field.column;
        let is_column = self.table.column(name).is_some();
        let (start, is_json) = match self.table.computed(name) {
            Some(computed) if !is_column => {
                let sql = format!("public.{}({})", quote_identifier(name), self.record());
                let is_json = matches!(computed.sql_type.as_str(), "json" | "jsonb");
                (Expression { sql, sql_type: computed.sql_type.clone(), is_plain: false }, is_json)
            }
            _ => {
                let column = self.column(name, used, place)?;
                let sql = [self.alias.as_str(), ".", &quote_identifier(name)].concat();
                (Expression { sql, sql_type: column.sql_type.clone(), is_plain: true }, column.is_json())
            }
        };
        Ok(if field.path.is_empty() { start } else { inside(start, is_json, &field.path) })
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
fn inside(start: Expression, is_json: bool, path: &[Step]) -> Expression {
    let mut sql = if is_json { start.sql } else { format!("pg_catalog.to_jsonb({})", start.sql) };
    for step in path {
        let arrow = if step.as_text { "->>" } else { "->" };
        let key = if step.is_index { step.key.clone() } else { format!("{}::text", quote_literal(&step.key)) };
        sql = format!("({sql} {arrow} {key})");
    }
    let as_text = path.last().is_some_and(|step| step.as_text);
    let json = if is_json { start.sql_type } else { "jsonb".to_owned() };
    Expression { sql, sql_type: if as_text { "text".to_owned() } else { json }, is_plain: start.is_plain }
}
