//! All routes: a table of contents of what the server speaks.

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};

use super::graphql::{self, Graph};
use super::{console, data, operations, request_id, session};
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

    // Signing in: a browser's cookie instead of a token.
    let session = Router::new()
        .route(
            "/session",
            get(session::show)
                .post(session::sign_in)
                .delete(session::sign_out)
                .fallback(async || session::not_allowed("GET, HEAD, POST, DELETE")),
        )
        .route("/session/link", post(session::link).fallback(async || session::not_allowed("POST")))
        .route("/session/setup", post(session::set_up).fallback(async || session::not_allowed("POST")))
        .route("/session/invitation", post(session::accept).fallback(async || session::not_allowed("POST")))
        .route("/session/password", post(session::reset).fallback(async || session::not_allowed("POST")))
        .route("/session/confirm", post(session::confirm).fallback(async || session::not_allowed("POST")))
        .with_state(Arc::clone(&app));

    let operations = Router::new()
        .route("/healthz", get(operations::healthz))
        .route("/readyz", get(operations::readyz))
        .route("/metrics", get(operations::metrics))
        .with_state(Arc::clone(&app));

    // Data: one environment, chosen by the key.
    data::router()
        .with_state(app)
        .merge(management)
        .merge(session)
        .merge(operations)
        .fallback(console::fallback)
        .layer(middleware::from_fn(request_id::layer))
}
