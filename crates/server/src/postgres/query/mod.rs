//! From the query parameters of a request to one SQL statement, in PostgREST's dialect. Pure: no IO, no connection.
//!
//! [`parse`] knows the dialect and no table; [`compile`] knows the tables and no dialect. [`Query`] is between them.

mod closest;
pub(crate) mod compile;
mod list;
pub(crate) mod parse;

pub(crate) use closest::closest;
pub(crate) use compile::{Returning, Statement};

/// What a request asks for. Names are as the caller wrote them; only `compile` finds out whether they exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// Empty: all columns.
    pub(crate) select: Vec<Output>,
    /// All of them must hold.
    pub(crate) filters: Vec<Filter>,
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: Option<u64>,
}

/// A column of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) column: String,
    pub(crate) alias: Option<String>,
}

impl Output {
    /// Its name in the answer.
    pub(crate) fn name(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.column)
    }
}

/// A condition on one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) column: String,
    pub(crate) negated: bool,
    pub(crate) test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    Compare(Comparison, String),
    In(Vec<String>),
    /// A pattern in SQL's own form, with `%` and `_`.
    Like {
        pattern: String,
        ignore_case: bool,
    },
    Is(Is),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Is {
    Null,
    NotNull,
    True,
    False,
    Unknown,
}

/// A sort key. What is not said is PostgreSQL's default: ascending, nulls last; descending, nulls first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) column: String,
    pub(crate) descending: bool,
    pub(crate) nulls_first: Option<bool>,
}
