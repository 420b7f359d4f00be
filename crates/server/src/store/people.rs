//! Members and their access tokens.

use chrono::{DateTime, Utc};
use cloche_wire::{KeyText, MemberId, OrganizationId, ProjectId, TokenId};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::{Page, Slice, Tx, column, organizations};
use crate::auth::{Actor, OrganizationRole};
use crate::error::{Error, Result};
use crate::secrets::{PEPPER_VERSION, Secrets};

/// The person behind the local owner token.
const LOCAL_OWNER: &str = "owner@localhost";

/// A person who may use the management plane, as one organization sees them.
pub(crate) struct Member {
    pub(crate) id: MemberId,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) organization_role: OrganizationRole,
    pub(crate) has_password: bool,
    /// Their roles in the organization's projects.
    pub(crate) projects: Vec<Membership>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) last_seen_at: Option<DateTime<Utc>>,
}

/// A role in a project.
#[derive(Debug, Clone)]
pub(crate) struct Membership {
    pub(crate) project_id: ProjectId,
    pub(crate) project_name: String,
    pub(crate) role: String,
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
    pub(crate) actor: Actor,
}

/// Columns of `members m` that say who asks and where they belong.
pub(super) const ACTOR: &str = "m.id AS member_id, m.email, m.name AS member_name, m.instance_owner,
    ARRAY(SELECT o.organization_id FROM organization_members o JOIN organizations g ON g.id = o.organization_id
          WHERE o.member_id = m.id ORDER BY g.created_at, g.id) AS organizations,
    ARRAY(SELECT o.role FROM organization_members o JOIN organizations g ON g.id = o.organization_id
          WHERE o.member_id = m.id ORDER BY g.created_at, g.id) AS roles";
const MEMBER: &str = "SELECT m.id, m.email, m.name, m.created_at, m.password_hash IS NOT NULL AS has_password, o.role,
        greatest((SELECT max(s.last_seen_at) FROM sessions s WHERE s.member_id = m.id),
                 (SELECT max(t.last_used_at) FROM access_tokens t WHERE t.member_id = m.id)) AS last_seen_at
    FROM members m JOIN organization_members o ON o.member_id = m.id WHERE o.organization_id = $1";
const TOKEN: &str = "SELECT t.*, m.email FROM access_tokens t JOIN members m ON m.id = t.member_id";

/// The first organization and its local owner, made at the first start. Answers the local owner.
pub(crate) async fn ensure_organization(tx: &Tx<'_>) -> Result<MemberId> {
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
    // Who was taken out of the organization is not put back by the next start.
    let added = tx
        .execute(
            "INSERT INTO members (id, email, name, instance_owner) VALUES ($1, $2, 'Local owner', true)
             ON CONFLICT (lower(email)) DO NOTHING",
            &[&member.0, &LOCAL_OWNER],
        )
        .await?;
    if added == 1 {
        organizations::set_role(tx, organization, member, OrganizationRole::Owner).await?;
    }
    Ok(MemberId(tx.query_one("SELECT id FROM members WHERE email = $1", &[&LOCAL_OWNER]).await?.get(0)))
}

/// A new person, who belongs to no organization yet.
pub(crate) async fn insert_member(tx: &Tx<'_>, email: &str, name: &str) -> Result<MemberId> {
    let id = MemberId::new();
    let added = tx
        .execute(
            "INSERT INTO members (id, email, name) VALUES ($1, $2, $3) ON CONFLICT (lower(email)) DO NOTHING",
            &[&id.0, &email, &name],
        )
        .await?;
    if added == 0 {
        return Err(Error::conflict("member/exists", format!("There is a member {email} already.")));
    }
    Ok(id)
}

/// The person with this e-mail address.
pub(crate) async fn find_by_email(tx: &Tx<'_>, email: &str) -> Result<Option<MemberId>> {
    let row = tx.query_opt("SELECT id FROM members WHERE lower(email) = lower($1)", &[&email]).await?;
    Ok(row.map(|row| MemberId(row.get(0))))
}

pub(crate) async fn rename(tx: &Tx<'_>, id: MemberId, name: &str) -> Result<()> {
    tx.execute("UPDATE members SET name = $2 WHERE id = $1", &[&id.0, &name]).await?;
    Ok(())
}

pub(crate) async fn set_instance_owner(tx: &Tx<'_>, id: MemberId, instance_owner: bool) -> Result<()> {
    tx.execute("UPDATE members SET instance_owner = $2 WHERE id = $1", &[&id.0, &instance_owner]).await?;
    Ok(())
}

/// Whether anybody else runs this server.
pub(crate) async fn other_instance_owners(tx: &Tx<'_>, id: MemberId) -> Result<bool> {
    // Two who leave at the same moment, from different organizations, take turns.
    tx.execute("SELECT pg_advisory_xact_lock($1)", &[&INSTANCE_OWNERS]).await?;
    let row = tx
        .query_one(
            "SELECT EXISTS (SELECT FROM members m WHERE m.instance_owner AND m.id <> $1
                AND EXISTS (SELECT FROM organization_members o WHERE o.member_id = m.id))",
            &[&id.0],
        )
        .await?;
    Ok(row.get(0))
}

/// The rights somebody has at this moment.
pub(crate) async fn actor(tx: &Tx<'_>, id: MemberId) -> Result<Option<Actor>> {
    let row = tx.query_opt(&format!("SELECT {ACTOR} FROM members m WHERE m.id = $1"), &[&id.0]).await?;
    Ok(row.as_ref().map(read_actor))
}

/// Somebody, as an organization they belong to sees them.
pub(crate) async fn member(client: &Client, organization: OrganizationId, id: MemberId) -> Result<Option<Member>> {
    let row = client.query_opt(&format!("{MEMBER} AND m.id = $2"), &[&organization.0, &id.0]).await?;
    Ok(with_projects(client, organization, row.into_iter().collect()).await?.pop())
}

pub(crate) async fn members(client: &Client, organization: OrganizationId, slice: &Slice) -> Result<Page<Member>> {
    let mut rows = client
        .query(
            &format!("{MEMBER} AND ($2::uuid IS NULL OR m.id > $2) ORDER BY m.id LIMIT $3"),
            &[&organization.0, &slice.after_id()?, &slice.limit()],
        )
        .await?;
    let wanted = usize::try_from(slice.first).unwrap_or(0);
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    Ok(Page { nodes: with_projects(client, organization, rows).await?, more })
}

/// Everybody with a role in a project, and the owners of its organization.
pub(crate) async fn members_of_project(client: &Client, organization: OrganizationId, project: ProjectId) -> Result<Vec<Member>> {
    let rows = client
        .query(
            &format!(
                "{MEMBER} AND (o.role = 'owner' OR EXISTS (SELECT FROM project_members p WHERE p.member_id = m.id AND p.project_id = $2))
                 ORDER BY m.id"
            ),
            &[&organization.0, &project.0],
        )
        .await?;
    with_projects(client, organization, rows).await
}

async fn with_projects(client: &Client, organization: OrganizationId, rows: Vec<Row>) -> Result<Vec<Member>> {
    let mut members: Vec<Member> = rows.iter().map(read_member).collect();
    let ids: Vec<Uuid> = members.iter().map(|member| member.id.0).collect();
    let projects = client
        .query(
            "SELECT m.member_id, p.id AS project_id, p.name AS project_name, m.role
             FROM project_members m JOIN projects p ON p.id = m.project_id
             WHERE p.organization_id = $1 AND m.member_id = ANY($2) ORDER BY p.id",
            &[&organization.0, &ids],
        )
        .await?;
    for row in &projects {
        let id = MemberId(column(row, "member_id"));
        if let Some(member) = members.iter_mut().find(|member| member.id == id) {
            member.projects.push(Membership::read(row));
        }
    }
    Ok(members)
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

/// Notes who made a token for another member.
pub(crate) async fn set_maker(tx: &Tx<'_>, id: TokenId, made_by: MemberId) -> Result<()> {
    tx.execute("UPDATE access_tokens SET made_by = $2 WHERE id = $1", &[&id.0, &made_by.0]).await?;
    Ok(())
}

/// Ends what others have made for a member, and so have seen: tokens, and a link to a new password.
pub(crate) async fn end_made_by_others(tx: &Tx<'_>, member: MemberId) -> Result<()> {
    tx.execute(
        "UPDATE access_tokens SET revoked_at = now() WHERE member_id = $1 AND made_by <> $1 AND revoked_at IS NULL",
        &[&member.0],
    )
    .await?;
    tx.execute("DELETE FROM password_links WHERE member_id = $1 AND made_by <> $1", &[&member.0]).await?;
    Ok(())
}

/// Ends the tokens somebody has made for other members of an organization.
pub(crate) async fn end_made_for_others(tx: &Tx<'_>, organization: OrganizationId, made_by: MemberId) -> Result<()> {
    tx.execute(
        "UPDATE access_tokens t SET revoked_at = now()
         WHERE made_by = $2 AND member_id <> $2 AND revoked_at IS NULL
           AND EXISTS (SELECT FROM organization_members o WHERE o.organization_id = $1 AND o.member_id = t.member_id)",
        &[&organization.0, &made_by.0],
    )
    .await?;
    Ok(())
}

/// The tokens of a member, and of those whose organizations are all among `owned`.
pub(crate) async fn tokens(client: &Client, member: MemberId, owned: &[Uuid]) -> Result<Vec<AccessToken>> {
    let rows =
        client.query(&format!("{TOKEN} WHERE t.member_id = $1 OR ({GOVERNED}) ORDER BY t.id"), &[&member.0, &owned]).await?;
    Ok(rows.iter().map(read_token).collect())
}

/// Whether all of a member's organizations are among `owned`, and they do not run the server. Who owns only some of them must not act
/// for the member in the others.
pub(crate) async fn governed(tx: &Tx<'_>, member: MemberId, owned: &[Uuid]) -> Result<bool> {
    let row = tx.query_opt(&format!("SELECT FROM members m WHERE m.id = $1 AND {GOVERNED}"), &[&member.0, &owned]).await?;
    Ok(row.is_some())
}

/// Held by who takes an owner of the server away.
const INSTANCE_OWNERS: i64 = 0x63_6c6f_6368_656f;

const GOVERNED: &str = "NOT m.instance_owner
    AND EXISTS (SELECT FROM organization_members o WHERE o.member_id = m.id AND o.organization_id = ANY($2))
    AND NOT EXISTS (SELECT FROM organization_members o WHERE o.member_id = m.id AND o.organization_id <> ALL($2))";

/// Whose token this is.
pub(crate) async fn token_member(tx: &Tx<'_>, id: TokenId) -> Result<Option<MemberId>> {
    let row = tx.query_opt("SELECT member_id FROM access_tokens WHERE id = $1", &[&id.0]).await?;
    Ok(row.map(|row| MemberId(row.get(0))))
}

/// Revokes a token.
pub(crate) async fn revoke_token(tx: &Tx<'_>, id: TokenId) -> Result<AccessToken> {
    tx.execute("UPDATE access_tokens SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1", &[&id.0]).await?;
    Ok(read_token(&tx.query_one(&format!("{TOKEN} WHERE t.id = $1"), &[&id.0]).await?))
}

/// Revokes all tokens of a member.
pub(crate) async fn revoke_tokens(tx: &Tx<'_>, member: MemberId) -> Result<()> {
    tx.execute("UPDATE access_tokens SET revoked_at = now() WHERE member_id = $1 AND revoked_at IS NULL", &[&member.0]).await?;
    Ok(())
}

/// The token with this locator, if any, and whether it is neither revoked nor expired, and its member belongs somewhere.
pub(crate) async fn find_token(client: &deadpool_postgres::Client, locator: &str) -> Result<Option<TokenCheck>> {
    let statement = client
        .prepare_cached(&format!(
            "SELECT t.id, t.hash, t.pepper_version, {ACTOR}, t.revoked_at IS NULL AND coalesce(t.expires_at > now(), true)
                 AND EXISTS (SELECT FROM organization_members o WHERE o.member_id = m.id) AS usable
             FROM access_tokens t JOIN members m ON m.id = t.member_id WHERE t.locator = $1"
        ))
        .await?;
    Ok(client.query_opt(&statement, &[&locator]).await?.map(|row| TokenCheck {
        id: TokenId(column(&row, "id")),
        hash: column(&row, "hash"),
        pepper_version: column(&row, "pepper_version"),
        usable: column(&row, "usable"),
        actor: read_actor(&row),
    }))
}

/// Notes that tokens were used.
pub(crate) async fn touch_tokens(client: &Client, ids: &[uuid::Uuid]) -> Result<()> {
    client.execute("UPDATE access_tokens SET last_used_at = now() WHERE id = ANY($1)", &[&ids]).await?;
    Ok(())
}

/// Of [`ACTOR`]'s columns.
pub(super) fn read_actor(row: &Row) -> Actor {
    let (ids, roles): (Vec<Uuid>, Vec<String>) = (column(row, "organizations"), column(row, "roles"));
    let role = |text: &str| OrganizationRole::parse(text).unwrap_or(OrganizationRole::Member);
    Actor {
        member_id: MemberId(column(row, "member_id")),
        email: column(row, "email"),
        name: column(row, "member_name"),
        instance_owner: column(row, "instance_owner"),
        organizations: ids.into_iter().zip(&roles).map(|(id, text)| (OrganizationId(id), role(text))).collect(),
        session: None,
    }
}

fn read_member(row: &Row) -> Member {
    Member {
        id: MemberId(column(row, "id")),
        email: column(row, "email"),
        name: column(row, "name"),
        organization_role: OrganizationRole::parse(column(row, "role")).unwrap_or(OrganizationRole::Member),
        has_password: column(row, "has_password"),
        projects: Vec::new(),
        created_at: column(row, "created_at"),
        last_seen_at: column(row, "last_seen_at"),
    }
}

impl Membership {
    /// Of columns named like its fields.
    pub(super) fn read(row: &Row) -> Self {
        Self {
            project_id: ProjectId(column(row, "project_id")),
            project_name: column(row, "project_name"),
            role: column(row, "role"),
        }
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
