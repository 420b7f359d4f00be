//! Cutting a server off from PostgreSQL on purpose, for tests of what happens then.

use std::time::Duration;

use tokio_postgres::{Client, Error as PgError};

use super::cluster::Cluster;

/// How long an effect may take to send its first statement. One that needs no database sends none.
const PATIENCE: Duration = Duration::from_millis(500);

/// Servers' sessions and those of the programs they run; tests' own connections have no name.
const SESSIONS: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND application_name <> '' AND pid <> pg_backend_pid() AND (NOT $1 OR state = 'active')";

/// Ends all sessions of servers on the cluster.
pub(crate) async fn sever(cluster: &Cluster) -> anyhow::Result<()> {
    let client = cluster.connect_as_admin("postgres").await?;
    end(&client, false).await?;
    Ok(())
}

/// Ends those that are the next to run a statement, while they do, without keeping the caller from sending one.
pub(crate) async fn sever_at_work(cluster: &Cluster) -> anyhow::Result<()> {
    let client = cluster.connect_as_admin("postgres").await?;
    tokio::spawn(tokio::time::timeout(PATIENCE, async move { while matches!(end(&client, true).await, Ok(0)) {} }));
    Ok(())
}

async fn end(client: &Client, at_work: bool) -> Result<i64, PgError> {
    Ok(client.query_one(SESSIONS, &[&at_work]).await?.get(0))
}
