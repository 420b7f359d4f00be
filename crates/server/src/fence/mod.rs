//! The fence: what makes a change (a key revoked, an environment paused or deleted, tables changed) be in force on every server before
//! the call that made it returns.
//!
//! Servers remember keys and tables. Each holds a short **lease** on its memory, and renews it many times before it runs out. A renewal
//! asks for the **changes** numbered since the last one, forgets what they are about, and only then extends the lease: from the moment
//! before it asked, on a clock that goes on while the process is stopped. The next renewal **acknowledges** them.
//!
//! A change is numbered in its own transaction. After the commit its server forgets what it remembers itself, and waits until every other
//! node has acknowledged the number; at the latest until a lease that was taken just before the commit has run out. By then each node has
//! asked after the commit, or uses its memory no more: a stopped process, a cut link or a lost notification make the call slower, never
//! wrong. Notifications only hint to look sooner.
//!
//! What a node reads while a change comes in is not remembered: see [`crate::auth::KeyCache`].

mod gates;
mod lease;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use cloche_wire::{EnvironmentId, NodeId};
use tokio::sync::Notify;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::app::{App, operation};
use crate::error::{Error, Result};
use crate::store::Store;
use crate::store::nodes::{self, NewNode, News, Peer, Raised};

pub(crate) use lease::{BootTime, Lease};

/// How long a node may use its memory without having asked. A stopped node delays a revoke for as long.
const LEASE: Duration = Duration::from_secs(3);
/// Between two renewals; so long may a change take to be heard of when its notification is lost.
const RENEW: Duration = Duration::from_millis(500);
/// How much slower than another node's a clock may run, on top of the lease: a tenth is far more than clocks drift.
const DRIFT: Duration = Duration::from_millis(300);
/// A renewal that takes longer is given up together with its connection.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks whether the others have acknowledged; from short to long.
const LOOKS: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(25)];

/// One server's part in the fence.
pub(crate) struct Fence {
    pub(crate) lease: Arc<Lease>,
    home: Uuid,
    address: String,
    embedded: bool,
    /// Who this server is to the others, and the last change it has heard of. Another id after the others have given it up.
    seen: Mutex<(NodeId, i64)>,
    /// Changes of its own that it has forgotten what they are about for, after their commit, and not heard of yet: when it does, what was
    /// read since is as new.
    own: Mutex<HashSet<i64>>,
    /// Rung when there may be something to hear of.
    hint: Arc<Notify>,
    gates: gates::Gates,
    /// The connection that renews the lease; also asks, for whoever waits, how far the others are.
    line: Mutex<Option<Arc<Client>>>,
    /// The other nodes, and since when each has looked the same.
    peers: Mutex<HashMap<NodeId, (Peer, Instant)>>,
}

impl Fence {
    /// Enters the list of servers. Refused where one of them keeps its PostgreSQL for itself.
    pub(crate) async fn enter(store: &Store, home: Uuid, address: String, embedded: bool) -> anyhow::Result<Self> {
        let fence = Self {
            lease: Arc::default(),
            home,
            address,
            embedded,
            seen: Mutex::new((NodeId::new(), 0)),
            own: Mutex::default(),
            hint: Arc::default(),
            gates: gates::Gates::default(),
            line: Mutex::default(),
            peers: Mutex::default(),
        };
        let client = store.client().await?;
        let asked = fence.introduce(&client).await?;
        fence.lease.extend(asked, LEASE);
        fence.refuse_strangers(&client).await?;
        Ok(fence)
    }

    /// Who this server is to the others.
    pub(crate) fn node(&self) -> NodeId {
        locked(&self.seen).0
    }

    /// Answers from when the new lease counts.
    async fn introduce(&self, client: &Client) -> Result<BootTime> {
        let asked = BootTime::now();
        let node = NewNode { id: NodeId::new(), home: self.home, address: &self.address, embedded: self.embedded };
        let epoch = nodes::enter(client, &node).await?;
        *locked(&self.seen) = (node.id, epoch);
        Ok(asked)
    }

    /// An embedded PostgreSQL has one server. Another that was killed is on the list until its lease has run out.
    async fn refuse_strangers(&self, client: &Client) -> anyhow::Result<()> {
        let mut silent: Option<(Peer, Instant)> = None;
        loop {
            let others = nodes::others(client, self.node()).await?;
            let Some(other) = others.into_iter().find(|other| self.embedded || other.embedded) else { return Ok(()) };
            match &silent {
                Some((before, _)) if before.id == other.id && *before != other => {
                    nodes::leave(client, self.node()).await?;
                    bail!(
                        "another cloche server ({}) uses this PostgreSQL server: an embedded PostgreSQL serves one; several servers \
                         share an external one, each started with --database-url",
                        other.address
                    );
                }
                Some((before, since)) if *before == other => {
                    if since.elapsed() > LEASE + DRIFT {
                        nodes::give_up(client, &other).await?;
                    }
                }
                _ => silent = Some((other, Instant::now())),
            }
            tokio::time::sleep(RENEW).await;
        }
    }

    /// Leaves the list, so that nobody waits for this server.
    pub(crate) async fn leave(&self, store: &Store) {
        self.lease.end();
        let left = async { nodes::leave(&*store.client().await?, self.node()).await };
        if !matches!(tokio::time::timeout(PATIENCE, left).await, Ok(Ok(()))) {
            tracing::debug!("this server could not leave the list; the others give it up by themselves");
        }
    }
}

/// Returns when a change that is committed is in force on every node. Never fails: when nothing can be heard of the others, their leases
/// run out.
pub(crate) async fn in_force(app: &App, raised: Raised) {
    let committed = Instant::now();
    app.forget_remembered(raised.environment);
    locked(&app.fence.own).insert(raised.epoch);
    let mut pause = LOOKS[0];
    loop {
        // Not one of the pool's: those who wait here hold on to theirs.
        let line = locked(&app.fence.line).clone();
        if let Some(line) = line {
            let behind = nodes::somebody_is_behind(&line, app.fence.node(), raised.epoch);
            if let Ok(Ok(false)) = tokio::time::timeout(PATIENCE, behind).await {
                return;
            }
        }
        if committed.elapsed() >= LEASE + DRIFT {
            return tracing::warn!(epoch = raised.epoch, "a node did not acknowledge a change; its lease has run out");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LOOKS[1]);
    }
}

/// Renews the lease for as long as the server runs.
pub(crate) async fn keep(app: Arc<App>) {
    loop {
        let ended = keep_with_one_connection(&app).await;
        *locked(&app.fence.line) = None;
        if let Err(error) = ended {
            tracing::warn!(?error, "this server's lease could not be renewed; it answers from memory no more until it can");
        }
        tokio::time::sleep(RENEW).await;
    }
}

async fn keep_with_one_connection(app: &Arc<App>) -> anyhow::Result<()> {
    let fence = &app.fence;
    let connect = app.store.connect_and_listen(Arc::clone(&fence.hint));
    let client = Arc::new(tokio::time::timeout(PATIENCE, connect).await.context("no connection in time")??);
    *locked(&fence.line) = Some(Arc::clone(&client));
    loop {
        let news = tokio::time::timeout(PATIENCE, renew(app, &client)).await.context("no answer in time")??;
        // What was heard of is acknowledged at once: somebody waits for that.
        if !news {
            let _ = tokio::time::timeout(RENEW, fence.hint.notified()).await;
        }
    }
}

/// Opens the gates this server's copies have let go of, and looks after nodes that have gone silent. Apart from the lease, which must not
/// wait for any of this.
pub(crate) async fn tend(app: Arc<App>) {
    let mut last_look = Instant::now();
    loop {
        if let Err(error) = app.fence.open_gates(&app.store).await {
            tracing::warn!(?error, "a gate stays closed on other servers; it is tried again");
        }
        if last_look.elapsed() > LEASE {
            last_look = Instant::now();
            if let Err(error) = look_after_others(&app).await {
                tracing::debug!(?error, "the other servers could not be looked after");
            }
        }
        let _ = tokio::time::timeout(RENEW, app.fence.gates.let_go.notified()).await;
    }
}

/// Whether there was something to hear of.
async fn renew(app: &App, client: &Client) -> Result<bool> {
    let fence = &app.fence;
    let asked = BootTime::now();
    let (node, epoch) = *locked(&fence.seen);
    let Some(News { changes, closed_gates }) = nodes::renew(client, node, epoch).await? else {
        tracing::warn!("the other nodes have given this server up; it enters the list anew");
        fence.lease.end();
        let asked = fence.introduce(client).await?;
        // Only now: what was read before it entered may be older than the last change there is, from which it starts.
        app.forget_everything();
        fence.lease.extend(asked, LEASE);
        return Ok(true);
    };
    for (epoch, environment) in &changes {
        if !locked(&fence.own).remove(epoch) {
            app.forget_remembered(*environment);
        }
    }
    fence.gates.follow(app, &closed_gates);
    if let Some((epoch, _)) = changes.last() {
        locked(&fence.seen).1 = *epoch;
        // Those that it has heard of before it knew that they were its own.
        locked(&fence.own).retain(|own| own > epoch);
    }
    fence.lease.extend(asked, LEASE);
    Ok(!changes.is_empty())
}

/// Gives nodes up that have not renewed for the length of a lease, and takes over what they were working on.
async fn look_after_others(app: &Arc<App>) -> Result<()> {
    let fence = &app.fence;
    let client = app.store.client().await?;
    let others = nodes::others(&client, fence.node()).await?;
    let mut silent = Vec::new();
    {
        let mut peers = locked(&fence.peers);
        peers.retain(|id, _| others.iter().any(|other| other.id == *id));
        for other in others {
            match peers.get(&other.id) {
                Some((before, since)) if *before == other => {
                    if since.elapsed() > LEASE + DRIFT {
                        silent.push(other);
                    }
                }
                _ => _ = peers.insert(other.id, (other, Instant::now())),
            }
        }
    }
    for peer in silent {
        if nodes::give_up(&client, &peer).await? {
            tracing::warn!(node = %peer.id, address = peer.address, "a node has been silent for too long and was given up");
        }
    }
    nodes::forget_old_changes(&client).await?;
    drop(client);
    operation::take_over_abandoned(app).await
}

impl App {
    /// Forgets what is remembered of an environment: its keys and its tables.
    fn forget_remembered(&self, environment: EnvironmentId) {
        self.keys.forget(Some(environment));
        self.environments.schema_changed(environment);
    }

    fn forget_everything(&self) {
        self.keys.forget(None);
        self.environments.all_schemas_changed();
    }
}

/// Commits a change; it is in force on every node when [`in_force`] has returned. Its caller lets go of the connection before that, so
/// that a stopped node keeps nobody from getting one.
pub(crate) async fn commit(tx: crate::store::Tx<'_>, environment: EnvironmentId) -> Result<Raised> {
    let raised = nodes::raise(&tx, environment).await?;
    tx.commit().await.map_err(Error::from)?;
    Ok(raised)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
