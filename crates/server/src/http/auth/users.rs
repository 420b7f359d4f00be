//! `/v1/users`: the environment's user pool, for who has a secret key.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::admin::user_id;
use super::caller::{Admin, QueryOf};
use super::{user, view};
use crate::app::App;
use crate::app::users::admin::{self, Attributes};
use crate::auth::Password;
use crate::error::Result;
use crate::http::session::read;
use crate::postgres::users::UserFilter;

/// Users on a page, where it is not said, and at most.
const PAGE: i64 = 50;
const MAX_PAGE: i64 = 1_000;

#[derive(Deserialize)]
pub(super) struct Filter {
    search: Option<String>,
    role: Option<String>,
    limit: Option<i64>,
    offset: Option<i64>,
}

/// `GET /v1/users`
pub(super) async fn list(Admin(from): Admin, QueryOf(filter): QueryOf<Filter>) -> Result<Response> {
    let limit = filter.limit.unwrap_or(PAGE).clamp(1, MAX_PAGE);
    let offset = filter.offset.unwrap_or(0).max(0);
    let rows = UserFilter { search: filter.search.as_deref(), role: filter.role.as_deref(), limit, offset };
    let (users, total) = admin::list(&from.realm, &rows).await?;
    let shown: Vec<Value> = users.iter().map(admin::view).collect();
    Ok(view::private(json!({ "users": shown, "total": total, "limit": limit, "offset": offset })))
}

/// `GET /v1/users/{id}`
pub(super) async fn show(Admin(from): Admin, Path(id): Path<String>) -> Result<Response> {
    Ok(view::private(admin::view(&admin::find(&from.realm, user_id(&id)?).await?)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    email: Option<String>,
    password: Option<Password>,
    email_confirmed: Option<bool>,
    roles: Option<Vec<String>>,
    app_metadata: Option<Value>,
    user_metadata: Option<Value>,
    /// `none`, or a length of time such as `24h`.
    ban_duration: Option<String>,
}

/// `PATCH /v1/users/{id}`
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Admin(from): Admin,
    Path(id): Path<String>,
    body: Body,
) -> Result<Response> {
    let id = user_id(&id)?;
    let change: Change = read(body).await?;
    let attributes = Attributes {
        id: None,
        email: change.email.as_deref(),
        password: change.password.as_ref(),
        confirmed: change.email_confirmed,
        roles: change.roles,
        app_metadata: change.app_metadata,
        user_metadata: change.user_metadata.as_ref(),
        ban_duration: change.ban_duration.as_deref(),
    };
    Ok(view::private(admin::view(&admin::update(&app, &from.realm, id, attributes).await?)))
}

/// `DELETE /v1/users/{id}`
pub(super) async fn delete(Admin(from): Admin, Path(id): Path<String>) -> Result<StatusCode> {
    admin::delete(&from.realm, user_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v1/users/{id}/sessions`
pub(super) async fn sessions(Admin(from): Admin, Path(id): Path<String>) -> Result<Response> {
    Ok(view::private(user::listed(&admin::sessions(&from.realm, user_id(&id)?).await?)))
}

/// `DELETE /v1/users/{id}/sessions`
pub(super) async fn end_sessions(Admin(from): Admin, Path(id): Path<String>) -> Result<StatusCode> {
    admin::end_sessions(&from.realm, user_id(&id)?, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /v1/users/{id}/sessions/{session}`
pub(super) async fn end_session(Admin(from): Admin, Path((id, session)): Path<(String, String)>) -> Result<StatusCode> {
    admin::end_sessions(&from.realm, user_id(&id)?, Some(user::session_id(&session)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}
