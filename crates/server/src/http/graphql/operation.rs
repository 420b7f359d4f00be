//! Operations and their progress.

use async_graphql::{Context, Json, Object, Result, SimpleObject};
use chrono::Utc;
use serde_json::Value;

use super::page::{PageInfo, page, slice};
use super::payload::{parts, to_graphql};
use super::project::access;
use super::time::Time;
use crate::app::operation::{self, OperationView, StepView};
use crate::auth::Role;

/// Multi-step work, and how far it is.
pub(super) struct Operation(pub(super) OperationView);

/// One step of an operation.
#[derive(SimpleObject)]
struct OperationStep {
    name: String,
    title: String,
    /// pending, running, done, failed or undone.
    status: &'static str,
    started_at: Option<Time>,
    finished_at: Option<Time>,
    detail: Option<Json<Value>>,
}

impl Operation {
    /// What the copying step said of itself.
    fn clone_detail(&self, name: &str) -> Option<&Value> {
        self.0.steps.iter().filter(|step| step.status == "done").find_map(|step| step.detail.as_ref()?.get(name))
    }
}

#[Object]
impl Operation {
    async fn id(&self) -> String {
        self.0.operation.id.to_string()
    }

    /// createEnvironment, branchEnvironment or deleteEnvironment.
    async fn kind(&self) -> &str {
        &self.0.operation.kind
    }

    /// running, done, rolledBack or stuck.
    async fn status(&self) -> &str {
        &self.0.operation.status
    }

    async fn environment_id(&self) -> String {
        self.0.operation.environment_id.to_string()
    }

    /// Why it was rolled back or is stuck.
    async fn error(&self) -> Option<Json<Value>> {
        self.0.operation.error.clone().map(Json)
    }

    /// instant or snapshot, once a branch has its copy.
    async fn strategy(&self) -> Option<&str> {
        self.clone_detail("strategy").and_then(Value::as_str)
    }

    /// Why that strategy.
    async fn strategy_reason(&self) -> Option<&str> {
        self.clone_detail("reason").and_then(Value::as_str)
    }

    /// How long requests to the source waited.
    async fn pause_ms(&self) -> Option<f64> {
        self.clone_detail("pauseMs").and_then(Value::as_f64)
    }

    /// From its beginning to its end, or to now.
    async fn duration_ms(&self) -> i64 {
        let operation = &self.0.operation;
        (operation.finished_at.unwrap_or_else(Utc::now) - operation.created_at).num_milliseconds()
    }

    async fn steps(&self) -> Vec<OperationStep> {
        let step = |step: &StepView| OperationStep {
            name: step.name.clone(),
            title: step.title.clone(),
            status: step.status,
            started_at: step.started_at.map(Time),
            finished_at: step.finished_at.map(Time),
            detail: step.detail.clone().map(Json),
        };
        self.0.steps.iter().map(step).collect()
    }

    async fn created_at(&self) -> Time {
        self.0.operation.created_at.into()
    }

    async fn finished_at(&self) -> Option<Time> {
        self.0.operation.finished_at.map(Time)
    }
}

#[derive(SimpleObject)]
struct OperationPage {
    nodes: Vec<Operation>,
    page_info: PageInfo,
}

#[derive(Default)]
pub(crate) struct OperationQuery;

#[Object]
impl OperationQuery {
    /// One operation; null where there is none.
    async fn operation(&self, context: &Context<'_>, id: String) -> Result<Option<Operation>> {
        let (app, actor) = parts(context)?;
        let view = async { operation::view(app, actor, super::payload::id("id", &id)?).await };
        match view.await {
            Ok(view) => Ok(Some(Operation(view))),
            Err(error) if error.code == "operation/not-found" => Ok(None),
            Err(error) => Err(to_graphql(error)),
        }
    }

    /// The operations of a project, newest first.
    #[graphql(complexity = "5 + 4 * child_complexity")]
    async fn operations(
        &self,
        context: &Context<'_>,
        project_id: String,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<OperationPage> {
        let (app, _) = parts(context)?;
        let access = access(context, &project_id, Role::Viewer).await?.map_err(to_graphql)?;
        let views = async { operation::list(app, &access, &slice(first, after)?).await };
        let (nodes, page_info) = page(views.await.map_err(to_graphql)?, |view| view.operation.id.to_string(), Operation);
        Ok(OperationPage { nodes, page_info })
    }
}
