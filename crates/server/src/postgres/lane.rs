//! Lanes: connections that many requests share at the same time, each sending one statement (pipelining).
//!
//! Only statements that set no session state may go here, and `search_path` must be `pg_catalog` alone
//! ([`LANE_OPTIONS`]), so that nobody's operator in `public` can be picked up by a comparison.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row, Statement};

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
        self.statements.query(&self.client, sql, params).await
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
pub(crate) struct StatementCache {
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_sql: HashMap<Box<str>, (Statement, u64)>,
    clock: u64,
}

impl StatementCache {
    pub(crate) fn new() -> Self {
        Self { entries: Mutex::default() }
    }

    /// Runs `sql` on `client`, which must always be the same connection, preparing it when it is new there.
    pub(crate) async fn query(&self, client: &Client, sql: &str, params: &[TextParam<'_>]) -> Result<Vec<Row>, Error> {
        match self.attempt(client, sql, params).await {
            Err(error) if is_outdated(&error) => {
                self.clear();
                self.attempt(client, sql, params).await
            }
            outcome => outcome,
        }
    }

    /// Forgets every statement: after `DISCARD ALL`, or when the schema has changed.
    pub(crate) fn clear(&self) {
        let forgotten = std::mem::take(&mut *self.lock());
        // Dropping a statement sends a message: not while others wait for the lock.
        drop(forgotten);
    }

    async fn attempt(&self, client: &Client, sql: &str, params: &[TextParam<'_>]) -> Result<Vec<Row>, Error> {
        let statement = match self.get(sql) {
            Some(statement) => statement,
            None => {
                let statement = client.prepare(sql).await?;
                self.insert(sql, statement.clone());
                statement
            }
        };
        match params {
            [] => client.query(&statement, &[]).await,
            [one] => client.query(&statement, &[one]).await,
            many => {
                let many: Vec<&(dyn ToSql + Sync)> = many.iter().map(|param| param as _).collect();
                client.query(&statement, &many).await
            }
        }
    }

    fn get(&self, sql: &str) -> Option<Statement> {
        let mut entries = self.lock();
        entries.clock += 1;
        let now = entries.clock;
        let (statement, used) = entries.by_sql.get_mut(sql)?;
        *used = now;
        Some(statement.clone())
    }

    fn insert(&self, sql: &str, statement: Statement) {
        let mut entries = self.lock();
        entries.clock += 1;
        let now = entries.clock;
        let mut evicted = None;
        if entries.by_sql.len() >= STATEMENTS && !entries.by_sql.contains_key(sql) {
            let oldest = entries.by_sql.iter().min_by_key(|(_, (_, used))| *used).map(|(sql, _)| sql.clone());
            evicted = oldest.and_then(|oldest| entries.by_sql.remove(&oldest));
        }
        let replaced = entries.by_sql.insert(sql.into(), (statement, now));
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
