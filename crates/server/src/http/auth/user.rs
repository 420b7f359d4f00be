//! A signed-in user about themselves.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::caller::{AuthCaller, QueryOf};
use super::session::{Asked, challenge, refuse_phone};
use super::view;
use crate::app::App;
use crate::app::users::mail::LinkTo;
use crate::app::users::own::{self, OwnChange};
use crate::auth::Password;
use crate::error::{Error, Result};
use crate::http::session::read;
use crate::postgres::user_sessions::UserSession;

/// `GET /user`
pub(super) async fn show(from: AuthCaller) -> Result<Response> {
    Ok(view::private(view::user(&own::current(&from.realm, from.user()?).await?)))
}

#[derive(Deserialize)]
struct Change {
    email: Option<String>,
    password: Option<Password>,
    phone: Option<String>,
    data: Option<Value>,
    /// Only a secret key sets these: said, rather than passed over.
    app_metadata: Option<Value>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

/// `PUT /user`
pub(super) async fn change(
    State(app): State<Arc<App>>,
    from: AuthCaller,
    QueryOf(asked): QueryOf<Asked>,
    body: Body,
) -> Result<Response> {
    let who = from.user()?;
    let change: Change = read(body).await?;
    refuse_phone(change.phone.as_deref())?;
    if change.app_metadata.is_some() {
        return Err(Error::forbidden("key/not-secret", "Updating app_metadata needs a secret key"));
    }
    let link = LinkTo {
        redirect_to: asked.redirect_to.as_deref(),
        code_challenge: challenge(change.code_challenge.as_deref(), change.code_challenge_method.as_deref())?,
    };
    let own_change = OwnChange {
        email: change.email.as_deref().filter(|email| !email.is_empty()),
        password: change.password.as_ref(),
        data: change.data.as_ref(),
        link,
    };
    Ok(view::private(view::user(&own::update(&app, &from.realm, who, &own_change).await?)))
}

/// `GET /v1/auth/sessions`
pub(super) async fn sessions(from: AuthCaller) -> Result<Response> {
    Ok(view::private(listed(&own::sessions(&from.realm, from.user()?).await?)))
}

/// `DELETE /v1/auth/sessions/{id}`
pub(super) async fn revoke(from: AuthCaller, Path(id): Path<String>) -> Result<StatusCode> {
    own::revoke(&from.realm, from.user()?, session_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sessions as this API's own paths show them.
pub(super) fn listed(sessions: &[UserSession]) -> Value {
    let shown = sessions.iter().map(|session| {
        json!({
            "id": session.id,
            "method": session.method,
            "address": session.address,
            "userAgent": session.user_agent,
            "createdAt": session.created_at,
            "refreshedAt": session.refreshed_at,
        })
    });
    json!({ "sessions": shown.collect::<Vec<_>>() })
}

/// An id that is none names nothing.
pub(super) fn session_id(text: &str) -> Result<Uuid> {
    text.parse().map_err(|_| Error::not_found("session/unknown", "There is no such session."))
}
