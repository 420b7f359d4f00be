//! The management plane: GraphQL at `/graphql`, for console, CLI and scripts.
//!
//! A user's mistake answers `success: false` with a stable code; a missing or lesser credential is a GraphQL error with
//! `extensions.code`. One file a noun.

mod definition;
mod environment;
mod key;
mod operation;
mod organization;
mod page;
mod payload;
mod people;
mod project;
mod role;
mod schema;
mod schema_edit;
mod server;
mod settings;
mod time;
mod traffic;
mod user;
mod variable;
mod viewer;

use std::sync::Arc;

use async_graphql::{EmptySubscription, MergedObject, Request, Response, Schema};
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::HeaderMap;

use crate::app::App;
use crate::auth::authenticate;
use crate::error::{Error, Result};

/// The longest body of a management request: a whole folder of definitions and room to spare.
const MAX_BODY: usize = 6 * 1024 * 1024;

/// Nesting, total fields and aliases of one query: enough for every page of a console, too little to be a burden.
const MAX_DEPTH: usize = 12;
const MAX_COMPLEXITY: usize = 2_000;
const MAX_DIRECTIVES: usize = 20;

#[derive(MergedObject, Default)]
pub(crate) struct Query(
    server::ServerQuery,
    viewer::ViewerQuery,
    organization::OrganizationQuery,
    people::PeopleQuery,
    project::ProjectQuery,
    environment::EnvironmentQuery,
    key::KeyQuery,
    variable::VariableQuery,
    user::UserQuery,
    definition::DefinitionQuery,
    schema::SchemaQuery,
    role::RoleQuery,
    operation::OperationQuery,
    settings::SettingsQuery,
    traffic::TrafficQuery,
);

#[derive(MergedObject, Default)]
pub(crate) struct Mutation(
    project::ProjectMutation,
    environment::EnvironmentMutation,
    key::KeyMutation,
    variable::VariableMutation,
    user::UserMutation,
    definition::DefinitionMutation,
    schema_edit::SchemaMutation,
    settings::SettingsMutation,
    role::RoleMutation,
    organization::OrganizationMutation,
    people::PeopleMutation,
    viewer::ViewerMutation,
);

pub(crate) type ManagementSchema = Schema<Query, Mutation, EmptySubscription>;

/// The schema, served with an app; without one it can only be printed.
pub(crate) fn schema(app: Option<Arc<App>>) -> ManagementSchema {
    let builder = Schema::build(Query::default(), Mutation::default(), EmptySubscription)
        .limit_depth(MAX_DEPTH)
        .limit_complexity(MAX_COMPLEXITY)
        .limit_directives(MAX_DIRECTIVES);
    match app {
        Some(app) => builder.data(app).finish(),
        None => builder.finish(),
    }
}

/// What the handler needs.
#[derive(Clone)]
pub(crate) struct Graph {
    pub(crate) app: Arc<App>,
    pub(crate) schema: ManagementSchema,
}

/// `POST /graphql`. Without a valid token or session the body is not even read.
pub(crate) async fn handle(State(graph): State<Graph>, headers: HeaderMap, body: Body) -> Result<Json<Response>> {
    let app = &graph.app;
    let public_url = app.settings.public_url.as_deref();
    let actor = authenticate(&app.store, &app.secrets, &app.uses, public_url, &headers).await?;
    let bytes = to_bytes(body, MAX_BODY).await.map_err(|_| {
        Error::too_large("request/too-large", "The body is too large or did not arrive whole.")
            .hint(format!("A management request has {} MiB at most.", MAX_BODY / 1024 / 1024))
    })?;
    let request: Request = serde_json::from_slice(&bytes).map_err(|problem| {
        Error::bad_input("request/malformed-json", format!("The body is not a GraphQL request: {problem}."))
            .hint(r#"Send {"query": "…", "variables": {…}} as JSON."#)
    })?;
    Ok(Json(graph.schema.execute(request.data(actor)).await))
}
