//! Faults on purpose: in debug builds only, for tests of what happens when a step fails, the server dies, or its database is cut off.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cloche_saga::{Action, Faults, Moment, Point, ScriptedFaults, StepError};
use cloche_wire::OperationId;

use crate::postgres::cluster::Cluster;
use crate::postgres::sever::{sever, sever_at_work};

/// What `CLOCHE_FAULTS` says: faults for every operation, or a folder with a file of them for each, named by its id.
#[derive(Default)]
pub(crate) struct Script {
    everywhere: ScriptedFaults,
    folder: Option<PathBuf>,
    read: Mutex<HashMap<OperationId, Arc<ScriptedFaults>>>,
}

/// The faults of one operation.
pub(crate) struct FaultsOf<'a> {
    script: &'a Script,
    cluster: &'a Cluster,
    operation: OperationId,
    own: Option<Arc<ScriptedFaults>>,
}

impl Script {
    /// Reads the variable. Nothing goes wrong on purpose in a release build.
    pub(crate) fn of_environment() -> anyhow::Result<Self> {
        match std::env::var("CLOCHE_FAULTS") {
            Ok(folder) if cfg!(debug_assertions) && folder.starts_with('/') => {
                Ok(Self { folder: Some(folder.into()), ..Self::default() })
            }
            Ok(text) if cfg!(debug_assertions) => Ok(Self { everywhere: ScriptedFaults::parse(&text)?, ..Self::default() }),
            _ => Ok(Self::default()),
        }
    }

    /// What goes wrong in an operation.
    pub(crate) fn of<'a>(&'a self, cluster: &'a Cluster, operation: OperationId) -> FaultsOf<'a> {
        FaultsOf { script: self, cluster, operation, own: self.read(operation) }
    }

    /// Reads an operation's file once: what has struck stays struck.
    fn read(&self, operation: OperationId) -> Option<Arc<ScriptedFaults>> {
        let folder = self.folder.as_ref()?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = read.get(&operation) {
            return Some(Arc::clone(known));
        }
        let text = std::fs::read_to_string(folder.join(operation.to_string())).ok()?;
        let faults = Arc::new(ScriptedFaults::parse(&text).inspect_err(|error| tracing::error!(%error, "no faults")).ok()?);
        read.insert(operation, Arc::clone(&faults));
        Some(faults)
    }
}

#[async_trait]
impl Faults for FaultsOf<'_> {
    async fn at(&self, point: Point) -> Result<(), StepError> {
        let own = self.own.as_ref().and_then(|faults| faults.strike(&point));
        let action = own.or_else(|| self.script.everywhere.strike(&point));
        if let Some(action) = action {
            tracing::warn!(operation = %self.operation, %point, ?action, "fault injected");
        }
        match action {
            None => Ok(()),
            // Before the effect: those that will be at work for it.
            Some(Action::Sever) if point.moment == Moment::BeforeEffect => {
                sever_at_work(self.cluster).await.map_err(StepError::internal)
            }
            Some(Action::Sever) => sever(self.cluster).await.map_err(StepError::internal),
            Some(action) => action.perform(&point).await,
        }
    }
}
