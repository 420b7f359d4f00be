//! Everything said to environment databases.

pub(crate) mod lane;
pub(crate) mod param;
pub(crate) mod query;
pub(crate) mod quote;
pub(crate) mod schema;
pub(crate) mod scope;
pub(crate) mod sqlstate;
