//! The Cloche server: data plane, management plane, and the PostgreSQL under them.

mod access;
mod app;
mod auth;
mod error;
mod fence;
mod http;
mod json;
mod map;
mod postgres;
mod reconcile;
mod sagas;
mod secrets;
mod settings;
mod start;
mod store;
mod traffic;

pub use crate::http::routes::{Credential, Route};
pub use crate::postgres::embedded::program_folders;
pub use settings::{LogFormat, Network, Settings};
pub use start::serve;

/// The management schema in GraphQL's own language, as committed in `schema.graphql`.
pub fn management_schema() -> String {
    crate::http::graphql::schema(None).sdl()
}

/// Every HTTP route, as the router itself knows them.
pub fn routes() -> Vec<Route> {
    crate::http::list()
}

/// The kinds of operation there are, each with the names of its steps in order.
pub fn operation_steps() -> Vec<(&'static str, Vec<&'static str>)> {
    crate::sagas::steps()
}
