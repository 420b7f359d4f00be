//! Access rules: what an actor may do with which resource, decided from the environment's roles. Pure: no IO, no SQL.

mod guard;

pub(crate) use guard::{Guard, Mask};
