//! All routes: a table of contents of what the server speaks.

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};

use super::graphql::{self, Graph};
use super::{console, data, operations, request_id};
use crate::app::App;
use crate::error::Error;

pub(super) fn router(app: Arc<App>) -> Router {
    let graph = Graph { schema: graphql::schema(Some(Arc::clone(&app))), app: Arc::clone(&app) };

    let management = Router::new()
        .route(
            "/graphql",
            post(graphql::handle)
                .fallback(async || Error::method_not_allowed("request/method-not-allowed", "GraphQL is asked by POST.")),
        )
        .with_state(graph);

    let operations = Router::new()
        .route("/healthz", get(operations::healthz))
        .route("/readyz", get(operations::readyz))
        .route("/metrics", get(operations::metrics))
        .with_state(Arc::clone(&app));

    // Data: one environment, chosen by the key.
    data::router()
        .with_state(app)
        .merge(management)
        .merge(operations)
        .fallback(console::fallback)
        .layer(middleware::from_fn(request_id::layer))
}
