//! Mails: asking for one, and coming back with what it held.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use cloche_wire::EnvironmentId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::{AuthCaller, QueryOf, caller};
use super::session::{Asked, challenge, refuse_phone};
use super::{codes, view};
use crate::app::App;
use crate::app::users::mail::{self, LinkTo, Opened, Shown};
use crate::app::users::tokens::Tokens;
use crate::app::users::{self, Caller, mail as mails};
use crate::error::{Error, Result};
use crate::http::session::read;
use crate::postgres::auth_settings::MailKind;

#[derive(Deserialize)]
struct Wanted {
    email: Option<String>,
    phone: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    data: Option<Value>,
    create_user: Option<bool>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

impl Wanted {
    fn email(&self) -> Result<&str> {
        refuse_phone(self.phone.as_deref())?;
        let missing =
            || Error::bad_input("email/missing", "An email address is required.").field("email", "required", "an address");
        self.email.as_deref().ok_or_else(missing)
    }

    fn link<'w>(&'w self, asked: &'w Asked) -> Result<LinkTo<'w>> {
        let code_challenge = challenge(self.code_challenge.as_deref(), self.code_challenge_method.as_deref())?;
        Ok(LinkTo { redirect_to: asked.redirect_to.as_deref(), code_challenge })
    }
}

/// `POST /recover`
pub(super) async fn recover(
    State(app): State<Arc<App>>,
    from: AuthCaller,
    QueryOf(asked): QueryOf<Asked>,
    body: Body,
) -> Result<Response> {
    let wanted: Wanted = read(body).await?;
    mails::send(&app, &from.realm, MailKind::Recovery, wanted.email()?, &wanted.link(&asked)?).await?;
    Ok(view::private(json!({})))
}

/// `POST /resend`
pub(super) async fn resend(
    State(app): State<Arc<App>>,
    from: AuthCaller,
    QueryOf(asked): QueryOf<Asked>,
    body: Body,
) -> Result<Response> {
    let wanted: Wanted = read(body).await?;
    let kind = wanted.kind.as_deref().and_then(MailKind::parse);
    let kind = kind.filter(|kind| matches!(kind, MailKind::SignUp | MailKind::EmailChange)).ok_or_else(unknown_kind)?;
    mails::send(&app, &from.realm, kind, wanted.email()?, &wanted.link(&asked)?).await?;
    Ok(view::private(json!({})))
}

/// `POST /otp`
pub(super) async fn magic_link(
    State(app): State<Arc<App>>,
    from: AuthCaller,
    QueryOf(asked): QueryOf<Asked>,
    body: Body,
) -> Result<Response> {
    let wanted: Wanted = read(body).await?;
    let create = wanted.create_user.unwrap_or(true).then_some(wanted.data.as_ref());
    let link = wanted.link(&asked)?;
    mails::send_magic_link(&app, &from.realm, &from.caller, wanted.email()?, create, &link).await?;
    Ok(view::private(json!({})))
}

#[derive(Deserialize)]
struct Read {
    #[serde(rename = "type")]
    kind: String,
    token_hash: Option<String>,
    token: Option<String>,
    email: Option<String>,
}

/// `POST /verify`: the link's token, or the code with the address, for a session.
pub(super) async fn verify(State(app): State<Arc<App>>, from: AuthCaller, body: Body) -> Result<Response> {
    let shown: Read = read(body).await?;
    // `email` stands for whatever lets somebody in by their address.
    let kinds = match shown.kind.as_str() {
        "email" => vec![MailKind::SignUp, MailKind::MagicLink, MailKind::Invite],
        other => vec![MailKind::parse(other).ok_or_else(unknown_kind)?],
    };
    let what = match (&shown.token_hash, &shown.token, &shown.email) {
        (Some(token), _, None) => Shown::Link(token),
        (None, Some(code), Some(email)) => Shown::Code { email, code },
        _ => {
            return Err(Error::bad_input(
                "email/missing",
                "Only an email address and token, or a token_hash, should be provided.",
            )
            .hint("Send type and token_hash, or type, email and token."));
        }
    };
    let (tokens, _) = mail::verify(&app, &from.realm, &from.caller, &kinds, what).await?;
    Ok(view::private(view::session(&tokens)))
}

fn unknown_kind() -> Error {
    Error::bad_input("mail/kind", "There is no mail of this type.").field(
        "type",
        "one-of",
        "signup, invite, magiclink, recovery, email_change or email",
    )
}

#[derive(Deserialize)]
pub(super) struct OfLink {
    token: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    redirect_to: Option<String>,
}

/// A browser that comes without a key.
pub(super) struct Visitor(pub(super) Caller);

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        Ok(Self(caller(parts, app)?))
    }
}

/// `GET /verify`: a link in a mail. The browser is sent on with a session or a code, or with what is wrong.
pub(super) async fn open(
    State(app): State<Arc<App>>,
    Visitor(from): Visitor,
    QueryOf(link): QueryOf<OfLink>,
) -> Result<Response> {
    let token = link.token.unwrap_or_default();
    let kind = link.kind.as_deref().and_then(MailKind::parse).ok_or_else(unknown_kind)?;
    let environment = token.get(..32).and_then(|id| id.parse().ok()).map(EnvironmentId).ok_or_else(mail::expired)?;
    let realm = users::visited(&app, environment).await?.ok_or_else(mail::expired)?;
    let Some(target) = users::redirect_target(&realm, link.redirect_to.as_deref()).await? else {
        return Err(mail::leads_nowhere());
    };
    match mail::open_link(&app, &realm, &from, kind, &token).await {
        Ok(Opened::Session { tokens, kind }) => send_on(&target, '#', &of_session(&tokens, Some(kind))),
        Ok(Opened::Code(code)) => send_on(&target, '?', &[("code", code)]),
        Err(error) if error.kind == crate::error::Kind::Internal => Err(error),
        Err(error) => send_on(&target, '#', &refusal(&error)),
    }
}

/// A session, as parts of an address.
pub(super) fn of_session(tokens: &Tokens, kind: Option<MailKind>) -> Vec<(&'static str, String)> {
    let mut parts = vec![
        ("access_token", tokens.access_token.clone()),
        ("expires_at", tokens.expires_at.to_string()),
        ("expires_in", tokens.expires_in.to_string()),
        ("refresh_token", tokens.refresh_token.clone().unwrap_or_default()),
        ("token_type", "bearer".into()),
    ];
    parts.extend(kind.map(|kind| ("type", kind.as_str().into())));
    parts
}

/// What is wrong, as parts of an address.
pub(super) fn refusal(error: &Error) -> [(&'static str, String); 3] {
    let code = codes::error_code(&error.code).unwrap_or("unexpected_failure");
    [("error", "access_denied".into()), ("error_code", code.into()), ("error_description", error.message.clone())]
}

/// A redirect with members behind `?` or `#`, which the target may have some of already.
pub(super) fn send_on(target: &str, sign: char, members: &[(&str, String)]) -> Result<Response> {
    let encode = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let members: Vec<String> = members.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    let (before, fragment) = target.split_once('#').unwrap_or((target, ""));
    let joined = members.join("&");
    let target = match sign {
        '?' => {
            let join = if before.contains('?') { '&' } else { '?' };
            let fragment = if fragment.is_empty() { String::new() } else { format!("#{fragment}") };
            format!("{before}{join}{joined}{fragment}")
        }
        _ => format!("{before}#{joined}"),
    };
    let location = HeaderValue::try_from(target).map_err(Error::internal)?;
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}
