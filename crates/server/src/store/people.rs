//! Organizations, members and their access tokens.

use chrono::{DateTime, Utc};
use cloche_wire::{KeyText, MemberId, OrganizationId, TokenId};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::{Page, Slice, Tx, column};
use crate::error::{Error, Result};
use crate::secrets::{PEPPER_VERSION, Secrets};

/// The person behind the local owner token.
const LOCAL_OWNER: &str = "owner@localhost";

/// A person who may use the management plane.
pub(crate) struct Member {
    pub(crate) id: MemberId,
    pub(crate) email: String,
    pub(crate) name: String,
    /// `owner` or `member` of the organization.
    pub(crate) organization_role: String,
    pub(crate) created_at: DateTime<Utc>,
}

/// A personal access token, without its secret.
pub(crate) struct AccessToken {
    pub(crate) id: TokenId,
    pub(crate) member_email: String,
    pub(crate) prefix: String,
    pub(crate) name: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) last_used_at: Option<DateTime<Utc>>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
}

/// What checking a token needs.
pub(crate) struct TokenCheck {
    pub(crate) id: TokenId,
    pub(crate) hash: Vec<u8>,
    pub(crate) pepper_version: i16,
    pub(crate) usable: bool,
    pub(crate) member_id: MemberId,
    pub(crate) member_email: String,
    pub(crate) member_name: String,
    pub(crate) organization_owner: bool,
}

const MEMBER: &str =
    "SELECT m.id, m.email, m.name, m.created_at, o.role FROM members m JOIN organization_members o ON o.member_id = m.id";
const TOKEN: &str = "SELECT t.*, m.email FROM access_tokens t JOIN members m ON m.id = t.member_id";

/// The one organization of an installation; made together with its local owner at the first start.
pub(crate) async fn ensure_organization(tx: &Tx<'_>) -> Result<(OrganizationId, MemberId)> {
    let (organization, member) = (OrganizationId::new(), MemberId::new());
    // Two servers that start at the same moment make one.
    tx.batch_execute("LOCK TABLE organizations IN SHARE ROW EXCLUSIVE MODE").await?;
    tx.execute(
        "INSERT INTO organizations (id, name) SELECT $1, 'default' WHERE NOT EXISTS (SELECT FROM organizations)",
        &[&organization.0],
    )
    .await?;
    let organization =
        OrganizationId(tx.query_one("SELECT id FROM organizations ORDER BY created_at LIMIT 1", &[]).await?.get(0));
    tx.execute(
        "INSERT INTO members (id, email, name) VALUES ($1, $2, 'Local owner') ON CONFLICT (lower(email)) DO NOTHING",
        &[&member.0, &LOCAL_OWNER],
    )
    .await?;
    let member = MemberId(tx.query_one("SELECT id FROM members WHERE email = $1", &[&LOCAL_OWNER]).await?.get(0));
    tx.execute(
        "INSERT INTO organization_members (organization_id, member_id, role) VALUES ($1, $2, 'owner') ON CONFLICT DO NOTHING",
        &[&organization.0, &member.0],
    )
    .await?;
    Ok((organization, member))
}

pub(crate) async fn add_member(tx: &Tx<'_>, organization: OrganizationId, email: &str, name: &str, role: &str) -> Result<Member> {
    let id = MemberId::new();
    let added = tx.execute("INSERT INTO members (id, email, name) VALUES ($1, $2, $3)", &[&id.0, &email, &name]).await;
    match added {
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            return Err(Error::conflict("member/exists", format!("There is a member {email} already.")));
        }
        outcome => outcome?,
    };
    tx.execute(
        "INSERT INTO organization_members (organization_id, member_id, role) VALUES ($1, $2, $3)",
        &[&organization.0, &id.0, &role],
    )
    .await?;
    Ok(read_member(&tx.query_one(&format!("{MEMBER} WHERE m.id = $1"), &[&id.0]).await?))
}

pub(crate) async fn member(client: &Client, id: MemberId) -> Result<Option<Member>> {
    Ok(client.query_opt(&format!("{MEMBER} WHERE m.id = $1"), &[&id.0]).await?.as_ref().map(read_member))
}

pub(crate) async fn members(client: &Client, slice: &Slice) -> Result<Page<Member>> {
    let rows = client
        .query(
            &format!("{MEMBER} WHERE ($1::uuid IS NULL OR m.id > $1) ORDER BY m.id LIMIT $2"),
            &[&slice.after_id()?, &slice.limit()],
        )
        .await?;
    Ok(Page::new(rows, slice, read_member))
}

/// Stores a token. `local_owner_in` marks the one in that data directory, which replaces the one that lay there before.
pub(crate) async fn add_token(
    tx: &Tx<'_>,
    secrets: &Secrets,
    member: MemberId,
    key: &KeyText,
    name: &str,
    expires_at: Option<DateTime<Utc>>,
    local_owner_in: Option<Uuid>,
) -> Result<AccessToken> {
    if local_owner_in.is_some() {
        tx.execute(
            "UPDATE access_tokens SET revoked_at = now() WHERE local_owner AND revoked_at IS NULL AND coalesce(home = $1, true)",
            &[&local_owner_in],
        )
        .await?;
    }
    let id = TokenId::new();
    tx.execute(
        "INSERT INTO access_tokens (id, member_id, locator, prefix, name, hash, pepper_version, local_owner, home, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            &id.0,
            &member.0,
            &key.locator(),
            &key.prefix(),
            &name,
            &secrets.hash_key(key),
            &PEPPER_VERSION,
            &local_owner_in.is_some(),
            &local_owner_in,
            &expires_at,
        ],
    )
    .await?;
    Ok(read_token(&tx.query_one(&format!("{TOKEN} WHERE t.id = $1"), &[&id.0]).await?))
}

pub(crate) async fn tokens(client: &Client, member: Option<MemberId>) -> Result<Vec<AccessToken>> {
    let rows = client
        .query(&format!("{TOKEN} WHERE $1::uuid IS NULL OR t.member_id = $1 ORDER BY t.id"), &[&member.map(|id| id.0)])
        .await?;
    Ok(rows.iter().map(read_token).collect())
}

/// Revokes a token, of `member` only where given. Nothing if there is none.
pub(crate) async fn revoke_token(tx: &Tx<'_>, id: TokenId, member: Option<MemberId>) -> Result<Option<AccessToken>> {
    let changed = tx
        .execute(
            "UPDATE access_tokens SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 AND ($2::uuid IS NULL OR member_id = $2)",
            &[&id.0, &member.map(|id| id.0)],
        )
        .await?;
    if changed == 0 {
        return Ok(None);
    }
    Ok(Some(read_token(&tx.query_one(&format!("{TOKEN} WHERE t.id = $1"), &[&id.0]).await?)))
}

/// The token with this locator, if any, and whether it is neither revoked nor expired.
pub(crate) async fn find_token(client: &deadpool_postgres::Client, locator: &str) -> Result<Option<TokenCheck>> {
    let statement = client
        .prepare_cached(
            "SELECT t.id, t.hash, t.pepper_version, t.revoked_at IS NULL AND coalesce(t.expires_at > now(), true) AS usable,
                    m.id AS member_id, m.email, m.name,
                    EXISTS (SELECT FROM organization_members o WHERE o.member_id = m.id AND o.role = 'owner') AS owner
             FROM access_tokens t JOIN members m ON m.id = t.member_id WHERE t.locator = $1",
        )
        .await?;
    Ok(client.query_opt(&statement, &[&locator]).await?.map(|row| TokenCheck {
        id: TokenId(column(&row, "id")),
        hash: column(&row, "hash"),
        pepper_version: column(&row, "pepper_version"),
        usable: column(&row, "usable"),
        member_id: MemberId(column(&row, "member_id")),
        member_email: column(&row, "email"),
        member_name: column(&row, "name"),
        organization_owner: column(&row, "owner"),
    }))
}

/// Notes that tokens were used.
pub(crate) async fn touch_tokens(client: &Client, ids: &[uuid::Uuid]) -> Result<()> {
    client.execute("UPDATE access_tokens SET last_used_at = now() WHERE id = ANY($1)", &[&ids]).await?;
    Ok(())
}

fn read_member(row: &Row) -> Member {
    Member {
        id: MemberId(column(row, "id")),
        email: column(row, "email"),
        name: column(row, "name"),
        organization_role: column(row, "role"),
        created_at: column(row, "created_at"),
    }
}

fn read_token(row: &Row) -> AccessToken {
    AccessToken {
        id: TokenId(column(row, "id")),
        member_email: column(row, "email"),
        prefix: column(row, "prefix"),
        name: column(row, "name"),
        created_at: column(row, "created_at"),
        last_used_at: column(row, "last_used_at"),
        expires_at: column(row, "expires_at"),
        revoked_at: column(row, "revoked_at"),
    }
}
