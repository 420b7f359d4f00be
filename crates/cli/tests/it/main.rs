//! Cloche from the outside: the real binary with a PostgreSQL of its own, one module a noun.

mod branch;
mod client;
mod environments;
mod harness;
mod keys;
mod schema;
mod transcript;
mod world;
