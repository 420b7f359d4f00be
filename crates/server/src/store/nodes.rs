//! The servers that share this control database, and the fence between them: which changes each has heard of.
//!
//! The rules these statements serve are told in [`crate::fence`].

use std::sync::Arc;

use cloche_wire::{EnvironmentId, NodeId};
use futures_util::{StreamExt as _, stream};
use tokio::sync::Notify;
use tokio_postgres::{AsyncMessage, Client, NoTls, Transaction};
use uuid::Uuid;

use super::{Store, column};
use crate::error::{Error, Result};
use crate::postgres::database::DatabaseName;

/// Tells the others to look at once; without it they look a moment later.
const CHANNEL: &str = "cloche_fence";

/// A change that must be in force on every node before its caller is told that it is done.
#[must_use = "the change is in force everywhere only after it was waited for"]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raised {
    pub(crate) epoch: i64,
    pub(crate) environment: EnvironmentId,
}

/// A server as it enters.
pub(crate) struct NewNode<'a> {
    pub(crate) id: NodeId,
    pub(crate) home: Uuid,
    pub(crate) address: &'a str,
    pub(crate) embedded: bool,
}

/// Another server, as of its last renewal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) id: NodeId,
    pub(crate) address: String,
    pub(crate) embedded: bool,
    /// Compared with itself alone.
    pub(crate) renewed_at: chrono::DateTime<chrono::Utc>,
}

/// What a renewal brings: the changes not heard of so far, and the gates that others keep closed.
pub(crate) struct News {
    pub(crate) changes: Vec<(i64, EnvironmentId)>,
    pub(crate) closed_gates: Vec<(EnvironmentId, DatabaseName)>,
}

/// Numbers a change of an environment. The last statement before the commit: until then nobody else can number one.
pub(crate) async fn raise(tx: &Transaction<'_>, environment: EnvironmentId) -> Result<Raised> {
    let row = tx
        .query_one(
            "WITH raised AS (UPDATE fence SET epoch = epoch + 1 RETURNING epoch),
                  noted AS (INSERT INTO fence_changes (epoch, environment_id) SELECT epoch, $1 FROM raised)
             SELECT epoch, pg_notify($2, '') FROM raised",
            &[&environment.0, &CHANNEL],
        )
        .await?;
    Ok(Raised { epoch: row.get(0), environment })
}

/// Writes a node down; answers the last change there is, which it starts from with nothing in its memory.
///
/// With an embedded PostgreSQL, whoever ran in the same data directory before is gone. An external one may be shared with a copy of the
/// data directory: a killed predecessor is given up like any other silent node.
pub(crate) async fn enter(client: &Client, node: &NewNode<'_>) -> Result<i64> {
    let row = client
        .query_one(
            "WITH before AS (DELETE FROM nodes WHERE home = $2 AND $4)
             INSERT INTO nodes (id, home, address, embedded, acknowledged) SELECT $1, $2, $3, $4, epoch FROM fence RETURNING acknowledged",
            &[&node.id.0, &node.home, &node.address, &node.embedded],
        )
        .await?;
    Ok(row.get(0))
}

/// Takes a node off the list.
pub(crate) async fn leave(client: &Client, node: NodeId) -> Result<()> {
    client.execute("DELETE FROM nodes WHERE id = $1", &[&node.0]).await?;
    Ok(())
}

/// Says that a node is alive and has heard of everything up to `acknowledged`; answers what came after that. `None` when the others have
/// given it up: its operations may be theirs by now.
///
/// Not flushed to disk: if PostgreSQL forgets it, the others only wait longer.
pub(crate) async fn renew(client: &Client, node: NodeId, acknowledged: i64) -> Result<Option<News>> {
    let renewed = client
        .execute(
            "WITH settings AS (SELECT set_config('synchronous_commit', 'off', true))
             UPDATE nodes SET renewed_at = clock_timestamp(), acknowledged = $2 FROM settings WHERE id = $1",
            &[&node.0, &acknowledged],
        )
        .await?;
    if renewed == 0 {
        return Ok(None);
    }
    let changes = client
        .query("SELECT epoch, environment_id FROM fence_changes WHERE epoch > $1 ORDER BY epoch", &[&acknowledged])
        .await?
        .iter()
        .map(|row| (row.get(0), EnvironmentId(row.get(1))))
        .collect();
    // After the changes: a gate whose closing was heard of is among these, unless it is open again.
    let closed_gates = client
        .query(
            "SELECT g.environment_id, e.database_name FROM closed_gates g JOIN environments e ON e.id = g.environment_id
             WHERE g.node_id <> $1",
            &[&node.0],
        )
        .await?
        .iter()
        .map(|row| (EnvironmentId(row.get(0)), DatabaseName::stored(row.get(1))))
        .collect();
    Ok(Some(News { changes, closed_gates }))
}

/// Whether a node other than `but` has not heard of a change yet.
pub(crate) async fn somebody_is_behind(client: &Client, but: NodeId, epoch: i64) -> Result<bool> {
    let row =
        client.query_one("SELECT EXISTS (SELECT FROM nodes WHERE acknowledged < $1 AND id <> $2)", &[&epoch, &but.0]).await?;
    Ok(row.get(0))
}

/// All nodes but one.
pub(crate) async fn others(client: &Client, but: NodeId) -> Result<Vec<Peer>> {
    let rows = client.query("SELECT * FROM nodes WHERE id <> $1 ORDER BY id", &[&but.0]).await?;
    Ok(rows
        .iter()
        .map(|row| Peer {
            id: NodeId(column(row, "id")),
            address: column(row, "address"),
            embedded: column(row, "embedded"),
            renewed_at: column(row, "renewed_at"),
        })
        .collect())
}

/// Gives a node up, unless it has renewed since it was looked at. Answers whether it is gone.
pub(crate) async fn give_up(client: &Client, peer: &Peer) -> Result<bool> {
    let gone = client.execute("DELETE FROM nodes WHERE id = $1 AND renewed_at = $2", &[&peer.id.0, &peer.renewed_at]).await?;
    Ok(gone > 0)
}

/// Forgets the changes that every node has heard of. A node that enters has none to hear of.
pub(crate) async fn forget_old_changes(client: &Client) -> Result<()> {
    client.execute("DELETE FROM fence_changes WHERE epoch <= (SELECT min(acknowledged) FROM nodes)", &[]).await?;
    Ok(())
}

/// Closes an environment's gate on every node but this one.
pub(crate) async fn close_gate(tx: &Transaction<'_>, node: NodeId, environment: EnvironmentId) -> Result<Raised> {
    tx.execute(
        "INSERT INTO closed_gates (environment_id, node_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        &[&environment.0, &node.0],
    )
    .await?;
    raise(tx, environment).await
}

/// Opens it again; nobody has to wait for that.
pub(crate) async fn open_gate(client: &mut Client, node: NodeId, environment: EnvironmentId) -> Result<()> {
    let tx = client.transaction().await?;
    tx.execute("DELETE FROM closed_gates WHERE environment_id = $1 AND node_id = $2", &[&environment.0, &node.0]).await?;
    let _ = raise(&tx, environment).await?;
    Ok(tx.commit().await?)
}

impl Store {
    /// A connection of a node's own, which wakes `hint` when another node has numbered a change.
    pub(crate) async fn connect_and_listen(&self, hint: Arc<Notify>) -> Result<Client> {
        let (client, mut connection) = self.config.connect(NoTls).await?;
        tokio::spawn(async move {
            let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
            while let Some(message) = messages.next().await {
                match message {
                    Ok(AsyncMessage::Notification(_)) => hint.notify_one(),
                    Ok(_) => {}
                    Err(error) => return tracing::debug!(%error, "the connection of the fence ended"),
                }
            }
        });
        client.batch_execute(&format!("LISTEN {CHANNEL}")).await.map_err(Error::from)?;
        Ok(client)
    }
}
