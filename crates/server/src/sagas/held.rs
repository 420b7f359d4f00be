//! The hold on an operation: a server that was stopped for a while, and whose work another has taken over, must not go on with it.

use cloche_saga::StepError;
use cloche_wire::OperationId;

use super::step_error;
use crate::app::App;
use crate::error::Result;
use crate::store::{Tx, operations};

/// Which taking of an operation the steps work for.
#[derive(Clone, Copy)]
pub(crate) struct Held<'a> {
    pub(crate) app: &'a App,
    pub(crate) operation: OperationId,
    pub(crate) generation: i32,
}

impl Held<'_> {
    /// For a transaction of a step: fails when the operation is another server's by now, and keeps it ours until the transaction ends.
    pub(crate) async fn require(&self, tx: &Tx<'_>) -> Result<()> {
        operations::require_held(tx, self.operation, self.generation).await
    }

    /// For an effect outside the control database that would undo what another server has finished: nobody takes the operation over
    /// meanwhile.
    pub(crate) async fn during<T>(&self, effect: impl Future<Output = anyhow::Result<T>>) -> Result<T, StepError> {
        let mut client = self.app.store.client().await.map_err(step_error)?;
        let tx = client.transaction().await.map_err(step_error)?;
        self.require(&tx).await.map_err(step_error)?;
        let outcome = effect.await;
        // Nothing was written: if PostgreSQL has ended this meanwhile, the effect is what counts.
        let _ = tx.commit().await;
        outcome.map_err(step_error)
    }
}
