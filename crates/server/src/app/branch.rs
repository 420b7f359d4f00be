//! Making environments: empty ones, and branches of live ones.

use std::sync::Arc;

use cloche_wire::{EnvironmentId, OperationId};
use serde_json::json;

use super::environment::{self, leased_and_protected};
use super::{App, checked_name, from_now, operation};
use crate::auth::{ProjectAccess, Role};
use crate::error::{Error, Result};
use crate::postgres::copy::{BranchMode, Wish};
use crate::postgres::database::DatabaseName;
use crate::postgres::template::SCHEMA_VERSION;
use crate::sagas::{BranchInput, Kind, MakeInput};
use crate::store::environments::{self, Environment, EnvironmentType, NewEnvironment, Status};
use crate::store::keys::KeyPair;
use crate::store::operations::{self, ClaimMode, NewOperation};
use crate::store::{Tx, audit, flush_later};

/// What the caller says of a new environment.
pub(crate) struct NewInput<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: Option<EnvironmentType>,
    pub(crate) lease: Option<&'a str>,
    /// Chosen by a caller who wants to watch the progress while waiting.
    pub(crate) operation: Option<OperationId>,
}

/// What the caller says of a branch.
pub(crate) struct BranchOf<'a> {
    pub(crate) source: &'a str,
    pub(crate) mode: &'a str,
    pub(crate) wish: Wish,
    pub(crate) copy: CopyFlags,
}

/// What is copied only when an owner asks for it: variables, and the settings of the data plane (security). Of file providers and routes
/// there are none so far; those two wishes are checked, and written to the audit log.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CopyFlags {
    pub(crate) file_providers: bool,
    pub(crate) gateway_routes: bool,
    pub(crate) security_config: bool,
    pub(crate) environment_variables: bool,
}

/// A new environment and the keys to it, whose secret is shown this once.
pub(crate) struct Made {
    pub(crate) environment: Environment,
    pub(crate) keys: Option<KeyPair>,
    pub(crate) operation: OperationId,
}

impl CopyFlags {
    fn any(self) -> bool {
        self.file_providers || self.gateway_routes || self.security_config || self.environment_variables
    }
}

/// An empty environment.
pub(crate) async fn create(app: &Arc<App>, access: &ProjectAccess, new: &NewInput<'_>) -> Result<Made> {
    make(app, access, new, None).await
}

/// A branch of a live environment.
pub(crate) async fn branch(app: &Arc<App>, access: &ProjectAccess, new: &NewInput<'_>, of: &BranchOf<'_>) -> Result<Made> {
    let mode = match of.mode {
        "full" => BranchMode::Full,
        "system" => BranchMode::System,
        other => {
            return Err(Error::bad_input("branch/mode-unknown", format!("There is no branch mode {other:?}."))
                .hint("full takes schema and data, system the schema alone.")
                .field("input.mode", "one-of", "full or system"));
        }
    };
    checked_name("environment", new.name)?;
    if of.copy.any() {
        access.require(Role::Owner, "Copying file providers, routes, security settings or variables")?;
    }
    let client = app.store.client().await?;
    let source = environments::find_by_name(&client, access.project().id, of.source).await?;
    drop(client);
    let source = source.ok_or_else(|| environments::unknown(of.source))?;
    make(app, access, new, Some((source, mode, of))).await
}

async fn make(
    app: &Arc<App>,
    access: &ProjectAccess,
    new: &NewInput<'_>,
    of: Option<(Environment, BranchMode, &BranchOf<'_>)>,
) -> Result<Made> {
    let name = checked_name("environment", new.name)?;
    let kind = new.kind.unwrap_or_else(|| EnvironmentType::of_name(name));
    let need = if kind == EnvironmentType::Prod { Role::Owner } else { Role::Developer };
    access.require(need, &format!("Making an environment of type {}", kind.as_str()))?;
    let expires_at = from_now("input.lease", new.lease)?;
    if expires_at.is_some() && kind == EnvironmentType::Prod {
        return Err(leased_and_protected());
    }
    if let Some((source, ..)) = &of {
        // What is copied is what this server's steps can cleanse.
        require_active(source)?;
        environment::bring_up_to_date(app, source).await?;
    }
    let (id, database) = (EnvironmentId::new(), DatabaseName::new());
    let operation_id = new.operation.unwrap_or_else(OperationId::new);
    {
        let mut client = app.store.client().await?;
        let tx = client.transaction().await?;
        // The first effect that outlives a crash, CREATE DATABASE, takes this to disk with it.
        flush_later(&tx).await?;
        let (branch, production, schema_version) = match &of {
            Some((source, mode, of)) => {
                let (input, production, version) = claimable_source(&tx, access, source.id, *mode, of).await?;
                (Some(input), production, version)
            }
            None => (None, false, SCHEMA_VERSION),
        };
        let mut claims = vec![(id, ClaimMode::Exclusive)];
        claims.extend(branch.iter().map(|branch| (branch.source, ClaimMode::Shared)));
        let row = NewEnvironment {
            id,
            project: access.project().id,
            name,
            kind,
            database: &database,
            schema_version,
            parent: branch.as_ref().map(|branch| branch.source),
            mode: branch.as_ref().map(|branch| branch.mode),
            expires_at,
            holds_production_data: production,
        };
        environments::insert(&tx, &row).await?;
        let saga = if branch.is_some() { Kind::Branch } else { Kind::Create };
        let input =
            MakeInput { project: access.project().id, environment: id, kind, database: database.clone(), root: false, branch };
        let begun = NewOperation {
            id: operation_id,
            kind: saga.as_str(),
            project: access.project().id,
            environment: id,
            input: json!(input),
            actor: access.actor().member_id.0,
            node: app.fence.node(),
            claims: &claims,
        };
        operations::begin(&tx, &begun).await?;
        record(&tx, access, id, name, of.as_ref(), operation_id).await?;
        tx.commit().await?;
    }
    let keys = operation::run_to_end(app, operation_id).await?;
    let client = app.store.client().await?;
    let environment = environments::find(&client, id).await?.ok_or_else(|| environments::unknown(name))?;
    Ok(Made { environment, keys, operation: operation_id })
}

/// What is taken from where, whether that is production's data, and how many migrations it has had. The source is locked until the claim is written, so that it is not
/// paused or deleted in between.
async fn claimable_source(
    tx: &Tx<'_>,
    access: &ProjectAccess,
    source: EnvironmentId,
    mode: BranchMode,
    of: &BranchOf<'_>,
) -> Result<(BranchInput, bool, i32)> {
    let source = environments::lock(tx, source).await?;
    require_active(&source)?;
    let production = mode == BranchMode::Full && source.has_production_data();
    if production {
        access.require(Role::Admin, "Copying production data")?;
    }
    let input = BranchInput {
        source: source.id,
        source_database: source.database,
        mode,
        wish: of.wish,
        copy_variables: of.copy.environment_variables,
        copy_security_config: of.copy.security_config,
    };
    Ok((input, production, source.schema_version))
}

async fn record(
    tx: &Tx<'_>,
    access: &ProjectAccess,
    id: EnvironmentId,
    name: &str,
    of: Option<&(Environment, BranchMode, &BranchOf<'_>)>,
    operation: OperationId,
) -> Result<()> {
    let (action, detail) = match of {
        None => ("environment.create", json!({ "operation": operation })),
        Some((source, mode, of)) => (
            "environment.branch",
            json!({
                "operation": operation,
                "source": source.name,
                "mode": mode.as_str(),
                "copyFileProviders": of.copy.file_providers,
                "copyGatewayRoutes": of.copy.gateway_routes,
                "copySecurityConfig": of.copy.security_config,
                "copyEnvironmentVariables": of.copy.environment_variables,
            }),
        ),
    };
    let entry = audit::Entry {
        actor: access.actor(),
        project: Some(access.project().id),
        environment: Some(id),
        action,
        target: name,
        detail,
    };
    audit::record(tx, &entry).await
}

/// Only a live environment can be branched.
fn require_active(source: &Environment) -> Result<()> {
    if source.status == Status::Active {
        return Ok(());
    }
    let (name, status) = (&source.name, source.status.as_str());
    Err(Error::conflict(
        "environment/not-active",
        format!("The environment {name} is {status}, and only an active one can be branched."),
    )
    .hint(match source.status {
        Status::Paused => "Resume it first: `cloche env resume`.",
        Status::Creating => "Wait until it is made.",
        _ => "Choose another source; `cloche env list` shows which are active.",
    }))
}
