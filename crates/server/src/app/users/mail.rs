//! Mails to users, and what a link or a code in one lets its reader do, once.

use chrono::{TimeDelta, Utc};
use serde_json::json;
use tokio_postgres::Transaction;
use uuid::Uuid;

use super::tokens::{self, Tokens};
use super::{App, Caller, checked_email, settings, sign_in};
use crate::error::{Error, Result};
use crate::postgres::auth_settings::{self, AuthSettings, Flow, Mail, MailKind, MailText, NewRight, Right};
use crate::postgres::realm::Realm;
use crate::postgres::users::{self, NewUser, Sent, User, UserChange};
use crate::secrets::{random, random_text, same};

/// How long a link is good for, and an invitation.
const LINK: TimeDelta = TimeDelta::hours(1);
const INVITATION: TimeDelta = TimeDelta::days(7);
/// How long a code that an application exchanges for a session is good for.
const CODE: TimeDelta = TimeDelta::minutes(5);
/// Wrong codes before one is dead.
const WRONG_CODES: i32 = 5;

/// Where a link leads, and with which secret the client that asked can prove itself.
#[derive(Default)]
pub(crate) struct LinkTo<'a> {
    pub(crate) redirect_to: Option<&'a str>,
    pub(crate) code_challenge: Option<&'a str>,
}

/// What was put into the outbox. Whoever gets to see it can sign in as the user.
pub(crate) struct SentMail {
    pub(crate) user: User,
    pub(crate) link: String,
    pub(crate) token: String,
    pub(crate) code: String,
    pub(crate) redirect_to: String,
}

/// What the reader of a mail shows.
pub(crate) enum Shown<'a> {
    Link(&'a str),
    Code { email: &'a str, code: &'a str },
}

/// Writes a mail into the outbox, and the right it gives: the same transaction.
#[allow(clippy::too_many_arguments)]
pub(crate) async fn put(
    app: &App,
    realm: &Realm,
    tx: &Transaction<'_>,
    settings: &AuthSettings,
    user: &User,
    kind: MailKind,
    email: &str,
    to: &LinkTo<'_>,
) -> Result<SentMail> {
    let environment = realm.environment;
    // The environment stands in it, so that a browser that opens the link needs no key.
    let token = format!("{}{}", environment.0.simple(), random_text()?);
    let code = format!("{:06}", u64::from_le_bytes(random::<8>()?) % 1_000_000);
    let hash = app.secrets.hash_for_user(environment, "link", &token);
    let code_hash = hash_of_code(app, realm, kind, email, &code);
    let lasts = if kind == MailKind::Invite { INVITATION } else { LINK };
    let right = NewRight {
        user: user.id,
        kind,
        hash: &hash,
        code_hash: &code_hash,
        email,
        code_challenge: to.code_challenge,
        expires_at: Utc::now() + lasts,
    };
    auth_settings::put_right(tx, &right).await?;
    let redirect_to = redirect(settings, to.redirect_to).unwrap_or_default();
    let mut link = format!("{}/auth/v1/verify?token={token}&type={}", app.url(), kind.as_str());
    if !redirect_to.is_empty() {
        let target = percent_encoding::utf8_percent_encode(&redirect_to, percent_encoding::NON_ALPHANUMERIC);
        link.push_str(&format!("&redirect_to={target}"));
    }
    let (subject, sentence) = words(kind);
    let text = MailText {
        subject: subject.into(),
        text: format!("{sentence}\n\n{link}\n\nOr enter this code: {code}\n"),
        data: json!({ "link": link, "token": token, "code": code, "redirectTo": redirect_to }),
    };
    let id = Uuid::now_v7();
    let sealed = app.secrets.seal(environment, &format!("mail/{id}"), &json!(text).to_string())?;
    auth_settings::insert_mail(tx, id, kind.as_str(), email, &sealed).await?;
    let (sent, new_email) = match kind {
        MailKind::SignUp => (Sent::Confirmation, None),
        MailKind::Invite => (Sent::Invitation, None),
        MailKind::MagicLink | MailKind::Recovery => (Sent::Recovery, None),
        MailKind::EmailChange => (Sent::EmailChange, Some(email)),
    };
    users::note_sent(tx, user.id, sent, new_email).await?;
    let user = users::find(tx, user.id).await?.ok_or_else(super::unknown)?;
    Ok(SentMail { user, link, token, code, redirect_to })
}

fn words(kind: MailKind) -> (&'static str, &'static str) {
    match kind {
        MailKind::SignUp => ("Confirm your address", "Open this link to confirm your address:"),
        MailKind::Invite => ("You are invited", "Open this link to accept the invitation:"),
        MailKind::MagicLink => ("Sign in", "Open this link to sign in:"),
        MailKind::Recovery => ("Choose a new password", "Open this link to choose a new password:"),
        MailKind::EmailChange => ("Confirm your new address", "Open this link to confirm your new address:"),
    }
}

fn hash_of_code(app: &App, realm: &Realm, kind: MailKind, email: &str, code: &str) -> Vec<u8> {
    app.secrets.hash_for_user(realm.environment, "code", &format!("{}/{email}/{code}", kind.as_str()))
}

/// Where a browser may be sent: what was asked for, if it is allowed, else the site itself, if there is one.
pub(crate) fn redirect(settings: &AuthSettings, asked: Option<&str>) -> Option<String> {
    let allowed = |asked: &&str| {
        let all = settings.site_url.iter().chain(&settings.redirect_urls);
        let matches = |one: &str| match one.strip_suffix('*') {
            // Down to a slash, so that no other host can begin like one that is allowed.
            Some(start) => start.ends_with('/') && asked.starts_with(start),
            None => one.trim_end_matches('/') == asked.trim_end_matches('/'),
        };
        all.into_iter().any(|one| matches(one))
    };
    asked.filter(allowed).map(str::to_owned).or_else(|| settings.site_url.clone())
}

/// A mail to somebody who may be a user; the answer does not tell.
pub(crate) async fn send(app: &App, realm: &Realm, kind: MailKind, email: &str, to: &LinkTo<'_>) -> Result<()> {
    let email = checked_email(email)?;
    app.throttle.mail(realm.environment, &email)?;
    let settings = settings(realm).await?;
    let mut platform = realm.platform().await?;
    let known = match kind {
        MailKind::EmailChange => users::find_by_new_email(platform.client()?, &email).await?,
        _ => users::find_by_email(platform.client()?, &email).await?,
    };
    let wanted = known.filter(|user| kind != MailKind::SignUp || user.email_confirmed_at.is_none());
    if let Some(user) = wanted {
        let tx = platform.client_mut()?.transaction().await?;
        put(app, realm, &tx, &settings, &user, kind, &email, to).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// A link to sign in with, for a user or, where that is wanted and allowed, somebody new.
pub(crate) async fn send_magic_link(
    app: &App,
    realm: &Realm,
    caller: &Caller,
    email: &str,
    create: Option<Option<&serde_json::Value>>,
    to: &LinkTo<'_>,
) -> Result<()> {
    let email = checked_email(email)?;
    app.throttle.mail(realm.environment, &email)?;
    let settings = settings(realm).await?;
    let mut platform = realm.platform().await?;
    let known = users::find_by_email(platform.client()?, &email).await?;
    let tx = platform.client_mut()?.transaction().await?;
    let user = match (known, create) {
        (Some(user), _) => user,
        (None, Some(data)) if settings.sign_up => {
            super::checked_metadata("data", data)?;
            app.throttle.sign_up(realm.environment, caller.address)?;
            users::insert(&tx, &NewUser { email: Some(&email), user_metadata: data, ..NewUser::default() }).await?
        }
        (None, Some(_)) => return Err(sign_in::closed()),
        (None, None) => return Err(Error::forbidden("user/otp-closed", "Signups not allowed for otp")),
    };
    put(app, realm, &tx, &settings, &user, MailKind::MagicLink, &email, to).await?;
    tx.commit().await?;
    Ok(())
}

/// A session, or what is exchanged for one, for who shows what a mail held. `kinds` are those that will do.
pub(crate) async fn verify(
    app: &App,
    realm: &Realm,
    caller: &Caller,
    kinds: &[MailKind],
    shown: Shown<'_>,
) -> Result<(Tokens, MailKind)> {
    let attempt = match &shown {
        Shown::Code { email, .. } => Some(app.throttle.begin_user(realm.environment, &email.to_lowercase(), caller.address)?),
        Shown::Link(_) => None,
    };
    let mut platform = realm.platform().await?;
    let tx = platform.client_mut()?.transaction().await?;
    let found = find(app, realm, &tx, kinds, &shown).await?;
    let Some(right) = found else {
        // What was counted stays counted.
        tx.commit().await?;
        return Err(expired());
    };
    let user = use_up(&tx, &right).await?;
    let method = if right.kind == MailKind::Recovery { "recovery" } else { "otp" };
    let begun = tokens::begin(app, realm, &tx, &user, method, caller).await?;
    tx.commit().await?;
    drop(platform);
    if let Some(attempt) = attempt {
        attempt.succeed();
    }
    Ok((tokens::give(app, realm, user, begun).await?, right.kind))
}

/// What the link in a mail leads to: a session for the browser itself, or a code for the client that keeps a secret.
pub(crate) enum Opened {
    Session { tokens: Box<Tokens>, kind: MailKind },
    Code(String),
}

/// The same for a browser that has opened the link.
pub(crate) async fn open_link(app: &App, realm: &Realm, caller: &Caller, kind: MailKind, token: &str) -> Result<Opened> {
    let mut platform = realm.platform().await?;
    let tx = platform.client_mut()?.transaction().await?;
    let right = find(app, realm, &tx, &[kind], &Shown::Link(token)).await?.ok_or_else(expired)?;
    let user = use_up(&tx, &right).await?;
    let Some(challenge) = &right.code_challenge else {
        let begun = tokens::begin(app, realm, &tx, &user, "otp", caller).await?;
        tx.commit().await?;
        drop(platform);
        let tokens = Box::new(tokens::give(app, realm, user, begun).await?);
        return Ok(Opened::Session { tokens, kind });
    };
    let code = put_code(app, realm, &tx, &user, challenge, kind.as_str()).await?;
    tx.commit().await?;
    Ok(Opened::Code(code))
}

/// A code that who knows the secret behind the challenge exchanges for a session.
pub(super) async fn put_code(
    app: &App,
    realm: &Realm,
    tx: &Transaction<'_>,
    user: &User,
    challenge: &str,
    method: &str,
) -> Result<String> {
    let code = random_text()?;
    let flow = Flow {
        provider: method.into(),
        sealed: Vec::new(),
        redirect_to: String::new(),
        code_challenge: Some(challenge.to_owned()),
        user: Some(user.id),
    };
    let hash = app.secrets.hash_for_user(realm.environment, "auth-code", &code);
    auth_settings::insert_flow(tx, &hash, &flow, Utc::now() + CODE).await?;
    Ok(code)
}

/// The session behind a code.
pub(crate) async fn exchange(app: &App, realm: &Realm, caller: &Caller, code: &str, verifier: &str) -> Result<Tokens> {
    let hash = app.secrets.hash_for_user(realm.environment, "auth-code", code);
    let mut platform = realm.platform().await?;
    let tx = platform.client_mut()?.transaction().await?;
    let flow = auth_settings::take_flow(&tx, &hash).await?;
    let unknown = || Error::bad_input("flow/unknown", "invalid flow state, no valid flow state found").hint("Sign in again.");
    let (flow, user) = flow.and_then(|flow| flow.user.map(|user| (flow, user))).ok_or_else(unknown)?;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    let shown = crate::secrets::base64url(digest.as_ref());
    if !flow.code_challenge.is_some_and(|challenge| same(challenge.as_bytes(), shown.as_bytes())) {
        // Used up all the same: somebody else has the code.
        tx.commit().await?;
        return Err(Error::bad_input("flow/verifier", "code challenge does not match previously saved code verifier"));
    }
    let user = users::lock(&tx, user).await?.ok_or_else(unknown)?;
    let begun = tokens::begin(app, realm, &tx, &user, "oauth", caller).await?;
    tx.commit().await?;
    drop(platform);
    tokens::give(app, realm, user, begun).await
}

async fn find(app: &App, realm: &Realm, tx: &Transaction<'_>, kinds: &[MailKind], shown: &Shown<'_>) -> Result<Option<Right>> {
    match shown {
        Shown::Link(token) => {
            let hash = app.secrets.hash_for_user(realm.environment, "link", token);
            let right = auth_settings::right_by_hash(tx, &hash).await?;
            Ok(right.filter(|right| kinds.contains(&right.kind)))
        }
        Shown::Code { email, code } => {
            let email = email.trim().to_lowercase();
            let all = auth_settings::rights_of(tx, &email).await?;
            let mut found = None;
            for right in all.into_iter().filter(|right| kinds.contains(&right.kind) && right.wrong_codes < WRONG_CODES) {
                if same(&right.code_hash, &hash_of_code(app, realm, right.kind, &email, code)) {
                    found = Some(right);
                } else {
                    auth_settings::count_wrong_code(tx, &right).await?;
                }
            }
            Ok(found)
        }
    }
}

/// The right is used up, and the address shown to be the user's.
async fn use_up(tx: &Transaction<'_>, right: &Right) -> Result<User> {
    auth_settings::use_right(tx, right).await?;
    let user = users::lock(tx, right.user).await?.ok_or_else(expired)?;
    let moves = right.kind == MailKind::EmailChange;
    let current = if moves { user.new_email.as_deref() } else { user.email.as_deref() };
    if current != Some(right.email.as_str()) {
        return Err(expired());
    }
    // Whoever signed up with this address before may have been somebody else.
    if matches!(right.kind, MailKind::MagicLink | MailKind::Recovery | MailKind::Invite) && !user.email_proven {
        users::disinherit(tx, user.id).await?;
    }
    let change =
        UserChange { email: moves.then_some(right.email.as_str()), confirmed: Some(true), proven: true, ..UserChange::default() };
    users::update(tx, user.id, &change).await?.ok_or_else(expired)
}

pub(crate) fn leads_nowhere() -> Error {
    Error::bad_input("link/leads-nowhere", "This environment does not say where its links lead.")
        .hint("Set siteUrl in the environment's auth settings, or enter the code of the mail in the application.")
}

pub(crate) fn expired() -> Error {
    Error::forbidden("link/expired", "Email link is invalid or has expired")
        .hint("Each works once, for an hour. Ask for a new one.")
}

/// The newest mails, opened.
pub(crate) async fn outbox(app: &App, realm: &Realm, recipient: Option<&str>, limit: i64) -> Result<Vec<(Mail, MailText)>> {
    let recipient = recipient.map(str::to_lowercase);
    let mails = auth_settings::mails(realm.platform().await?.client()?, recipient.as_deref(), limit).await?;
    let open = |mail: Mail| {
        let text = app.secrets.open(realm.environment, &format!("mail/{}", mail.id), &mail.sealed)?;
        let text = serde_json::from_str(&text).map_err(Error::internal)?;
        Ok((mail, text))
    };
    mails.into_iter().map(open).collect()
}
