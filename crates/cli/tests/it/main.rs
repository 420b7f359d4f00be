//! Cloche from the outside: the real binary with a PostgreSQL of its own, one module a noun.

mod branch;
mod branch_copies;
mod branch_load;
mod cli;
mod client;
mod data;
mod definitions;
mod demo;
mod environments;
mod faults;
mod fence;
mod harness;
mod help;
mod hostile;
mod invitations;
mod isolation;
mod keys;
mod members;
mod proof;
mod proxy;
mod roles;
mod schema;
mod server;
mod sessions;
mod transcript;
mod world;
