//! To an OpenID provider and back.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::caller::{AuthCaller, QueryOf};
use super::session::challenge;
use super::verify::{Visitor, of_session, refusal, send_on};
use crate::app::App;
use crate::app::users::oidc::{self, Arrived, Departure};
use crate::error::{Error, Kind, Result};

/// What a browser that has left for a provider keeps, to be the one that comes back.
const COOKIE: &str = "cloche-sign-in";

#[derive(Deserialize)]
pub(super) struct Leaving {
    provider: Option<String>,
    redirect_to: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

/// `GET /authorize`: the browser goes to the provider. The key stands in the address, because a browser sends no header there.
pub(super) async fn authorize(
    State(app): State<Arc<App>>,
    from: AuthCaller,
    QueryOf(leaving): QueryOf<Leaving>,
) -> Result<Response> {
    let code_challenge = challenge(leaving.code_challenge.as_deref(), leaving.code_challenge_method.as_deref())?;
    let provider = leaving.provider.as_deref().unwrap_or_default();
    let departure = oidc::depart(&app, &from.realm, provider, leaving.redirect_to.as_deref(), code_challenge).await?;
    let Departure { location, browser } = departure;
    let secure = if app.url().starts_with("https://") { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={browser}; Path=/auth/v1/callback; Max-Age=600; HttpOnly; SameSite=Lax{secure}");
    let headers = [
        (header::LOCATION, HeaderValue::try_from(location).map_err(Error::internal)?),
        (header::SET_COOKIE, HeaderValue::try_from(cookie).map_err(Error::internal)?),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

#[derive(Deserialize)]
pub(super) struct Coming {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// `GET /callback`: the browser comes back from the provider.
pub(super) async fn callback(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    QueryOf(coming): QueryOf<Coming>,
    headers: HeaderMap,
) -> Result<Response> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let browser = cookies.flat_map(|text| text.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    });
    let code = match (&coming.code, &coming.error) {
        (Some(code), None) => Ok(code.as_str()),
        (_, error) => Err(coming.error_description.as_deref().or(error.as_deref()).unwrap_or("no code")),
    };
    let arrival = oidc::arrive(&app, &caller, coming.state.as_deref().unwrap_or_default(), code, browser).await?;
    match arrival.outcome {
        Ok(Arrived::Session(tokens)) => send_on(&arrival.redirect_to, '#', &of_session(&tokens, None)),
        Ok(Arrived::Code(code)) => send_on(&arrival.redirect_to, '?', &[("code", code)]),
        Err(error) if error.kind == Kind::Internal => Err(error),
        Err(error) => send_on(&arrival.redirect_to, '#', &refusal(&error)),
    }
}
