//! Sessions of the environment's users, and the refresh tokens that carry them on.

use chrono::{DateTime, Utc};
use tokio_postgres::{Client, Row, Transaction};
use uuid::Uuid;

use crate::error::Result;

/// Two tabs of one browser may use the same refresh token at the same moment: so long they are given the same next one.
const GRACE: f64 = 10.0;
/// Used tokens are kept this long, so that using one again is noticed.
const KEPT: &str = "30 days";

/// Where a user is signed in.
pub(crate) struct UserSession {
    pub(crate) id: Uuid,
    pub(crate) method: String,
    pub(crate) address: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) refreshed_at: DateTime<Utc>,
}

/// A session about to begin.
pub(crate) struct NewSession<'a> {
    pub(crate) user: Uuid,
    pub(crate) method: &'a str,
    pub(crate) address: String,
    pub(crate) user_agent: &'a str,
    /// Of its first refresh token.
    pub(crate) hash: &'a [u8],
}

/// What a refresh token turned out to be.
pub(crate) enum Refreshed {
    /// In force: its successor is, from now on.
    Carried {
        session: Uuid,
        user: Uuid,
    },
    /// Used before. Its family has ended, unless that was a moment ago.
    Reused,
    Unknown,
}

/// Begins a session, and notes that its user has signed in.
pub(crate) async fn begin(tx: &Transaction<'_>, new: &NewSession<'_>) -> Result<Uuid> {
    let id = Uuid::now_v7();
    tx.execute(
        "INSERT INTO cloche.sessions (id, user_id, method, address, user_agent) VALUES ($1, $2, $3, $4, $5)",
        &[&id, &new.user, &new.method, &new.address, &new.user_agent],
    )
    .await?;
    tx.execute("INSERT INTO cloche.refresh_tokens (hash, session_id) VALUES ($1, $2)", &[&new.hash, &id]).await?;
    tx.execute("UPDATE cloche.users SET last_sign_in_at = now() WHERE id = $1", &[&new.user]).await?;
    Ok(id)
}

/// Uses a refresh token: `next` is the hash of the one that follows it.
pub(crate) async fn refresh(tx: &Transaction<'_>, hash: &[u8], next: &[u8]) -> Result<Refreshed> {
    let found = tx
        .query_opt(
            "SELECT s.id, s.user_id, t.used_at IS NULL, t.used_at > now() - make_interval(secs => $2)
             FROM cloche.refresh_tokens t JOIN cloche.sessions s ON s.id = t.session_id WHERE t.hash = $1 FOR UPDATE OF s, t",
            &[&hash, &GRACE],
        )
        .await?;
    let Some(row) = found else { return Ok(Refreshed::Unknown) };
    let (session, user, unused, lately): (Uuid, Uuid, bool, Option<bool>) = (row.get(0), row.get(1), row.get(2), row.get(3));
    if unused {
        tx.execute("UPDATE cloche.refresh_tokens SET used_at = now() WHERE hash = $1", &[&hash]).await?;
        tx.execute("INSERT INTO cloche.refresh_tokens (hash, session_id) VALUES ($1, $2)", &[&next, &session]).await?;
        tx.execute("UPDATE cloche.sessions SET refreshed_at = now() WHERE id = $1", &[&session]).await?;
        let old = format!("DELETE FROM cloche.refresh_tokens WHERE session_id = $1 AND used_at < now() - interval '{KEPT}'");
        tx.execute(&old, &[&session]).await?;
        return Ok(Refreshed::Carried { session, user });
    }
    if lately != Some(true) {
        end(tx, user, Which::One(session)).await?;
        return Ok(Refreshed::Reused);
    }
    let fresh = "SELECT FROM cloche.refresh_tokens WHERE hash = $1 AND used_at IS NULL";
    match tx.query_opt(fresh, &[&next]).await? {
        Some(_) => Ok(Refreshed::Carried { session, user }),
        None => Ok(Refreshed::Reused),
    }
}

/// Which of a user's sessions.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which {
    All,
    One(Uuid),
    AllBut(Uuid),
}

/// Ends sessions of a user. Answers how many.
pub(crate) async fn end(client: &impl tokio_postgres::GenericClient, user: Uuid, which: Which) -> Result<u64> {
    let (one, but) = match which {
        Which::All => (None, None),
        Which::One(id) => (Some(id), None),
        Which::AllBut(id) => (None, Some(id)),
    };
    let ended = client
        .execute(
            "DELETE FROM cloche.sessions WHERE user_id = $1 AND ($2::uuid IS NULL OR id = $2) AND ($3::uuid IS NULL OR id <> $3)",
            &[&user, &one, &but],
        )
        .await?;
    Ok(ended)
}

/// Whether a user's session is in force.
pub(crate) async fn exists(client: &Client, user: Uuid, session: Uuid) -> Result<bool> {
    let sql = "SELECT FROM cloche.sessions WHERE id = $1 AND user_id = $2";
    Ok(client.query_opt(sql, &[&session, &user]).await?.is_some())
}

/// How a session was begun.
pub(crate) async fn method(tx: &Transaction<'_>, session: Uuid) -> Result<String> {
    Ok(tx.query_one("SELECT method FROM cloche.sessions WHERE id = $1", &[&session]).await?.get(0))
}

/// The sessions of a user, newest first.
pub(crate) async fn list(client: &Client, user: Uuid) -> Result<Vec<UserSession>> {
    let sql = "SELECT * FROM cloche.sessions WHERE user_id = $1 ORDER BY created_at DESC LIMIT 1000";
    Ok(client.query(sql, &[&user]).await?.iter().map(read).collect())
}

fn read(row: &Row) -> UserSession {
    UserSession {
        id: row.get("id"),
        method: row.get("method"),
        address: row.get("address"),
        user_agent: row.get("user_agent"),
        created_at: row.get("created_at"),
        refreshed_at: row.get("refreshed_at"),
    }
}
