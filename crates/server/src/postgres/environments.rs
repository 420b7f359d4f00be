//! The environments this server has connections to: opened on demand, closed when idle, all under one budget.

mod lanes;
mod sessions;
mod tables;
mod writers;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cloche_wire::EnvironmentId;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_postgres::Client;

use self::lanes::Lanes;
pub(crate) use self::sessions::PlatformSession;
use self::sessions::{Sessions, StatementTimeout};
pub(crate) use self::tables::SCHEMA_AGE;
use self::writers::Writers;
use super::cluster::Cluster;
use super::database::DatabaseName;
use super::encode::OUTPUT_OPTIONS;
use super::gate::{Closed, Gate, Pass};
use super::settings::EnvironmentSettings;
use super::signing::SigningKeys;
use super::template::migrate_environment;
use crate::auth::Recognised;
use crate::error::{Error, Result};
use crate::fence::Lease;
use crate::map::Map;
use crate::traffic::requests::Traffic;

/// Connections to all environments together; PostgreSQL allows 200, the rest is the administrator's and the customers' own.
const BUDGET: usize = 120;
/// Connections nobody used for this long are closed.
const IDLE: Duration = Duration::from_secs(60);
/// How long the requests inside may take to leave a gate that another node has closed; it has given up long before that.
const LEAVE: Duration = Duration::from_secs(15);
/// How long a request waits for a connection when the budget is spent.
const PATIENCE: Duration = Duration::from_secs(5);

/// All environments with a handle on this server.
pub(crate) struct Environments {
    handles: Mutex<Map<EnvironmentId, Arc<Handle>>>,
    budget: Arc<Budget>,
    lease: Arc<Lease>,
    started: Instant,
}

/// One environment's gate, connections and schema.
pub(crate) struct Handle {
    pub(crate) database: DatabaseName,
    pub(crate) cluster: Arc<Cluster>,
    gate: Arc<Gate>,
    budget: Arc<Budget>,
    reading: Lanes,
    inserting: Lanes,
    sessions: Sessions,
    writers: Writers,
    pub(super) signing: SigningKeys,
    pub(crate) recognised: Recognised,
    /// Held while schema `cloche` is brought up to date; true when that is done.
    migrated: tokio::sync::Mutex<bool>,
    /// Counts the closings of all connections: one that was out meanwhile is not taken back.
    generation: AtomicU64,
    lease: Arc<Lease>,
    schema: Mutex<tables::Remembered>,
    schema_loading: tokio::sync::Mutex<()>,
    statement_timeout: StatementTimeout,
    pub(crate) traffic: Traffic,
    /// Milliseconds after the registry started.
    last_used: AtomicU64,
}

struct Budget {
    slots: Arc<Semaphore>,
    pressure: Notify,
}

struct Connection {
    client: Client,
    _slot: OwnedSemaphorePermit,
}

impl Environments {
    /// Tables are answered from memory for as long as `lease` holds.
    pub(crate) fn new(lease: Arc<Lease>) -> Arc<Self> {
        Arc::new(Self {
            handles: Mutex::default(),
            lease,
            budget: Arc::new(Budget { slots: Arc::new(Semaphore::new(BUDGET)), pressure: Notify::new() }),
            started: Instant::now(),
        })
    }

    /// The handle of an environment, made without connecting anywhere.
    pub(crate) fn handle(&self, id: EnvironmentId, database: &DatabaseName, cluster: &Arc<Cluster>) -> Arc<Handle> {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut handles = locked(&self.handles);
        let handle = handles.entry(id).or_insert_with(|| Arc::new(Handle::new(self, database.clone(), Arc::clone(cluster))));
        handle.last_used.store(now, Ordering::Relaxed);
        Arc::clone(handle)
    }

    /// Forgets an environment and closes its connections, as when it is deleted.
    pub(crate) fn forget(&self, id: EnvironmentId) {
        if let Some(handle) = locked(&self.handles).remove(&id) {
            handle.close_connections();
        }
    }

    /// Makes the next request read an environment's schema anew.
    pub(crate) fn schema_changed(&self, id: EnvironmentId) {
        if let Some(handle) = locked(&self.handles).get(&id) {
            handle.forget_schema();
        }
    }

    /// The same for every environment.
    pub(crate) fn all_schemas_changed(&self) {
        locked(&self.handles).values().for_each(|handle| handle.forget_schema());
    }

    /// Those whose requests are not all written down yet. Asking keeps none of them awake.
    pub(crate) fn with_traffic(&self) -> Vec<Arc<Handle>> {
        locked(&self.handles).values().filter(|handle| handle.traffic.is_waiting()).map(Arc::clone).collect()
    }

    /// All those in memory whose settings are known.
    pub(crate) fn with_settings(&self) -> Vec<(Arc<Handle>, Arc<EnvironmentSettings>)> {
        let handles = locked(&self.handles);
        handles.values().filter_map(|handle| Some((Arc::clone(handle), handle.known_settings()?))).collect()
    }

    /// How many seconds a statement may take, by data login, of those whose settings this server knows for certain.
    pub(crate) fn statement_timeouts(&self) -> Vec<(String, u32)> {
        if !self.lease.holds() {
            return Vec::new();
        }
        let handles = locked(&self.handles);
        handles.values().filter_map(|handle| Some((handle.database.data_login(), handle.statement_timeout.known()?))).collect()
    }

    /// How many environments have a handle, and how many connections they hold together.
    pub(crate) fn usage(&self) -> (usize, usize) {
        (locked(&self.handles).len(), BUDGET - self.budget.slots.available_permits())
    }

    /// Closes idle connections, and those of the least recently used environment when others wait for one. Never returns.
    pub(crate) async fn keep_house(&self) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(5)) => self.close_idle(),
                () = self.budget.pressure.notified() => self.close_least_recently_used(),
            }
        }
    }

    fn close_idle(&self) {
        let now = self.started.elapsed();
        locked(&self.handles).retain(|_, handle| {
            let idle = now.saturating_sub(Duration::from_millis(handle.last_used.load(Ordering::Relaxed))) > IDLE;
            // Whoever holds a reference besides the map is using it, or about to.
            let free = idle && handle.gate.inside() == 0 && Arc::strong_count(handle) == 1;
            if free {
                handle.close_connections();
            }
            !free
        });
    }

    fn close_least_recently_used(&self) {
        let handles = locked(&self.handles);
        let oldest = handles
            .values()
            .filter(|handle| handle.gate.inside() == 0 && handle.has_connections())
            .min_by_key(|handle| handle.last_used.load(Ordering::Relaxed));
        if let Some(handle) = oldest {
            handle.close_connections();
        }
    }
}

impl Budget {
    fn left(&self) -> usize {
        self.slots.available_permits()
    }

    async fn take(&self) -> Result<OwnedSemaphorePermit> {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Ok(slot);
        }
        self.pressure.notify_one();
        match tokio::time::timeout(PATIENCE, Arc::clone(&self.slots).acquire_owned()).await {
            Ok(slot) => slot.map_err(Error::internal),
            Err(_) => {
                Err(Error::unavailable("server/connections", "All database connections are in use.", Duration::from_secs(1)))
            }
        }
    }
}

impl Handle {
    fn new(all: &Environments, database: DatabaseName, cluster: Arc<Cluster>) -> Self {
        Self {
            database,
            cluster,
            gate: Arc::default(),
            budget: Arc::clone(&all.budget),
            lease: Arc::clone(&all.lease),
            reading: Lanes::new(),
            inserting: Lanes::new(),
            sessions: Sessions::new(),
            writers: Writers::new(),
            signing: SigningKeys::default(),
            recognised: Recognised::default(),
            migrated: tokio::sync::Mutex::default(),
            generation: AtomicU64::new(0),
            schema: Mutex::default(),
            schema_loading: tokio::sync::Mutex::default(),
            statement_timeout: StatementTimeout::default(),
            traffic: Traffic::default(),
            last_used: AtomicU64::new(0),
        }
    }

    /// Enters the gate; connections may be used while the pass is kept.
    pub(crate) async fn enter(&self) -> Result<Pass> {
        self.gate.enter().await
    }

    /// Closes the gate for another node's copy: on return no new request goes in here. Nothing if it is closed already.
    pub(crate) fn shut_gate(&self) -> Option<Closed> {
        self.gate.shut()
    }

    /// Closes all connections once the requests inside have left, as far as they do in time.
    pub(crate) async fn close_connections_when_empty(&self) {
        if tokio::time::timeout(LEAVE, self.gate.emptied()).await.is_ok() {
            self.close_connections();
        }
    }

    /// Closes the gate, waits for the requests inside, and closes all connections. Nothing if that takes too long.
    pub(crate) async fn close_gate(&self, patience: Duration) -> Option<Closed> {
        let closed = self.gate.close(patience).await?;
        self.close_connections();
        Some(closed)
    }

    async fn connect(&self, options: &str) -> Result<Connection> {
        self.connect_as(&self.database.data_login(), &format!("{options} {OUTPUT_OPTIONS}")).await
    }

    async fn connect_as(&self, login: &str, options: &str) -> Result<Connection> {
        let slot = self.budget.take().await?;
        let client = self.cluster.connect_as(login, self.database.as_str(), options).await.map_err(no_room)?;
        Ok(Connection { client, _slot: slot })
    }

    /// Brings schema `cloche` to what this server knows, once. Not while the gate is closed.
    pub(crate) async fn migrate(&self) -> Result<()> {
        let mut migrated = self.migrated.lock().await;
        if *migrated {
            return Ok(());
        }
        let _pass = self.enter().await?;
        let _slot = self.budget.take().await?;
        migrate_environment(&self.cluster, &self.database).await?;
        *migrated = true;
        Ok(())
    }

    fn has_connections(&self) -> bool {
        !(self.reading.is_empty() && self.inserting.is_empty() && self.writers.is_empty() && self.sessions.is_empty())
    }

    fn close_connections(&self) {
        self.close_sessions();
        self.reading.close();
        self.inserting.close();
        self.sessions.close_platform();
    }

    /// Those that statements of any length run on.
    fn close_sessions(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.sessions.close_data();
        self.writers.close();
    }
}

/// A turn at an environment's connections of one kind.
async fn turn(slots: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    // Without a clock where nobody waits.
    if let Ok(turn) = Arc::clone(slots).try_acquire_owned() {
        return Ok(turn);
    }
    let turn = tokio::time::timeout(PATIENCE, Arc::clone(slots).acquire_owned()).await.map_err(|_| busy())?;
    turn.map_err(Error::internal)
}

fn busy() -> Error {
    Error::unavailable("environment/connections", "All connections of this environment are in use.", Duration::from_secs(1))
}

/// PostgreSQL itself may have no room for a while, such as when statements go on that nobody waits for any more.
fn no_room(error: anyhow::Error) -> Error {
    let code = error.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::code);
    if code == Some(&tokio_postgres::error::SqlState::TOO_MANY_CONNECTIONS) { busy() } else { error.into() }
}

/// Locks; a poisoned lock is used all the same, because nothing in this file panics while holding one.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
