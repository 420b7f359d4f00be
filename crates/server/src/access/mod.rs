//! Access rules: what an actor may do with which resource, decided from the environment's roles. Pure: no IO, no SQL.

mod actor;
mod explain;
mod guard;
mod rules;
mod scopes;
#[cfg(test)]
mod tests;

pub(crate) use explain::{Explanation, Looked, Masked};
pub(crate) use guard::{Condition, Guard, Mask, Rows, Value};
pub(crate) use rules::{Resource, Rules, Stored, verb_of};
pub(crate) use scopes::right;
