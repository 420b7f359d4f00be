//! What a signed-in user may do with themselves: look, change, sign out.

use serde_json::Value;
use uuid::Uuid;

use super::{App, checked_email, checked_metadata, mail, settings};
use crate::auth::Password;
use crate::error::{Error, Result};
use crate::postgres::auth_settings::MailKind;
use crate::postgres::realm::Realm;
use crate::postgres::scope::EndUser;
use crate::postgres::user_sessions::{self, UserSession, Which};
use crate::postgres::users::{self, User, UserChange};

/// What a user may change of themselves.
pub(crate) struct OwnChange<'a> {
    pub(crate) email: Option<&'a str>,
    pub(crate) password: Option<&'a Password>,
    pub(crate) data: Option<&'a Value>,
    pub(crate) link: mail::LinkTo<'a>,
}

/// Which of one's sessions a sign-out ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Global,
    Local,
    Others,
}

/// The user behind a token, as they are now. Refused at once when they, or the session, are no more.
pub(crate) async fn current(realm: &Realm, who: &EndUser) -> Result<User> {
    let platform = realm.platform().await?;
    let client = platform.client()?;
    let user = users::find(client, who.id).await?.ok_or_else(no_session)?;
    if user.is_banned() {
        return Err(super::tokens::banned());
    }
    match session_of(who) {
        Some(session) if !user_sessions::exists(client, who.id, session).await? => Err(no_session()),
        _ => Ok(user),
    }
}

/// Changes oneself. A new password ends all other sessions; a new address is confirmed first, where addresses are.
pub(crate) async fn update(app: &App, realm: &Realm, who: &EndUser, change: &OwnChange<'_>) -> Result<User> {
    let user = current(realm, who).await?;
    let settings = settings(realm).await?;
    checked_metadata("data", change.data)?;
    let email = change.email.map(checked_email).transpose()?.filter(|email| user.email.as_deref() != Some(email));
    let hash = match change.password {
        None => None,
        Some(password) => {
            let address = email.as_deref().or(user.email.as_deref()).unwrap_or_default();
            password.check_from(settings.password_min, "password", address)?;
            if let Some(hash) = &user.password_hash
                && app.passwords.verify(&app.secrets, password, Some(hash)).await?
            {
                return Err(Error::bad_input("password/same", "New password should be different from the old password."));
            }
            Some(app.passwords.hash(&app.secrets, password).await?)
        }
    };
    let confirmed_by_mail = settings.confirm_email && email.is_some();
    if let Some(email) = email.as_deref().filter(|_| confirmed_by_mail) {
        app.throttle.mail(realm.environment, email)?;
    }
    let mut platform = realm.platform().await?;
    let tx = platform.client_mut()?.transaction().await?;
    let row = UserChange {
        email: email.as_deref().filter(|_| !confirmed_by_mail),
        password_hash: hash.as_deref(),
        user_metadata: change.data,
        confirmed: (email.is_some() && !confirmed_by_mail).then_some(true),
        ..UserChange::default()
    };
    let mut changed = users::update(&tx, user.id, &row).await?.ok_or_else(no_session)?;
    if let Some(email) = email.as_deref().filter(|_| confirmed_by_mail) {
        changed = mail::put(app, realm, &tx, &settings, &changed, MailKind::EmailChange, email, &change.link).await?.user;
    }
    if hash.is_some() {
        let kept = session_of(who).map_or(Which::All, Which::AllBut);
        user_sessions::end(&tx, user.id, kept).await?;
    }
    tx.commit().await?;
    Ok(changed)
}

/// Ends sessions. Their refresh tokens are dead on return; access tokens that are out stay in force until they expire.
pub(crate) async fn sign_out(realm: &Realm, who: &EndUser, scope: Scope) -> Result<()> {
    let which = match (scope, session_of(who)) {
        (Scope::Global, _) => Which::All,
        (Scope::Local, Some(session)) => Which::One(session),
        (Scope::Others, Some(session)) => Which::AllBut(session),
        // A minted token belongs to no session.
        (Scope::Local, None) => return Ok(()),
        (Scope::Others, None) => Which::All,
    };
    user_sessions::end(realm.platform().await?.client()?, who.id, which).await?;
    Ok(())
}

/// One's own sessions.
pub(crate) async fn sessions(realm: &Realm, who: &EndUser) -> Result<Vec<UserSession>> {
    current(realm, who).await?;
    user_sessions::list(realm.platform().await?.client()?, who.id).await
}

/// Ends one of one's own sessions.
pub(crate) async fn revoke(realm: &Realm, who: &EndUser, session: Uuid) -> Result<()> {
    current(realm, who).await?;
    let ended = user_sessions::end(realm.platform().await?.client()?, who.id, Which::One(session)).await?;
    if ended == 0 { Err(Error::not_found("session/unknown", "You have no such session.")) } else { Ok(()) }
}

fn session_of(who: &EndUser) -> Option<Uuid> {
    who.claims["session_id"].as_str()?.parse().ok()
}

fn no_session() -> Error {
    Error::unauthenticated("session/not-found", "Session from session_id claim in JWT does not exist").hint("Sign in again.")
}
