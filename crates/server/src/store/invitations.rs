//! Invitations into an organization.

use chrono::{DateTime, Utc};
use cloche_wire::{InvitationId, MemberId, OrganizationId, ProjectId};
use tokio_postgres::{Client, Row};

use super::people::Membership;
use super::{Tx, column};
use crate::auth::OrganizationRole;
use crate::error::Result;
use crate::secrets::PEPPER_VERSION;

/// Those shown of an organization: the newest, for the older ones have been answered long ago.
const SHOWN: i64 = 500;

/// An invitation, without its secret.
pub(crate) struct Invitation {
    pub(crate) id: InvitationId,
    pub(crate) organization_id: OrganizationId,
    pub(crate) organization: String,
    pub(crate) email: String,
    pub(crate) role: OrganizationRole,
    /// The roles in projects it comes with.
    pub(crate) projects: Vec<Membership>,
    pub(crate) invited_by: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) accepted_at: Option<DateTime<Utc>>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
}

/// What is written of a new one.
pub(crate) struct NewInvitation<'a> {
    pub(crate) organization: OrganizationId,
    pub(crate) email: &'a str,
    pub(crate) role: OrganizationRole,
    pub(crate) projects: &'a [(ProjectId, &'static str)],
    pub(crate) hash: &'a [u8],
    pub(crate) invited_by: &'a str,
    pub(crate) expires_at: DateTime<Utc>,
}

const INVITATION: &str = "SELECT i.*, g.name AS organization FROM invitations i JOIN organizations g ON g.id = i.organization_id";
const OPEN: &str = "i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > now()";

/// Writes an invitation, in the place of an open one to the same address.
pub(crate) async fn insert(tx: &Tx<'_>, new: &NewInvitation<'_>) -> Result<InvitationId> {
    tx.execute(
        "UPDATE invitations SET revoked_at = now()
         WHERE organization_id = $1 AND lower(email) = lower($2) AND accepted_at IS NULL AND revoked_at IS NULL",
        &[&new.organization.0, &new.email],
    )
    .await?;
    let id = InvitationId::new();
    tx.execute(
        "INSERT INTO invitations (id, organization_id, email, role, hash, pepper_version, invited_by, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            &id.0,
            &new.organization.0,
            &new.email,
            &new.role.as_str(),
            &new.hash,
            &PEPPER_VERSION,
            &new.invited_by,
            &new.expires_at,
        ],
    )
    .await?;
    for (project, role) in new.projects {
        tx.execute(
            "INSERT INTO invitation_projects (invitation_id, project_id, role) VALUES ($1, $2, $3)
             ON CONFLICT (invitation_id, project_id) DO UPDATE SET role = excluded.role",
            &[&id.0, &project.0, role],
        )
        .await?;
    }
    Ok(id)
}

pub(crate) async fn find(client: &Client, id: InvitationId) -> Result<Option<Invitation>> {
    let row = client.query_opt(&format!("{INVITATION} WHERE i.id = $1"), &[&id.0]).await?;
    Ok(with_projects(client, row.into_iter().collect()).await?.pop())
}

/// The open one whose link has this hash.
pub(crate) async fn find_open(client: &Client, hash: &[u8]) -> Result<Option<Invitation>> {
    let row = client
        .query_opt(&format!("{INVITATION} WHERE i.hash = $1 AND i.pepper_version = $2 AND {OPEN}"), &[&hash, &PEPPER_VERSION])
        .await?;
    Ok(with_projects(client, row.into_iter().collect()).await?.pop())
}

/// Newest first, answered and revoked ones included.
pub(crate) async fn list(client: &Client, organization: OrganizationId) -> Result<Vec<Invitation>> {
    let rows = client
        .query(
            &format!("{INVITATION} WHERE i.organization_id = $1 ORDER BY i.created_at DESC, i.id DESC LIMIT $2"),
            &[&organization.0, &SHOWN],
        )
        .await?;
    with_projects(client, rows).await
}

/// Ends an open invitation as accepted; false if it is not open any more.
pub(crate) async fn accept(tx: &Tx<'_>, id: InvitationId) -> Result<bool> {
    let changed =
        tx.execute(&format!("UPDATE invitations i SET accepted_at = now() WHERE i.id = $1 AND {OPEN}"), &[&id.0]).await?;
    Ok(changed == 1)
}

/// Gives somebody the roles an invitation comes with, where they have none yet.
pub(crate) async fn give_roles(tx: &Tx<'_>, id: InvitationId, member: MemberId) -> Result<()> {
    tx.execute(
        "INSERT INTO project_members (project_id, member_id, role)
         SELECT project_id, $2, role FROM invitation_projects WHERE invitation_id = $1 ON CONFLICT DO NOTHING",
        &[&id.0, &member.0],
    )
    .await?;
    Ok(())
}

/// Ends the open invitations somebody made, who may not invite any more.
pub(crate) async fn revoke_by(tx: &Tx<'_>, organization: OrganizationId, invited_by: &str) -> Result<()> {
    tx.execute(
        "UPDATE invitations SET revoked_at = now()
         WHERE organization_id = $1 AND invited_by = $2 AND accepted_at IS NULL AND revoked_at IS NULL",
        &[&organization.0, &invited_by],
    )
    .await?;
    Ok(())
}

/// Ends an invitation; false if it was accepted before.
pub(crate) async fn revoke(tx: &Tx<'_>, id: InvitationId) -> Result<bool> {
    let changed = tx
        .execute(
            "UPDATE invitations SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 AND accepted_at IS NULL",
            &[&id.0],
        )
        .await?;
    Ok(changed == 1)
}

async fn with_projects(client: &Client, rows: Vec<Row>) -> Result<Vec<Invitation>> {
    let mut invitations: Vec<Invitation> = rows.iter().map(read).collect();
    let ids: Vec<uuid::Uuid> = invitations.iter().map(|invitation| invitation.id.0).collect();
    let projects = client
        .query(
            "SELECT i.invitation_id, p.id AS project_id, p.name AS project_name, i.role
             FROM invitation_projects i JOIN projects p ON p.id = i.project_id WHERE i.invitation_id = ANY($1) ORDER BY p.id",
            &[&ids],
        )
        .await?;
    for row in &projects {
        let id = InvitationId(column(row, "invitation_id"));
        if let Some(invitation) = invitations.iter_mut().find(|invitation| invitation.id == id) {
            invitation.projects.push(Membership::read(row));
        }
    }
    Ok(invitations)
}

fn read(row: &Row) -> Invitation {
    Invitation {
        id: InvitationId(column(row, "id")),
        organization_id: OrganizationId(column(row, "organization_id")),
        organization: column(row, "organization"),
        email: column(row, "email"),
        role: OrganizationRole::parse(column(row, "role")).unwrap_or(OrganizationRole::Member),
        projects: Vec::new(),
        invited_by: column(row, "invited_by"),
        created_at: column(row, "created_at"),
        expires_at: column(row, "expires_at"),
        accepted_at: column(row, "accepted_at"),
        revoked_at: column(row, "revoked_at"),
    }
}
