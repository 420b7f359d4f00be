//! Sessions of browsers, and the passwords and links that begin them.

use chrono::{DateTime, Utc};
use cloche_wire::{KeyText, MemberId, SessionId};
use tokio_postgres::{Client, Row};

use super::people::{ACTOR, read_actor};
use super::{Tx, column};
use crate::auth::{Actor, SignedIn};
use crate::error::Result;
use crate::secrets::{PEPPER_VERSION, Secrets};

/// A session ends this long after the sign-in, and when it was not used for [`IDLE_DAYS`].
pub(crate) const LONGEST_DAYS: i32 = 30;
const IDLE_DAYS: i32 = 7;
/// Sessions of one member; a further sign-in ends the oldest.
const SESSIONS: i64 = 50;

/// A session, without its secret.
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) user_agent: String,
    pub(crate) address: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) last_seen_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

/// A session in force, and who it stands for.
pub(crate) struct SessionCheck {
    pub(crate) actor: Actor,
    pub(crate) authenticated_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

/// What a sign-in is checked against.
pub(crate) struct Login {
    pub(crate) member_id: MemberId,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) password_hash: Option<String>,
    /// They belong to an organization. Who does not cannot sign in.
    pub(crate) belongs: bool,
}

const LOGIN: &str = "SELECT m.id, m.email, m.name, m.password_hash,
                            EXISTS (SELECT FROM organization_members o WHERE o.member_id = m.id) AS belongs FROM members m";

/// The condition under which a session is in force, given its longest days as $1 and idle days as $2.
const IN_FORCE: &str = "s.revoked_at IS NULL AND s.created_at > now() - make_interval(days => $1)
                        AND s.last_seen_at > now() - make_interval(days => $2)";

/// Begins a session. Of the member's others, those that have ended and those that are too many go.
pub(crate) async fn insert(
    tx: &Tx<'_>,
    secrets: &Secrets,
    member: MemberId,
    text: &KeyText,
    user_agent: &str,
    address: &str,
) -> Result<SessionId> {
    tx.execute(
        &format!(
            "DELETE FROM sessions d WHERE d.member_id = $3 AND d.id NOT IN
                 (SELECT s.id FROM sessions s WHERE s.member_id = $3 AND {IN_FORCE} ORDER BY s.created_at DESC LIMIT $4)"
        ),
        &[&LONGEST_DAYS, &IDLE_DAYS, &member.0, &(SESSIONS - 1)],
    )
    .await?;
    let id = SessionId::new();
    tx.execute(
        "INSERT INTO sessions (id, member_id, hash, pepper_version, user_agent, address) VALUES ($1, $2, $3, $4, $5, $6)",
        &[&id.0, &member.0, &secrets.hash_key(text), &PEPPER_VERSION, &user_agent, &address],
    )
    .await?;
    Ok(id)
}

/// The session whose text has this hash, if it is in force.
pub(crate) async fn find(client: &deadpool_postgres::Client, hash: &[u8]) -> Result<Option<SessionCheck>> {
    let statement = client
        .prepare_cached(&format!(
            "SELECT s.id AS session_id, s.authenticated_at,
                    least(now() + make_interval(days => $2), s.created_at + make_interval(days => $1)) AS expires_at, {ACTOR}
             FROM sessions s JOIN members m ON m.id = s.member_id
             WHERE s.hash = $3 AND s.pepper_version = $4 AND {IN_FORCE}
               AND EXISTS (SELECT FROM organization_members o WHERE o.member_id = m.id)"
        ))
        .await?;
    let row = client.query_opt(&statement, &[&LONGEST_DAYS, &IDLE_DAYS, &hash, &PEPPER_VERSION]).await?;
    Ok(row.map(|row| {
        let authenticated_at = column(&row, "authenticated_at");
        let session = SignedIn { id: SessionId(column(&row, "session_id")), authenticated_at };
        SessionCheck {
            actor: Actor { session: Some(session), ..read_actor(&row) },
            authenticated_at,
            expires_at: column(&row, "expires_at"),
        }
    }))
}

/// A member's sessions that are in force, newest first.
pub(crate) async fn list(client: &Client, member: MemberId) -> Result<Vec<Session>> {
    let rows = client
        .query(
            &format!(
                "SELECT s.*, least(s.last_seen_at + make_interval(days => $2), s.created_at + make_interval(days => $1)) AS expires_at
                 FROM sessions s WHERE s.member_id = $3 AND {IN_FORCE} ORDER BY s.created_at DESC"
            ),
            &[&LONGEST_DAYS, &IDLE_DAYS, &member.0],
        )
        .await?;
    Ok(rows.iter().map(read).collect())
}

/// Ends a session of the member. Nothing if there is none in force.
pub(crate) async fn revoke(tx: &Tx<'_>, id: SessionId, member: MemberId) -> Result<Option<Session>> {
    let row = tx
        .query_opt(
            "UPDATE sessions SET revoked_at = now() WHERE id = $1 AND member_id = $2 AND revoked_at IS NULL
             RETURNING *, now() AS expires_at",
            &[&id.0, &member.0],
        )
        .await?;
    Ok(row.as_ref().map(read))
}

/// Ends the session whose text has this hash, whoever's it is.
pub(crate) async fn revoke_by_hash(tx: &Tx<'_>, hash: &[u8]) -> Result<()> {
    tx.execute("UPDATE sessions SET revoked_at = now() WHERE hash = $1 AND revoked_at IS NULL", &[&hash]).await?;
    Ok(())
}

/// Ends a member's sessions, all but one where given.
pub(crate) async fn revoke_all(tx: &Tx<'_>, member: MemberId, but: Option<SessionId>) -> Result<()> {
    tx.execute(
        "UPDATE sessions SET revoked_at = now() WHERE member_id = $1 AND revoked_at IS NULL AND id IS DISTINCT FROM $2",
        &[&member.0, &but.map(|id| id.0)],
    )
    .await?;
    Ok(())
}

/// Notes that the password was given just now.
pub(crate) async fn confirm(tx: &Tx<'_>, id: SessionId) -> Result<()> {
    tx.execute("UPDATE sessions SET authenticated_at = now() WHERE id = $1", &[&id.0]).await?;
    Ok(())
}

/// Notes that sessions were used.
pub(crate) async fn touch(client: &Client, ids: &[uuid::Uuid]) -> Result<()> {
    client.execute("UPDATE sessions SET last_seen_at = now() WHERE id = ANY($1)", &[&ids]).await?;
    Ok(())
}

/// Whoever has this e-mail address.
pub(crate) async fn login(client: &Client, email: &str) -> Result<Option<Login>> {
    Ok(client.query_opt(&format!("{LOGIN} WHERE lower(m.email) = lower($1)"), &[&email]).await?.as_ref().map(read_login))
}

/// An e-mail address as [`login`] compares it.
pub(crate) async fn spelling(client: &Client, email: &str) -> Result<String> {
    Ok(client.query_one("SELECT lower($1::text)", &[&email]).await?.get(0))
}

pub(crate) async fn login_of(client: &Client, member: MemberId) -> Result<Option<Login>> {
    Ok(client.query_opt(&format!("{LOGIN} WHERE m.id = $1"), &[&member.0]).await?.as_ref().map(read_login))
}

/// A member, who stays as they are until the transaction ends.
pub(crate) async fn lock_login(tx: &Tx<'_>, member: MemberId) -> Result<Option<Login>> {
    Ok(tx.query_opt(&format!("{LOGIN} WHERE m.id = $1 FOR NO KEY UPDATE OF m"), &[&member.0]).await?.as_ref().map(read_login))
}

/// Gives a member a new password, or takes it away. Every link to a new one ends.
pub(crate) async fn set_password(tx: &Tx<'_>, member: MemberId, hash: Option<&str>) -> Result<()> {
    tx.execute("UPDATE members SET password_hash = $2 WHERE id = $1", &[&member.0, &hash]).await?;
    tx.execute("DELETE FROM password_links WHERE member_id = $1", &[&member.0]).await?;
    Ok(())
}

/// Whether anybody can sign in with a password.
pub(crate) async fn anybody_has_password(tx: &Tx<'_>) -> Result<bool> {
    Ok(tx.query_one("SELECT EXISTS (SELECT FROM members WHERE password_hash IS NOT NULL)", &[]).await?.get(0))
}

/// Puts a new set-up link in the place of the one before, or takes that away.
pub(crate) async fn put_setup_link(tx: &Tx<'_>, hash: Option<&[u8]>) -> Result<()> {
    match hash {
        Some(hash) => {
            tx.execute(
                "INSERT INTO setup_links (hash, pepper_version) VALUES ($1, $2)
                 ON CONFLICT (only_row) DO UPDATE SET hash = excluded.hash, pepper_version = excluded.pepper_version, created_at = now()",
                &[&hash, &PEPPER_VERSION],
            )
            .await?
        }
        None => tx.execute("DELETE FROM setup_links", &[]).await?,
    };
    Ok(())
}

/// Whether this is the set-up link. Once anybody has a password, none is.
pub(crate) async fn is_setup_link(client: &Client, hash: &[u8]) -> Result<bool> {
    let row = client
        .query_one(
            "SELECT EXISTS (SELECT FROM setup_links WHERE hash = $1 AND pepper_version = $2)
                AND NOT EXISTS (SELECT FROM members WHERE password_hash IS NOT NULL)",
            &[&hash, &PEPPER_VERSION],
        )
        .await?;
    Ok(row.get(0))
}

/// Takes the set-up link away; false if this is not it, or not any more.
pub(crate) async fn use_setup_link(tx: &Tx<'_>, hash: &[u8]) -> Result<bool> {
    let taken = tx.execute("DELETE FROM setup_links WHERE hash = $1 AND pepper_version = $2", &[&hash, &PEPPER_VERSION]).await?;
    Ok(taken == 1)
}

/// What is written of a link to a new password.
pub(crate) struct NewPasswordLink<'a> {
    pub(crate) member: MemberId,
    pub(crate) hash: &'a [u8],
    pub(crate) made_by: MemberId,
    pub(crate) expires_at: DateTime<Utc>,
}

/// A link to a new password, in the place of the member's one before.
pub(crate) async fn put_password_link(tx: &Tx<'_>, new: &NewPasswordLink<'_>) -> Result<()> {
    tx.execute("DELETE FROM password_links WHERE member_id = $1", &[&new.member.0]).await?;
    tx.execute(
        "INSERT INTO password_links (member_id, hash, pepper_version, made_by, expires_at) VALUES ($1, $2, $3, $4, $5)",
        &[&new.member.0, &new.hash, &PEPPER_VERSION, &new.made_by.0, &new.expires_at],
    )
    .await?;
    Ok(())
}

/// Takes away the links somebody made for others.
pub(crate) async fn drop_password_links_by(tx: &Tx<'_>, made_by: MemberId) -> Result<()> {
    tx.execute("DELETE FROM password_links WHERE made_by = $1", &[&made_by.0]).await?;
    Ok(())
}

/// Whose new password this link is for, and until when.
pub(crate) async fn password_link(client: &Client, hash: &[u8]) -> Result<Option<(MemberId, DateTime<Utc>)>> {
    let row = client
        .query_opt(
            "SELECT member_id, expires_at FROM password_links WHERE hash = $1 AND pepper_version = $2 AND expires_at > now()",
            &[&hash, &PEPPER_VERSION],
        )
        .await?;
    Ok(row.map(|row| (MemberId(column(&row, "member_id")), column(&row, "expires_at"))))
}

/// Takes a link to a new password away; false if it is not in force any more.
pub(crate) async fn use_password_link(tx: &Tx<'_>, hash: &[u8]) -> Result<bool> {
    let taken = tx
        .execute(
            "DELETE FROM password_links WHERE hash = $1 AND pepper_version = $2 AND expires_at > now()",
            &[&hash, &PEPPER_VERSION],
        )
        .await?;
    Ok(taken == 1)
}

fn read(row: &Row) -> Session {
    Session {
        id: SessionId(column(row, "id")),
        user_agent: column(row, "user_agent"),
        address: column(row, "address"),
        created_at: column(row, "created_at"),
        last_seen_at: column(row, "last_seen_at"),
        expires_at: column(row, "expires_at"),
    }
}

fn read_login(row: &Row) -> Login {
    Login {
        member_id: MemberId(column(row, "id")),
        email: column(row, "email"),
        name: column(row, "name"),
        password_hash: column(row, "password_hash"),
        belongs: column(row, "belongs"),
    }
}
