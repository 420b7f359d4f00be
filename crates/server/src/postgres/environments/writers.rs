//! Inserts that leave nothing behind on their connection: the statements prepared there are kept, and it needs no reset, which together
//! cost more than the insert.
//!
//! Small ones are **gathered** on lanes, where those that come while the disk is asked to keep a commit are the next transaction
//! together: it costs little more than that of one. When one of them fails, or meets a lock, nothing comes of any, and each is run again by
//! itself on a **writer**, a connection that it has alone. What is large goes there at once.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

use super::sessions::settle;
use super::{Connection, Handle, locked, turn};
use crate::error;
use crate::postgres::lane::Unwritten;
use crate::postgres::param::TextParam;
use crate::postgres::rows::Rows;
use crate::postgres::sqlstate::to_error_of_change;
use crate::postgres::statements::Statements;

/// Writers of one environment: while the disk is asked to keep one commit, PostgreSQL gathers those of the others for the next time.
const MAX_WRITERS: usize = 32;
/// Bytes of an insert that is gathered, at most: those of larger ones are worth more than a transaction.
const SMALL: usize = 8 * 1024;
/// For each insert that came to nothing with others, or was slow, so many are not gathered: where many fail, a quarter of the work at most
/// is in vain.
const APART: u32 = 4;
const MAX_APART: u32 = 4096;
/// Nobody's operator in `public` can be picked up, and no plan is worth compiling.
const WRITER_OPTIONS: &str = "-c search_path=pg_catalog -c jit=off";

pub(super) struct Writers {
    idle: Mutex<Vec<Writer>>,
    turns: Arc<Semaphore>,
    /// So many inserts go by themselves.
    apart: AtomicU32,
}

struct Writer {
    client: Client,
    statements: Statements<Statement>,
    _slot: OwnedSemaphorePermit,
}

impl Writers {
    pub(super) fn new() -> Self {
        Self { idle: Mutex::default(), turns: Arc::new(Semaphore::new(MAX_WRITERS)), apart: AtomicU32::new(0) }
    }

    pub(super) fn is_empty(&self) -> bool {
        locked(&self.idle).is_empty()
    }

    pub(super) fn close(&self) {
        locked(&self.idle).clear();
    }

    /// Whether the next insert is gathered with others.
    fn gathers(&self) -> bool {
        self.apart.load(Ordering::Relaxed) == 0
            || self.apart.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err()
    }

    /// An insert came to nothing with others, or took long.
    fn keep_apart(&self) {
        let more = |left: u32| Some(left.saturating_add(APART).min(MAX_APART));
        let _ = self.apart.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }
}

impl Handle {
    /// Runs an insert that sets no state of its session.
    pub(crate) async fn insert(self: &Arc<Self>, sql: &str, params: &[TextParam<'_>]) -> error::Result<Rows> {
        Rows::of_driver(&self.write(sql, params).await?)
    }

    /// The same for one that is small and quick as far as can be seen, beside others.
    pub(crate) async fn insert_with_others(self: &Arc<Self>, sql: &str, params: &[TextParam<'_>]) -> error::Result<Rows> {
        let size: usize = params.iter().filter_map(|param| param.0.as_ref()).map(|text| text.len()).sum();
        if size > SMALL || !self.writers.gathers() {
            return Box::pin(self.insert(sql, params)).await;
        }
        if let Some(lane) = self.lane_of_inserts().await {
            match lane.lane().insert(sql, params).await {
                Ok((rows, took_long)) => {
                    if took_long {
                        self.writers.keep_apart();
                    }
                    return Ok(rows);
                }
                Err(Unwritten::Nothing) => self.writers.keep_apart(),
                Err(Unwritten::Unknown) => {
                    return Err(error::Error::unknown_outcome("the connection of a group of inserts ended"));
                }
            }
        }
        Box::pin(self.insert(sql, params)).await
    }

    async fn write(&self, sql: &str, params: &[TextParam<'_>]) -> error::Result<Vec<Row>> {
        let turn = turn(&self.writers.turns).await?;
        let generation = self.generation.load(Ordering::SeqCst);
        let idle = std::iter::from_fn(|| locked(&self.writers.idle).pop()).find(|writer| !writer.client.is_closed());
        let writer = match idle {
            Some(writer) => writer,
            None => {
                let Connection { client, _slot } = self.connect(&format!("{} {WRITER_OPTIONS}", self.session_options())).await?;
                Writer { client, statements: Statements::default(), _slot }
            }
        };
        let mut lent = Lent { writer: Some(writer), turn: Some(turn) };
        let outcome = match &lent.writer {
            Some(writer) => writer.query(sql, params).await,
            None => return Err(error::Error::internal("a writer that was never lent")),
        };
        if let Some(writer) = lent.writer.take()
            && !writer.client.is_closed()
            && self.generation.load(Ordering::SeqCst) == generation
        {
            locked(&self.writers.idle).push(writer);
        }
        outcome.map_err(to_error_of_change)
    }
}

/// A writer while a request has it, with the request's turn. Both are kept until the insert has ended, also when its sender has gone: others
/// who come meanwhile would find no room for their connections.
struct Lent {
    writer: Option<Writer>,
    turn: Option<OwnedSemaphorePermit>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        // Taken back: nothing is under way.
        let Some(writer) = self.writer.take() else { return };
        let turn = self.turn.take();
        tokio::spawn(async move {
            settle(&writer.client, "").await;
            drop((writer, turn));
        });
    }
}

impl Writer {
    /// Runs `sql`, which is prepared when it is new here, and once more when it had to be prepared anew.
    async fn query(&self, sql: &str, params: &[TextParam<'_>]) -> Result<Vec<Row>, Error> {
        let known = self.statements.get(sql);
        match self.attempt(known.as_deref(), sql, params).await {
            Err(error) if is_outdated(&error) => {
                if let Some(known) = &known {
                    self.statements.forget(sql, known);
                }
                self.attempt(None, sql, params).await
            }
            outcome => outcome,
        }
    }

    async fn attempt(&self, known: Option<&Statement>, sql: &str, params: &[TextParam<'_>]) -> Result<Vec<Row>, Error> {
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param as _).collect();
        if let Some(statement) = known {
            return self.client.query(statement, &params).await;
        }
        let statement = Arc::new(self.client.prepare(sql).await?);
        // Dropping what it takes the place of closes that.
        drop(self.statements.insert(sql, Arc::clone(&statement)));
        self.client.query(&*statement, &params).await
    }
}

/// The server has forgotten the statement, or what it stood on has changed. Neither ran anything.
fn is_outdated(error: &Error) -> bool {
    match error.as_db_error() {
        Some(error) if *error.code() == SqlState::INVALID_SQL_STATEMENT_NAME => true,
        // These say many things; only the ones named here are about the plan, and the type of a parameter.
        Some(error) if *error.code() == SqlState::FEATURE_NOT_SUPPORTED => error.message().contains("cached plan"),
        Some(error) => *error.code() == SqlState::INTERNAL_ERROR && error.message().contains("cache lookup failed for type"),
        None => false,
    }
}
