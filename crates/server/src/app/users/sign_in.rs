//! Signing up and in with an address and a password, or without either.

use serde_json::Value;

use super::tokens::{self, Tokens};
use super::{App, Caller, checked_email, checked_metadata, mail, settings};
use crate::auth::Password;
use crate::error::{Error, Result};
use crate::postgres::auth_settings::{AuthSettings, MailKind};
use crate::postgres::realm::Realm;
use crate::postgres::users::{self, NewUser, User};

/// What somebody says who wants to become a user.
pub(crate) struct SignUp<'a> {
    pub(crate) email: Option<&'a str>,
    pub(crate) password: Option<&'a Password>,
    pub(crate) data: Option<&'a Value>,
    pub(crate) link: mail::LinkTo<'a>,
}

/// What a new user is given.
pub(crate) enum SignedUp {
    In(Box<Tokens>),
    /// A mail was sent; until then there is no session.
    Unconfirmed(Box<User>),
}

/// Makes a user of whoever asks, where the environment lets them.
pub(crate) async fn sign_up(app: &App, realm: &Realm, caller: &Caller, new: &SignUp<'_>) -> Result<SignedUp> {
    let settings = settings(realm).await?;
    checked_metadata("data", new.data)?;
    if !settings.sign_up {
        return Err(closed());
    }
    app.throttle.sign_up(realm.environment, caller.address)?;
    let Some(email) = new.email.filter(|email| !email.is_empty()) else {
        return anonymous(app, realm, caller, &settings, new.data).await.map(Box::new).map(SignedUp::In);
    };
    let email = checked_email(email)?;
    let password = new.password.ok_or_else(|| Error::bad_input("password/missing", "Signup requires a valid password"))?;
    password.check_from(settings.password_min, "password", &email)?;
    let hash = app.passwords.hash(&app.secrets, password).await?;
    let mut platform = realm.platform().await?;
    if let Some(known) = users::find_by_email(platform.client()?, &email).await? {
        drop(platform);
        return known_address(app, realm, &settings, known, new).await;
    }
    let tx = platform.client_mut()?.transaction().await?;
    let row = NewUser {
        email: Some(&email),
        password_hash: Some(&hash),
        confirmed: !settings.confirm_email,
        user_metadata: new.data,
        ..NewUser::default()
    };
    let user = users::insert(&tx, &row).await?;
    if settings.confirm_email {
        let sent = mail::put(app, realm, &tx, &settings, &user, MailKind::SignUp, &email, &new.link).await?;
        tx.commit().await?;
        return Ok(SignedUp::Unconfirmed(Box::new(sent.user)));
    }
    let begun = tokens::begin(app, realm, &tx, &user, "password", caller).await?;
    tx.commit().await?;
    drop(platform);
    tokens::give(app, realm, user, begun).await.map(Box::new).map(SignedUp::In)
}

/// Where addresses are confirmed, who asks does not learn that one is taken: its owner gets a mail, or nobody does.
///
/// While nobody has shown that the address is theirs, two passwords are perhaps two people's, and the mail does not tell whose is the one
/// it makes good: neither is.
async fn known_address(app: &App, realm: &Realm, settings: &AuthSettings, known: User, new: &SignUp<'_>) -> Result<SignedUp> {
    if !settings.confirm_email {
        return Err(users::exists());
    }
    if known.email_confirmed_at.is_none() {
        let email = known.email.clone().unwrap_or_default();
        app.throttle.mail(realm.environment, &email)?;
        let again = match new.password {
            Some(password) => app.passwords.verify(&app.secrets, password, known.password_hash.as_deref()).await?,
            None => false,
        };
        let mut platform = realm.platform().await?;
        let tx = platform.client_mut()?.transaction().await?;
        if !again && !known.email_proven {
            users::disinherit(&tx, known.id).await?;
        }
        let sent = mail::put(app, realm, &tx, settings, &known, MailKind::SignUp, &email, &new.link).await?;
        tx.commit().await?;
        return Ok(SignedUp::Unconfirmed(Box::new(nobody(sent.user, new.data))));
    }
    Ok(SignedUp::Unconfirmed(Box::new(nobody(known, new.data))))
}

/// Somebody who might be new: what a newcomer is told, with an id that leads nowhere.
fn nobody(known: User, data: Option<&Value>) -> User {
    let now = chrono::Utc::now();
    User {
        id: uuid::Uuid::now_v7(),
        external_id: None,
        email_proven: false,
        new_email: None,
        password_hash: None,
        roles: Vec::new(),
        app_metadata: Value::Object(serde_json::Map::new()),
        user_metadata: data.cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new())),
        is_anonymous: false,
        banned_until: None,
        email_confirmed_at: None,
        confirmation_sent_at: Some(now),
        recovery_sent_at: None,
        email_change_sent_at: None,
        invited_at: None,
        last_sign_in_at: None,
        created_at: now,
        updated_at: now,
        identities: Vec::new(),
        ..known
    }
}

async fn anonymous(app: &App, realm: &Realm, caller: &Caller, settings: &AuthSettings, data: Option<&Value>) -> Result<Tokens> {
    if !settings.anonymous {
        return Err(Error::forbidden("user/anonymous-closed", "Anonymous sign-ins are disabled")
            .hint("Switch them on in the environment's auth settings."));
    }
    let mut platform = realm.platform().await?;
    let tx = platform.client_mut()?.transaction().await?;
    let user = users::insert(&tx, &NewUser { is_anonymous: true, user_metadata: data, ..NewUser::default() }).await?;
    let begun = tokens::begin(app, realm, &tx, &user, "anonymous", caller).await?;
    tx.commit().await?;
    drop(platform);
    tokens::give(app, realm, user, begun).await
}

/// A session for who knows the password. One and the same error for an unknown address and a wrong password, after the same time.
pub(crate) async fn with_password(app: &App, realm: &Realm, caller: &Caller, email: &str, password: &Password) -> Result<Tokens> {
    let email = email.trim().to_lowercase();
    let attempt = app.throttle.begin_user(realm.environment, &email, caller.address)?;
    let known = users::find_by_email(realm.platform().await?.client()?, &email).await?;
    let hash = known.as_ref().and_then(|user| user.password_hash.as_deref());
    if !app.passwords.verify(&app.secrets, password, hash).await? {
        return Err(wrong());
    }
    attempt.succeed();
    let known = known.ok_or_else(wrong)?;
    if settings(realm).await?.confirm_email && known.email_confirmed_at.is_none() {
        return Err(Error::bad_input("user/not-confirmed", "Email not confirmed").hint("Open the link in the mail."));
    }
    let mut platform = realm.platform().await?;
    let tx = platform.client_mut()?.transaction().await?;
    // Hashing takes a while: the user must still be who was checked.
    let user = users::lock(&tx, known.id).await?.filter(|user| user.password_hash == known.password_hash).ok_or_else(wrong)?;
    let begun = tokens::begin(app, realm, &tx, &user, "password", caller).await?;
    tx.commit().await?;
    drop(platform);
    tokens::give(app, realm, user, begun).await
}

pub(super) fn closed() -> Error {
    Error::forbidden("user/sign-up-closed", "Signups not allowed for this instance")
        .hint("Switch sign-up on in the environment's auth settings, or make users with a secret key.")
}

fn wrong() -> Error {
    Error::bad_input("user/invalid-credentials", "Invalid login credentials")
}
