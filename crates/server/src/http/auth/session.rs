//! Signing up, in and out; keys and settings that anybody with a key may know.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::{AuthCaller, QueryOf};
use super::view;
use crate::app::App;
use crate::app::users::mail::{self, LinkTo};
use crate::app::users::own::{self, Scope};
use crate::app::users::sign_in::{self, SignUp, SignedUp};
use crate::app::users::tokens;
use crate::auth::Password;
use crate::error::{Error, Result};
use crate::http::session::read;

/// How a token is asked for, and where a link leads.
#[derive(Deserialize)]
pub(super) struct Asked {
    pub(super) grant_type: Option<String>,
    pub(super) redirect_to: Option<String>,
    scope: Option<String>,
}

#[derive(Deserialize)]
struct NewUser {
    email: Option<String>,
    password: Option<Password>,
    phone: Option<String>,
    data: Option<Value>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

/// `POST /signup`
pub(super) async fn sign_up(
    State(app): State<Arc<App>>,
    from: AuthCaller,
    QueryOf(asked): QueryOf<Asked>,
    body: Body,
) -> Result<Response> {
    let new: NewUser = read(body).await?;
    refuse_phone(new.phone.as_deref())?;
    let link = LinkTo {
        redirect_to: asked.redirect_to.as_deref(),
        code_challenge: challenge(new.code_challenge.as_deref(), new.code_challenge_method.as_deref())?,
    };
    let sign_up = SignUp { email: new.email.as_deref(), password: new.password.as_ref(), data: new.data.as_ref(), link };
    let signed_up = sign_in::sign_up(&app, &from.realm, &from.caller, &sign_up).await?;
    Ok(view::private(match signed_up {
        SignedUp::In(tokens) => view::session(&tokens),
        SignedUp::Unconfirmed(user) => view::user(&user),
    }))
}

/// There is no sending to telephones.
pub(super) fn refuse_phone(phone: Option<&str>) -> Result<()> {
    if phone.is_some_and(|phone| !phone.is_empty()) {
        return Err(
            Error::bad_input("user/attribute", "Users have no telephone numbers here.").field("phone", "absent", "nothing")
        );
    }
    Ok(())
}

/// The challenge of a client that keeps a secret: hashed, never the secret itself.
pub(super) fn challenge<'c>(challenge: Option<&'c str>, method: Option<&str>) -> Result<Option<&'c str>> {
    let Some(challenge) = challenge.filter(|challenge| !challenge.is_empty()) else { return Ok(None) };
    if !method.is_some_and(|method| method.eq_ignore_ascii_case("s256")) || challenge.len() != 43 {
        return Err(Error::bad_input("grant/unknown", "The code challenge must be one of the method S256.").field(
            "code_challenge_method",
            "equal",
            "s256",
        ));
    }
    Ok(Some(challenge))
}

#[derive(Deserialize)]
struct ByPassword {
    email: Option<String>,
    password: Password,
    phone: Option<String>,
}

#[derive(Deserialize)]
struct ByRefreshToken {
    refresh_token: String,
}

#[derive(Deserialize)]
struct ByCode {
    auth_code: String,
    code_verifier: String,
}

/// `POST /token`: a session by password, refresh token or code; without a grant type, a token minted by who has a secret key.
pub(super) async fn token(
    State(app): State<Arc<App>>,
    from: AuthCaller,
    QueryOf(asked): QueryOf<Asked>,
    body: Body,
) -> Result<Response> {
    let (app, realm) = (&app, &from.realm);
    let given = match asked.grant_type.as_deref() {
        Some("password") => {
            let ByPassword { email, password, phone } = read(body).await?;
            refuse_phone(phone.as_deref())?;
            sign_in::with_password(app, realm, &from.caller, email.as_deref().unwrap_or_default(), &password).await?
        }
        Some("refresh_token") => {
            let ByRefreshToken { refresh_token } = read(body).await?;
            tokens::refresh(app, realm, &refresh_token).await?
        }
        Some("pkce") => {
            let ByCode { auth_code, code_verifier } = read(body).await?;
            mail::exchange(app, realm, &from.caller, &auth_code, &code_verifier).await?
        }
        Some(_) => {
            return Err(Error::bad_input("grant/unknown", "unsupported_grant_type")
                .hint("password, refresh_token and pkce are understood; without a grant type, a secret key mints a token."));
        }
        None => {
            from.require_admin()?;
            tokens::mint(app, realm, &read(body).await?).await?
        }
    };
    Ok(view::private(view::session(&given)))
}

/// `POST /logout`
pub(super) async fn sign_out(from: AuthCaller, QueryOf(asked): QueryOf<Asked>) -> Result<StatusCode> {
    let scope = match asked.scope.as_deref() {
        None | Some("global") => Scope::Global,
        Some("local") => Scope::Local,
        Some("others") => Scope::Others,
        Some(other) => {
            return Err(Error::bad_input("grant/unknown", format!("There is no scope {other:?}.")).field(
                "scope",
                "one-of",
                "global, local or others",
            ));
        }
    };
    own::sign_out(&from.realm, from.user()?, scope).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /settings`
pub(super) async fn settings(from: AuthCaller) -> Result<Response> {
    let shown = crate::app::users::public_settings(&from.realm).await?;
    Ok(view::private(shown))
}

/// `GET /health`: whether the environment's users can be reached.
pub(super) async fn health(from: AuthCaller) -> Result<Response> {
    crate::app::users::public_settings(&from.realm).await?;
    let description = "Users of this environment, in the shapes of Supabase's auth clients";
    Ok(Json(json!({ "name": "cloche", "version": env!("CARGO_PKG_VERSION"), "description": description })).into_response())
}

/// `GET /.well-known/jwks.json`
pub(super) async fn public_keys(State(app): State<Arc<App>>, from: AuthCaller) -> Result<Response> {
    let mut response = Json(tokens::public_keys(&app, &from.realm).await?).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=600"));
    Ok(response)
}
