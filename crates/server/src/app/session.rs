//! Signing in and out, and the links that let somebody in once: set-up, invitation, new password.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use cloche_wire::{KeyText, MemberId, SessionId, TokenKind};
use serde_json::{Value, json};

use super::App;
use super::people::{checked_email, checked_person_name};
use crate::auth::sessions::{self as auth, Session};
use crate::auth::{Actor, OrganizationRole, Password, Try};
use crate::error::{Error, Result};
use crate::store::invitations::{self, Invitation};
use crate::store::sessions::{self, Login};
use crate::store::{Tx, audit, organizations, people};

/// The browser that asks.
pub(crate) struct Browser {
    pub(crate) address: IpAddr,
    pub(crate) user_agent: String,
    /// The session it had so far, which a new one replaces.
    pub(crate) session: Option<KeyText>,
}

/// What a link is for, before it is used.
pub(crate) enum Link {
    Setup,
    Invitation { invitation: Box<Invitation>, has_password: bool },
    Password { email: String, name: String, expires_at: DateTime<Utc> },
}

/// A session for who knows the password. One and the same error for an unknown address, a wrong password, and a member without one.
pub(crate) async fn sign_in(app: &App, browser: &Browser, email: &str, password: &Password) -> Result<Session> {
    let login = check_password(app, browser.address, email, password).await?;
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    locked_unchanged(&tx, &login).await?;
    let session = begin(app, &tx, login.member_id, browser).await?;
    record(&tx, login.member_id, "session.signIn", &login.email, json!({ "address": browser.address })).await?;
    tx.commit().await?;
    drop(client);
    current(app, session).await
}

/// Ends a session. It is refused from the moment this returns.
pub(crate) async fn sign_out(app: &App, session: &Session) -> Result<()> {
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    sessions::revoke_by_hash(&tx, &app.secrets.hash_key(&session.text)).await?;
    record(&tx, session.actor.member_id, "session.signOut", &session.actor.email, json!({})).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes the password once more, for what asks for a recent one.
pub(crate) async fn confirm(app: &App, session: Session, password: &Password) -> Result<Session> {
    let login = sessions::login_of(&*app.store.client().await?, session.actor.member_id).await?.ok_or_else(auth::required)?;
    verify(app, app.throttle.begin_signed_in(login.member_id)?, password, Some(&login)).await?;
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    locked_unchanged(&tx, &login).await?;
    if let Some(signed_in) = session.actor.session {
        sessions::confirm(&tx, signed_in.id).await?;
    }
    tx.commit().await?;
    drop(client);
    current(app, session.text).await
}

/// What a link is for.
pub(crate) async fn link(app: &App, token: &str) -> Result<Link> {
    let hash = link_hash(app, token)?;
    let client = app.store.client().await?;
    if sessions::is_setup_link(&client, &hash).await? {
        return Ok(Link::Setup);
    }
    if let Some(invitation) = invitations::find_open(&client, &hash).await? {
        // Who has a password joins with it; everybody else chooses one.
        let known = sessions::login(&client, &invitation.email).await?;
        let has_password = known.is_some_and(|login| login.password_hash.is_some());
        return Ok(Link::Invitation { invitation: Box::new(invitation), has_password });
    }
    let (member, expires_at) = sessions::password_link(&client, &hash).await?.ok_or_else(no_such_link)?;
    let login = sessions::login_of(&client, member).await?.filter(|login| login.belongs).ok_or_else(no_such_link)?;
    Ok(Link::Password { email: login.email, name: login.name, expires_at })
}

/// Makes the first owner: of the oldest organization, and of this server. The link is used up.
pub(crate) async fn set_up(
    app: &App,
    browser: &Browser,
    token: &str,
    email: &str,
    name: &str,
    password: &Password,
) -> Result<Session> {
    let link = link_hash(app, token)?;
    if !sessions::is_setup_link(&*app.store.client().await?, &link).await? {
        return Err(no_such_link());
    }
    let (email, name) = (checked_email("email", email)?, checked_person_name("name", name)?);
    password.check("password", email)?;
    let hash = app.passwords.hash(&app.secrets, password).await?;
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    if !sessions::use_setup_link(&tx, &link).await? || sessions::anybody_has_password(&tx).await? {
        return Err(no_such_link());
    }
    let organization = organizations::oldest(&tx).await?;
    organizations::lock(&tx, organization).await?;
    // Somebody who was added for the command line alone may be the one who sets up.
    let member = match people::find_by_email(&tx, email).await? {
        Some(member) => member,
        None => people::insert_member(&tx, email, name).await?,
    };
    people::rename(&tx, member, name).await?;
    people::end_made_by_others(&tx, member).await?;
    people::set_instance_owner(&tx, member, true).await?;
    organizations::set_role(&tx, organization, member, OrganizationRole::Owner).await?;
    sessions::set_password(&tx, member, Some(&hash)).await?;
    let session = begin(app, &tx, member, browser).await?;
    record(&tx, member, "member.setUp", email, json!({ "organization": organization })).await?;
    tx.commit().await?;
    drop(client);
    current(app, session).await
}

/// Joins an organization: with the password one has, or as a new person with the one chosen here.
pub(crate) async fn accept(
    app: &App,
    browser: &Browser,
    token: &str,
    name: Option<&str>,
    password: &Password,
) -> Result<Session> {
    let link = link_hash(app, token)?;
    let client = app.store.client().await?;
    let invitation = invitations::find_open(&client, &link).await?.ok_or_else(no_such_link)?;
    let known = sessions::login(&client, &invitation.email).await?;
    drop(client);
    let newcomer = known.as_ref().is_none_or(|login| login.password_hash.is_none());
    let mut newcomers = None;
    if newcomer {
        let name = name.or(known.as_ref().map(|login| login.name.as_str()));
        let name = checked_person_name("name", name.unwrap_or_default())?;
        password.check("password", &invitation.email)?;
        newcomers = Some((name, app.passwords.hash(&app.secrets, password).await?));
    } else {
        verified(app, browser.address, &invitation.email, password, known.as_ref()).await?;
    }
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    organizations::lock(&tx, invitation.organization_id).await?;
    let member = match (&known, &newcomers) {
        (Some(login), newcomers) => {
            locked_unchanged(&tx, login).await?;
            if newcomers.is_some() {
                may_choose_password(&tx, login, &invitation).await?;
            }
            login.member_id
        }
        (None, Some((name, _))) => people::insert_member(&tx, &invitation.email, name).await?,
        (None, None) => return Err(wrong()),
    };
    if !invitations::accept(&tx, invitation.id).await? {
        return Err(no_such_link());
    }
    if let Some((name, hash)) = &newcomers {
        people::rename(&tx, member, name).await?;
        sessions::set_password(&tx, member, Some(hash)).await?;
    }
    if organizations::role(&tx, invitation.organization_id, member).await?.is_none() {
        // Owners elsewhere who made a token or a link for them must not come along.
        people::end_made_by_others(&tx, member).await?;
        organizations::set_role(&tx, invitation.organization_id, member, invitation.role).await?;
    }
    invitations::give_roles(&tx, invitation.id, member).await?;
    let session = begin(app, &tx, member, browser).await?;
    let detail = json!({ "organization": invitation.organization_id, "role": invitation.role.as_str() });
    record(&tx, member, "invitation.accept", &invitation.email, detail).await?;
    tx.commit().await?;
    drop(client);
    current(app, session).await
}

/// Whoever invites sees the link as well, so it must not open what the member has elsewhere.
async fn may_choose_password(tx: &Tx<'_>, login: &Login, invitation: &Invitation) -> Result<()> {
    let actor = people::actor(tx, login.member_id).await?.ok_or_else(no_such_link)?;
    let here_alone = actor.organizations.iter().all(|(id, _)| *id == invitation.organization_id);
    if here_alone && !actor.instance_owner {
        return Ok(());
    }
    let message = "There is an account with this address, and it has no password yet.";
    Err(Error::conflict("member/no-password", message)
        .hint("Ask an owner of your organization for a password link, then come back."))
}

/// A new password by a link an owner has made. All other sessions end.
pub(crate) async fn reset(app: &App, browser: &Browser, token: &str, password: &Password) -> Result<Session> {
    let link = link_hash(app, token)?;
    let client = app.store.client().await?;
    let (member, _) = sessions::password_link(&client, &link).await?.ok_or_else(no_such_link)?;
    let login = sessions::login_of(&client, member).await?.filter(|login| login.belongs).ok_or_else(no_such_link)?;
    drop(client);
    password.check("password", &login.email)?;
    let hash = app.passwords.hash(&app.secrets, password).await?;
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    let still = sessions::lock_login(&tx, member).await?.is_some_and(|login| login.belongs);
    if !still || !sessions::use_password_link(&tx, &link).await? {
        return Err(no_such_link());
    }
    sessions::set_password(&tx, member, Some(&hash)).await?;
    sessions::revoke_all(&tx, member, None).await?;
    let session = begin(app, &tx, member, browser).await?;
    record(&tx, member, "member.resetPassword", &login.email, json!({})).await?;
    tx.commit().await?;
    drop(client);
    current(app, session).await
}

/// One's own sessions that are in force, newest first.
pub(crate) async fn list(app: &App, actor: &Actor) -> Result<Vec<sessions::Session>> {
    sessions::list(&*app.store.client().await?, actor.member_id).await
}

/// Ends one of one's own sessions. It is refused from the moment this returns.
pub(crate) async fn revoke(app: &App, actor: &Actor, id: SessionId) -> Result<sessions::Session> {
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    let session = sessions::revoke(&tx, id, actor.member_id).await?;
    let session = session.ok_or_else(|| Error::not_found("session/not-found", format!("You have no session {id}.")))?;
    record(&tx, actor.member_id, "session.revoke", &actor.email, json!({ "session": id })).await?;
    tx.commit().await?;
    Ok(session)
}

/// Whether somebody can sign in with a password.
pub(crate) async fn has_password(app: &App, actor: &Actor) -> Result<bool> {
    let login = sessions::login_of(&*app.store.client().await?, actor.member_id).await?;
    Ok(login.is_some_and(|login| login.password_hash.is_some()))
}

/// A new set-up link, as long as nobody has a password. The one before is dead.
pub(crate) async fn setup_link(app: &App) -> Result<Option<KeyText>> {
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    let link = if sessions::anybody_has_password(&tx).await? { None } else { Some(new_text(TokenKind::Link)?) };
    let hash = link.as_ref().map(|link| app.secrets.hash_key(link));
    sessions::put_setup_link(&tx, hash.as_deref()).await?;
    tx.commit().await?;
    Ok(link)
}

/// New secret text of a kind.
pub(super) fn new_text(kind: TokenKind) -> Result<KeyText> {
    KeyText::generate(kind).map_err(|error| Error::internal(error.to_string()))
}

/// The member with this address, if the password is theirs and they belong to an organization. Counted against account and address.
async fn check_password(app: &App, address: IpAddr, email: &str, password: &Password) -> Result<Login> {
    let email = email.trim();
    let known = sessions::login(&*app.store.client().await?, email).await?;
    verified(app, address, email, password, known.as_ref()).await?;
    known.filter(|login| login.belongs).ok_or_else(wrong)
}

/// The same for a member who is signed in already. Counted against them alone.
pub(super) async fn verify_own(app: &App, login: &Login, password: &Password) -> Result<()> {
    verify(app, app.throttle.begin_signed_in(login.member_id)?, password, Some(login)).await.map_err(|error| {
        match error.code.as_str() {
            "session/invalid" => Error::bad_input("password/wrong", "The current password is not right.").field(
                "input.current",
                "equal",
                "your current password",
            ),
            _ => error,
        }
    })
}

async fn verified(app: &App, address: IpAddr, email: &str, password: &Password, known: Option<&Login>) -> Result<()> {
    // One spelling for all that lead to the same account, whether there is one or not.
    let account = sessions::spelling(&*app.store.client().await?, email).await?;
    verify(app, app.throttle.begin(&account, address)?, password, known).await
}

async fn verify(app: &App, attempt: Try<'_>, password: &Password, known: Option<&Login>) -> Result<()> {
    let hash = known.and_then(|login| login.password_hash.as_deref());
    if !app.passwords.verify(&app.secrets, password, hash).await? {
        return Err(wrong());
    }
    attempt.succeed();
    Ok(())
}

/// Hashing takes a while: the member must still be who was checked. Locked until the transaction ends.
pub(super) async fn locked_unchanged(tx: &Tx<'_>, checked: &Login) -> Result<()> {
    let now = sessions::lock_login(tx, checked.member_id).await?;
    match now {
        Some(now) if now.password_hash == checked.password_hash && now.belongs == checked.belongs => Ok(()),
        _ => Err(wrong()),
    }
}

async fn begin(app: &App, tx: &Tx<'_>, member: MemberId, browser: &Browser) -> Result<KeyText> {
    if let Some(old) = &browser.session {
        sessions::revoke_by_hash(tx, &app.secrets.hash_key(old)).await?;
    }
    let text = new_text(TokenKind::Session)?;
    let address = browser.address.to_string();
    sessions::insert(tx, &app.secrets, member, &text, &browser.user_agent, &address).await?;
    Ok(text)
}

async fn current(app: &App, text: KeyText) -> Result<Session> {
    auth::authenticate(&app.store, &app.secrets, &app.uses, text).await
}

fn link_hash(app: &App, token: &str) -> Result<Vec<u8>> {
    let text = KeyText::parse(token.trim()).ok().filter(|text| text.kind() == TokenKind::Link).ok_or_else(no_such_link)?;
    Ok(app.secrets.hash_key(&text))
}

async fn record(tx: &Tx<'_>, member: MemberId, action: &str, target: &str, detail: Value) -> Result<()> {
    let actor = people::actor(tx, member).await?.unwrap_or_else(Actor::system);
    audit::record(tx, &audit::Entry { actor: &actor, project: None, environment: None, action, target, detail }).await
}

fn wrong() -> Error {
    Error::unauthenticated("session/invalid", "The e-mail address or the password is not right.")
        .hint("An owner of your organization can make a link to a new password.")
}

fn no_such_link() -> Error {
    Error::not_found("link/invalid", "This link is not valid, or not any more.").hint("Each works once. Ask for a new one.")
}
