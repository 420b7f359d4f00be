//! The users of an environment: signing up and in, what mails let them do, and looking after them with a secret key or as a member.

pub(crate) mod admin;
pub(crate) mod mail;
pub(crate) mod managed;
pub(crate) mod oidc;
pub(crate) mod own;
pub(crate) mod sign_in;
pub(crate) mod tokens;

use std::net::IpAddr;

use cloche_wire::EnvironmentId;
use serde_json::{Value, json};

use super::App;
use crate::error::{Error, Result};
use crate::postgres::auth_settings::{self, AuthSettings};
use crate::postgres::realm::Realm;
use crate::store::environments::{self, Status};

/// Bytes that each of a user's two kinds of metadata may have: they are in every token.
const MAX_METADATA: usize = 8 * 1024;
/// Roles of one user, and characters of one.
const MAX_ROLES: usize = 50;
const MAX_ROLE: usize = 64;

/// Where a request of a user comes from.
pub(crate) struct Caller {
    pub(crate) address: IpAddr,
    pub(crate) user_agent: String,
}

/// Where tokens say that they come from, on a server with this address.
fn issuer(app: &App) -> String {
    format!("{}/auth/v1", app.url())
}

/// The environment that a link tells of, while it is in use. What the link holds beside that is what proves it.
pub(crate) async fn visited(app: &App, id: EnvironmentId) -> Result<Option<Realm>> {
    let environment = environments::find(&*app.store.client().await?, id).await?;
    let Some(environment) = environment.filter(|environment| environment.status == Status::Active) else { return Ok(None) };
    super::environment::bring_up_to_date(app, &environment).await?;
    let handle = app.environments.handle(id, &environment.database, &app.cluster);
    Ok(Some(Realm::new(id, handle)))
}

/// Where the environment lets a browser be sent that asks for an address.
pub(crate) async fn redirect_target(realm: &Realm, asked: Option<&str>) -> Result<Option<String>> {
    Ok(mail::redirect(&settings(realm).await?, asked))
}

/// What an application may know of how users sign in.
pub(crate) async fn public_settings(realm: &Realm) -> Result<Value> {
    let settings = settings(realm).await?;
    let providers = auth_settings::providers(realm.platform().await?.client()?).await?;
    let mut external = json!({ "email": true, "phone": false, "anonymous_users": settings.anonymous });
    for provider in providers {
        external[provider.name] = json!(true);
    }
    Ok(json!({
        "external": external,
        "disable_signup": !settings.sign_up,
        "mailer_autoconfirm": !settings.confirm_email,
        "phone_autoconfirm": false,
        "sms_provider": "",
        "saml_enabled": false,
    }))
}

/// What is decided for the environment.
async fn settings(realm: &Realm) -> Result<AuthSettings> {
    auth_settings::settings(realm.platform().await?.client()?).await
}

/// An address in the one spelling in which users have it.
fn checked_email(email: &str) -> Result<String> {
    let email = super::people::checked_email("email", email).map_err(|error| Error { code: "email/invalid".into(), ..error })?;
    Ok(email.to_lowercase())
}

/// Metadata are an object that is not too large.
fn checked_metadata(field: &str, metadata: Option<&Value>) -> Result<()> {
    match metadata {
        None => Ok(()),
        Some(Value::Object(_)) if metadata.is_some_and(|metadata| metadata.to_string().len() <= MAX_METADATA) => Ok(()),
        Some(_) => Err(Error::bad_input("user/metadata", format!("{field} must be an object of 8 KiB at most.")).field(
            field,
            "object",
            "a JSON object of 8 KiB at most",
        )),
    }
}

/// Names of roles, each once.
fn checked_roles(roles: &[String]) -> Result<Vec<String>> {
    let shaped = |role: &String| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        !role.is_empty() && role.len() <= MAX_ROLE && role.chars().all(allowed)
    };
    if roles.len() > MAX_ROLES || !roles.iter().all(shaped) {
        return Err(Error::bad_input(
            "user/roles",
            format!("A user has {MAX_ROLES} roles at most, named with letters, digits, - and _."),
        )
        .field("roles", "names", "names of roles"));
    }
    let mut roles = roles.to_vec();
    roles.sort();
    roles.dedup();
    Ok(roles)
}

fn unknown() -> Error {
    Error::not_found("user/not-found", "There is no such user in this environment.")
}
