//! Definition files.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use cloche_definitions::{Diagnostic, Plan, SourceFile};

use super::environment::found;
use super::payload::{Verdict, parts, settle};
use crate::app::definition::{self, Sync, Synced};
use crate::auth::Role;

/// The way from what is deployed to what the files say.
#[derive(SimpleObject)]
struct DefinitionsPlan {
    /// Names the plan: equal hashes do the same.
    hash: String,
    empty: bool,
    /// Whether any change is breaking.
    breaking: bool,
    changes: Vec<DefinitionChange>,
    /// Deployed, but in no file; dropped only with `prune`.
    extra: Vec<ExtraDefinition>,
}

#[derive(SimpleObject)]
struct DefinitionChange {
    /// table, column, enum, index, constraint, view, function, access or role.
    kind: &'static str,
    name: String,
    /// create, alter, drop or rename.
    action: &'static str,
    description: String,
    breaking: bool,
    sql: Vec<String>,
}

#[derive(SimpleObject)]
struct ExtraDefinition {
    kind: &'static str,
    name: String,
}

/// One mistake in a file.
#[derive(SimpleObject)]
struct DefinitionError {
    path: String,
    line: Option<u32>,
    column: Option<u32>,
    message: String,
    hint: Option<String>,
}

#[derive(SimpleObject, Default)]
pub(super) struct DefinitionsPayload {
    #[graphql(flatten)]
    verdict: Verdict,
    plan: Option<DefinitionsPlan>,
    /// Every mistake of every file.
    errors: Vec<DefinitionError>,
}

#[derive(InputObject)]
struct ApplyDefinitionsInput {
    environment_id: String,
    files: Vec<DefinitionFileInput>,
    /// Only say what would be done.
    dry_run: Option<bool>,
    /// Drop what is deployed and in no file.
    prune: Option<bool>,
    /// Apply only if the plan still has this hash.
    plan_hash: Option<String>,
}

#[derive(InputObject)]
struct DefinitionFileInput {
    /// Relative to the project's folder: `tables/posts.yaml`.
    path: String,
    content: String,
}

#[derive(Default)]
pub(crate) struct DefinitionQuery;

#[Object]
impl DefinitionQuery {
    /// The definitions last applied to an environment, in normalised form.
    async fn definitions(&self, context: &Context<'_>, environment_id: String) -> Result<Vec<DeployedDefinition>> {
        let (app, _) = parts(context)?;
        let found = found(context, &environment_id, Role::Viewer).await?.map_err(super::payload::to_graphql)?;
        let stored = definition::stored_in(app, &found).await.map_err(super::payload::to_graphql)?;
        let read = |(kind, name, spec)| DeployedDefinition { kind, name, spec: async_graphql::Json(spec) };
        Ok(stored.into_iter().map(read).collect())
    }
}

/// A definition as it is deployed.
#[derive(SimpleObject)]
struct DeployedDefinition {
    kind: String,
    name: String,
    spec: async_graphql::Json<serde_json::Value>,
}

#[derive(Default)]
pub(crate) struct DefinitionMutation;

#[Object]
impl DefinitionMutation {
    /// Brings an environment to what the files say, in one transaction.
    async fn apply_definitions(&self, context: &Context<'_>, input: ApplyDefinitionsInput) -> Result<DefinitionsPayload> {
        let (app, _) = parts(context)?;
        let dry_run = input.dry_run.unwrap_or_default();
        let need = if dry_run { Role::Viewer } else { Role::Developer };
        let found = found(context, &input.environment_id, need).await?;
        let sync = Sync {
            files: input.files.into_iter().map(|file| SourceFile { path: file.path, content: file.content }).collect(),
            dry_run,
            prune: input.prune.unwrap_or_default(),
            plan_hash: input.plan_hash,
        };
        settle(
            async { definition::sync(app, &found?, sync).await }.await,
            |synced| {
                DefinitionsPayload::of(
                    synced,
                    if dry_run { "Planned" } else { "Definitions applied successfully" },
                    "definitions",
                )
            },
            DefinitionsPayload::failed,
        )
    }
}

impl DefinitionsPayload {
    /// A plan that was made or done, or what is wrong with what was asked for.
    pub(super) fn of(synced: Synced, done: &str, what: &str) -> Self {
        let refused = if what == "definitions" { "definitions/invalid" } else { "schema/invalid" };
        match synced {
            Synced::Planned(plan) => Self { verdict: Verdict::done(done), plan: Some(plan.into()), errors: Vec::new() },
            Synced::Refused(problems) => Self {
                verdict: Verdict::failed(refused, mistakes(what, problems.len())),
                plan: None,
                errors: problems.into_iter().map(DefinitionError::from).collect(),
            },
        }
    }

    pub(super) fn failed(verdict: Verdict) -> Self {
        Self { verdict, ..Self::default() }
    }
}

fn mistakes(what: &str, number: usize) -> String {
    if number == 1 { format!("The {what} have a mistake.") } else { format!("The {what} have {number} mistakes.") }
}

impl From<Plan> for DefinitionsPlan {
    fn from(plan: Plan) -> Self {
        let (hash, empty, breaking) = (plan.hash(), plan.is_empty(), plan.is_breaking());
        let changes = plan.changes.into_iter().map(|change| DefinitionChange {
            kind: change.kind,
            name: change.name,
            action: change.action.name(),
            description: change.description,
            breaking: change.breaking,
            sql: change.sql,
        });
        let extra = plan.extra.into_iter().map(|extra| ExtraDefinition { kind: extra.kind, name: extra.name });
        Self { hash, empty, breaking, changes: changes.collect(), extra: extra.collect() }
    }
}

impl From<Diagnostic> for DefinitionError {
    fn from(problem: Diagnostic) -> Self {
        Self { path: problem.path, line: problem.line, column: problem.column, message: problem.message, hint: problem.hint }
    }
}
