//! From what a request asks to one SQL statement.
//!
//! `cloche_dialect` knows the dialect and no table; [`compile`] knows the tables and no dialect.

mod closest;
pub(crate) mod compile;

use crate::access::Guard;
use crate::postgres::param::TextParam;
use crate::postgres::schema::{Schema, Table, Verb};

pub(crate) use closest::closest;

/// One statement and its values.
#[derive(Debug)]
pub(crate) struct Statement<'a> {
    pub(crate) sql: String,
    pub(crate) params: Vec<TextParam<'a>>,
    /// It reads plain tables and runs no code of the environment's owner, so that it may go on a lane.
    pub(crate) is_plain: bool,
    /// What it tells of the records it touches runs no code of the environment's owner, nor do its rules.
    pub(crate) tells_plainly: bool,
}

/// What a write tells about the records it touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Returning {
    /// Nothing.
    Nothing,
    /// How many.
    Count,
    /// How many, and the records.
    Records,
    /// How many, and an array of objects with the primary key's columns as text.
    Keys,
}

/// How records are written in the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Format {
    /// A JSON array.
    #[default]
    Json,
    /// The same without keys whose value is null.
    StrippedJson,
    /// Comma-separated values under a line with their names.
    Csv,
}

/// What a statement is written for.
pub(crate) struct Context<'s> {
    pub(crate) schema: &'s Schema,
    pub(crate) access: &'s dyn Access,
    /// Records in an answer, at most.
    pub(crate) max_rows: u64,
    /// `amount.sum()` is allowed.
    pub(crate) aggregates: bool,
    /// The tables were read a moment ago: what the customer's own SQL may have changed since is worth no look at each record.
    pub(crate) is_recent: bool,
}

/// What the caller may do. Without a guard, nothing.
pub(crate) trait Access: Sync {
    /// What is left of a table or view for one action.
    fn table(&self, table: &Table, verb: Verb) -> Option<Guard<'_>>;

    /// Whether a function may be called.
    fn function(&self, name: &str) -> bool;
}
