//! The steps that making an empty environment and branching one have in common.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use cloche_saga::{Past, Step, StepError};
use cloche_wire::{EnvironmentId, ProjectId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::branch_environment::{BranchInput, CLONE};
use super::held::Held;
use super::step_error;
use crate::app::App;
use crate::error::Error;
use crate::fence;
use crate::postgres::database::DatabaseName;
use crate::postgres::fingerprint::Fingerprint;
use crate::store::environments::{self, EnvironmentType, Status};
use crate::store::flush_later;
use crate::store::keys::{self, KeyPair};
use crate::store::projects;

/// What is fixed before the first step runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MakeInput {
    pub(crate) project: ProjectId,
    pub(crate) environment: EnvironmentId,
    pub(crate) kind: EnvironmentType,
    pub(crate) database: DatabaseName,
    /// The project was made for this environment, and goes with it.
    pub(crate) root: bool,
    pub(crate) branch: Option<BranchInput>,
}

/// What the steps work with. The two cells hold what must not be in the log; losing them in a crash costs nothing but the one
/// showing of the secret key and the wording of a difference.
pub(crate) struct Making<'a> {
    pub(crate) app: &'a App,
    pub(crate) held: Held<'a>,
    pub(crate) input: MakeInput,
    pub(crate) keys: Mutex<Option<KeyPair>>,
    pub(crate) source: Mutex<Option<Fingerprint>>,
}

impl Making<'_> {
    pub(crate) fn take_keys(&self) -> Option<KeyPair> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The row was written together with the operation; this step stands for it, so that unwinding ends with removing it.
pub(crate) struct Reserve;

#[async_trait]
impl<'a> Step<Making<'a>> for Reserve {
    fn name(&self) -> &'static str {
        "reserve"
    }

    fn title(&self) -> &'static str {
        "Reserve the name"
    }

    async fn run(&self, _: &Making<'a>, _: &Past) -> Result<Value, StepError> {
        Ok(Value::Null)
    }

    async fn undo(&self, context: &Making<'a>, _: &Past) -> Result<(), StepError> {
        let remove = async {
            let mut client = context.app.store.client().await?;
            let tx = client.transaction().await?;
            context.held.require(&tx).await?;
            environments::remove(&tx, context.input.environment).await?;
            if context.input.root {
                projects::remove(&tx, context.input.project).await?;
            }
            Ok::<(), Error>(tx.commit().await?)
        };
        remove.await.map_err(step_error)
    }
}

/// Fresh logins, which can connect nowhere yet.
pub(crate) struct CreateLogins;

#[async_trait]
impl<'a> Step<Making<'a>> for CreateLogins {
    fn name(&self) -> &'static str {
        "create_logins"
    }

    fn title(&self) -> &'static str {
        "Create fresh database logins"
    }

    async fn run(&self, context: &Making<'a>, _: &Past) -> Result<Value, StepError> {
        context.app.cluster.create_logins(&context.input.database).await.map_err(step_error)?;
        Ok(Value::Null)
    }

    async fn undo(&self, context: &Making<'a>, _: &Past) -> Result<(), StepError> {
        context.held.during(context.app.cluster.drop_logins(&context.input.database)).await
    }
}

/// A closed copy of the template.
pub(crate) struct CreateDatabase;

#[async_trait]
impl<'a> Step<Making<'a>> for CreateDatabase {
    fn name(&self) -> &'static str {
        "create_database"
    }

    fn title(&self) -> &'static str {
        "Create the database"
    }

    async fn run(&self, context: &Making<'a>, _: &Past) -> Result<Value, StepError> {
        context.app.cluster.create_empty_database(&context.input.database).await.map_err(step_error)?;
        Ok(Value::Null)
    }

    async fn undo(&self, context: &Making<'a>, _: &Past) -> Result<(), StepError> {
        context.held.during(context.app.cluster.drop_database(&context.input.database)).await
    }
}

/// Opens the database, makes the first key pair, and shows the environment as active: from here on it exists for its users.
pub(crate) struct Activate;

#[async_trait]
impl<'a> Step<Making<'a>> for Activate {
    fn name(&self) -> &'static str {
        "activate"
    }

    fn title(&self) -> &'static str {
        "Activate with a new key pair"
    }

    async fn run(&self, context: &Making<'a>, past: &Past) -> Result<Value, StepError> {
        let (app, input) = (context.app, &context.input);
        context.held.during(app.cluster.open_for_all(&input.database)).await?;
        let branched_at = past
            .detail(CLONE)
            .and_then(|detail| detail.get("branchedAt")?.as_str()?.parse::<chrono::DateTime<chrono::Utc>>().ok());
        let activate = async {
            let mut client = app.store.client().await?;
            let tx = client.transaction().await?;
            // The end of the operation is flushed before anybody is given the keys.
            flush_later(&tx).await?;
            context.held.require(&tx).await?;
            environments::activate(&tx, input.environment, branched_at).await?;
            if !keys::has_default(&tx, input.environment).await? {
                let pair = KeyPair::generate(input.kind)?;
                keys::insert_pair(&tx, &app.secrets, input.environment, &pair).await?;
                *context.keys.lock().unwrap_or_else(PoisonError::into_inner) = Some(pair);
            }
            Ok::<(), Error>(tx.commit().await?)
        };
        activate.await.map_err(step_error)?;
        Ok(Value::Null)
    }

    async fn undo(&self, context: &Making<'a>, _: &Past) -> Result<(), StepError> {
        // Its keys may have been used already, if only the reply to the commit was lost.
        let (app, id) = (context.app, context.input.environment);
        let withdraw = async {
            let mut client = app.store.client().await?;
            let tx = client.transaction().await?;
            context.held.require(&tx).await?;
            environments::set_status(&tx, id, Status::Creating).await?;
            keys::revoke_all(&tx, id).await?;
            let raised = fence::commit(tx, id).await?;
            drop(client);
            fence::in_force(app, raised).await;
            Ok::<(), Error>(())
        };
        withdraw.await.map_err(step_error)?;
        context.take_keys();
        app.environments.forget(id);
        Ok(())
    }
}
