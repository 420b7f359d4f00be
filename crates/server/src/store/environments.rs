//! Environments: the rows behind the cards.

use chrono::{DateTime, Utc};
use cloche_wire::{EnvironmentId, ProjectId};
use deadpool_postgres::GenericClient;
use serde::{Deserialize, Serialize};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

use super::{Page, Slice, Tx, column};
use crate::error::{Error, Result};
use crate::postgres::copy::BranchMode;
use crate::postgres::database::DatabaseName;

/// What an environment is for. Never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EnvironmentType {
    Dev,
    Staging,
    Prod,
    Eval,
    Custom,
}

/// Where an environment is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Creating,
    Active,
    Paused,
    Deleting,
    /// Within the time in which a delete can be undone.
    Deleted,
    Failed,
    Stuck,
}

/// One environment, as its card shows it.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    pub(crate) id: EnvironmentId,
    pub(crate) project_id: ProjectId,
    pub(crate) name: String,
    pub(crate) kind: EnvironmentType,
    pub(crate) status: Status,
    pub(crate) provider: String,
    pub(crate) region: String,
    pub(crate) cluster: String,
    pub(crate) database: DatabaseName,
    /// How many migrations its schema `cloche` has had at least.
    pub(crate) schema_version: i32,
    pub(crate) parent_id: Option<EnvironmentId>,
    pub(crate) parent_name: Option<String>,
    pub(crate) branch_mode: Option<String>,
    pub(crate) branched_at: Option<DateTime<Utc>>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) protected: bool,
    pub(crate) holds_production_data: bool,
    pub(crate) deleted_at: Option<DateTime<Utc>>,
    pub(crate) erase_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// What is known of an environment before it is made.
pub(crate) struct NewEnvironment<'a> {
    pub(crate) id: EnvironmentId,
    pub(crate) project: ProjectId,
    pub(crate) name: &'a str,
    pub(crate) kind: EnvironmentType,
    pub(crate) database: &'a DatabaseName,
    pub(crate) schema_version: i32,
    pub(crate) parent: Option<EnvironmentId>,
    pub(crate) mode: Option<BranchMode>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) holds_production_data: bool,
}

impl Environment {
    /// It is production, or descends from it by full copies.
    pub(crate) fn has_production_data(&self) -> bool {
        self.holds_production_data || self.kind == EnvironmentType::Prod
    }
}

impl EnvironmentType {
    const ALL: [Self; 5] = [Self::Dev, Self::Staging, Self::Prod, Self::Eval, Self::Custom];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Staging => "staging",
            Self::Prod => "prod",
            Self::Eval => "eval",
            Self::Custom => "custom",
        }
    }

    /// By its exact name, or the two long forms that are also understood.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "development" => Some(Self::Dev),
            "production" => Some(Self::Prod),
            _ => Self::ALL.into_iter().find(|kind| kind.as_str() == name),
        }
    }

    /// The type of an environment of which only the name was given.
    pub(crate) fn of_name(name: &str) -> Self {
        Self::named(name).unwrap_or(Self::Custom)
    }
}

impl Status {
    const ALL: [Self; 7] = [Self::Creating, Self::Active, Self::Paused, Self::Deleting, Self::Deleted, Self::Failed, Self::Stuck];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
            Self::Failed => "failed",
            Self::Stuck => "stuck",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

const SELECT: &str = "SELECT e.*, p.name AS parent_name, c.name AS cluster, c.provider, c.region
    FROM environments e JOIN clusters c ON c.id = e.cluster_id LEFT JOIN environments p ON p.id = e.parent_id";

/// Writes down an environment that is about to be made, with status `creating`.
pub(crate) async fn insert(tx: &Tx<'_>, new: &NewEnvironment<'_>) -> Result<()> {
    let inserted = tx
        .execute(
            "INSERT INTO environments (id, project_id, cluster_id, parent_id, name, type, status, database_name, branch_mode, expires_at,
                                       protected, holds_production_data, schema_version)
             SELECT $1, $2, id, $3, $4, $5, 'creating', $6, $7, $8, $5 = 'prod', $9, $10 FROM clusters WHERE is_default",
            &[
                &new.id.0,
                &new.project.0,
                &new.parent.map(|id| id.0),
                &new.name,
                &new.kind.as_str(),
                &new.database.as_str(),
                &new.mode.map(BranchMode::as_str),
                &new.expires_at,
                &new.holds_production_data,
                &new.schema_version,
            ],
        )
        .await;
    inserted.map_err(|error| name_taken(error, new.name)).map(drop)
}

/// Removes the row, and with it keys and claims. A child that outlived it (its own delete was taken back) has no parent then.
pub(crate) async fn remove(tx: &Tx<'_>, id: EnvironmentId) -> Result<()> {
    tx.execute("UPDATE environments SET parent_id = NULL WHERE parent_id = $1", &[&id.0]).await?;
    tx.execute("DELETE FROM environments WHERE id = $1", &[&id.0]).await?;
    Ok(())
}

pub(crate) async fn find(client: &Client, id: EnvironmentId) -> Result<Option<Environment>> {
    Ok(client.query_opt(&format!("{SELECT} WHERE e.id = $1"), &[&id.0]).await?.as_ref().map(read))
}

/// Finds and locks a row until the transaction ends.
pub(crate) async fn lock(tx: &Tx<'_>, id: EnvironmentId) -> Result<Environment> {
    let row = tx.query_opt(&format!("{SELECT} WHERE e.id = $1 FOR UPDATE OF e"), &[&id.0]).await?;
    row.as_ref().map(read).ok_or_else(|| unknown(&id.to_string()))
}

/// By its name in any case, else by a type that only one environment has. Deleted ones are not found.
pub(crate) async fn find_by_name(client: &Client, project: ProjectId, name: &str) -> Result<Option<Environment>> {
    let by_name = format!("{SELECT} WHERE e.project_id = $1 AND lower(e.name) = lower($2) AND e.deleted_at IS NULL");
    if let Some(row) = client.query_opt(&by_name, &[&project.0, &name]).await? {
        return Ok(Some(read(&row)));
    }
    let Some(kind) = EnvironmentType::named(name) else { return Ok(None) };
    let by_type = format!("{SELECT} WHERE e.project_id = $1 AND e.type = $2 AND e.deleted_at IS NULL LIMIT 2");
    let rows = client.query(&by_type, &[&project.0, &kind.as_str()]).await?;
    match rows.as_slice() {
        [] => Ok(None),
        [row] => Ok(Some(read(row))),
        _ => Err(Error::conflict("environment/ambiguous", format!("Several environments are of type {name}."))
            .hint("Give the name of one.")),
    }
}

pub(crate) async fn list(client: &Client, project: ProjectId, slice: &Slice) -> Result<Page<Environment>> {
    let rows = client
        .query(
            &format!(
                "{SELECT} WHERE e.project_id = $1 AND e.deleted_at IS NULL AND ($2::uuid IS NULL OR e.id > $2) ORDER BY e.id LIMIT $3"
            ),
            &[&project.0, &slice.after_id()?, &slice.limit()],
        )
        .await?;
    Ok(Page::new(rows, slice, read))
}

/// Every environment of a project that is not deleted, oldest first.
pub(crate) async fn all(client: &impl GenericClient, project: ProjectId) -> Result<Vec<Environment>> {
    let rows =
        client.query(&format!("{SELECT} WHERE e.project_id = $1 AND e.deleted_at IS NULL ORDER BY e.id"), &[&project.0]).await?;
    Ok(rows.iter().map(read).collect())
}

/// Those whose delete can still be undone.
pub(crate) async fn deleted(client: &Client, project: ProjectId) -> Result<Vec<Environment>> {
    let rows =
        client.query(&format!("{SELECT} WHERE e.project_id = $1 AND e.status = 'deleted' ORDER BY e.id"), &[&project.0]).await?;
    Ok(rows.iter().map(read).collect())
}

/// Every environment of this status, in all projects.
pub(crate) async fn with_status(client: &Client, status: Status) -> Result<Vec<Environment>> {
    let rows = client.query(&format!("{SELECT} WHERE e.status = $1 ORDER BY e.id"), &[&status.as_str()]).await?;
    Ok(rows.iter().map(read).collect())
}

/// One that is in use and has had fewer migrations than `version`, the next after `after` in the order of their ids.
pub(crate) async fn next_outdated(client: &Client, version: i32, after: Option<EnvironmentId>) -> Result<Option<Environment>> {
    let sql = format!(
        "{SELECT} WHERE e.schema_version < $1 AND e.status IN ('active', 'paused') AND ($2::uuid IS NULL OR e.id > $2)
         ORDER BY e.id LIMIT 1"
    );
    Ok(client.query_opt(&sql, &[&version, &after.map(|id| id.0)]).await?.as_ref().map(read))
}

/// Notes that an environment's schema `cloche` has had this many migrations, or more.
pub(crate) async fn set_schema_version(client: &Client, id: EnvironmentId, version: i32) -> Result<()> {
    client
        .execute("UPDATE environments SET schema_version = $2 WHERE id = $1 AND schema_version < $2", &[&id.0, &version])
        .await?;
    Ok(())
}

/// Those whose undo copy is due to be erased.
pub(crate) async fn due_for_erasure(client: &Client) -> Result<Vec<Environment>> {
    let rows = client
        .query(&format!("{SELECT} WHERE e.status = 'deleted' AND e.erase_at <= now() ORDER BY e.erase_at LIMIT 20"), &[])
        .await?;
    Ok(rows.iter().map(read).collect())
}

/// Those whose lease has run out, that no living child waits on and that are not protected.
pub(crate) async fn expired(client: &Client) -> Result<Vec<Environment>> {
    let rows = client
        .query(
            &format!(
                "{SELECT} WHERE e.expires_at <= now() AND e.status IN ('active', 'paused') AND e.deleted_at IS NULL AND NOT e.protected
                   AND NOT EXISTS (SELECT FROM environments k WHERE k.parent_id = e.id AND k.deleted_at IS NULL)
                   AND NOT EXISTS (SELECT FROM claims l WHERE l.environment_id = e.id)
                 ORDER BY e.expires_at LIMIT 20"
            ),
            &[],
        )
        .await?;
    Ok(rows.iter().map(read).collect())
}

/// Names of the children that are not deleted.
pub(crate) async fn children(client: &impl GenericClient, id: EnvironmentId) -> Result<Vec<String>> {
    let rows =
        client.query("SELECT name FROM environments WHERE parent_id = $1 AND deleted_at IS NULL ORDER BY id", &[&id.0]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Every database name in use: what the reconciler must leave alone.
pub(crate) async fn database_names(client: &Client) -> Result<Vec<String>> {
    let rows = client.query("SELECT database_name FROM environments", &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

pub(crate) async fn set_status(tx: &Tx<'_>, id: EnvironmentId, status: Status) -> Result<()> {
    tx.execute("UPDATE environments SET status = $2, updated_at = now() WHERE id = $1", &[&id.0, &status.as_str()]).await?;
    Ok(())
}

/// The environment is ready. `branched_at` is the instant its copy shows.
pub(crate) async fn activate(tx: &Tx<'_>, id: EnvironmentId, branched_at: Option<DateTime<Utc>>) -> Result<()> {
    tx.execute(
        "UPDATE environments SET status = 'active', branched_at = $2, updated_at = now() WHERE id = $1",
        &[&id.0, &branched_at],
    )
    .await?;
    Ok(())
}

pub(crate) async fn rename(tx: &Tx<'_>, id: EnvironmentId, name: &str) -> Result<()> {
    let renamed = tx.execute("UPDATE environments SET name = $2, updated_at = now() WHERE id = $1", &[&id.0, &name]).await;
    renamed.map_err(|error| name_taken(error, name)).map(drop)
}

pub(crate) async fn set_protected(tx: &Tx<'_>, id: EnvironmentId, protected: bool) -> Result<()> {
    tx.execute("UPDATE environments SET protected = $2, updated_at = now() WHERE id = $1", &[&id.0, &protected]).await?;
    Ok(())
}

pub(crate) async fn set_lease(tx: &Tx<'_>, id: EnvironmentId, expires_at: Option<DateTime<Utc>>) -> Result<()> {
    tx.execute("UPDATE environments SET expires_at = $2, updated_at = now() WHERE id = $1", &[&id.0, &expires_at]).await?;
    Ok(())
}

/// Gone for its users, its name free; the database stays until `erase_at`.
pub(crate) async fn mark_deleted(tx: &Tx<'_>, id: EnvironmentId, erase_at: DateTime<Utc>) -> Result<()> {
    tx.execute(
        "UPDATE environments SET status = 'deleted', deleted_at = now(), erase_at = $2, updated_at = now() WHERE id = $1",
        &[&id.0, &erase_at],
    )
    .await?;
    Ok(())
}

/// Takes a delete back. Fails when the name has been taken meanwhile.
pub(crate) async fn restore(tx: &Tx<'_>, environment: &Environment) -> Result<()> {
    let restored = tx
        .execute(
            "UPDATE environments SET status = 'active', deleted_at = NULL, erase_at = NULL, expires_at = NULL, updated_at = now()
             WHERE id = $1",
            &[&environment.id.0],
        )
        .await;
    restored.map_err(|error| name_taken(error, &environment.name)).map(drop)
}

/// There is no such environment, or the caller may not know of it.
pub(crate) fn unknown(name: &str) -> Error {
    Error::not_found("environment/not-found", format!("There is no environment {name} in this project."))
        .hint("`cloche env list` shows those there are.")
}

fn name_taken(error: tokio_postgres::Error, name: &str) -> Error {
    if error.code() == Some(&SqlState::UNIQUE_VIOLATION) {
        return Error::conflict("environment/exists", format!("There is an environment named {name} in this project already."))
            .hint("Names are unique in a project whatever their case: choose another.");
    }
    error.into()
}

fn read(row: &Row) -> Environment {
    Environment {
        id: EnvironmentId(column(row, "id")),
        project_id: ProjectId(column(row, "project_id")),
        name: column(row, "name"),
        kind: EnvironmentType::of_name(column(row, "type")),
        // The table's CHECK allows these words alone.
        status: Status::parse(column(row, "status")).unwrap_or(Status::Failed),
        provider: column(row, "provider"),
        region: column(row, "region"),
        cluster: column(row, "cluster"),
        database: DatabaseName::stored(column(row, "database_name")),
        schema_version: column(row, "schema_version"),
        parent_id: column::<Option<uuid::Uuid>>(row, "parent_id").map(EnvironmentId),
        parent_name: column(row, "parent_name"),
        branch_mode: column(row, "branch_mode"),
        branched_at: column(row, "branched_at"),
        expires_at: column(row, "expires_at"),
        protected: column(row, "protected"),
        holds_production_data: column(row, "holds_production_data"),
        deleted_at: column(row, "deleted_at"),
        erase_at: column(row, "erase_at"),
        created_at: column(row, "created_at"),
        updated_at: column(row, "updated_at"),
    }
}
