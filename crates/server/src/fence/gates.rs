//! Gates across nodes: while one copies an environment instantly, the requests to it wait on all of them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use cloche_wire::EnvironmentId;
use tokio::sync::Notify;

use super::{Fence, in_force, locked};
use crate::app::App;
use crate::error::Result;
use crate::postgres::database::DatabaseName;
use crate::postgres::environments::Handle;
use crate::postgres::gate::Closed;
use crate::store::{Store, nodes};

/// The gates this node keeps closed for others, and those it has to open elsewhere.
#[derive(Default)]
pub(super) struct Gates {
    held: Mutex<HashMap<EnvironmentId, (Closed, Arc<Handle>)>>,
    to_open: Mutex<HashSet<EnvironmentId>>,
    /// Rung when there is one to open.
    pub(super) let_go: Notify,
}

/// An environment's gate is closed on the other nodes. Dropping this opens it there.
pub(crate) struct ElsewhereClosed<'a> {
    fence: &'a Fence,
    environment: EnvironmentId,
}

impl Fence {
    /// Closes an environment's gate on every other node: on return none lets a request in. Their requests may still be on the way out;
    /// the copy waits for the sessions to end. Nothing to do where there is no other node; one that enters just now finds the database
    /// locked by the copy itself.
    pub(crate) async fn close_elsewhere<'a>(
        &'a self,
        app: &App,
        environment: EnvironmentId,
    ) -> Result<Option<ElsewhereClosed<'a>>> {
        let mut client = app.store.client().await?;
        if nodes::others(&client, self.node()).await?.is_empty() {
            return Ok(None);
        }
        // From here on it is opened whatever happens, also when only the reply to the commit was lost.
        locked(&self.gates.to_open).remove(&environment);
        let closed = ElsewhereClosed { fence: self, environment };
        let tx = client.transaction().await?;
        let raised = nodes::close_gate(&tx, self.node(), environment).await?;
        tx.commit().await?;
        drop(client);
        in_force(app, raised).await;
        Ok(Some(closed))
    }

    /// Opens what copies have let go of. Whatever stays closed is tried again with the next renewal.
    pub(super) async fn open_gates(&self, store: &Store) -> Result<()> {
        let to_open: Vec<EnvironmentId> = locked(&self.gates.to_open).iter().copied().collect();
        for environment in to_open {
            nodes::open_gate(&mut *store.client().await?, self.node(), environment).await?;
            locked(&self.gates.to_open).remove(&environment);
        }
        Ok(())
    }
}

impl Drop for ElsewhereClosed<'_> {
    fn drop(&mut self) {
        locked(&self.fence.gates.to_open).insert(self.environment);
        self.fence.gates.let_go.notify_one();
    }
}

impl Gates {
    /// Closes and opens this node's gates as the others ask. A gate that a copy of this node's own keeps closed stays its.
    pub(super) fn follow(&self, app: &App, closed: &[(EnvironmentId, DatabaseName)]) {
        let mut held = locked(&self.held);
        held.retain(|environment, _| closed.iter().any(|(other, _)| other == environment));
        for (environment, database) in closed {
            if held.contains_key(environment) {
                continue;
            }
            let handle = app.environments.handle(*environment, database, &app.cluster);
            if let Some(gate) = handle.shut_gate() {
                let leaving = Arc::clone(&handle);
                tokio::spawn(async move { leaving.close_connections_when_empty().await });
                held.insert(*environment, (gate, handle));
            }
        }
    }
}
