//! The Cloche server: data plane, management plane, and the PostgreSQL under them.

mod app;
mod auth;
mod error;
mod fence;
mod http;
mod postgres;
mod reconcile;
mod sagas;
mod secrets;
mod settings;
mod start;
mod store;

pub use settings::{LogFormat, Settings};
pub use start::serve;

/// The management schema in GraphQL's own language, as committed in `schema.graphql`.
pub fn management_schema() -> String {
    crate::http::graphql::schema(None).sdl()
}
