//! What passes through the data plane: how much of it may, and what is remembered of it.

pub(crate) mod limits;
pub(crate) mod requests;
