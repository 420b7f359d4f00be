//! PostgREST's dialect: what a request's query string and `Prefer` header ask for, as data. No IO, no HTTP, no tables: names are as the
//! caller wrote them, and only who knows the schema finds out whether they exist.

mod ast;
mod error;
mod parse;
mod prefer;

pub use ast::{
    Aggregate, Boolean, Column, Count, Embed, Field, Filter, Handling, Is, Item, Join, Missing, Node, Operator, Order,
    Preferences, Quantifier, Query, Resolution, Return, Step, Test, Tx,
};
pub use error::DialectError;
pub use parse::{Range, parse, parse_call, parse_range};
pub use prefer::parse_preferences;
