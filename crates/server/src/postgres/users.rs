//! The environment's users and who they are to providers: rows of schema `cloche`, read and written by the platform login.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio_postgres::GenericClient;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row, Transaction};
use uuid::Uuid;

use crate::error::{Error, Result};

/// A user of an environment.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) external_id: Option<String>,
    pub(crate) email: Option<String>,
    /// A mail or a provider has shown that the address is theirs.
    pub(crate) email_proven: bool,
    pub(crate) new_email: Option<String>,
    pub(crate) password_hash: Option<String>,
    pub(crate) roles: Vec<String>,
    /// Without the roles, which have a column.
    pub(crate) app_metadata: Value,
    pub(crate) user_metadata: Value,
    pub(crate) is_anonymous: bool,
    pub(crate) banned_until: Option<DateTime<Utc>>,
    pub(crate) email_confirmed_at: Option<DateTime<Utc>>,
    pub(crate) confirmation_sent_at: Option<DateTime<Utc>>,
    pub(crate) recovery_sent_at: Option<DateTime<Utc>>,
    pub(crate) email_change_sent_at: Option<DateTime<Utc>>,
    pub(crate) invited_at: Option<DateTime<Utc>>,
    pub(crate) last_sign_in_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    /// Of the providers they have signed in with, as their rows are.
    pub(crate) identities: Vec<Value>,
}

/// What can be said of a user that is made.
#[derive(Default)]
pub(crate) struct NewUser<'a> {
    pub(crate) id: Option<Uuid>,
    pub(crate) external_id: Option<&'a str>,
    pub(crate) email: Option<&'a str>,
    pub(crate) password_hash: Option<&'a str>,
    pub(crate) confirmed: bool,
    pub(crate) proven: bool,
    pub(crate) is_anonymous: bool,
    pub(crate) roles: &'a [String],
    pub(crate) app_metadata: Option<&'a Value>,
    pub(crate) user_metadata: Option<&'a Value>,
}

/// What changes of a user; nothing of what is left out.
#[derive(Default)]
pub(crate) struct UserChange<'a> {
    pub(crate) email: Option<&'a str>,
    pub(crate) password_hash: Option<&'a str>,
    /// The address was shown to be theirs.
    pub(crate) proven: bool,
    /// Confirms the address, or takes that back.
    pub(crate) confirmed: Option<bool>,
    pub(crate) roles: Option<&'a [String]>,
    /// Merged into what is there; a null takes a member away.
    pub(crate) app_metadata: Option<&'a Value>,
    pub(crate) user_metadata: Option<&'a Value>,
    /// Until when they are kept out; `Some(None)` lets them in again.
    pub(crate) banned_until: Option<Option<DateTime<Utc>>>,
}

/// Which users a list shows.
pub(crate) struct UserFilter<'a> {
    /// Part of the address or of the application's own id.
    pub(crate) search: Option<&'a str>,
    pub(crate) role: Option<&'a str>,
    pub(crate) limit: i64,
    pub(crate) offset: i64,
}

/// What was sent to a user, and when is remembered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sent {
    Confirmation,
    Recovery,
    EmailChange,
    Invitation,
}

const SELECT: &str = "SELECT u.*, (SELECT coalesce(json_agg(i ORDER BY i.created_at), '[]') FROM cloche.identities i
    WHERE i.user_id = u.id) AS identities FROM cloche.users u";

impl User {
    pub(crate) fn is_banned(&self) -> bool {
        self.banned_until.is_some_and(|until| until > Utc::now())
    }
}

pub(crate) async fn find(client: &impl GenericClient, id: Uuid) -> Result<Option<User>> {
    Ok(client.query_opt(&format!("{SELECT} WHERE u.id = $1"), &[&id]).await?.as_ref().map(read))
}

/// Finds and locks a user until the transaction ends.
pub(crate) async fn lock(tx: &Transaction<'_>, id: Uuid) -> Result<Option<User>> {
    if tx.query_opt("SELECT FROM cloche.users WHERE id = $1 FOR UPDATE", &[&id]).await?.is_none() {
        return Ok(None);
    }
    Ok(tx.query_opt(&format!("{SELECT} WHERE u.id = $1"), &[&id]).await?.as_ref().map(read))
}

/// By address, in lower case.
pub(crate) async fn find_by_email(client: &Client, email: &str) -> Result<Option<User>> {
    Ok(client.query_opt(&format!("{SELECT} WHERE u.email = $1"), &[&email]).await?.as_ref().map(read))
}

/// The same, locked until the transaction ends.
pub(crate) async fn lock_by_email(tx: &Transaction<'_>, email: &str) -> Result<Option<User>> {
    match tx.query_opt("SELECT id FROM cloche.users WHERE email = $1", &[&email]).await? {
        Some(row) => lock(tx, row.get(0)).await,
        None => Ok(None),
    }
}

/// By the address they want to have instead, the one who asked last.
pub(crate) async fn find_by_new_email(client: &Client, email: &str) -> Result<Option<User>> {
    let sql = format!("{SELECT} WHERE u.new_email = $1 ORDER BY u.email_change_sent_at DESC NULLS LAST LIMIT 1");
    Ok(client.query_opt(&sql, &[&email]).await?.as_ref().map(read))
}

/// By the application's own id.
pub(crate) async fn find_external(tx: &Transaction<'_>, external_id: &str) -> Result<Option<User>> {
    Ok(tx.query_opt(&format!("{SELECT} WHERE u.external_id = $1"), &[&external_id]).await?.as_ref().map(read))
}

/// Waits until nobody else makes a user under this name; until the transaction ends, nobody does.
pub(crate) async fn take_turn(tx: &Transaction<'_>, name: &str) -> Result<()> {
    tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", &[&name]).await?;
    Ok(())
}

/// By who they are to a provider.
pub(crate) async fn find_by_identity(tx: &Transaction<'_>, provider: &str, subject: &str) -> Result<Option<User>> {
    let sql = format!("{SELECT} JOIN cloche.identities w ON w.user_id = u.id WHERE w.provider = $1 AND w.subject = $2");
    Ok(tx.query_opt(&sql, &[&provider, &subject]).await?.as_ref().map(read))
}

/// Users by age, and how many the filter meets in all.
pub(crate) async fn list(client: &Client, filter: &UserFilter<'_>) -> Result<(Vec<User>, i64)> {
    let wanted = "($1::text IS NULL OR strpos(u.email, lower($1)) > 0 OR strpos(u.external_id, $1) > 0)
                  AND ($2::text IS NULL OR $2 = ANY(u.roles))";
    let page = format!("{SELECT} WHERE {wanted} ORDER BY u.created_at, u.id LIMIT $3 OFFSET $4");
    let rows = client.query(&page, &[&filter.search, &filter.role, &filter.limit, &filter.offset]).await?;
    let count = format!("SELECT count(*) FROM cloche.users u WHERE {wanted}");
    let count = client.query_one(&count, &[&filter.search, &filter.role]).await?.get(0);
    Ok((rows.iter().map(read).collect(), count))
}

pub(crate) async fn insert(client: &impl GenericClient, new: &NewUser<'_>) -> Result<User> {
    let id = new.id.unwrap_or_else(Uuid::now_v7);
    let empty = json!({});
    let made = client
        .execute(
            "INSERT INTO cloche.users (id, external_id, email, password_hash, email_confirmed_at, is_anonymous, roles, app_metadata, user_metadata,
                                       email_proven)
             VALUES ($1, $2, $3, $4, CASE WHEN $5 THEN now() END, $6, $7, $8, $9, $10)",
            &[
                &id,
                &new.external_id,
                &new.email,
                &new.password_hash,
                &new.confirmed,
                &new.is_anonymous,
                &new.roles,
                &new.app_metadata.unwrap_or(&empty),
                &new.user_metadata.unwrap_or(&empty),
                &new.proven,
            ],
        )
        .await;
    made.map_err(taken)?;
    find(client, id).await?.ok_or_else(|| Error::internal("a user that was made is not there"))
}

/// Changes a user. Answers nothing where there is none.
pub(crate) async fn update(client: &impl GenericClient, id: Uuid, change: &UserChange<'_>) -> Result<Option<User>> {
    let (bans, banned_until) = (change.banned_until.is_some(), change.banned_until.flatten());
    let changed = client
        .execute(
            "UPDATE cloche.users SET
                 email_proven = CASE WHEN $10 THEN true WHEN $2::text <> email THEN false ELSE email_proven END,
                 email = coalesce($2, email), new_email = CASE WHEN $2::text IS NULL THEN new_email END,
                 password_hash = coalesce($3, password_hash),
                 email_confirmed_at = CASE $4::boolean WHEN true THEN coalesce(email_confirmed_at, now()) WHEN false THEN NULL
                                      ELSE email_confirmed_at END,
                 roles = coalesce($5, roles),
                 app_metadata = CASE WHEN $6::jsonb IS NULL THEN app_metadata ELSE (app_metadata || $6) - array(SELECT key FROM jsonb_each($6) WHERE value = 'null') END,
                 user_metadata = CASE WHEN $7::jsonb IS NULL THEN user_metadata ELSE (user_metadata || $7) - array(SELECT key FROM jsonb_each($7) WHERE value = 'null') END,
                 banned_until = CASE WHEN $8 THEN $9 ELSE banned_until END,
                 is_anonymous = is_anonymous AND $2::text IS NULL,
                 updated_at = now()
             WHERE id = $1",
            &[
                &id,
                &change.email,
                &change.password_hash,
                &change.confirmed,
                &change.roles,
                &change.app_metadata,
                &change.user_metadata,
                &bans,
                &banned_until,
                &change.proven,
            ],
        )
        .await;
    changed.map_err(taken)?;
    find(client, id).await
}

/// Takes away what somebody may have set up who never showed that the address is theirs: the password, and all sessions.
pub(crate) async fn disinherit(tx: &Transaction<'_>, id: Uuid) -> Result<()> {
    tx.execute("UPDATE cloche.users SET password_hash = NULL WHERE id = $1", &[&id]).await?;
    tx.execute("DELETE FROM cloche.sessions WHERE user_id = $1", &[&id]).await?;
    Ok(())
}

/// Removes a user with their sessions and identities. Answers who it was.
pub(crate) async fn delete(client: &impl GenericClient, id: Uuid) -> Result<Option<User>> {
    let user = find(client, id).await?;
    client.execute("DELETE FROM cloche.users WHERE id = $1", &[&id]).await?;
    Ok(user)
}

/// Notes that a mail was sent, and to which new address.
pub(crate) async fn note_sent(tx: &Transaction<'_>, id: Uuid, sent: Sent, new_email: Option<&str>) -> Result<()> {
    let column = match sent {
        Sent::Confirmation => "confirmation_sent_at",
        Sent::Recovery => "recovery_sent_at",
        Sent::EmailChange => "email_change_sent_at",
        Sent::Invitation => "invited_at",
    };
    let sql = format!("UPDATE cloche.users SET {column} = now(), new_email = coalesce($2, new_email) WHERE id = $1");
    tx.execute(&sql, &[&id, &new_email]).await?;
    Ok(())
}

/// Notes who a user is to a provider, and that they have just signed in so.
pub(crate) async fn put_identity(tx: &Transaction<'_>, user: Uuid, provider: &str, subject: &str, data: &Value) -> Result<()> {
    tx.execute(
        "INSERT INTO cloche.identities (id, user_id, provider, subject, data) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (provider, subject) DO UPDATE SET data = excluded.data, last_sign_in_at = now()",
        &[&Uuid::now_v7(), &user, &provider, &subject, &data],
    )
    .await?;
    Ok(())
}

fn taken(error: tokio_postgres::Error) -> Error {
    if error.code() == Some(&SqlState::UNIQUE_VIOLATION) {
        return exists();
    }
    error.into()
}

pub(crate) fn exists() -> Error {
    Error::conflict("user/exists", "A user with this email address has already been registered.")
        .hint("Sign in, or ask for a new password.")
}

fn read(row: &Row) -> User {
    let identities: Value = row.get("identities");
    User {
        id: row.get("id"),
        external_id: row.get("external_id"),
        email: row.get("email"),
        email_proven: row.get("email_proven"),
        new_email: row.get("new_email"),
        password_hash: row.get("password_hash"),
        roles: row.get("roles"),
        app_metadata: row.get("app_metadata"),
        user_metadata: row.get("user_metadata"),
        is_anonymous: row.get("is_anonymous"),
        banned_until: row.get("banned_until"),
        email_confirmed_at: row.get("email_confirmed_at"),
        confirmation_sent_at: row.get("confirmation_sent_at"),
        recovery_sent_at: row.get("recovery_sent_at"),
        email_change_sent_at: row.get("email_change_sent_at"),
        invited_at: row.get("invited_at"),
        last_sign_in_at: row.get("last_sign_in_at"),
        created_at: row.get("created_at"),
        updated_at: row.get("updated_at"),
        identities: identities.as_array().cloned().unwrap_or_default(),
    }
}
