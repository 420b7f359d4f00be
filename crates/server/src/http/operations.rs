//! For operators: is it alive, is it ready, how is it doing.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::app::App;
use crate::error::Result;

/// The process answers.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The control database answers as well.
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str> {
    app.store.ping().await?;
    Ok("ready\n")
}

/// Prometheus text.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let (environments, connections) = app.environments.usage();
    metrics::gauge!("cloche_environments_open").set(environments as f64);
    metrics::gauge!("cloche_environment_connections").set(connections as f64);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics.render())
}
