//! Everything that knows HTTP.

pub(crate) mod data;
mod error;
pub(crate) mod request_id;
