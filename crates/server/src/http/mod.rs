//! Everything that knows HTTP.

mod address;
mod auth;
mod connections;
mod console;
pub(crate) mod data;
mod error;
pub(crate) mod graphql;
mod lingering;
mod operations;
pub(crate) mod request_id;
mod router;
pub(crate) mod routes;
mod scope;
mod session;

use std::sync::Arc;

use tokio::net::TcpListener;

use crate::app::App;

pub(crate) use router::list;

/// Serves until `stop` is ready and the requests under way have ended.
pub(crate) async fn serve(app: Arc<App>, listener: TcpListener, stop: impl Future<Output = ()>) {
    connections::serve(listener, router::router(app), stop).await;
}
