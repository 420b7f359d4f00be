//! How an environment's users sign in: its settings and providers, the mails that were to be sent, what those let their readers do.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::types::Json;
use tokio_postgres::{Client, Row, Transaction};
use uuid::Uuid;

use crate::error::{Error, Result};

/// Mails that are kept.
const MAILS: i64 = 1_000;

/// What of signing in is decided for each environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct AuthSettings {
    /// Where links in mails and providers lead when they are asked to lead nowhere else that is allowed.
    pub(crate) site_url: Option<String>,
    /// Where they may lead: exact addresses, or all below one that ends with `/*`.
    pub(crate) redirect_urls: Vec<String>,
    /// Whether people may make themselves users.
    pub(crate) sign_up: bool,
    /// Whether an address must be confirmed by mail before its first sign-in.
    pub(crate) confirm_email: bool,
    /// Whether there are users without an address.
    pub(crate) anonymous: bool,
    /// Seconds an access token is in force.
    pub(crate) token_ttl: i64,
    /// Characters of a password.
    pub(crate) password_min: usize,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            site_url: None,
            redirect_urls: Vec::new(),
            sign_up: true,
            confirm_email: false,
            anonymous: false,
            token_ttl: 3_600,
            password_min: 8,
        }
    }
}

/// What a mail lets its reader do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MailKind {
    SignUp,
    Invite,
    MagicLink,
    Recovery,
    EmailChange,
}

impl MailKind {
    const ALL: [Self; 5] = [Self::SignUp, Self::Invite, Self::MagicLink, Self::Recovery, Self::EmailChange];

    /// As Supabase's clients say it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::SignUp => "signup",
            Self::Invite => "invite",
            Self::MagicLink => "magiclink",
            Self::Recovery => "recovery",
            Self::EmailChange => "email_change",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A mail in the outbox.
pub(crate) struct Mail {
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    pub(crate) recipient: String,
    pub(crate) sealed: Vec<u8>,
    pub(crate) created_at: DateTime<Utc>,
}

/// A right to do one thing once, as it is stored.
pub(crate) struct NewRight<'a> {
    pub(crate) user: Uuid,
    pub(crate) kind: MailKind,
    pub(crate) hash: &'a [u8],
    pub(crate) code_hash: &'a [u8],
    pub(crate) email: &'a str,
    pub(crate) code_challenge: Option<&'a str>,
    pub(crate) expires_at: DateTime<Utc>,
}

/// The same, found by what its reader shows.
pub(crate) struct Right {
    pub(crate) user: Uuid,
    pub(crate) kind: MailKind,
    pub(crate) code_hash: Vec<u8>,
    pub(crate) email: String,
    pub(crate) code_challenge: Option<String>,
    pub(crate) wrong_codes: i32,
}

pub(crate) async fn settings(client: &Client) -> Result<AuthSettings> {
    let row = client.query_opt("SELECT settings FROM cloche.auth_settings", &[]).await?;
    let Some(row) = row else { return Ok(AuthSettings::default()) };
    let Json(settings): Json<AuthSettings> = row.try_get(0).map_err(Error::internal)?;
    Ok(settings)
}

pub(crate) async fn put_settings(client: &Client, settings: &AuthSettings) -> Result<()> {
    client
        .execute(
            "INSERT INTO cloche.auth_settings (settings) VALUES ($1)
             ON CONFLICT (only_row) DO UPDATE SET settings = excluded.settings, updated_at = now()",
            &[&Json(settings)],
        )
        .await?;
    Ok(())
}

/// Puts a mail into the outbox, and the oldest out of it.
pub(crate) async fn insert_mail(tx: &Transaction<'_>, id: Uuid, kind: &str, recipient: &str, sealed: &[u8]) -> Result<()> {
    tx.execute(
        "INSERT INTO cloche.mails (id, kind, recipient, sealed) VALUES ($1, $2, $3, $4)",
        &[&id, &kind, &recipient, &sealed],
    )
    .await?;
    tx.execute(
        "DELETE FROM cloche.mails WHERE id <= (SELECT id FROM cloche.mails ORDER BY id DESC LIMIT 1 OFFSET $1)",
        &[&MAILS],
    )
    .await?;
    Ok(())
}

/// The newest mails.
pub(crate) async fn mails(client: &Client, recipient: Option<&str>, limit: i64) -> Result<Vec<Mail>> {
    let sql = "SELECT * FROM cloche.mails WHERE $1::text IS NULL OR recipient = $1 ORDER BY id DESC LIMIT $2";
    let read = |row: &Row| Mail {
        id: row.get("id"),
        kind: row.get("kind"),
        recipient: row.get("recipient"),
        sealed: row.get("sealed"),
        created_at: row.get("created_at"),
    };
    Ok(client.query(sql, &[&recipient, &limit]).await?.iter().map(read).collect())
}

/// Gives a right, in the place of one of the same kind.
pub(crate) async fn put_right(tx: &Transaction<'_>, new: &NewRight<'_>) -> Result<()> {
    tx.execute(
        "INSERT INTO cloche.one_time_tokens (user_id, kind, hash, code_hash, email, code_challenge, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (user_id, kind) DO UPDATE SET hash = excluded.hash, code_hash = excluded.code_hash, email = excluded.email,
             code_challenge = excluded.code_challenge, expires_at = excluded.expires_at, wrong_codes = 0, created_at = now()",
        &[&new.user, &new.kind.as_str(), &new.hash, &new.code_hash, &new.email, &new.code_challenge, &new.expires_at],
    )
    .await?;
    Ok(())
}

/// The right behind a link, locked.
pub(crate) async fn right_by_hash(tx: &Transaction<'_>, hash: &[u8]) -> Result<Option<Right>> {
    let sql = "SELECT * FROM cloche.one_time_tokens WHERE hash = $1 AND expires_at > now() FOR UPDATE";
    Ok(tx.query_opt(sql, &[&hash]).await?.as_ref().and_then(read_right))
}

/// The rights that were sent to an address, locked.
pub(crate) async fn rights_of(tx: &Transaction<'_>, email: &str) -> Result<Vec<Right>> {
    let sql = "SELECT * FROM cloche.one_time_tokens WHERE email = $1 AND expires_at > now() ORDER BY user_id, kind FOR UPDATE";
    Ok(tx.query(sql, &[&email]).await?.iter().filter_map(read_right).collect())
}

/// A code was shown that is not the one.
pub(crate) async fn count_wrong_code(tx: &Transaction<'_>, right: &Right) -> Result<()> {
    tx.execute(
        "UPDATE cloche.one_time_tokens SET wrong_codes = wrong_codes + 1 WHERE user_id = $1 AND kind = $2",
        &[&right.user, &right.kind.as_str()],
    )
    .await?;
    Ok(())
}

/// Uses a right up.
pub(crate) async fn use_right(tx: &Transaction<'_>, right: &Right) -> Result<()> {
    let sql = "DELETE FROM cloche.one_time_tokens WHERE user_id = $1 AND kind = $2";
    tx.execute(sql, &[&right.user, &right.kind.as_str()]).await?;
    Ok(())
}

fn read_right(row: &Row) -> Option<Right> {
    Some(Right {
        user: row.get("user_id"),
        kind: MailKind::parse(row.get("kind"))?,
        code_hash: row.get("code_hash"),
        email: row.get("email"),
        code_challenge: row.get("code_challenge"),
        wrong_codes: row.get("wrong_codes"),
    })
}

/// An OpenID provider that users may sign in with.
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) sealed: Vec<u8>,
    pub(crate) scopes: Vec<String>,
}

pub(crate) async fn providers(client: &Client) -> Result<Vec<Provider>> {
    let rows = client.query("SELECT * FROM cloche.auth_providers ORDER BY name", &[]).await?;
    Ok(rows.iter().map(read_provider).collect())
}

pub(crate) async fn provider(client: &Client, name: &str) -> Result<Option<Provider>> {
    let row = client.query_opt("SELECT * FROM cloche.auth_providers WHERE name = $1", &[&name]).await?;
    Ok(row.as_ref().map(read_provider))
}

pub(crate) async fn put_provider(client: &Client, provider: &Provider) -> Result<()> {
    client
        .execute(
            "INSERT INTO cloche.auth_providers (name, issuer, client_id, sealed, scopes) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (name) DO UPDATE SET issuer = excluded.issuer, client_id = excluded.client_id, sealed = excluded.sealed,
                 scopes = excluded.scopes, updated_at = now()",
            &[&provider.name, &provider.issuer, &provider.client_id, &provider.sealed, &provider.scopes],
        )
        .await?;
    Ok(())
}

/// Answers whether there was one.
pub(crate) async fn remove_provider(client: &Client, name: &str) -> Result<bool> {
    Ok(client.execute("DELETE FROM cloche.auth_providers WHERE name = $1", &[&name]).await? > 0)
}

fn read_provider(row: &Row) -> Provider {
    Provider {
        name: row.get("name"),
        issuer: row.get("issuer"),
        client_id: row.get("client_id"),
        sealed: row.get("sealed"),
        scopes: row.get("scopes"),
    }
}

/// A sign-in under way through a provider or a link.
pub(crate) struct Flow {
    pub(crate) provider: String,
    pub(crate) sealed: Vec<u8>,
    pub(crate) redirect_to: String,
    pub(crate) code_challenge: Option<String>,
    pub(crate) user: Option<Uuid>,
}

/// Notes a flow for a while, under the hash of what will be shown to go on with it. Those of nobody are forgotten.
pub(crate) async fn insert_flow(tx: &Transaction<'_>, hash: &[u8], flow: &Flow, expires_at: DateTime<Utc>) -> Result<()> {
    tx.execute("DELETE FROM cloche.auth_flows WHERE expires_at < now()", &[]).await?;
    tx.execute(
        "INSERT INTO cloche.auth_flows (id, hash, provider, sealed, redirect_to, code_challenge, user_id, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[&Uuid::now_v7(), &hash, &flow.provider, &flow.sealed, &flow.redirect_to, &flow.code_challenge, &flow.user, &expires_at],
    )
    .await?;
    Ok(())
}

/// Takes a flow up, once.
pub(crate) async fn take_flow(tx: &Transaction<'_>, hash: &[u8]) -> Result<Option<Flow>> {
    let sql = "DELETE FROM cloche.auth_flows WHERE hash = $1 AND expires_at > now() RETURNING *";
    Ok(tx.query_opt(sql, &[&hash]).await?.map(|row| Flow {
        provider: row.get("provider"),
        sealed: row.get("sealed"),
        redirect_to: row.get("redirect_to"),
        code_challenge: row.get("code_challenge"),
        user: row.get("user_id"),
    }))
}

/// What the row of a mail holds, sealed.
#[derive(Serialize, Deserialize)]
pub(crate) struct MailText {
    pub(crate) subject: String,
    pub(crate) text: String,
    /// What a program would fill into its own words.
    pub(crate) data: Value,
}
