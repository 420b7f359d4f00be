//! A branch: a copy of a live environment, closed until it is clean and proven faithful.

use std::sync::PoisonError;
use std::time::Instant;

use async_trait::async_trait;
use chrono::SecondsFormat;
use cloche_saga::{Past, Step, StepError};
use cloche_wire::EnvironmentId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::making::{Activate, CreateLogins, Making, Reserve};
use super::step_error;
use crate::postgres::cluster::PLATFORM_OPTIONS;
use crate::postgres::copy::{self, BranchMode, Choice, Copied, DUMP_LOGIN, DUMP_OPTIONS, RestoreFailed, SnapshotCopy, Way, Wish};
use crate::postgres::database::DatabaseName;
use crate::postgres::fingerprint::{Depth, Differences, Fingerprint};
use crate::postgres::travel::{self, Along};
use crate::postgres::variables;

/// The step whose detail holds how the copy was made.
pub(crate) const CLONE: &str = "clone_database";
/// Differences named when a branch turns out not to be faithful.
const SHOWN_DIFFERENCES: usize = 3;

pub(crate) fn steps<'a>() -> Vec<Box<dyn Step<Making<'a>>>> {
    vec![
        Box::new(Reserve),
        Box::new(CreateLogins),
        Box::new(CloneDatabase),
        Box::new(Cleanse),
        Box::new(Verify),
        Box::new(Activate),
    ]
}

/// What a branch takes from where.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BranchInput {
    pub(crate) source: EnvironmentId,
    pub(crate) source_database: DatabaseName,
    pub(crate) mode: BranchMode,
    pub(crate) wish: Wish,
    pub(crate) copy_variables: bool,
    /// Absent in what an older server has begun.
    #[serde(default)]
    pub(crate) copy_security_config: bool,
}

impl BranchInput {
    fn along(&self) -> Along {
        Along { mode: self.mode, variables: self.copy_variables, security_config: self.copy_security_config }
    }
}

fn branch<'c>(context: &'c Making<'_>) -> Result<&'c BranchInput, StepError> {
    context.input.branch.as_ref().ok_or_else(|| StepError::internal("a branch without a source"))
}

/// What the log keeps of a copy.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CloneDetail {
    strategy: String,
    reason: String,
    pause_ms: f64,
    copy_ms: f64,
    branched_at: String,
    /// Hash over the source's fingerprint at the instant of the copy.
    source: String,
    depth: Depth,
}

struct CloneDatabase;

#[async_trait]
impl<'a> Step<Making<'a>> for CloneDatabase {
    fn name(&self) -> &'static str {
        CLONE
    }

    fn title(&self) -> &'static str {
        "Clone the database"
    }

    async fn run(&self, context: &Making<'a>, _: &Past) -> Result<Value, StepError> {
        let (app, input, target) = (context.app, branch(context)?, &context.input.database);
        // What an earlier try left was a copy of another instant, whose fingerprint went with that try.
        context.held.during(app.cluster.drop_database(target)).await?;
        let mut choice = copy::choose(&app.cluster, &input.source_database, input.mode, input.wish).await.map_err(step_error)?;
        let started = Instant::now();
        let copied = match clone(context, input, &mut choice).await {
            Ok(copied) => copied,
            Err(error) => return Err(failed(error)),
        };
        let depth = depth(choice.way, input.mode);
        let detail = CloneDetail {
            strategy: if choice.way == Way::Snapshot { "snapshot" } else { "instant" }.into(),
            reason: choice.reason,
            pause_ms: copied.pause.as_secs_f64() * 1000.0,
            copy_ms: started.elapsed().as_secs_f64() * 1000.0,
            branched_at: copied.at.to_rfc3339_opts(SecondsFormat::Millis, true),
            source: copied.source.hash(),
            depth,
        };
        metrics::histogram!("cloche_branch_pause_seconds").record(copied.pause.as_secs_f64());
        *context.source.lock().unwrap_or_else(PoisonError::into_inner) = Some(copied.source);
        serde_json::to_value(detail).map_err(StepError::internal)
    }

    async fn undo(&self, context: &Making<'a>, _: &Past) -> Result<(), StepError> {
        copy::remove_dump(&context.app.dump_folder(context.held.operation)).map_err(step_error)?;
        context.held.during(context.app.cluster.drop_database(&context.input.database)).await
    }
}

/// Copies the chosen way; when the gate cannot be closed, by a snapshot, unless an instant copy was asked for.
async fn clone(context: &Making<'_>, input: &BranchInput, choice: &mut Choice) -> anyhow::Result<Copied> {
    let (app, target) = (context.app, &context.input.database);
    if let Way::Instant(strategy) = choice.way {
        let handle = app.environments.handle(input.source, &input.source_database, &app.cluster);
        let close_elsewhere = async || Ok(app.fence.close_elsewhere(app, input.source).await?);
        if let Some(copied) = copy::copy_instantly(&handle, target, strategy, close_elsewhere).await? {
            app.cluster.open_for_platform(target).await?;
            return Ok(copied);
        }
        if input.wish == Wish::Instant {
            anyhow::bail!(GateStayedOpen);
        }
        *choice =
            Choice { way: Way::Snapshot, reason: "requests to the source did not pause in time for an instant copy".into() };
    }
    let copy = SnapshotCopy {
        cluster: &app.cluster,
        secrets: &app.secrets,
        source: &input.source_database,
        target,
        mode: input.mode,
        along: input.along(),
        folder: app.dump_folder(context.held.operation),
    };
    copy::copy_by_snapshot(&copy).await
}

/// An instant copy was asked for, and sessions of the source did not end in time.
#[derive(Debug, thiserror::Error)]
#[error("the source was in use without a pause")]
struct GateStayedOpen;

fn failed(error: anyhow::Error) -> StepError {
    if error.is::<GateStayedOpen>() {
        return StepError::new(
            "branch/source-busy",
            "The source was in use without a pause, so it could not be copied instantly.",
        )
        .with_hint("Leave the strategy to the server, which then takes a snapshot copy, or try again.");
    }
    if let Some(RestoreFailed(said)) = error.downcast_ref() {
        return StepError::new("branch/restore-failed", format!("The copy could not be restored: {said}")).with_hint(
            "Functions that checks, indexes and generated columns call must name other things with their schema, or SET search_path.",
        );
    }
    step_error(error)
}

fn depth(way: Way, mode: BranchMode) -> Depth {
    match (mode, way) {
        (BranchMode::System, _) => Depth::Objects,
        (BranchMode::Full, Way::Instant(_)) => Depth::FileSizes,
        (BranchMode::Full, Way::Snapshot) => Depth::RowCounts,
    }
}

struct Cleanse;

#[async_trait]
impl<'a> Step<Making<'a>> for Cleanse {
    fn name(&self) -> &'static str {
        "cleanse"
    }

    fn title(&self) -> &'static str {
        "Remove what must not travel, reseal what may"
    }

    async fn run(&self, context: &Making<'a>, _: &Past) -> Result<Value, StepError> {
        let (app, input, database) = (context.app, branch(context)?, &context.input.database);
        let client = app.cluster.connect_as(&database.platform_login(), database.as_str(), PLATFORM_OPTIONS).await;
        let mut client = client.map_err(step_error)?;
        let left = travel::leave_behind(&client, input.along()).await;
        left.map_err(step_error)?;
        if !input.copy_variables {
            return Ok(Value::Null);
        }
        let resealed = variables::reseal(&mut client, &app.secrets, input.source, context.input.environment).await;
        Ok(json!({ "variables": resealed.map_err(step_error)? }))
    }
}

struct Verify;

#[async_trait]
impl<'a> Step<Making<'a>> for Verify {
    fn name(&self) -> &'static str {
        "verify"
    }

    fn title(&self) -> &'static str {
        "Compare with the source"
    }

    async fn run(&self, context: &Making<'a>, past: &Past) -> Result<Value, StepError> {
        let database = &context.input.database;
        let detail = past.detail(CLONE).cloned().ok_or_else(|| StepError::internal("nothing was cloned"))?;
        let detail: CloneDetail = serde_json::from_value(detail).map_err(StepError::internal)?;
        // Counting needs a login that row security does not apply to.
        let login = if detail.depth == Depth::RowCounts { DUMP_LOGIN.to_owned() } else { database.owner_login() };
        let client = context.app.cluster.connect_as(&login, database.as_str(), DUMP_OPTIONS).await.map_err(step_error)?;
        let branch = Fingerprint::read_only(&client, detail.depth).await.map_err(step_error)?;
        if branch.hash() == detail.source {
            return Ok(json!({ "compared": branch.len() }));
        }
        let source = context.source.lock().unwrap_or_else(PoisonError::into_inner).take();
        Err(unfaithful(source.map(|source| source.compare(&branch)).as_ref()))
    }
}

fn unfaithful(differences: Option<&Differences>) -> StepError {
    let shown = differences.filter(|differences| !differences.is_empty()).map_or(String::new(), |differences| {
        let missing = differences.missing.iter().map(|line| format!("missing: {line}"));
        let unexpected = differences.unexpected.iter().map(|line| format!("unexpected: {line}"));
        format!(" {}", missing.chain(unexpected).take(SHOWN_DIFFERENCES).collect::<Vec<_>>().join("; "))
    });
    StepError::new("branch/not-faithful", format!("The copy is not the same as its source was, so it was not activated.{shown}"))
        .with_hint("Try again; if it stays, report it with the operation's id.")
}
