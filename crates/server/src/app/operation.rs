//! Operations: starting them, waiting for them, looking at them, resuming what a killed server left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use cloche_saga::{Event, LogError, Outcome};
use cloche_wire::OperationId;
use deadpool_postgres::Object;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::App;
use crate::auth::{Actor, ProjectAccess, Role};
use crate::error::{Error, Result};
use crate::fence;
use crate::sagas::{self, Ended, Kind};
use crate::store::environments::{self, Status};
use crate::store::keys::KeyPair;
use crate::store::operations::{self, Operation};
use crate::store::{Page, Slice, projects};

/// Between its being written down and its start, an operation is nobody's for a moment.
const YOUNG: Duration = Duration::from_secs(10);

/// The operations this server is working on, and in how many tasks: one that lost its operation to another ends by itself.
#[derive(Default)]
pub(crate) struct Running(Mutex<HashMap<OperationId, u32>>);

/// How one step of an operation stands.
pub(crate) struct StepView {
    pub(crate) name: String,
    pub(crate) title: String,
    /// pending, running, done, failed, undone
    pub(crate) status: &'static str,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
    pub(crate) detail: Option<Value>,
}

/// An operation with its progress.
pub(crate) struct OperationView {
    pub(crate) operation: Operation,
    pub(crate) steps: Vec<StepView>,
}

/// Runs an operation that is written down, in a task of its own: it goes on when nobody waits for it any more.
pub(crate) async fn run_to_end(app: &Arc<App>, id: OperationId) -> Result<Option<KeyPair>> {
    let ended = start(app, id, 1).await.map_err(Error::internal)??;
    match ended.outcome {
        Outcome::Done => Ok(ended.keys),
        Outcome::RolledBack { failure } => {
            let mut error = Error::conflict(failure.code, failure.message);
            error.details = Some(format!("The operation {id} was rolled back: nothing of it is left."));
            error.hint = failure.hint;
            Err(error)
        }
        Outcome::Stuck { message, hint, step, .. } => {
            let mut error =
                Error::conflict("operation/stuck", format!("The operation {id} is stuck at its step {step}: {message}"));
            error.hint = hint.or_else(|| Some("The server goes on trying; its log says what it met.".into()));
            Err(error)
        }
    }
}

/// Takes over what servers that are gone left unfinished: this one's predecessor before requests are served, others' when they are
/// given up. What this process itself works on, under whatever name, it leaves alone.
pub(crate) async fn take_over_abandoned(app: &Arc<App>) -> Result<()> {
    for operation in operations::abandoned(&*app.store.client().await?).await? {
        if !app.running.has(operation.id) {
            tracing::info!(operation = %operation.id, kind = operation.kind, "resuming an operation");
            retry(app, operation.id).await?;
        }
    }
    Ok(())
}

/// Gives what is stuck, or lost its database on the way, another round of tries. What is young may be about to start by itself.
pub(crate) async fn retry_stuck(app: &Arc<App>) -> Result<()> {
    for operation in operations::open_of(&*app.store.client().await?, app.fence.node(), YOUNG).await? {
        if !app.running.has(operation.id) {
            retry(app, operation.id).await?;
        }
    }
    Ok(())
}

async fn retry(app: &Arc<App>, id: OperationId) -> Result<()> {
    if let Some(generation) = operations::take_over(&*app.store.client().await?, id, app.fence.node()).await? {
        drop(start(app, id, generation));
    }
    Ok(())
}

fn start(app: &Arc<App>, id: OperationId, generation: i32) -> JoinHandle<Result<Ended>> {
    app.running.add(id);
    let app = Arc::clone(app);
    tokio::spawn(async move {
        let outcome = run(&app, id, generation).await;
        app.running.remove(id);
        if let Err(error) = &outcome {
            tracing::error!(operation = %id, ?error, "an operation stopped before its end; it is tried again");
        }
        outcome
    })
}

async fn run(app: &Arc<App>, id: OperationId, generation: i32) -> Result<Ended> {
    let operation = operations::find(&*app.store.client().await?, id).await?.ok_or_else(|| unknown(id))?;
    let ended = sagas::run(app, &operation, generation).await.map_err(|error| match error {
        LogError::Lost => Error::conflict("operation/lost", "Another server has taken over this operation."),
        other => Error::internal(other),
    })?;
    let (status, error) = match &ended.outcome {
        Outcome::Done => ("done", None),
        Outcome::RolledBack { failure } => ("rolledBack", Some(json!(failure))),
        Outcome::Stuck { step, message, hint, undoing, .. } => {
            ("stuck", Some(json!({ "step": step, "message": message, "hint": hint, "undoing": undoing })))
        }
    };
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    operations::finish(&tx, id, generation, status, error).await?;
    if status == "stuck" {
        environments::set_status(&tx, operation.environment_id, Status::Stuck).await?;
        let raised = fence::commit(tx, operation.environment_id).await?;
        drop(client);
        fence::in_force(app, raised).await;
    } else {
        tx.commit().await?;
    }
    metrics::counter!("cloche_operations_total", "kind" => operation.kind, "status" => status).increment(1);
    Ok(ended)
}

/// One operation with its steps, for members of its project.
pub(crate) async fn view(app: &App, actor: &Actor, id: OperationId) -> Result<OperationView> {
    let client = app.store.client().await?;
    let operation = operations::find(&client, id).await?.ok_or_else(|| unknown(id))?;
    if ProjectAccess::check(&client, actor, operation.project_id, Role::Viewer).await.is_err() {
        // A project that was rolled back with its operation has no members any more: who runs the server may know why.
        let gone = projects::find(&client, operation.project_id).await?.is_none();
        if !(actor.instance_owner && gone) {
            return Err(unknown(id));
        }
    }
    with_steps(&client, operation).await
}

/// The operations of a project with their steps, newest first.
pub(crate) async fn list(app: &App, access: &ProjectAccess, slice: &Slice) -> Result<Page<OperationView>> {
    let client = app.store.client().await?;
    let Page { nodes, more } = operations::list(&client, access.project().id, slice).await?;
    let mut views = Vec::with_capacity(nodes.len());
    for operation in nodes {
        views.push(with_steps(&client, operation).await?);
    }
    Ok(Page { nodes: views, more })
}

async fn with_steps(client: &Object, operation: Operation) -> Result<OperationView> {
    let events = operations::events(client, operation.id).await?;
    let plan = Kind::parse(&operation.kind).map(Kind::steps).unwrap_or_default();
    Ok(OperationView { steps: plan.iter().map(|(name, title)| step_view(name, title, &events)).collect(), operation })
}

fn step_view(name: &str, title: &str, events: &[(DateTime<Utc>, Event)]) -> StepView {
    let mut view =
        StepView { name: name.into(), title: title.into(), status: "pending", started_at: None, finished_at: None, detail: None };
    for (at, event) in events.iter().filter(|(_, event)| event.step() == name) {
        match event {
            Event::Started { .. } => {
                view.status = "running";
                view.started_at.get_or_insert(*at);
            }
            Event::Succeeded { detail, .. } => {
                view.status = "done";
                view.finished_at = Some(*at);
                view.detail = Some(detail.clone()).filter(|detail| !detail.is_null());
            }
            Event::Failed { message, .. } | Event::UndoFailed { message, .. } => {
                view.status = "failed";
                view.finished_at = Some(*at);
                view.detail = Some(json!({ "message": message }));
            }
            Event::Undone { .. } => {
                view.status = "undone";
                view.finished_at = Some(*at);
            }
            Event::UndoStarted { .. } => {
                view.status = "running";
                view.started_at = Some(*at);
            }
            Event::Retried { .. } => view.status = "running",
        }
    }
    view
}

fn unknown(id: OperationId) -> Error {
    Error::not_found("operation/not-found", format!("There is no operation {id}."))
}

impl Running {
    fn add(&self, id: OperationId) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_default() += 1;
    }

    fn remove(&self, id: OperationId) {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = running.get_mut(&id) {
            *count -= 1;
            if *count == 0 {
                running.remove(&id);
            }
        }
    }

    fn has(&self, id: OperationId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&id)
    }
}
