//! Writers: connections for inserts that leave nothing behind on them. They keep their prepared statements and need no reset,
//! which together cost more than the insert.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::Row;

use super::{Connection, Handle, locked, turn};
use crate::error::Result;
use crate::postgres::lane::Lane;
use crate::postgres::param::TextParam;
use crate::postgres::sqlstate::to_error;

/// Writers of one environment: while the disk is asked to keep one commit, the others gather for the next.
const MAX_WRITERS: usize = 32;
/// Nobody's operator in `public` can be picked up, and no plan is worth compiling.
const WRITER_OPTIONS: &str = "-c search_path=pg_catalog -c jit=off";

pub(super) struct Writers {
    idle: Mutex<Vec<Writer>>,
    turns: Arc<Semaphore>,
}

struct Writer {
    /// Used by one at a time, unlike the others.
    lane: Lane,
    _slot: OwnedSemaphorePermit,
}

impl Writers {
    pub(super) fn new() -> Self {
        Self { idle: Mutex::default(), turns: Arc::new(Semaphore::new(MAX_WRITERS)) }
    }

    pub(super) fn is_empty(&self) -> bool {
        locked(&self.idle).is_empty()
    }

    pub(super) fn close(&self) {
        locked(&self.idle).clear();
    }
}

impl Handle {
    /// Runs an insert that sets no state of its session.
    pub(crate) async fn write(&self, sql: &str, params: &[TextParam<'_>]) -> Result<Vec<Row>> {
        let _turn = turn(&self.writers.turns).await?;
        let generation = self.generation.load(Ordering::SeqCst);
        let idle = std::iter::from_fn(|| locked(&self.writers.idle).pop()).find(|writer| !writer.lane.is_closed());
        let writer = match idle {
            Some(writer) => writer,
            None => {
                let Connection { client, _slot } = self.connect(&format!("{} {WRITER_OPTIONS}", self.session_options())).await?;
                Writer { lane: Lane::new(client), _slot }
            }
        };
        // Whoever goes away before the answer takes the connection along.
        let outcome = writer.lane.query(sql, params).await;
        let mut idle = locked(&self.writers.idle);
        if !writer.lane.is_closed() && self.generation.load(Ordering::SeqCst) == generation {
            idle.push(writer);
        }
        drop(idle);
        outcome.map_err(to_error)
    }
}
