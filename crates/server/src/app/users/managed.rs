//! Users, mails and settings of an environment for members of its project.

use serde_json::json;
use uuid::Uuid;

use super::admin::{self, Attributes};
use super::oidc::sealed_as;
use super::{App, mail, settings};
use crate::app::environment::{Found, require_ready};
use crate::auth::Role;
use crate::auth::oidc;
use crate::error::{Error, Result};
use crate::postgres::auth_settings::{self, AuthSettings, Mail, MailText, Provider};
use crate::postgres::realm::Realm;
use crate::postgres::users::{User, UserFilter};
use crate::store::audit;

/// Addresses a list of settings may have, and characters of one.
const MAX_URLS: usize = 100;
const MAX_URL: usize = 2_000;
/// Seconds an access token may be in force: between a minute and a day, because nothing ends it before.
const TOKEN_TTL: std::ops::RangeInclusive<i64> = 60..=86_400;
/// Characters that passwords may be asked to have at the least.
const PASSWORD_MIN: std::ops::RangeInclusive<usize> = 6..=64;

/// What other ways of signing in are called.
const RESERVED: [&str; 4] = ["email", "phone", "anonymous", "anonymous_users"];

/// The environment's user pool, brought up to date.
async fn open(app: &App, found: &Found) -> Result<Realm> {
    let environment = &found.environment;
    require_ready(app, environment).await?;
    let handle = app.environments.handle(environment.id, &environment.database, &app.cluster);
    Ok(Realm::new(environment.id, handle))
}

/// Users are data: who may not get at the data of production gets at none of its users.
fn require_data(found: &Found) -> Result<()> {
    let need = if found.environment.has_production_data() { Role::Admin } else { Role::Developer };
    found.access.require(need, "Reading users")
}

/// Some of the users, and how many the filter meets.
pub(crate) async fn users(app: &App, found: &Found, filter: &UserFilter<'_>) -> Result<(Vec<User>, i64)> {
    require_data(found)?;
    admin::list(&open(app, found).await?, filter).await
}

/// The newest mails with their links: as good as the users' passwords, so it is written down who looks.
pub(crate) async fn mails(app: &App, found: &Found, recipient: Option<&str>, limit: i64) -> Result<Vec<(Mail, MailText)>> {
    found.access.require_change(&found.environment)?;
    let realm = open(app, found).await?;
    record(app, found, "users.readMails", json!({ "recipient": recipient })).await?;
    mail::outbox(app, &realm, recipient, limit).await
}

pub(crate) async fn create(app: &App, found: &Found, new: Attributes<'_>) -> Result<User> {
    found.access.require_change(&found.environment)?;
    let realm = open(app, found).await?;
    record(app, found, "users.create", json!({ "email": new.email, "roles": new.roles })).await?;
    admin::create(app, &realm, new).await
}

pub(crate) async fn update(app: &App, found: &Found, id: Uuid, change: Attributes<'_>) -> Result<User> {
    found.access.require_change(&found.environment)?;
    let realm = open(app, found).await?;
    let detail = json!({ "user": id, "roles": change.roles, "banDuration": change.ban_duration,
        "password": change.password.is_some(), "email": change.email });
    record(app, found, "users.update", detail).await?;
    admin::update(app, &realm, id, change).await
}

pub(crate) async fn delete(app: &App, found: &Found, id: Uuid) -> Result<User> {
    found.access.require_change(&found.environment)?;
    let realm = open(app, found).await?;
    record(app, found, "users.delete", json!({ "user": id })).await?;
    admin::delete(&realm, id).await
}

/// How users sign in.
pub(crate) async fn auth_settings(app: &App, found: &Found) -> Result<AuthSettings> {
    settings(&open(app, found).await?).await
}

/// Decides how users sign in. In force with the next request, on every server.
pub(crate) async fn put_settings(
    app: &App,
    found: &Found,
    change: impl FnOnce(AuthSettings) -> AuthSettings,
) -> Result<AuthSettings> {
    found.access.require_change(&found.environment)?;
    let realm = open(app, found).await?;
    let changed = change(settings(&realm).await?);
    check(&changed)?;
    record(app, found, "users.settings", json!(changed)).await?;
    auth_settings::put_settings(realm.platform().await?.client()?, &changed).await?;
    Ok(changed)
}

/// Providers users may sign in with; their secrets are shown to nobody.
pub(crate) async fn providers(app: &App, found: &Found) -> Result<Vec<Provider>> {
    let realm = open(app, found).await?;
    auth_settings::providers(realm.platform().await?.client()?).await
}

/// What is said of a provider.
pub(crate) struct NewProvider<'a> {
    pub(crate) name: &'a str,
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) secret: &'a str,
    pub(crate) scopes: Option<Vec<String>>,
}

/// Lets users sign in with a provider, or changes what is known of it.
pub(crate) async fn put_provider(app: &App, found: &Found, new: NewProvider<'_>) -> Result<Vec<Provider>> {
    found.access.require_change(&found.environment)?;
    let shaped = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if new.name.is_empty() || new.name.len() > 32 || !new.name.chars().all(shaped) || RESERVED.contains(&new.name) {
        return Err(Error::bad_input("provider/name-invalid", format!("{:?} is not a name for a provider.", new.name)).field(
            "input.name",
            "name",
            "1 to 32 lower-case letters, digits, - and _",
        ));
    }
    oidc::checked(new.issuer)?;
    let scopes = new.scopes.unwrap_or_else(|| ["openid", "email", "profile"].map(str::to_owned).to_vec());
    let word =
        |text: &str| !text.is_empty() && text.len() <= MAX_URL && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    if !word(new.client_id) || !word(new.secret) || scopes.len() > 50 || !scopes.iter().all(|scope| word(scope)) {
        return Err(Error::bad_input("provider/invalid", "A client id, a secret and scopes are words without spaces.").field(
            "input",
            "words",
            "texts without spaces",
        ));
    }
    if !scopes.iter().any(|scope| scope == "openid") {
        return Err(Error::bad_input("provider/invalid", "The scopes must have `openid` among them.").field(
            "input.scopes",
            "contains",
            "openid",
        ));
    }
    let realm = open(app, found).await?;
    record(app, found, "users.setProvider", json!({ "name": new.name, "issuer": new.issuer, "clientId": new.client_id })).await?;
    let row = Provider {
        name: new.name.to_owned(),
        issuer: new.issuer.to_owned(),
        client_id: new.client_id.to_owned(),
        sealed: app.secrets.seal(realm.environment, &sealed_as(new.name), new.secret)?,
        scopes,
    };
    auth_settings::put_provider(realm.platform().await?.client()?, &row).await?;
    auth_settings::providers(realm.platform().await?.client()?).await
}

/// Users sign in with a provider no more. Those who have stay users.
pub(crate) async fn remove_provider(app: &App, found: &Found, name: &str) -> Result<Vec<Provider>> {
    found.access.require_change(&found.environment)?;
    let realm = open(app, found).await?;
    record(app, found, "users.removeProvider", json!({ "name": name })).await?;
    if !auth_settings::remove_provider(realm.platform().await?.client()?, name).await? {
        return Err(super::oidc::unknown(name));
    }
    auth_settings::providers(realm.platform().await?.client()?).await
}

fn check(settings: &AuthSettings) -> Result<()> {
    let bad = |field: &str, rule: &str, sentence: &str| {
        Error::bad_input("auth/settings", format!("{field}: {sentence}.")).field(format!("input.{field}"), rule, sentence)
    };
    let address = |url: &String| {
        let shaped = url.split_once("://").is_some_and(|(scheme, rest)| {
            let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
            !scheme.is_empty() && scheme.chars().all(letters) && !rest.is_empty()
        });
        let scripts = ["javascript:", "data:", "vbscript:"].iter().any(|start| url.to_ascii_lowercase().starts_with(start));
        let stars = url.matches('*').count();
        shaped
            && !scripts
            && url.len() <= MAX_URL
            && !url.contains(char::is_whitespace)
            && url.is_ascii()
            && (stars == 0 || stars == 1 && url.ends_with("/*") && url.matches('/').count() >= 3)
    };
    if settings.site_url.as_ref().is_some_and(|url| !address(url) || url.contains('*')) {
        return Err(bad("siteUrl", "url", "an absolute address"));
    }
    if settings.redirect_urls.len() > MAX_URLS || !settings.redirect_urls.iter().all(address) {
        return Err(bad("redirectUrls", "urls", "100 absolute addresses at most, each exact or ending with /*"));
    }
    if !TOKEN_TTL.contains(&settings.token_ttl) {
        return Err(bad("tokenTtl", "range", "60 to 86400 seconds"));
    }
    if !PASSWORD_MIN.contains(&settings.password_min) {
        return Err(bad("passwordMin", "range", "6 to 64 characters"));
    }
    Ok(())
}

async fn record(app: &App, found: &Found, action: &str, detail: serde_json::Value) -> Result<()> {
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    audit::record(&tx, &found.audit(action, &found.environment.name, detail)).await?;
    Ok(tx.commit().await?)
}
