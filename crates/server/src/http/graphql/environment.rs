//! Environments: cards, tree, and everything done to them as a whole.

use async_graphql::{Context, Enum, InputObject, Object, Result, SimpleObject};

use super::operation::Operation;
use super::page::{PageInfo, page, slice};
use super::payload::{Keys, Verdict, id, parts, settle, to_graphql};
use super::project::access;
use super::time::Time;
use crate::app::branch::{self, BranchOf, CopyFlags, Made, NewInput};
use crate::app::environment as environments;
use crate::app::operation;
use crate::app::removal::{self, Removal};
use crate::auth::Role;
use crate::error::Error;
use crate::postgres::copy::Wish;
use crate::store::environments::{Environment as Row, EnvironmentType as Type};

/// What an environment is for. Never changes.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Type", rename_items = "lowercase")]
pub(super) enum EnvironmentType {
    Dev,
    Staging,
    Prod,
    Eval,
    Custom,
}

/// How a database is copied.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Wish")]
enum CopyStrategy {
    /// The server picks.
    Auto,
    /// PostgreSQL copies the database; requests to the source wait meanwhile.
    Instant,
    /// Dump and restore; the source never pauses.
    Snapshot,
}

/// One complete backend.
pub(super) struct Environment(pub(super) Row);

#[Object]
impl Environment {
    async fn id(&self) -> String {
        self.0.id.to_string()
    }

    async fn project_id(&self) -> String {
        self.0.project_id.to_string()
    }

    async fn name(&self) -> &str {
        &self.0.name
    }

    /// dev, staging, prod, eval or custom.
    #[graphql(name = "type")]
    async fn kind(&self) -> &'static str {
        self.0.kind.as_str()
    }

    /// creating, active, paused, deleting, deleted, failed or stuck.
    async fn status(&self) -> &'static str {
        self.0.status.as_str()
    }

    async fn provider(&self) -> &str {
        &self.0.provider
    }

    async fn region(&self) -> &str {
        &self.0.region
    }

    /// The cluster it is placed on; null for dev, which is always on the default one.
    async fn cluster(&self) -> Option<&str> {
        (self.0.kind != Type::Dev).then_some(&self.0.cluster)
    }

    async fn parent_id(&self) -> Option<String> {
        self.0.parent_id.map(|id| id.to_string())
    }

    async fn parent_name(&self) -> Option<&str> {
        self.0.parent_name.as_deref()
    }

    /// full or system, for a branch.
    async fn branch_mode(&self) -> Option<&str> {
        self.0.branch_mode.as_deref()
    }

    /// The instant its copy shows.
    async fn branched_at(&self) -> Option<Time> {
        self.0.branched_at.map(Time)
    }

    /// When its lease runs out.
    async fn expires_at(&self) -> Option<Time> {
        self.0.expires_at.map(Time)
    }

    /// Deleting it needs an owner and its typed name.
    async fn protected(&self) -> bool {
        self.0.protected
    }

    /// It is, or descends by full copies from, a production environment.
    async fn holds_production_data(&self) -> bool {
        self.0.has_production_data()
    }

    async fn deleted_at(&self) -> Option<Time> {
        self.0.deleted_at.map(Time)
    }

    /// Until when its delete can be undone.
    async fn erase_at(&self) -> Option<Time> {
        self.0.erase_at.map(Time)
    }

    async fn created_at(&self) -> Time {
        self.0.created_at.into()
    }

    async fn updated_at(&self) -> Time {
        self.0.updated_at.into()
    }
}

#[derive(SimpleObject)]
struct EnvironmentPage {
    nodes: Vec<Environment>,
    page_info: PageInfo,
}

/// An environment and how far it is from the root.
#[derive(SimpleObject)]
struct EnvironmentTreeNode {
    depth: i32,
    environment: Environment,
}

#[derive(SimpleObject, Default)]
pub(super) struct EnvironmentPayload {
    #[graphql(flatten)]
    verdict: Verdict,
    environment: Option<Environment>,
    /// Of a new environment: its key pair. The secret key is shown this once.
    keys: Option<Keys>,
    /// How it was done, step by step.
    operation: Option<Operation>,
}

#[derive(InputObject)]
struct CreateEnvironmentInput {
    project_id: String,
    name: String,
    /// By the name where not given: `staging` is of type staging, others are custom.
    #[graphql(name = "type")]
    kind: Option<EnvironmentType>,
    /// It is deleted after this time unless renewed: `2h`, `7d`.
    lease: Option<String>,
    /// An id of one's choice, to watch `operation(id)` while this waits.
    operation_id: Option<String>,
}

#[derive(InputObject)]
struct BranchEnvironmentInput {
    project_id: String,
    name: String,
    /// The environment to branch from: its name, or a type only one has.
    source_environment: String,
    /// `full` (schema and data) or `system` (schema alone).
    mode: String,
    copy_file_providers: Option<bool>,
    copy_gateway_routes: Option<bool>,
    copy_security_config: Option<bool>,
    copy_environment_variables: Option<bool>,
    #[graphql(name = "type")]
    kind: Option<EnvironmentType>,
    lease: Option<String>,
    /// AUTO, where not given.
    strategy: Option<CopyStrategy>,
    operation_id: Option<String>,
}

#[derive(InputObject)]
struct UpdateEnvironmentInput {
    environment_id: String,
    name: Option<String>,
    protected: Option<bool>,
}

#[derive(InputObject)]
struct RenewLeaseInput {
    environment_id: String,
    /// From now; without one it lives until it is deleted.
    lease: Option<String>,
}

#[derive(InputObject)]
struct PauseEnvironmentInput {
    environment_id: String,
}

#[derive(InputObject)]
struct ResumeEnvironmentInput {
    environment_id: String,
}

#[derive(InputObject)]
struct RestoreEnvironmentInput {
    environment_id: String,
}

#[derive(InputObject)]
struct DeleteEnvironmentInput {
    environment_id: String,
    /// The environment's name, typed again; required for protected ones.
    confirm_name: Option<String>,
    /// Erase its bytes now. Otherwise the delete can be undone for 24 hours.
    purge: Option<bool>,
    operation_id: Option<String>,
}

/// The environment with this id, if one may do something with it that needs this role.
pub(super) async fn found(context: &Context<'_>, environment_id: &str, need: Role) -> Result<Result<environments::Found, Error>> {
    let (app, actor) = parts(context)?;
    Ok(async { environments::find(app, actor, id("environmentId", environment_id)?, need).await }.await)
}

#[derive(Default)]
pub(crate) struct EnvironmentQuery;

#[Object]
impl EnvironmentQuery {
    /// The environments of a project, oldest first.
    #[graphql(complexity = "5 + child_complexity")]
    async fn environments(
        &self,
        context: &Context<'_>,
        project_id: String,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<EnvironmentPage> {
        let (app, _) = parts(context)?;
        let access = access(context, &project_id, Role::Viewer).await?.map_err(to_graphql)?;
        let rows = async { environments::list(app, &access, &slice(first, after)?).await };
        let (nodes, page_info) = page(rows.await.map_err(to_graphql)?, |row| row.id.to_string(), Environment);
        Ok(EnvironmentPage { nodes, page_info })
    }

    /// One environment: by id, or by its project and its name (or a type only one has).
    async fn environment(
        &self,
        context: &Context<'_>,
        id: Option<String>,
        project_id: Option<String>,
        name: Option<String>,
    ) -> Result<Option<Environment>> {
        let (app, _) = parts(context)?;
        let row = match (id, project_id, name) {
            (Some(id), None, None) => match found(context, &id, Role::Viewer).await? {
                Err(error) if error.code == "environment/not-found" => None,
                found => Some(found.map_err(to_graphql)?.environment),
            },
            (None, Some(project), Some(name)) => {
                let access = access(context, &project, Role::Viewer).await?.map_err(to_graphql)?;
                environments::find_by_name(app, &access, &name).await.map_err(to_graphql)?
            }
            _ => {
                let message = "Give either the id of an environment, or a projectId and a name.";
                return Err(to_graphql(Error::bad_input("environment/which", message)));
            }
        };
        Ok(row.map(Environment))
    }

    /// All environments of a project, depth first.
    async fn environment_tree(&self, context: &Context<'_>, project_id: String) -> Result<Vec<EnvironmentTreeNode>> {
        let (app, _) = parts(context)?;
        let access = access(context, &project_id, Role::Viewer).await?.map_err(to_graphql)?;
        let tree = environments::tree(app, access.project().id).await.map_err(to_graphql)?;
        let node =
            |node: environments::TreeNode| EnvironmentTreeNode { depth: node.depth, environment: Environment(node.environment) };
        Ok(tree.into_iter().map(node).collect())
    }

    /// Deleted environments whose delete can still be undone.
    async fn deleted_environments(&self, context: &Context<'_>, project_id: String) -> Result<Vec<Environment>> {
        let (app, _) = parts(context)?;
        let access = access(context, &project_id, Role::Viewer).await?.map_err(to_graphql)?;
        let rows = environments::deleted(app, &access).await.map_err(to_graphql)?;
        Ok(rows.into_iter().map(Environment).collect())
    }
}

#[derive(Default)]
pub(crate) struct EnvironmentMutation;

#[Object]
impl EnvironmentMutation {
    /// Makes an empty environment.
    async fn create_environment(&self, context: &Context<'_>, input: CreateEnvironmentInput) -> Result<EnvironmentPayload> {
        let (app, _) = parts(context)?;
        let access = access(context, &input.project_id, Role::Developer).await?;
        let made = async {
            let new = NewInput {
                name: &input.name,
                kind: input.kind.map(Type::from),
                lease: input.lease.as_deref(),
                operation: input.operation_id.as_deref().map(|text| id("input.operationId", text)).transpose()?,
            };
            branch::create(app, &access?, &new).await
        };
        made_payload(context, made.await).await
    }

    /// Makes an environment that is a copy of a live one.
    async fn branch_environment(&self, context: &Context<'_>, input: BranchEnvironmentInput) -> Result<EnvironmentPayload> {
        let (app, _) = parts(context)?;
        let access = access(context, &input.project_id, Role::Developer).await?;
        let made = async {
            let new = NewInput {
                name: &input.name,
                kind: input.kind.map(Type::from),
                lease: input.lease.as_deref(),
                operation: input.operation_id.as_deref().map(|text| id("input.operationId", text)).transpose()?,
            };
            let of = BranchOf {
                source: &input.source_environment,
                mode: &input.mode,
                wish: input.strategy.map(Wish::from).unwrap_or_default(),
                copy: CopyFlags {
                    file_providers: input.copy_file_providers.unwrap_or_default(),
                    gateway_routes: input.copy_gateway_routes.unwrap_or_default(),
                    security_config: input.copy_security_config.unwrap_or_default(),
                    environment_variables: input.copy_environment_variables.unwrap_or_default(),
                },
            };
            branch::branch(app, &access?, &new, &of).await
        };
        made_payload(context, made.await).await
    }

    /// Gives an environment another name, or another protection.
    async fn update_environment(&self, context: &Context<'_>, input: UpdateEnvironmentInput) -> Result<EnvironmentPayload> {
        let (app, _) = parts(context)?;
        let found = found(context, &input.environment_id, Role::Developer).await?;
        let outcome = async { environments::update(app, &found?, input.name.as_deref(), input.protected).await };
        changed(outcome.await, "Environment updated successfully")
    }

    /// Lets an environment live on.
    async fn renew_lease(&self, context: &Context<'_>, input: RenewLeaseInput) -> Result<EnvironmentPayload> {
        let (app, _) = parts(context)?;
        let found = found(context, &input.environment_id, Role::Developer).await?;
        let outcome = async { environments::renew_lease(app, &found?, input.lease.as_deref()).await };
        changed(outcome.await, "Lease renewed successfully")
    }

    /// Stops data traffic: requests answer 503 until it is resumed.
    async fn pause_environment(&self, context: &Context<'_>, input: PauseEnvironmentInput) -> Result<EnvironmentPayload> {
        let (app, _) = parts(context)?;
        let found = found(context, &input.environment_id, Role::Developer).await?;
        let outcome = async { environments::pause(app, &found?).await };
        changed(outcome.await, "Environment paused successfully")
    }

    /// Allows data traffic again.
    async fn resume_environment(&self, context: &Context<'_>, input: ResumeEnvironmentInput) -> Result<EnvironmentPayload> {
        let (app, _) = parts(context)?;
        let found = found(context, &input.environment_id, Role::Developer).await?;
        let outcome = async { environments::resume(app, &found?).await };
        changed(outcome.await, "Environment resumed successfully")
    }

    /// Deletes an environment. Its keys are dead and its name is free when this returns.
    async fn delete_environment(&self, context: &Context<'_>, input: DeleteEnvironmentInput) -> Result<EnvironmentPayload> {
        let (app, actor) = parts(context)?;
        let found = found(context, &input.environment_id, Role::Developer).await?;
        let purge = input.purge.unwrap_or_default();
        let outcome = async {
            let operation = input.operation_id.as_deref().map(|text| id("input.operationId", text)).transpose()?;
            let removal = Removal { confirm: input.confirm_name.as_deref(), purge, operation };
            let (environment, operation) = removal::delete(app, &found?, &removal).await?;
            Ok((environment, operation::view(app, actor, operation).await?))
        };
        let message =
            if purge { "Environment deleted and erased" } else { "Environment deleted; this can be undone for 24 hours" };
        settle(
            outcome.await,
            |(environment, operation)| EnvironmentPayload {
                verdict: Verdict::done(message),
                environment: Some(Environment(environment)),
                keys: None,
                operation: Some(Operation(operation)),
            },
            |verdict| EnvironmentPayload { verdict, ..EnvironmentPayload::default() },
        )
    }

    /// Takes a delete back within its 24 hours. Comes with a new key pair: the old keys stay dead.
    async fn restore_environment(&self, context: &Context<'_>, input: RestoreEnvironmentInput) -> Result<EnvironmentPayload> {
        let (app, _) = parts(context)?;
        let found = found(context, &input.environment_id, Role::Developer).await?;
        settle(
            async { removal::restore(app, &found?).await }.await,
            |(environment, keys)| EnvironmentPayload {
                verdict: Verdict::done("Environment restored successfully"),
                environment: Some(Environment(environment)),
                keys: Some(Keys::from(&keys)),
                operation: None,
            },
            |verdict| EnvironmentPayload { verdict, ..EnvironmentPayload::default() },
        )
    }
}

async fn made_payload(context: &Context<'_>, made: Result<Made, Error>) -> Result<EnvironmentPayload> {
    let (app, actor) = parts(context)?;
    let operation = match &made {
        Ok(made) => Some(Operation(operation::view(app, actor, made.operation).await.map_err(to_graphql)?)),
        Err(_) => None,
    };
    settle(
        made,
        |made| EnvironmentPayload {
            verdict: Verdict::done("Environment created successfully"),
            environment: Some(Environment(made.environment)),
            keys: made.keys.as_ref().map(Keys::from),
            operation,
        },
        |verdict| EnvironmentPayload { verdict, ..EnvironmentPayload::default() },
    )
}

fn changed(outcome: Result<Row, Error>, message: &str) -> Result<EnvironmentPayload> {
    settle(
        outcome,
        |row| EnvironmentPayload {
            verdict: Verdict::done(message),
            environment: Some(Environment(row)),
            ..EnvironmentPayload::default()
        },
        |verdict| EnvironmentPayload { verdict, ..EnvironmentPayload::default() },
    )
}
