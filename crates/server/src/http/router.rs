//! All routes: a table of contents of what the server speaks.

use std::sync::Arc;

use axum::Router;
use axum::http::Uri;
use axum::response::{IntoResponse as _, Response};

use super::graphql::{self, Graph};
use super::request_id::Identified;
use super::routes::{Credential, Route, Routes, get, post};
use super::{auth, console, data, operations, session};
use crate::app::App;
use crate::error::Error;

/// Data: one environment, chosen by the key.
fn data_plane() -> Routes<Arc<App>> {
    data::routes()
}

/// Users of an environment: for applications, for those who look after users, and for browsers that open a link.
fn users() -> [Routes<Arc<App>>; 3] {
    [auth::routes(), auth::admin_routes(), auth::link_routes()]
}

/// Management: what the member's roles allow.
fn management_plane() -> Routes<Graph> {
    Routes::opened_by(Credential::Token).at("/graphql", post(graphql::handle))
}

/// Signing in: a password or a link becomes a browser's cookie, which opens the management plane.
fn sessions() -> Routes<Arc<App>> {
    Routes::opened_by(Credential::Session)
        .at("/session", get(session::show).post(session::sign_in).delete(session::sign_out))
        .at("/session/link", post(session::link))
        .at("/session/setup", post(session::set_up))
        .at("/session/invitation", post(session::accept))
        .at("/session/password", post(session::reset))
        .at("/session/confirm", post(session::confirm))
}

/// For operators.
fn operations() -> Routes<Arc<App>> {
    Routes::opened_by(Credential::Nothing)
        .at("/healthz", get(operations::healthz))
        .at("/readyz", get(operations::readyz))
        .at("/metrics", get(operations::metrics))
}

/// The console: one page with a router of its own, answered for every path of it, and the files it needs.
fn console() -> Routes<()> {
    Routes::opened_by(Credential::Nothing)
        .at("/", get(console::page))
        .at("/setup", get(console::page))
        .at("/invitation", get(console::page))
        .at("/password", get(console::page))
        .at("/sign-in", get(console::page))
        .at("/p/{*path}", get(console::page))
        .at("/account", get(console::page))
        .at("/account/{page}", get(console::page))
        .at("/assets/{name}", get(console::file))
        .at("/v1/docs", get(console::docs))
        .at("/favicon.svg", get(console::file))
        .at("/theme.js", get(console::file))
}

/// Every route there is. What `router` serves and this does not list would be found by nobody who checks them all.
pub(crate) fn list() -> Vec<Route> {
    let users: Vec<Route> = users().iter().flat_map(|routes| routes.list().to_vec()).collect();
    [data_plane().list(), &users, management_plane().list(), sessions().list(), operations().list(), console().list()].concat()
}

pub(super) fn router(app: Arc<App>) -> Identified<Router> {
    let graph = Graph { schema: graphql::schema(Some(Arc::clone(&app))), app: Arc::clone(&app) };
    let users = users().into_iter().fold(Router::new(), |router, routes| router.merge(routes.with_state(Arc::clone(&app))));
    let applications = data_plane().with_state(Arc::clone(&app)).merge(users);
    let applications = applications.route_layer(data::guardrails::Guardrails);
    let router = Router::new()
        .merge(applications)
        .merge(management_plane().with_state(graph))
        .merge(sessions().with_state(Arc::clone(&app)))
        .merge(operations().with_state(app))
        .merge(console().with_state(()))
        .fallback(unknown);
    // Not as a layer: the router would put that around every single route, and box the future of each request once more.
    // With its state, handlers become services now, not with each request.
    Identified(router.with_state(()))
}

async fn unknown(uri: Uri) -> Response {
    Error::not_found("route/not-found", format!("There is nothing at {}.", uri.path()))
        .hint("Data is at /v1/data/{table}, management at /graphql, the console at /.")
        .into_response()
}
