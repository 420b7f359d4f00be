//! Operations: multi-step work, its event log, and which environments it claims.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cloche_saga::{Event, LogError};
use cloche_wire::{EnvironmentId, NodeId, OperationId, ProjectId};
use serde_json::Value;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Json;
use tokio_postgres::{Client, Row};

use super::{Page, Slice, Store, Tx, column};
use crate::error::{Error, Result};

/// The code of the error for a server that goes on with what another has taken over.
pub(crate) const LOST: &str = "operation/lost";

/// How an operation uses an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClaimMode {
    /// Others may claim it shared at the same time: the source of a branch.
    Shared,
    /// Nobody else may claim it: delete, reset, promote.
    Exclusive,
}

/// An operation about to begin.
pub(crate) struct NewOperation<'a> {
    pub(crate) id: OperationId,
    pub(crate) kind: &'a str,
    pub(crate) project: ProjectId,
    pub(crate) environment: EnvironmentId,
    /// Everything its steps need, fixed before the first effect.
    pub(crate) input: Value,
    pub(crate) actor: uuid::Uuid,
    /// The server that is going to work on it.
    pub(crate) node: NodeId,
    pub(crate) claims: &'a [(EnvironmentId, ClaimMode)],
}

/// An operation.
pub(crate) struct Operation {
    pub(crate) id: OperationId,
    pub(crate) kind: String,
    pub(crate) project_id: ProjectId,
    pub(crate) environment_id: EnvironmentId,
    pub(crate) input: Value,
    pub(crate) status: String,
    pub(crate) error: Option<Value>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
}

/// Writes an operation and its claims. A claim that conflicts with another operation's fails the whole.
pub(crate) async fn begin(tx: &Tx<'_>, new: &NewOperation<'_>) -> Result<()> {
    let inserted = tx
        .execute(
            "INSERT INTO operations (id, kind, project_id, environment_id, input, actor_id, node_id, status)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 'running')",
            &[&new.id.0, &new.kind, &new.project.0, &new.environment.0, &new.input, &new.actor, &new.node.0],
        )
        .await;
    match inserted {
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            return Err(Error::conflict("operation/exists", format!("There is an operation {} already.", new.id))
                .hint("Look at it with `operation(id)`, or choose another operationId."));
        }
        outcome => outcome?,
    };
    let mut claims = new.claims.to_vec();
    // Rows are locked in one order by everybody, so that two operations cannot wait for each other.
    claims.sort_by_key(|(environment, _)| *environment);
    for (environment, mode) in claims {
        claim(tx, new.id, environment, mode).await?;
    }
    Ok(())
}

async fn claim(tx: &Tx<'_>, operation: OperationId, environment: EnvironmentId, mode: ClaimMode) -> Result<()> {
    tx.execute("SELECT FROM environments WHERE id = $1 FOR UPDATE", &[&environment.0]).await?;
    let other = tx
        .query_opt(
            "SELECT o.kind, e.name FROM claims c JOIN operations o ON o.id = c.operation_id JOIN environments e ON e.id = c.environment_id
             WHERE c.environment_id = $1 AND ($2 OR c.mode = 'exclusive') LIMIT 1",
            &[&environment.0, &(mode == ClaimMode::Exclusive)],
        )
        .await?;
    if let Some(other) = other {
        let (kind, name): (String, String) = (other.get(0), other.get(1));
        return Err(Error::conflict(
            "environment/busy",
            format!("The environment {name} is in use by another operation ({kind})."),
        )
        .hint("Try again when it has ended."));
    }
    let mode = if mode == ClaimMode::Exclusive { "exclusive" } else { "shared" };
    tx.execute(
        "INSERT INTO claims (environment_id, operation_id, mode) VALUES ($1, $2, $3)",
        &[&environment.0, &operation.0, &mode],
    )
    .await?;
    Ok(())
}

/// Refuses while an operation works on an environment.
pub(crate) async fn require_unclaimed(tx: &Tx<'_>, environment: EnvironmentId) -> Result<()> {
    if tx.query_opt("SELECT FROM claims WHERE environment_id = $1 LIMIT 1", &[&environment.0]).await?.is_none() {
        return Ok(());
    }
    Err(Error::conflict("environment/busy", "The environment is in use by another operation.")
        .hint("Try again when it has ended."))
}

/// Refuses where an operation is not this generation's any more, and keeps it from being taken over until the transaction ends.
pub(crate) async fn require_held(tx: &Tx<'_>, id: OperationId, generation: i32) -> Result<()> {
    let held = tx
        .query_opt(
            "SELECT FROM operations WHERE id = $1 AND generation = $2 AND status = 'running' FOR SHARE",
            &[&id.0, &generation],
        )
        .await?;
    if held.is_some() { Ok(()) } else { Err(lost()) }
}

fn lost() -> Error {
    Error::conflict(LOST, "Another server has taken over this operation.")
}

/// Ends an operation, or marks it stuck; an ended one gives its claims back.
pub(crate) async fn finish(tx: &Tx<'_>, id: OperationId, generation: i32, status: &str, error: Option<Value>) -> Result<()> {
    let changed = tx
        .execute(
            "UPDATE operations SET status = $3, error = $4, finished_at = now() WHERE id = $1 AND generation = $2",
            &[&id.0, &generation, &status, &error],
        )
        .await?;
    if changed == 0 {
        return Err(lost());
    }
    if status != "stuck" {
        tx.execute("DELETE FROM claims WHERE operation_id = $1", &[&id.0]).await?;
    }
    Ok(())
}

/// Takes an operation that has not ended over, from this node itself or from one that is gone; whoever had it before can no longer write.
/// Answers the new generation; nothing where it is another's, or has ended.
pub(crate) async fn take_over(client: &Client, id: OperationId, node: NodeId) -> Result<Option<i32>> {
    let row = client
        .query_opt(
            "UPDATE operations o SET generation = generation + 1, node_id = $2, status = 'running', finished_at = NULL, error = NULL
             WHERE id = $1 AND status IN ('running', 'stuck')
               AND (node_id = $2 OR NOT EXISTS (SELECT FROM nodes n WHERE n.id = o.node_id)) RETURNING generation",
            &[&id.0, &node.0],
        )
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// Operations that have not ended and whose node is gone.
pub(crate) async fn abandoned(client: &Client) -> Result<Vec<Operation>> {
    let statement = "SELECT * FROM operations o WHERE status IN ('running', 'stuck')
                       AND NOT EXISTS (SELECT FROM nodes n WHERE n.id = o.node_id) ORDER BY id";
    Ok(client.query(statement, &[]).await?.iter().map(read).collect())
}

/// A node's own operations that have not ended and are at least this old.
pub(crate) async fn open_of(client: &Client, node: NodeId, age: Duration) -> Result<Vec<Operation>> {
    let rows = client
        .query(
            "SELECT * FROM operations WHERE status IN ('running', 'stuck') AND node_id = $1
               AND created_at <= now() - make_interval(secs => $2) ORDER BY id",
            &[&node.0, &age.as_secs_f64()],
        )
        .await?;
    Ok(rows.iter().map(read).collect())
}

/// The databases that operations which have ended were about.
pub(crate) async fn databases_of_ended(client: &Client) -> Result<Vec<String>> {
    let statement =
        "SELECT DISTINCT input ->> 'database' FROM operations WHERE status IN ('done', 'rolledBack') AND input ? 'database'";
    Ok(client.query(statement, &[]).await?.iter().map(|row| row.get(0)).collect())
}

pub(crate) async fn find(client: &Client, id: OperationId) -> Result<Option<Operation>> {
    Ok(client.query_opt("SELECT * FROM operations WHERE id = $1", &[&id.0]).await?.as_ref().map(read))
}

/// Newest first.
pub(crate) async fn list(client: &Client, project: ProjectId, slice: &Slice) -> Result<Page<Operation>> {
    let rows = client
        .query(
            "SELECT * FROM operations WHERE project_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
            &[&project.0, &slice.after_id()?, &slice.limit()],
        )
        .await?;
    Ok(Page::new(rows, slice, read))
}

/// The log with the time of each event, oldest first.
pub(crate) async fn events(client: &Client, id: OperationId) -> Result<Vec<(DateTime<Utc>, Event)>> {
    let rows = client.query("SELECT at, event FROM operation_events WHERE operation_id = $1 ORDER BY seq", &[&id.0]).await?;
    rows.iter()
        .map(|row| {
            let event: Json<Event> = row.try_get(1).map_err(Error::internal)?;
            Ok((row.get(0), event.0))
        })
        .collect()
}

fn read(row: &Row) -> Operation {
    Operation {
        id: OperationId(column(row, "id")),
        kind: column(row, "kind"),
        project_id: ProjectId(column(row, "project_id")),
        environment_id: EnvironmentId(column(row, "environment_id")),
        input: column(row, "input"),
        status: column(row, "status"),
        error: column(row, "error"),
        created_at: column(row, "created_at"),
        finished_at: column(row, "finished_at"),
    }
}

/// The event log of one operation, for the server that owns its generation.
pub(crate) struct OperationLog<'a> {
    pub(crate) store: &'a Store,
    pub(crate) id: OperationId,
    pub(crate) generation: i32,
}

#[async_trait]
impl cloche_saga::Log for OperationLog<'_> {
    async fn load(&self) -> Result<Vec<Event>, LogError> {
        let client = self.store.client().await.map_err(unavailable)?;
        let events = events(&client, self.id).await.map_err(unavailable)?;
        Ok(events.into_iter().map(|(_, event)| event).collect())
    }

    async fn append(&self, seq: u32, event: &Event) -> Result<(), LogError> {
        let client = self.store.client().await.map_err(unavailable)?;
        // Not flushed: the steps' effects are in the same PostgreSQL server, whose log is written in order, so an effect that is on disk
        // has the events before it on disk as well. FOR SHARE makes this wait for a take-over under way, and see it.
        let statement = client
            .prepare_cached(
                "WITH settings AS (SELECT set_config('synchronous_commit', 'off', true)),
                      owned AS (SELECT id FROM operations, settings WHERE id = $1 AND generation = $2 FOR SHARE OF operations)
                 INSERT INTO operation_events (operation_id, seq, event) SELECT id, $3, $4 FROM owned",
            )
            .await
            .map_err(unavailable)?;
        let seq = i32::try_from(seq).map_err(unavailable)?;
        match client.execute(&statement, &[&self.id.0, &self.generation, &seq, &Json(event)]).await {
            Ok(0) => Err(LogError::Lost),
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Err(LogError::Lost),
            Err(error) => Err(unavailable(error)),
        }
    }
}

fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> LogError {
    LogError::Unavailable(error.into())
}
