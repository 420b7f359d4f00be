//! Lanes: connections that many requests share at the same time, each sending one statement (pipelining).
//!
//! Only statements that set no session state may go here, and `search_path` must be `pg_catalog` alone
//! ([`LANE_OPTIONS`]), so that nobody's operator in `public` can be picked up by a comparison.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row, Statement};

use super::encode::{Encoder, Records};
use super::param::TextParam;

/// What a lane's connection is opened with (`tokio_postgres::Config::options`). The time limits are short because others
/// wait behind a slow statement; a read that meets one is tried again on a session.
pub(crate) const LANE_OPTIONS: &str = "-c default_transaction_read_only=off -c search_path=pg_catalog -c jit=off -c statement_timeout=1s -c lock_timeout=100ms \
    -c idle_in_transaction_session_timeout=5s";

/// Prepared statements a connection keeps. More are prepared by callers that put values into SQL, or by an attack.
const STATEMENTS: usize = 256;

/// One connection shared by concurrent single statements.
pub(crate) struct Lane {
    client: Client,
    statements: StatementCache,
    in_flight: AtomicUsize,
}

impl Lane {
    /// A lane over `client`, whose connection task somebody else drives.
    pub(crate) fn new(client: Client) -> Self {
        Self { client, statements: StatementCache::new(), in_flight: AtomicUsize::new(0) }
    }

    /// Runs one statement, beside those that others are running.
    pub(crate) async fn query(&self, sql: &str, params: &[TextParam<'_>]) -> Result<Vec<Row>, Error> {
        let _counted = InFlight::enter(&self.in_flight);
        Ok(self.statements.query(&self.client, sql, params).await?.0)
    }

    /// The same for a statement whose rows are records: with them comes what writes them as JSON.
    pub(crate) async fn records(&self, sql: &str, params: &[TextParam<'_>]) -> Result<Records, Error> {
        let _counted = InFlight::enter(&self.in_flight);
        let (rows, prepared) = self.statements.query(&self.client, sql, params).await?;
        Ok(Records::new(rows, prepared.encoder()))
    }

    /// Its connection, for statements that are not kept and set no state.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// How many statements wait for their answer: the least loaded lane has the fewest.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// The connection is gone; take another lane.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}

/// Counts a statement as in flight until it is dropped, also when its caller goes away.
struct InFlight<'a>(&'a AtomicUsize);

impl<'a> InFlight<'a> {
    fn enter(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The prepared statements of ONE connection, by SQL text; the least recently used makes room.
struct StatementCache {
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_sql: HashMap<Box<str>, (Arc<Prepared>, u64)>,
    clock: u64,
}

/// A statement, and what writes its rows, once that was asked for. It is of this statement and not of the table as remembered: when the
/// table has changed, the statement is prepared anew.
struct Prepared {
    statement: Statement,
    encoder: OnceLock<Option<Arc<Encoder>>>,
}

impl Prepared {
    fn encoder(&self) -> Option<Arc<Encoder>> {
        self.encoder.get_or_init(|| Encoder::for_rows_of(self.statement.columns()).map(Arc::new)).clone()
    }
}

impl StatementCache {
    fn new() -> Self {
        Self { entries: Mutex::default() }
    }

    /// Runs `sql` on `client`, which must always be the same connection, preparing it when it is new there.
    async fn query(&self, client: &Client, sql: &str, params: &[TextParam<'_>]) -> Result<(Vec<Row>, Arc<Prepared>), Error> {
        match self.attempt(client, sql, params).await {
            Err(error) if is_outdated(&error) => {
                self.clear();
                self.attempt(client, sql, params).await
            }
            outcome => outcome,
        }
    }

    /// Forgets every statement, as when the schema has changed.
    fn clear(&self) {
        let forgotten = std::mem::take(&mut *self.lock());
        // Dropping a statement sends a message: not while others wait for the lock.
        drop(forgotten);
    }

    async fn attempt(&self, client: &Client, sql: &str, params: &[TextParam<'_>]) -> Result<(Vec<Row>, Arc<Prepared>), Error> {
        let prepared = match self.get(sql) {
            Some(prepared) => prepared,
            None => {
                let prepared = Arc::new(Prepared { statement: client.prepare(sql).await?, encoder: OnceLock::new() });
                self.insert(sql, Arc::clone(&prepared));
                prepared
            }
        };
        let rows = match params {
            [] => client.query(&prepared.statement, &[]).await?,
            [one] => client.query(&prepared.statement, &[one]).await?,
            many => {
                let many: Vec<&(dyn ToSql + Sync)> = many.iter().map(|param| param as _).collect();
                client.query(&prepared.statement, &many).await?
            }
        };
        Ok((rows, prepared))
    }

    fn get(&self, sql: &str) -> Option<Arc<Prepared>> {
        let mut entries = self.lock();
        entries.clock += 1;
        let now = entries.clock;
        let (prepared, used) = entries.by_sql.get_mut(sql)?;
        *used = now;
        Some(Arc::clone(prepared))
    }

    fn insert(&self, sql: &str, prepared: Arc<Prepared>) {
        let mut entries = self.lock();
        entries.clock += 1;
        let now = entries.clock;
        let mut evicted = None;
        if entries.by_sql.len() >= STATEMENTS && !entries.by_sql.contains_key(sql) {
            let oldest = entries.by_sql.iter().min_by_key(|(_, (_, used))| *used).map(|(sql, _)| sql.clone());
            evicted = oldest.and_then(|oldest| entries.by_sql.remove(&oldest));
        }
        let replaced = entries.by_sql.insert(sql.into(), (prepared, now));
        drop(entries);
        drop((evicted, replaced));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Entries> {
        // A panic while holding it leaves a usable map behind.
        self.entries.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Runs one statement without preparing it by name: one round trip, nothing kept on the connection. For sessions whose
/// statements are thrown away with `DISCARD ALL`.
pub(crate) async fn query_once(client: &Client, sql: &str, params: &[TextParam<'_>]) -> Result<Vec<Row>, Error> {
    let params: Vec<(&(dyn ToSql + Sync), Type)> = params.iter().map(|param| (param as _, Type::UNKNOWN)).collect();
    client.query_typed(sql, &params).await
}

/// The server has forgotten the statement, or what it stood on has changed. Neither ran anything.
fn is_outdated(error: &Error) -> bool {
    match error.as_db_error() {
        Some(error) if *error.code() == SqlState::INVALID_SQL_STATEMENT_NAME => true,
        // 0A000 says many things; only this one is about the plan.
        Some(error) => *error.code() == SqlState::FEATURE_NOT_SUPPORTED && error.message().contains("cached plan"),
        None => false,
    }
}
