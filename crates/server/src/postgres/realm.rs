//! One environment while something is done with it: its gate is passed with the first use of the database.

use std::sync::{Arc, OnceLock};

use super::environments::{Handle, PlatformSession};
use super::gate::Pass;
use crate::error::Result;
use cloche_wire::EnvironmentId;

/// An environment that a request's key, or a member's role, has opened.
pub(crate) struct Realm {
    pub(crate) environment: EnvironmentId,
    handle: Arc<Handle>,
    /// Taken with the first use of the database: a client that is slow to send its body keeps no gate from closing.
    pass: OnceLock<Pass>,
}

impl Realm {
    pub(crate) fn new(environment: EnvironmentId, handle: Arc<Handle>) -> Self {
        Self { environment, handle, pass: OnceLock::new() }
    }

    /// Goes in at the gate, once; waits while the environment is being copied.
    pub(crate) async fn inside(&self) -> Result<&Arc<Handle>> {
        if self.pass.get().is_none() {
            // One that was taken at the same time is enough.
            let _ = self.pass.set(self.handle.enter().await?);
        }
        Ok(&self.handle)
    }

    /// What is remembered of the environment, without going in.
    pub(crate) fn handle(&self) -> &Arc<Handle> {
        &self.handle
    }

    /// A connection for the platform's own tables.
    pub(crate) async fn platform(&self) -> Result<PlatformSession> {
        self.inside().await?.platform().await
    }
}
