//! Looking after users with a secret key, or as a member with a role in the project.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::mail::{self, LinkTo, SentMail};
use super::{App, checked_email, checked_metadata, checked_roles, settings, unknown};
use crate::auth::Password;
use crate::error::{Error, Result};
use crate::postgres::auth_settings::MailKind;
use crate::postgres::realm::Realm;
use crate::postgres::user_sessions::{self, UserSession, Which};
use crate::postgres::users::{self, NewUser, User, UserChange, UserFilter};

/// What may be said of a user by who looks after them.
#[derive(Default)]
pub(crate) struct Attributes<'a> {
    pub(crate) id: Option<Uuid>,
    pub(crate) email: Option<&'a str>,
    pub(crate) password: Option<&'a Password>,
    /// The address counts as confirmed, or does not.
    pub(crate) confirmed: Option<bool>,
    pub(crate) roles: Option<Vec<String>>,
    pub(crate) app_metadata: Option<Value>,
    pub(crate) user_metadata: Option<&'a Value>,
    /// `none`, or a length of time such as `24h`.
    pub(crate) ban_duration: Option<&'a str>,
}

impl Attributes<'_> {
    /// Roles are kept by themselves, also when they come among the application's metadata.
    fn take_roles(&mut self) -> Result<()> {
        let Some(Value::Object(metadata)) = &mut self.app_metadata else { return Ok(()) };
        for ours in ["provider", "providers"] {
            metadata.remove(ours);
        }
        let Some(roles) = metadata.remove("roles") else { return Ok(()) };
        let roles = if roles.is_null() { Ok(Vec::new()) } else { serde_json::from_value(roles) };
        let roles = roles.map_err(|_| {
            Error::bad_input("user/roles", "Roles are an array of names.").field("app_metadata.roles", "names", "names of roles")
        })?;
        self.roles.get_or_insert(roles);
        Ok(())
    }
}

/// Makes a user.
pub(crate) async fn create(app: &App, realm: &Realm, mut new: Attributes<'_>) -> Result<User> {
    new.take_roles()?;
    let email = new.email.map(checked_email).transpose()?;
    checked_metadata("app_metadata", new.app_metadata.as_ref())?;
    checked_metadata("user_metadata", new.user_metadata)?;
    let roles = checked_roles(new.roles.as_deref().unwrap_or_default())?;
    let banned_until = new.ban_duration.map(until).transpose()?;
    let hash = hashed(app, realm, new.password, email.as_deref()).await?;
    let row = NewUser {
        id: new.id,
        email: email.as_deref(),
        password_hash: hash.as_deref(),
        // Who has a secret key vouches for the address.
        confirmed: new.confirmed == Some(true),
        proven: new.confirmed == Some(true),
        roles: &roles,
        app_metadata: new.app_metadata.as_ref(),
        user_metadata: new.user_metadata,
        ..NewUser::default()
    };
    let mut platform = realm.platform().await?;
    let tx = platform.client_mut()?.transaction().await?;
    let mut user = users::insert(&tx, &row).await?;
    if banned_until.is_some() {
        let change = UserChange { banned_until, ..UserChange::default() };
        user = users::update(&tx, user.id, &change).await?.ok_or_else(unknown)?;
    }
    tx.commit().await?;
    Ok(user)
}

/// Changes a user. A ban or a new password ends their sessions.
pub(crate) async fn update(app: &App, realm: &Realm, id: Uuid, mut change: Attributes<'_>) -> Result<User> {
    change.take_roles()?;
    let email = change.email.map(checked_email).transpose()?;
    checked_metadata("app_metadata", change.app_metadata.as_ref())?;
    checked_metadata("user_metadata", change.user_metadata)?;
    let roles = change.roles.as_deref().map(checked_roles).transpose()?;
    let banned_until = change.ban_duration.map(until).transpose()?;
    let hash = hashed(app, realm, change.password, email.as_deref()).await?;
    let row = UserChange {
        email: email.as_deref(),
        password_hash: hash.as_deref(),
        proven: change.confirmed == Some(true),
        // An address that who has a secret key sets is confirmed, unless they say otherwise.
        confirmed: change.confirmed.or(email.is_some().then_some(true)),
        roles: roles.as_deref(),
        app_metadata: change.app_metadata.as_ref(),
        user_metadata: change.user_metadata,
        banned_until,
    };
    let mut platform = realm.platform().await?;
    let tx = platform.client_mut()?.transaction().await?;
    let user = users::update(&tx, id, &row).await?.ok_or_else(unknown)?;
    checked_metadata("app_metadata", Some(&user.app_metadata))?;
    checked_metadata("user_metadata", Some(&user.user_metadata))?;
    if hash.is_some() || user.is_banned() {
        user_sessions::end(&tx, id, Which::All).await?;
    }
    tx.commit().await?;
    Ok(user)
}

async fn hashed(app: &App, realm: &Realm, password: Option<&Password>, email: Option<&str>) -> Result<Option<String>> {
    let Some(password) = password else { return Ok(None) };
    password.check_from(settings(realm).await?.password_min, "password", email.unwrap_or_default())?;
    app.passwords.hash(&app.secrets, password).await.map(Some)
}

/// `none`, or how long from now.
fn until(text: &str) -> Result<Option<DateTime<Utc>>> {
    if text == "none" {
        return Ok(None);
    }
    // Longer than a year is for ever; Supabase's clients write a hundred years in hours.
    let hours = text.strip_suffix('h').and_then(|hours| hours.parse::<i64>().ok()).filter(|hours| *hours > 366 * 24);
    match hours.and_then(|hours| TimeDelta::try_hours(hours.min(200 * 366 * 24))) {
        Some(long) => Ok(Some(Utc::now() + long)),
        None => Ok(Some(Utc::now() + super::super::parse_duration("ban_duration", text)?)),
    }
}

pub(crate) async fn find(realm: &Realm, id: Uuid) -> Result<User> {
    users::find(realm.platform().await?.client()?, id).await?.ok_or_else(unknown)
}

/// Some of the users by age, and how many there are.
pub(crate) async fn list(realm: &Realm, filter: &UserFilter<'_>) -> Result<(Vec<User>, i64)> {
    users::list(realm.platform().await?.client()?, filter).await
}

/// Removes a user for good.
pub(crate) async fn delete(realm: &Realm, id: Uuid) -> Result<User> {
    users::delete(realm.platform().await?.client()?, id).await?.ok_or_else(unknown)
}

/// Where a user is signed in.
pub(crate) async fn sessions(realm: &Realm, id: Uuid) -> Result<Vec<UserSession>> {
    find(realm, id).await?;
    user_sessions::list(realm.platform().await?.client()?, id).await
}

/// Ends one of a user's sessions, or all.
pub(crate) async fn end_sessions(realm: &Realm, id: Uuid, one: Option<Uuid>) -> Result<u64> {
    find(realm, id).await?;
    let ended = user_sessions::end(realm.platform().await?.client()?, id, one.map_or(Which::All, Which::One)).await?;
    if one.is_some() && ended == 0 {
        return Err(Error::not_found("session/unknown", "This user has no such session."));
    }
    Ok(ended)
}

/// A link of a kind for a user, who is made for an invitation or a sign-up if new. The mail is in the outbox as well.
pub(crate) async fn link(
    app: &App,
    realm: &Realm,
    kind: MailKind,
    who: Attributes<'_>,
    new_email: Option<&str>,
    redirect_to: Option<&str>,
) -> Result<SentMail> {
    let email = checked_email(who.email.unwrap_or_default())?;
    checked_metadata("data", who.user_metadata)?;
    let hash = hashed(app, realm, who.password, Some(&email)).await?;
    let settings = settings(realm).await?;
    let mut platform = realm.platform().await?;
    let known = users::find_by_email(platform.client()?, &email).await?;
    let tx = platform.client_mut()?.transaction().await?;
    let user = match (known, kind) {
        (Some(user), MailKind::Invite | MailKind::SignUp) if user.email_confirmed_at.is_some() => return Err(users::exists()),
        (Some(user), _) => user,
        (None, MailKind::Invite | MailKind::SignUp | MailKind::MagicLink) => {
            let new = NewUser {
                email: Some(&email),
                password_hash: hash.as_deref(),
                user_metadata: who.user_metadata,
                ..NewUser::default()
            };
            users::insert(&tx, &new).await?
        }
        (None, MailKind::Recovery | MailKind::EmailChange) => return Err(unknown()),
    };
    let recipient = match (kind, new_email) {
        (MailKind::EmailChange, Some(new_email)) => checked_email(new_email)?,
        (MailKind::EmailChange, None) => {
            return Err(Error::bad_input("email/missing", "A new address is needed.").field(
                "new_email",
                "required",
                "an address",
            ));
        }
        _ => email,
    };
    let to = LinkTo { redirect_to, code_challenge: None };
    let sent = mail::put(app, realm, &tx, &settings, &user, kind, &recipient, &to).await?;
    tx.commit().await?;
    Ok(sent)
}

/// A user as this API's own paths show them.
pub(crate) fn view(user: &User) -> Value {
    json!({
        "id": user.id,
        "externalId": user.external_id,
        "email": user.email,
        "emailConfirmed": user.email_confirmed_at.is_some(),
        "roles": user.roles,
        "appMetadata": user.app_metadata,
        "userMetadata": user.user_metadata,
        "isAnonymous": user.is_anonymous,
        "bannedUntil": user.banned_until,
        "lastSignInAt": user.last_sign_in_at,
        "createdAt": user.created_at,
        "updatedAt": user.updated_at,
    })
}
