//! Deleting an environment. Its keys died in the transaction that began the operation; there is no way back from its first step.

use async_trait::async_trait;
use chrono::{Duration, Utc};
use cloche_saga::{Past, Step, StepError};
use cloche_wire::EnvironmentId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::held::Held;
use super::step_error;
use crate::app::App;
use crate::error::Error;
use crate::postgres::database::DatabaseName;
use crate::store::environments;

/// How long a delete can be undone.
pub(crate) const UNDO_HOURS: i64 = 24;

pub(crate) fn steps<'a>() -> Vec<Box<dyn Step<Deleting<'a>>>> {
    vec![Box::new(Disconnect), Box::new(Erase), Box::new(Forget)]
}

/// What is fixed before the first step runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DeleteInput {
    pub(crate) environment: EnvironmentId,
    pub(crate) database: DatabaseName,
    /// Erase now, rather than keep a copy for the time in which the delete can be undone.
    pub(crate) purge: bool,
}

/// What the steps work with.
pub(crate) struct Deleting<'a> {
    pub(crate) app: &'a App,
    pub(crate) held: Held<'a>,
    pub(crate) input: DeleteInput,
}

struct Disconnect;

#[async_trait]
impl<'a> Step<Deleting<'a>> for Disconnect {
    fn name(&self) -> &'static str {
        "disconnect"
    }

    fn title(&self) -> &'static str {
        "Close the database and end its sessions"
    }

    fn point_of_no_return(&self) -> bool {
        true
    }

    async fn run(&self, context: &Deleting<'a>, _: &Past) -> Result<Value, StepError> {
        context.app.environments.forget(context.input.environment);
        context.held.during(context.app.cluster.close_database(&context.input.database)).await?;
        Ok(Value::Null)
    }
}

struct Erase;

#[async_trait]
impl<'a> Step<Deleting<'a>> for Erase {
    fn name(&self) -> &'static str {
        "erase"
    }

    fn title(&self) -> &'static str {
        "Erase its bytes, or set the time for it"
    }

    async fn run(&self, context: &Deleting<'a>, _: &Past) -> Result<Value, StepError> {
        let (app, input) = (context.app, &context.input);
        if !input.purge {
            return Ok(serde_json::json!({ "kept": format!("{UNDO_HOURS} hours") }));
        }
        context.held.during(app.cluster.drop_database(&input.database)).await?;
        context.held.during(app.cluster.drop_logins(&input.database)).await?;
        Ok(Value::Null)
    }
}

struct Forget;

#[async_trait]
impl<'a> Step<Deleting<'a>> for Forget {
    fn name(&self) -> &'static str {
        "forget"
    }

    fn title(&self) -> &'static str {
        "Free the name"
    }

    async fn run(&self, context: &Deleting<'a>, _: &Past) -> Result<Value, StepError> {
        let id = context.input.environment;
        let forget = async {
            let mut client = context.app.store.client().await?;
            let tx = client.transaction().await?;
            context.held.require(&tx).await?;
            if context.input.purge {
                environments::remove(&tx, id).await?;
            } else {
                environments::mark_deleted(&tx, id, Utc::now() + Duration::hours(UNDO_HOURS)).await?;
            }
            Ok::<(), Error>(tx.commit().await?)
        };
        forget.await.map_err(step_error)?;
        Ok(Value::Null)
    }
}
