//! Projects and who may do what in them.

use chrono::{DateTime, Utc};
use cloche_wire::{MemberId, OrganizationId, ProjectId};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

use super::{Page, Slice, Tx, column};
use crate::auth::Actor;
use crate::error::{Error, Result};

/// A tree of environments.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    pub(crate) id: ProjectId,
    pub(crate) organization_id: OrganizationId,
    pub(crate) name: String,
    pub(crate) created_at: DateTime<Utc>,
}

pub(crate) async fn insert(tx: &Tx<'_>, organization: OrganizationId, name: &str) -> Result<Project> {
    let id = ProjectId::new();
    let inserted = tx
        .query_one(
            "INSERT INTO projects (id, organization_id, name) VALUES ($1, $2, $3) RETURNING *",
            &[&id.0, &organization.0, &name],
        )
        .await;
    match inserted {
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            Err(Error::conflict("project/exists", format!("There is a project named {name} already."))
                .hint("Choose another name."))
        }
        row => Ok(read(&row?)),
    }
}

/// Removes a project that never got its root environment.
pub(crate) async fn remove(tx: &Tx<'_>, id: ProjectId) -> Result<()> {
    tx.execute("DELETE FROM projects WHERE id = $1", &[&id.0]).await?;
    Ok(())
}

pub(crate) async fn find(client: &Client, id: ProjectId) -> Result<Option<Project>> {
    Ok(client.query_opt("SELECT * FROM projects WHERE id = $1", &[&id.0]).await?.as_ref().map(read))
}

/// The condition under which somebody sees a project: an organization they own ($1) has it, or they ($2) have a role in it.
const SEEN: &str = "(p.organization_id = ANY($1)
    OR EXISTS (SELECT FROM project_members m WHERE m.project_id = p.id AND m.member_id = $2))";

/// Those of this name the actor sees, two at most: more than one organization may have one.
pub(crate) async fn find_by_name(client: &Client, actor: &Actor, name: &str) -> Result<Vec<Project>> {
    let rows = client
        .query(
            &format!("SELECT * FROM projects p WHERE {SEEN} AND lower(name) = lower($3) ORDER BY id LIMIT 2"),
            &[&actor.owned(), &actor.member_id.0, &name],
        )
        .await?;
    Ok(rows.iter().map(read).collect())
}

/// The projects the actor sees.
pub(crate) async fn list(client: &Client, actor: &Actor, slice: &Slice) -> Result<Page<Project>> {
    let rows = client
        .query(
            &format!("SELECT * FROM projects p WHERE {SEEN} AND ($3::uuid IS NULL OR id > $3) ORDER BY id LIMIT $4"),
            &[&actor.owned(), &actor.member_id.0, &slice.after_id()?, &slice.limit()],
        )
        .await?;
    Ok(Page::new(rows, slice, read))
}

/// The ids of all projects of an organization that the actor sees.
pub(crate) async fn seen(client: &Client, actor: &Actor, organization: OrganizationId) -> Result<Vec<ProjectId>> {
    let rows = client
        .query(
            &format!("SELECT id FROM projects p WHERE {SEEN} AND organization_id = $3"),
            &[&actor.owned(), &actor.member_id.0, &organization.0],
        )
        .await?;
    Ok(rows.iter().map(|row| ProjectId(row.get(0))).collect())
}

/// The role of a member in a project: `owner`, `admin`, `developer`, `viewer`.
pub(crate) async fn role(client: &Client, project: ProjectId, member: MemberId) -> Result<Option<String>> {
    let row = client
        .query_opt("SELECT role FROM project_members WHERE project_id = $1 AND member_id = $2", &[&project.0, &member.0])
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// Gives a member a role in a project, or takes it away.
pub(crate) async fn set_role(tx: &Tx<'_>, project: ProjectId, member: MemberId, role: Option<&str>) -> Result<()> {
    match role {
        Some(role) => {
            tx.execute(
                "INSERT INTO project_members (project_id, member_id, role) VALUES ($1, $2, $3)
                 ON CONFLICT (project_id, member_id) DO UPDATE SET role = excluded.role",
                &[&project.0, &member.0, &role],
            )
            .await?
        }
        None => {
            tx.execute("DELETE FROM project_members WHERE project_id = $1 AND member_id = $2", &[&project.0, &member.0]).await?
        }
    };
    Ok(())
}

fn read(row: &Row) -> Project {
    Project {
        id: ProjectId(column(row, "id")),
        organization_id: OrganizationId(column(row, "organization_id")),
        name: column(row, "name"),
        created_at: column(row, "created_at"),
    }
}
