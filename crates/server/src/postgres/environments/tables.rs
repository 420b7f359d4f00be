//! The tables and settings of an environment, remembered.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;

use super::{BUDGET, EnvironmentSettings, Handle, locked};
use crate::error::Result;
use crate::fence::BootTime;
use crate::postgres::lane::Purpose;
use crate::postgres::schema::{self, Schema};
use crate::postgres::sqlstate::to_error;

/// How long tables are remembered before they are read again beside the requests: the customer's own SQL changes them unsaid.
pub(crate) const SCHEMA_AGE: Duration = Duration::from_secs(30);

/// Tables that were read within this time are not read again because of an error, or by those who asked meanwhile.
const RECENT: Duration = Duration::from_secs(1);

/// What is read of an environment at once, and remembered together.
#[derive(Clone)]
struct Known {
    schema: Arc<Schema>,
    settings: Arc<EnvironmentSettings>,
}

/// The tables and settings as they were read last.
#[derive(Default)]
pub(super) struct Remembered {
    known: Option<Known>,
    /// Counts the changes heard of: what was being read while one came in is not remembered.
    changes: u64,
}

impl Handle {
    /// The tables there are, from memory where known.
    pub(crate) async fn schema(self: &Arc<Self>) -> Result<Arc<Schema>> {
        let known = locked(&self.schema).known.clone();
        let Some(Known { schema, .. }) = known.filter(|_| self.lease.holds()) else {
            return Ok(Box::pin(self.load_schema(self.recent())).await?.schema);
        };
        if schema.read.elapsed() > SCHEMA_AGE && self.schema_loading.try_lock().is_ok() {
            let handle = Arc::clone(self);
            tokio::spawn(async move {
                if let Err(error) = handle.load_schema(SCHEMA_AGE).await {
                    tracing::debug!(?error, "the tables could not be read again");
                }
            });
        }
        Ok(schema)
    }

    /// The environment's settings, from memory where known. Goes in at the gate by itself, and only where it must.
    pub(crate) async fn settings(self: &Arc<Self>) -> Result<Arc<EnvironmentSettings>> {
        if let Some(settings) = self.known_settings().filter(|_| self.lease.holds()) {
            return Ok(settings);
        }
        let _pass = self.enter().await?;
        Ok(Box::pin(self.load_schema(self.recent())).await?.settings)
    }

    pub(super) fn known_settings(&self) -> Option<Arc<EnvironmentSettings>> {
        locked(&self.schema).known.as_ref().map(|known| Arc::clone(&known.settings))
    }

    pub(super) fn forget_schema(&self) {
        let mut remembered = locked(&self.schema);
        remembered.changes += 1;
        remembered.known = None;
    }

    /// The tables there are now, unless they were read within the last second.
    pub(crate) async fn reload_schema(self: &Arc<Self>) -> Result<Arc<Schema>> {
        Ok(Box::pin(self.load_schema(RECENT)).await?.schema)
    }

    /// Reads the tables before a request asks for them, on the lane that it will use: after a change they would be read for the first time
    /// by whoever comes next, while PostgreSQL still has to mark what was written as committed. The lane is kept where there are enough.
    pub(crate) fn read_ahead(self: &Arc<Self>) {
        if self.budget.left() == 0 {
            return;
        }
        let handle = Arc::clone(self);
        tokio::spawn(async move {
            let read = async {
                let _pass = handle.enter().await?;
                handle.schema().await
            };
            if let Err(error) = read.await {
                tracing::debug!(?error, "the tables could not be read before somebody asks for them");
            }
            if handle.budget.left() < BUDGET / 2 && handle.gate.inside() == 0 {
                handle.close_connections();
            }
        });
    }

    /// How old tables may be that others are reading, or have just read, when somebody asks for them: what is in memory while the lease holds
    /// was read after every change that was said.
    fn recent(&self) -> Duration {
        if self.lease.holds() { RECENT } else { Duration::ZERO }
    }

    async fn load_schema(self: &Arc<Self>, max_age: Duration) -> Result<Known> {
        let asked = BootTime::now();
        let _turn = self.schema_loading.lock().await;
        let changes = {
            let remembered = locked(&self.schema);
            if let Some(known) = &remembered.known
                && (known.schema.read >= asked || known.schema.read.elapsed() < max_age)
            {
                return Ok(known.clone());
            }
            remembered.changes
        };
        let known = self.read().await?;
        if self.statement_timeout.set(known.settings.statement_timeout_seconds) {
            self.close_sessions();
        }
        let mut remembered = locked(&self.schema);
        if remembered.changes == changes {
            remembered.known = Some(known.clone());
        }
        Ok(known)
    }

    /// Reads them: the first time on the connection that becomes the lane which the request wants next: one less to open.
    async fn read(self: &Arc<Self>) -> Result<Known> {
        let is_first = locked(&self.schema).known.is_none();
        if is_first {
            let lanes = self.lanes(Purpose::Reading);
            let _turn = lanes.opening.lock().await;
            if lanes.is_empty() {
                match self.add_lane(Purpose::Reading, Known::read).await {
                    Ok((_, known)) => return Ok(known),
                    // There are so many tables that it takes longer than a lane allows, or the lane has ended.
                    Err(error) => tracing::debug!(?error, "the tables could not be read on a lane"),
                }
            }
        }
        // Slow statements that have all sessions hold nobody up who only needs to know the tables.
        let (session, connection);
        let client = if let Some(free) = self.session_if_free().await? {
            session = free;
            session.client()?
        } else {
            connection = self.connect(&self.session_options()).await?;
            &connection.client
        };
        Known::read(client).await.map_err(to_error)
    }
}

impl Known {
    async fn read(client: &Client) -> Result<Self, tokio_postgres::Error> {
        let (schema, settings) = tokio::try_join!(schema::load(client), EnvironmentSettings::load(client))?;
        Ok(Self { schema: Arc::new(schema), settings: Arc::new(settings) })
    }
}
