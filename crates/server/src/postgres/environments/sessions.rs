//! Sessions: connections that one has to oneself, for statements of any kind. Reset and taken back when they are dropped.

use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::{Client, NoTls};

use super::{Connection, EnvironmentSettings, Handle, PATIENCE, locked, turn};
use crate::error::{Error, Result};

/// Connections of one environment for statements that need one to themselves.
const MAX_SESSIONS: usize = 8;
/// Connections of one environment for the platform's own tables.
const MAX_PLATFORM: usize = 4;
/// How long a statement may go on that nobody waits for any more.
const GRACE: Duration = Duration::from_secs(1);

const SESSION_OPTIONS: &str =
    "-c default_transaction_read_only=off -c lock_timeout=5s -c idle_in_transaction_session_timeout=30s -c statement_timeout=";

/// Settings of the platform's sessions: nothing of schema `public` is found without being named.
const PLATFORM_SESSION_OPTIONS: &str = "-c default_transaction_read_only=off -c search_path=pg_catalog -c statement_timeout=15s \
    -c lock_timeout=5s -c idle_in_transaction_session_timeout=15s";

/// An environment's sessions, of both logins.
pub(super) struct Sessions {
    data: Pool,
    platform: Pool,
}

/// Connections as one login that are used by one at a time.
struct Pool {
    idle: Mutex<Vec<Connection>>,
    turns: Arc<Semaphore>,
}

/// A connection with nobody else on it. Reset and taken back when dropped.
pub(crate) struct Session {
    connection: Option<Connection>,
    handle: Arc<Handle>,
    login: Login,
    generation: u64,
    turn: Option<OwnedSemaphorePermit>,
}

/// A [`Session`] as the environment's platform login.
pub(crate) type PlatformSession = Session;

/// How many seconds a statement of the data login may take, as was read last: kept when the settings are forgotten.
#[derive(Default)]
pub(super) struct StatementTimeout(OnceLock<AtomicU32>);

/// Which of the environment's logins a session has.
#[derive(Debug, Clone, Copy)]
enum Login {
    Data,
    Platform,
}

impl Sessions {
    pub(super) fn new() -> Self {
        Self { data: Pool::new(MAX_SESSIONS), platform: Pool::new(MAX_PLATFORM) }
    }

    pub(super) fn is_empty(&self) -> bool {
        [&self.data, &self.platform].iter().all(|pool| locked(&pool.idle).is_empty())
    }

    /// Closes those of the data login; the others read and write nothing that its settings are about.
    pub(super) fn close_data(&self) {
        locked(&self.data.idle).clear();
    }

    pub(super) fn close_platform(&self) {
        locked(&self.platform.idle).clear();
    }

    fn of(&self, login: Login) -> &Pool {
        match login {
            Login::Data => &self.data,
            Login::Platform => &self.platform,
        }
    }
}

impl StatementTimeout {
    /// None before any were read.
    pub(super) fn known(&self) -> Option<u32> {
        self.0.get().map(|seconds| seconds.load(Ordering::Relaxed))
    }

    fn seconds(&self) -> u32 {
        self.known().unwrap_or(EnvironmentSettings::default().statement_timeout_seconds)
    }

    /// Whether that is another than sessions were connected with.
    pub(super) fn set(&self, seconds: u32) -> bool {
        let before = self.seconds();
        self.0.get_or_init(|| AtomicU32::new(seconds)).store(seconds, Ordering::Relaxed);
        before != seconds
    }
}

impl Pool {
    fn new(size: usize) -> Self {
        Self { idle: Mutex::default(), turns: Arc::new(Semaphore::new(size)) }
    }
}

impl Handle {
    /// A connection of one's own.
    pub(crate) async fn session(self: &Arc<Self>) -> Result<Session> {
        self.take(Login::Data).await
    }

    /// A connection as the environment's platform login, which reads and writes the tables of schema `cloche`. Like all connections it is
    /// for those inside the gate: a request takes it from its scope, others [`Handle::enter`] first and keep the pass as long.
    pub(crate) async fn platform(self: &Arc<Self>) -> Result<PlatformSession> {
        self.take(Login::Platform).await
    }

    /// A connection of one's own, if nobody has to be waited for.
    pub(super) async fn session_if_free(self: &Arc<Self>) -> Result<Option<Session>> {
        match Arc::clone(&self.sessions.data.turns).try_acquire_owned() {
            Ok(turn) => self.take_with(Login::Data, turn).await.map(Some),
            Err(_) => Ok(None),
        }
    }

    async fn take(self: &Arc<Self>, login: Login) -> Result<Session> {
        let turn = turn(&self.sessions.of(login).turns).await?;
        self.take_with(login, turn).await
    }

    async fn take_with(self: &Arc<Self>, login: Login, turn: OwnedSemaphorePermit) -> Result<Session> {
        let pool = self.sessions.of(login);
        let generation = self.generation.load(Ordering::SeqCst);
        let idle = std::iter::from_fn(|| locked(&pool.idle).pop()).find(|connection| !connection.client.is_closed());
        let connection = match idle {
            Some(connection) => connection,
            None => match login {
                Login::Data => self.connect(&self.session_options()).await?,
                Login::Platform => self.connect_as(&self.database.platform_login(), PLATFORM_SESSION_OPTIONS).await?,
            },
        };
        Ok(Session { connection: Some(connection), handle: Arc::clone(self), login, generation, turn: Some(turn) })
    }

    pub(super) fn session_options(&self) -> String {
        format!("{SESSION_OPTIONS}{}s", self.statement_timeout.seconds())
    }
}

impl Session {
    /// Its client; there until the session is dropped.
    pub(crate) fn client(&self) -> Result<&Client> {
        self.connection
            .as_ref()
            .map(|connection| &connection.client)
            .ok_or_else(|| Error::internal("a session without a connection"))
    }

    /// The same, for a transaction.
    pub(crate) fn client_mut(&mut self) -> Result<&mut Client> {
        self.connection
            .as_mut()
            .map(|connection| &mut connection.client)
            .ok_or_else(|| Error::internal("a session without a connection"))
    }

    /// Ends the connection, which is not wanted again soon.
    pub(crate) fn close(mut self) {
        self.connection = None;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let (handle, login, generation, turn) = (Arc::clone(&self.handle), self.login, self.generation, self.turn.take());
        tokio::spawn(async move {
            // Whatever state the statement left, down to an open transaction (where this fails), goes no further.
            let is_reset = settle(&connection.client, "DISCARD ALL").await;
            if is_reset && handle.generation.load(Ordering::SeqCst) == generation {
                locked(&handle.sessions.of(login).idle).push(connection);
            } else {
                drop(connection);
            }
            // Only now: who has a turn opens no connection beside one that PostgreSQL is still at work for.
            drop(turn);
        });
    }
}

/// Runs `last` behind whatever is under way on a connection whose user has gone, and stops that when it takes long: PostgreSQL does not
/// notice that nobody waits for it. Ends when nothing is under way any more. Whether the connection can be used again.
pub(super) async fn settle(client: &Client, last: &str) -> bool {
    let mut settled = pin!(client.batch_execute(last));
    if let Ok(outcome) = tokio::time::timeout(GRACE, &mut settled).await {
        return outcome.is_ok();
    }
    loop {
        // More than once: the statement behind, or code that catches it, may need another.
        let cancelled = tokio::time::timeout(PATIENCE, client.cancel_token().cancel_query(NoTls)).await;
        tracing::debug!(?cancelled, "a statement that nobody waits for was asked to stop");
        if tokio::time::timeout(GRACE, &mut settled).await.is_ok() {
            // What was asked to stop may have ended by itself, and the next statement be stopped for it.
            return false;
        }
    }
}
