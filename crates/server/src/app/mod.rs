//! What can be done, noun by noun.

pub(crate) mod access;
pub(crate) mod record;
