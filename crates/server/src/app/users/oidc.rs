//! Signing in through an OpenID provider: the browser goes there and comes back, and what the provider says makes or finds the user.

use chrono::{TimeDelta, Utc};
use cloche_wire::EnvironmentId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::Transaction;

use super::tokens::{self, Tokens};
use super::{App, Caller, mail, settings, sign_in, visited};
use crate::auth::oidc::{Discovery, Registration};
use crate::error::{Error, Result};
use crate::postgres::auth_settings::{self, Flow, Provider};
use crate::postgres::realm::Realm;
use crate::postgres::users::{self, NewUser, User, UserChange};
use crate::secrets::{base64url, hex, random_text, same};

/// How long somebody may take at the provider.
const FLOW: TimeDelta = TimeDelta::minutes(10);
/// Of what a provider tells about somebody, this is kept.
const TOLD: [&str; 9] =
    ["sub", "email", "email_verified", "name", "given_name", "family_name", "preferred_username", "picture", "locale"];

/// What belongs to one sign-in, and is not told until the browser is back.
#[derive(Serialize, Deserialize)]
struct Kept {
    verifier: String,
    nonce: String,
    /// What the browser was given, where the client keeps no secret of its own.
    browser: String,
}

/// Where the browser goes, and what it must show when it comes back.
pub(crate) struct Departure {
    pub(crate) location: String,
    pub(crate) browser: String,
}

/// Who comes back, and where to.
pub(crate) struct Arrival {
    pub(crate) redirect_to: String,
    pub(crate) outcome: Result<Arrived>,
}

pub(crate) enum Arrived {
    Session(Box<Tokens>),
    /// Exchanged by the client that keeps a secret.
    Code(String),
}

fn callback(app: &App) -> String {
    format!("{}/auth/v1/callback", app.url())
}

/// What a provider's secret is sealed as.
pub(super) fn sealed_as(name: &str) -> String {
    format!("auth-provider/{name}")
}

/// Sends the browser to the provider.
pub(crate) async fn depart(
    app: &App,
    realm: &Realm,
    provider: &str,
    redirect_to: Option<&str>,
    code_challenge: Option<&str>,
) -> Result<Departure> {
    let found = auth_settings::provider(realm.platform().await?.client()?, provider).await?;
    let found = found.ok_or_else(|| unknown(provider))?;
    let redirect_to = mail::redirect(&settings(realm).await?, redirect_to).ok_or_else(mail::leads_nowhere)?;
    let discovery = app.providers.discover(&found.issuer).await?;
    // The environment stands in it, because the browser comes back without a key.
    let state = format!("{}{}", realm.environment.0.simple(), random_text()?);
    let kept = Kept { verifier: random_text()?, nonce: random_text()?, browser: random_text()? };
    let location = departure(app, &discovery, &found, &state, &kept);
    let hash = hash_of(app, realm, &state);
    let flow = Flow {
        provider: found.name,
        sealed: app.secrets.seal(realm.environment, &flow_sealed_as(&hash), &json!(kept).to_string())?,
        redirect_to,
        code_challenge: code_challenge.map(str::to_owned),
        user: None,
    };
    let mut platform = realm.platform().await?;
    let tx = platform.client_mut()?.transaction().await?;
    auth_settings::insert_flow(&tx, &hash, &flow, Utc::now() + FLOW).await?;
    tx.commit().await?;
    Ok(Departure { location, browser: kept.browser })
}

fn departure(app: &App, discovery: &Discovery, provider: &Provider, state: &str, kept: &Kept) -> String {
    let challenge = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, kept.verifier.as_bytes());
    let members = [
        ("response_type", "code".to_owned()),
        ("client_id", provider.client_id.clone()),
        ("redirect_uri", callback(app)),
        ("scope", provider.scopes.join(" ")),
        ("state", state.to_owned()),
        ("nonce", kept.nonce.clone()),
        ("code_challenge", base64url(challenge.as_ref())),
        ("code_challenge_method", "S256".to_owned()),
    ];
    let encode = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let members: Vec<String> = members.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    let join = if discovery.authorization_endpoint.contains('?') { '&' } else { '?' };
    format!("{}{join}{}", discovery.authorization_endpoint, members.join("&"))
}

fn hash_of(app: &App, realm: &Realm, state: &str) -> Vec<u8> {
    app.secrets.hash_for_user(realm.environment, "oidc-state", state)
}

fn flow_sealed_as(hash: &[u8]) -> String {
    format!("auth-flow/{}", hex(hash))
}

/// Takes the browser in that comes back with `state`, and a code or what went wrong.
pub(crate) async fn arrive(
    app: &App,
    caller: &Caller,
    state: &str,
    code: std::result::Result<&str, &str>,
    browser: Option<&str>,
) -> Result<Arrival> {
    let environment = state.get(..32).and_then(|id| id.parse().ok()).map(EnvironmentId).ok_or_else(bad_state)?;
    let realm = visited(app, environment).await?.ok_or_else(bad_state)?;
    let hash = hash_of(app, &realm, state);
    let mut platform = realm.platform().await?;
    let tx = platform.client_mut()?.transaction().await?;
    let flow = auth_settings::take_flow(&tx, &hash).await?.ok_or_else(bad_state)?;
    tx.commit().await?;
    drop(platform);
    let kept = app.secrets.open(environment, &flow_sealed_as(&hash), &flow.sealed)?;
    let kept: Kept = serde_json::from_str(&kept).map_err(Error::internal)?;
    // A session must not be slipped to another browser than the one that asked. A client with a secret of its own sees to that itself.
    let the_same = browser.is_some_and(|browser| same(browser.as_bytes(), kept.browser.as_bytes()));
    if flow.code_challenge.is_none() && !the_same {
        return Err(bad_state());
    }
    let redirect_to = flow.redirect_to.clone();
    let outcome = match code {
        Ok(code) => finish(app, &realm, caller, &flow, &kept, code).await,
        Err(said) => {
            let said: String = said.chars().take(200).collect();
            Err(Error::bad_input("flow/refused", format!("The provider refused: {said}")))
        }
    };
    Ok(Arrival { redirect_to, outcome })
}

async fn finish(app: &App, realm: &Realm, caller: &Caller, flow: &Flow, kept: &Kept, code: &str) -> Result<Arrived> {
    let provider = auth_settings::provider(realm.platform().await?.client()?, &flow.provider).await?;
    let provider = provider.ok_or_else(|| unknown(&flow.provider))?;
    let secret = app.secrets.open(realm.environment, &sealed_as(&provider.name), &provider.sealed)?;
    let discovery = app.providers.discover(&provider.issuer).await?;
    let redirect_uri = callback(app);
    let us = Registration { client_id: &provider.client_id, secret: &secret, redirect_uri: &redirect_uri };
    let claims = app.providers.exchange(&discovery, &us, code, &kept.verifier, &kept.nonce).await?;
    let sign_up = settings(realm).await?.sign_up;
    let mut platform = realm.platform().await?;
    let tx = platform.client_mut()?.transaction().await?;
    let user = user_of(&tx, &provider.name, &claims, sign_up).await?;
    if user.is_banned() {
        return Err(tokens::banned());
    }
    if let Some(challenge) = &flow.code_challenge {
        let code = mail::put_code(app, realm, &tx, &user, challenge, &provider.name).await?;
        tx.commit().await?;
        return Ok(Arrived::Code(code));
    }
    let begun = tokens::begin(app, realm, &tx, &user, "oauth", caller).await?;
    tx.commit().await?;
    drop(platform);
    Ok(Arrived::Session(Box::new(tokens::give(app, realm, user, begun).await?)))
}

/// The user the provider speaks of: who has signed in so before, who has the address that it vouches for, or somebody new.
async fn user_of(tx: &Transaction<'_>, provider: &str, claims: &Value, sign_up: bool) -> Result<User> {
    let subject = claims["sub"].as_str().unwrap_or_default();
    let mut told = json!({});
    for name in TOLD.into_iter().filter(|name| claims[name].is_string() || claims[name].is_boolean()) {
        told[name] = claims[name].clone();
    }
    super::checked_metadata("claims", Some(&told))?;
    // Two first sign-ins of the same person at once: the second finds the first.
    let turn = format!("cloche/identity/{provider}/{subject}");
    users::take_turn(tx, &turn).await?;
    if let Some(user) = users::find_by_identity(tx, provider, subject).await? {
        users::put_identity(tx, user.id, provider, subject, &told).await?;
        return users::find(tx, user.id).await?.ok_or_else(super::unknown);
    }
    let vouched = claims["email_verified"] == true;
    let email = claims["email"].as_str().filter(|_| vouched).map(super::checked_email).transpose()?;
    let known = match &email {
        Some(email) => users::lock_by_email(tx, email).await?,
        None => None,
    };
    let user = match known {
        Some(user) => {
            if !user.email_proven {
                // Somebody else may have signed up with the address.
                users::disinherit(tx, user.id).await?;
            }
            let change = UserChange { confirmed: Some(true), proven: true, ..UserChange::default() };
            users::update(tx, user.id, &change).await?.ok_or_else(super::unknown)?
        }
        None if !sign_up => return Err(sign_in::closed()),
        None => {
            let mut metadata = told.clone();
            if let Some(picture) = told.get("picture") {
                metadata["avatar_url"] = picture.clone();
            }
            let new = NewUser {
                email: email.as_deref(),
                confirmed: email.is_some(),
                proven: email.is_some(),
                user_metadata: Some(&metadata),
                ..NewUser::default()
            };
            users::insert(tx, &new).await?
        }
    };
    users::put_identity(tx, user.id, provider, subject, &told).await?;
    users::find(tx, user.id).await?.ok_or_else(super::unknown)
}

pub(super) fn unknown(provider: &str) -> Error {
    Error::bad_input("provider/unknown", format!("There is no provider {provider:?} in this environment."))
        .hint("Those there are stand in the environment's auth settings.")
}

fn bad_state() -> Error {
    Error::bad_input("flow/state", "This sign-in is not under way, or not any more.").hint("Begin again, in the same browser.")
}
