//! `/session`: signing in and out of the console, and the links that let somebody in once.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::address;
use crate::app::App;
use crate::app::session::{self, Browser, Link};
use crate::auth::Password;
use crate::auth::sessions::{self as auth, Session};
use crate::error::{Error, Result};

/// The longest body here: a few short fields.
const MAX_BODY: usize = 16 * 1024;
/// Of a browser's description, which people see in the list of their sessions, this much is kept.
const USER_AGENT: usize = 300;

/// Somebody at a place where signing in is possible, on a page of ours or on none.
pub(super) struct Caller {
    browser: Browser,
    headers: HeaderMap,
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let public_url = app.settings.public_url.as_deref();
        auth::check_place(&parts.headers, public_url)?;
        auth::check_origin(&parts.headers, public_url, false)?;
        let address = address::of(&parts.extensions, &parts.headers, &app.settings);
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let browser = Browser {
            address: address.ok_or_else(|| Error::internal("a connection without an address"))?,
            user_agent: user_agent.chars().take(USER_AGENT).collect(),
            session: auth::from_cookie(&parts.headers).and_then(Result::ok),
        };
        Ok(Self { browser, headers: parts.headers.clone() })
    }
}

impl Caller {
    /// The session of the cookie.
    async fn session(&self, app: &App) -> Result<Session> {
        let text = auth::from_cookie(&self.headers).ok_or_else(auth::required)??;
        auth::authenticate(&app.store, &app.secrets, &app.uses, text).await
    }

    /// The same, for what changes something.
    async fn session_for_change(&self, app: &App) -> Result<Session> {
        let session = self.session(app).await?;
        auth::check_forgery(&self.headers, app.settings.public_url.as_deref(), &app.secrets, &session.text)?;
        Ok(session)
    }
}

/// `GET /session`
pub(super) async fn show(State(app): State<Arc<App>>, caller: Caller) -> Result<Response> {
    Ok(no_store(Json(view(&app, &caller.session(&app).await?))))
}

#[derive(Deserialize)]
struct SignIn {
    email: String,
    password: Password,
}

/// `POST /session`
pub(super) async fn sign_in(State(app): State<Arc<App>>, caller: Caller, body: Body) -> Result<Response> {
    let SignIn { email, password } = read(body).await?;
    let session = session::sign_in(&app, &caller.browser, &email, &password).await?;
    signed_in(&app, &session, StatusCode::OK)
}

/// `DELETE /session`
pub(super) async fn sign_out(State(app): State<Arc<App>>, caller: Caller) -> Result<Response> {
    session::sign_out(&app, &caller.session_for_change(&app).await?).await?;
    let mut response = no_store(StatusCode::NO_CONTENT);
    response.headers_mut().insert(header::SET_COOKIE, auth::no_cookie());
    Ok(response)
}

#[derive(Deserialize)]
struct Confirm {
    password: Password,
}

/// `POST /session/confirm`
pub(super) async fn confirm(State(app): State<Arc<App>>, caller: Caller, body: Body) -> Result<Response> {
    let session = caller.session_for_change(&app).await?;
    let Confirm { password } = read(body).await?;
    let session = session::confirm(&app, session, &password).await?;
    Ok(no_store(Json(view(&app, &session))))
}

#[derive(Deserialize)]
struct OfLink {
    token: String,
}

/// `POST /session/link`
pub(super) async fn link(State(app): State<Arc<App>>, _caller: Caller, body: Body) -> Result<Response> {
    let OfLink { token } = read(body).await?;
    let mut answer = json!({
        "kind": "setup", "email": null, "name": null, "organization": null, "role": null, "invitedBy": null, "expiresAt": null
    });
    match session::link(&app, &token).await? {
        Link::Setup => {}
        Link::Invitation { invitation, has_password } => {
            answer["kind"] = json!("invitation");
            answer["email"] = json!(invitation.email);
            // Whose link this is may be no business of who invited them, down to the name: it only tells that there is a password.
            answer["name"] = json!(has_password.then_some(&invitation.email));
            answer["organization"] = json!(invitation.organization);
            answer["role"] = json!(invitation.role.as_str());
            answer["invitedBy"] = json!(invitation.invited_by);
            answer["expiresAt"] = time(invitation.expires_at);
        }
        Link::Password { email, name, expires_at } => {
            answer["kind"] = json!("password");
            answer["email"] = json!(email);
            answer["name"] = json!(name);
            answer["expiresAt"] = time(expires_at);
        }
    }
    Ok(no_store(Json(answer)))
}

#[derive(Deserialize)]
struct SetUp {
    token: String,
    email: String,
    name: String,
    password: Password,
}

/// `POST /session/setup`
pub(super) async fn set_up(State(app): State<Arc<App>>, caller: Caller, body: Body) -> Result<Response> {
    let SetUp { token, email, name, password } = read(body).await?;
    let session = session::set_up(&app, &caller.browser, &token, &email, &name, &password).await?;
    signed_in(&app, &session, StatusCode::CREATED)
}

#[derive(Deserialize)]
struct Accept {
    token: String,
    /// Of a new person.
    name: Option<String>,
    password: Password,
}

/// `POST /session/invitation`
pub(super) async fn accept(State(app): State<Arc<App>>, caller: Caller, body: Body) -> Result<Response> {
    let Accept { token, name, password } = read(body).await?;
    let session = session::accept(&app, &caller.browser, &token, name.as_deref(), &password).await?;
    signed_in(&app, &session, StatusCode::CREATED)
}

#[derive(Deserialize)]
struct Reset {
    token: String,
    password: Password,
}

/// `POST /session/password`
pub(super) async fn reset(State(app): State<Arc<App>>, caller: Caller, body: Body) -> Result<Response> {
    let Reset { token, password } = read(body).await?;
    let session = session::reset(&app, &caller.browser, &token, &password).await?;
    signed_in(&app, &session, StatusCode::CREATED)
}

fn signed_in(app: &App, session: &Session, status: StatusCode) -> Result<Response> {
    let mut response = no_store((status, Json(view(app, session))));
    response.headers_mut().insert(header::SET_COOKIE, auth::cookie(&session.text)?);
    Ok(response)
}

fn view(app: &App, session: &Session) -> Value {
    let actor = &session.actor;
    json!({
        "viewer": {
            "id": actor.member_id, "email": actor.email, "name": actor.name, "instanceOwner": actor.instance_owner,
        },
        "csrfToken": app.secrets.csrf_token(&session.text),
        "authenticatedAt": time(session.authenticated_at),
        "expiresAt": time(session.expires_at),
    })
}

fn time(at: DateTime<Utc>) -> Value {
    Value::String(at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// What is told here is nobody else's business, caches on the way included.
fn no_store(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A JSON body. What is wrong with it is said without what it holds, which may be a password.
pub(super) async fn read<T: DeserializeOwned>(body: Body) -> Result<T> {
    let bytes = to_bytes(body, MAX_BODY).await.map_err(|_| {
        Error::too_large("request/too-large", "The body is too large or did not arrive whole.")
            .hint(format!("{} KiB at most.", MAX_BODY / 1024))
    })?;
    serde_json::from_slice(&bytes).map_err(|problem| {
        let place =
            if problem.line() == 0 { String::new() } else { format!(" (line {}, column {})", problem.line(), problem.column()) };
        let message = match problem.classify() {
            serde_json::error::Category::Data => format!("The body lacks a field, or one has the wrong type{place}."),
            _ => format!("The body is not JSON{place}."),
        };
        Error::bad_input("request/malformed-json", message)
            .hint("Send one JSON object with the fields of this request, as texts.")
    })
}
