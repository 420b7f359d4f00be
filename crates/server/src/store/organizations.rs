//! Organizations and who belongs to them.

use chrono::{DateTime, Utc};
use cloche_wire::{MemberId, OrganizationId};
use tokio_postgres::{Client, Row};

use super::{Tx, column};
use crate::auth::OrganizationRole;
use crate::error::Result;

/// People and the projects they own.
#[derive(Debug, Clone)]
pub(crate) struct Organization {
    pub(crate) id: OrganizationId,
    pub(crate) name: String,
    pub(crate) members: i64,
    pub(crate) created_at: DateTime<Utc>,
}

const ORGANIZATION: &str = "SELECT g.id, g.name, g.created_at,
                                   (SELECT count(*) FROM organization_members o WHERE o.organization_id = g.id) AS members
                            FROM organizations g";

pub(crate) async fn insert(tx: &Tx<'_>, name: &str) -> Result<OrganizationId> {
    let id = OrganizationId::new();
    tx.execute("INSERT INTO organizations (id, name) VALUES ($1, $2)", &[&id.0, &name]).await?;
    Ok(id)
}

pub(crate) async fn rename(tx: &Tx<'_>, id: OrganizationId, name: &str) -> Result<()> {
    tx.execute("UPDATE organizations SET name = $2 WHERE id = $1", &[&id.0, &name]).await?;
    Ok(())
}

/// Nobody else changes who belongs to it until the transaction ends.
pub(crate) async fn lock(tx: &Tx<'_>, id: OrganizationId) -> Result<()> {
    tx.query_opt("SELECT FROM organizations WHERE id = $1 FOR NO KEY UPDATE", &[&id.0]).await?;
    Ok(())
}

pub(crate) async fn find(client: &Client, id: OrganizationId) -> Result<Option<Organization>> {
    Ok(client.query_opt(&format!("{ORGANIZATION} WHERE g.id = $1"), &[&id.0]).await?.as_ref().map(read))
}

/// Those with these ids, oldest first.
pub(crate) async fn list(client: &Client, ids: &[uuid::Uuid]) -> Result<Vec<Organization>> {
    let rows = client.query(&format!("{ORGANIZATION} WHERE g.id = ANY($1) ORDER BY g.created_at, g.id"), &[&ids]).await?;
    Ok(rows.iter().map(read).collect())
}

/// The oldest one, which the first owner gets.
pub(crate) async fn oldest(tx: &Tx<'_>) -> Result<OrganizationId> {
    Ok(OrganizationId(tx.query_one("SELECT id FROM organizations ORDER BY created_at, id LIMIT 1", &[]).await?.get(0)))
}

/// What a member is in it; none for who does not belong to it.
pub(crate) async fn role(tx: &Tx<'_>, id: OrganizationId, member: MemberId) -> Result<Option<OrganizationRole>> {
    let row = tx
        .query_opt("SELECT role FROM organization_members WHERE organization_id = $1 AND member_id = $2", &[&id.0, &member.0])
        .await?;
    Ok(row.and_then(|row| OrganizationRole::parse(row.get(0))))
}

/// Makes somebody a member, or gives another role.
pub(crate) async fn set_role(tx: &Tx<'_>, id: OrganizationId, member: MemberId, role: OrganizationRole) -> Result<()> {
    tx.execute(
        "INSERT INTO organization_members (organization_id, member_id, role) VALUES ($1, $2, $3)
         ON CONFLICT (organization_id, member_id) DO UPDATE SET role = excluded.role",
        &[&id.0, &member.0, &role.as_str()],
    )
    .await?;
    Ok(())
}

/// Takes somebody out, and out of its projects.
pub(crate) async fn remove(tx: &Tx<'_>, id: OrganizationId, member: MemberId) -> Result<()> {
    tx.execute(
        "DELETE FROM project_members m USING projects p
         WHERE p.id = m.project_id AND p.organization_id = $1 AND m.member_id = $2",
        &[&id.0, &member.0],
    )
    .await?;
    tx.execute("DELETE FROM organization_members WHERE organization_id = $1 AND member_id = $2", &[&id.0, &member.0]).await?;
    Ok(())
}

/// How many owners it has besides this member.
pub(crate) async fn other_owners(tx: &Tx<'_>, id: OrganizationId, member: MemberId) -> Result<i64> {
    let row = tx
        .query_one(
            "SELECT count(*) FROM organization_members WHERE organization_id = $1 AND member_id <> $2 AND role = 'owner'",
            &[&id.0, &member.0],
        )
        .await?;
    Ok(row.get(0))
}

/// The organizations a member belongs to.
pub(crate) async fn of_member(tx: &Tx<'_>, member: MemberId) -> Result<Vec<OrganizationId>> {
    let rows = tx.query("SELECT organization_id FROM organization_members WHERE member_id = $1", &[&member.0]).await?;
    Ok(rows.iter().map(|row| OrganizationId(row.get(0))).collect())
}

fn read(row: &Row) -> Organization {
    Organization {
        id: OrganizationId(column(row, "id")),
        name: column(row, "name"),
        members: column(row, "members"),
        created_at: column(row, "created_at"),
    }
}
