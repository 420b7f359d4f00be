//! Instant copies: PostgreSQL copies the database while nobody is connected to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::Utc;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::Copied;
use crate::postgres::database::{DatabaseName, Strategy};
use crate::postgres::environments::Handle;
use crate::postgres::fingerprint::{Depth, Fingerprint};

/// How long the requests inside may take to finish before the copy is given up, and with it the pause.
const DRAIN: Duration = Duration::from_secs(3);
/// How long the last sessions may take to end after their clients have closed them.
const SESSIONS_END: Duration = Duration::from_secs(2);

/// A tenant's lock must not keep the gate closed.
const WITNESS_OPTIONS: &str = "-c statement_timeout=30s -c lock_timeout=200ms -c idle_in_transaction_session_timeout=10s";

/// Copies the handle's database to `target` with the gate closed; `close_elsewhere` closes it on the other nodes, until what it answers is
/// dropped. `None` when requests or sessions did not end in time, or something
/// in the source is locked: nothing was done, and a snapshot copy is the way.
pub(crate) async fn copy_instantly<G>(
    handle: &Arc<Handle>,
    target: &DatabaseName,
    strategy: Strategy,
    close_elsewhere: impl AsyncFnOnce() -> anyhow::Result<G>,
) -> anyhow::Result<Option<Copied>> {
    let (cluster, source) = (&handle.cluster, &handle.database);
    let witness = cluster.connect_as(&source.owner_login(), source.as_str(), WITNESS_OPTIONS).await?;
    // Read once to warm the catalogs up: the reading that counts happens while requests wait.
    if read(&witness).await?.is_none() {
        return Ok(None);
    }
    let _turn = cluster.copying.lock().await;
    if strategy == Strategy::FileCopy {
        // Whatever is dirty is flushed while requests still pass, so that the copy's own checkpoint finds little.
        cluster.admin().await?.batch_execute("CHECKPOINT").await?;
    }
    let _elsewhere = close_elsewhere().await?;
    let Some(closed) = handle.close_gate(DRAIN).await else { return Ok(None) };
    let Ok(fingerprint) = tokio::time::timeout(DRAIN, read(&witness)).await else { return Ok(None) };
    let Some(fingerprint) = fingerprint? else { return Ok(None) };
    let at = Utc::now();
    drop(witness);
    if !sessions_ended(handle).await? {
        return Ok(None);
    }
    // Somebody may have connected since, such as a change of the schema.
    if !cluster.copy_database(source.as_str(), target, strategy).await? {
        return Ok(None);
    }
    Ok(Some(Copied { at, pause: closed.open(), source: fingerprint }))
}

/// The source's fingerprint; nothing when somebody holds a lock that reading it needs.
async fn read(witness: &Client) -> anyhow::Result<Option<Fingerprint>> {
    match Fingerprint::read(witness, Depth::FileSizes).await {
        Ok(fingerprint) => Ok(Some(fingerprint)),
        Err(error) if matches!(error.code(), Some(&SqlState::QUERY_CANCELED | &SqlState::LOCK_NOT_AVAILABLE)) => Ok(None),
        Err(error) => Err(error).context("the source cannot be read"),
    }
}

/// Waits for the last session to end. PostgreSQL itself would look only every 100 ms.
async fn sessions_ended(handle: &Handle) -> anyhow::Result<bool> {
    let started = Instant::now();
    loop {
        let (all, customers) = handle.cluster.sessions(&handle.database).await?;
        if all == 0 {
            return Ok(true);
        }
        if customers > 0 || started.elapsed() > SESSIONS_END {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
