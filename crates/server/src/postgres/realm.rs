//! One environment while something is done with it: its gate is passed with the first use of the database.

use std::sync::Arc;

use cloche_wire::EnvironmentId;
use tokio::sync::OnceCell;

use super::environments::{Handle, PlatformSession};
use super::gate::Pass;
use crate::error::Result;

/// An environment that a request's key, or a member's role, has opened.
pub(crate) struct Realm {
    pub(crate) environment: EnvironmentId,
    handle: Arc<Handle>,
    /// Taken with the first use of the database: a client that is slow to send its body keeps no gate from closing.
    pass: OnceCell<Pass>,
}

impl Realm {
    pub(crate) fn new(environment: EnvironmentId, handle: Arc<Handle>) -> Self {
        Self { environment, handle, pass: OnceCell::new() }
    }

    /// Goes in at the gate, once; waits while the environment is being copied.
    pub(crate) async fn inside(&self) -> Result<&Arc<Handle>> {
        self.pass.get_or_try_init(|| self.handle.enter()).await?;
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
