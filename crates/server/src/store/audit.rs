//! The audit log: who changed what, in the transaction of the change.

use chrono::{DateTime, Utc};
use cloche_wire::{EnvironmentId, ProjectId};
use serde_json::Value;
use tokio_postgres::Client;

use super::{Page, Slice, Tx, bad_cursor, column};
use crate::auth::Actor;
use crate::error::Result;

/// One change, about to be written down.
pub(crate) struct Entry<'a> {
    pub(crate) actor: &'a Actor,
    pub(crate) project: Option<ProjectId>,
    pub(crate) environment: Option<EnvironmentId>,
    /// `environment.branch`
    pub(crate) action: &'a str,
    /// What it was done to, by name.
    pub(crate) target: &'a str,
    /// More, without secrets.
    pub(crate) detail: Value,
}

/// One change, read back.
pub(crate) struct Audited {
    pub(crate) id: i64,
    pub(crate) at: DateTime<Utc>,
    pub(crate) actor: String,
    pub(crate) action: String,
    pub(crate) target: String,
    pub(crate) detail: Value,
}

pub(crate) async fn record(tx: &Tx<'_>, entry: &Entry<'_>) -> Result<()> {
    let statement = tx
        .prepare_cached(
            "INSERT INTO audit_log (actor_id, actor, project_id, environment_id, action, target, detail)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .await?;
    tx.execute(
        &statement,
        &[
            &entry.actor.member_id.0,
            &entry.actor.email,
            &entry.project.map(|id| id.0),
            &entry.environment.map(|id| id.0),
            &entry.action,
            &entry.target,
            &entry.detail,
        ],
    )
    .await?;
    Ok(())
}

/// Newest first: of one project, or of everything.
pub(crate) async fn list(client: &Client, project: Option<ProjectId>, slice: &Slice) -> Result<Page<Audited>> {
    let before: Option<i64> = slice.after.as_deref().map(str::parse).transpose().map_err(|_| bad_cursor())?;
    let rows = client
        .query(
            "SELECT id, at, actor, action, target, detail FROM audit_log
             WHERE ($1::uuid IS NULL OR project_id = $1) AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
            &[&project.map(|id| id.0), &before, &slice.limit()],
        )
        .await?;
    Ok(Page::new(rows, slice, |row| Audited {
        id: column(row, "id"),
        at: column(row, "at"),
        actor: column(row, "actor"),
        action: column(row, "action"),
        target: column(row, "target"),
        detail: column(row, "detail"),
    }))
}
