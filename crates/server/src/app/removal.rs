//! Deleting environments, with its rules, and taking a delete back.

use std::sync::Arc;

use cloche_wire::{EnvironmentId, OperationId};
use serde_json::json;

use super::environment::{Found, is_root};
use super::{App, operation};
use crate::auth::{Actor, Role};
use crate::error::{Error, Result};
use crate::fence;
use crate::sagas::{DeleteInput, Kind};
use crate::store::environments::{self, Environment, Status};
use crate::store::keys::{self, KeyPair};
use crate::store::operations::{self, ClaimMode, NewOperation};
use crate::store::{Tx, audit};

/// How a delete was asked for.
pub(crate) struct Removal<'a> {
    /// The name, typed again: needed for protected environments, checked whenever given.
    pub(crate) confirm: Option<&'a str>,
    /// Erase at once; otherwise the delete can be undone for a day.
    pub(crate) purge: bool,
    pub(crate) operation: Option<OperationId>,
}

/// Deletes an environment. Its keys are dead and its name free when this returns.
pub(crate) async fn delete(app: &Arc<App>, found: &Found, removal: &Removal<'_>) -> Result<(Environment, OperationId)> {
    let environment = &found.environment;
    found.access.require_change(environment)?;
    if environment.protected {
        found.access.require(Role::Owner, &format!("Deleting the protected environment {}", environment.name))?;
    }
    check_confirmation(environment, removal.confirm)?;
    let id = removal.operation.unwrap_or_else(OperationId::new);
    begin(app, found.access.actor(), environment.id, id, removal.purge).await?;
    operation::run_to_end(app, id).await?;
    // Purged rows are gone: the answer is what it was.
    let after = environments::find(&*app.store.client().await?, environment.id).await?;
    Ok((after.unwrap_or_else(|| Environment { status: Status::Deleted, ..environment.clone() }), id))
}

/// Deletes an environment whose lease has run out, or erases one whose undo time has.
pub(crate) async fn delete_by_system(app: &Arc<App>, environment: EnvironmentId, purge: bool) -> Result<()> {
    let id = OperationId::new();
    begin(app, &Actor::system(), environment, id, purge).await?;
    operation::run_to_end(app, id).await?;
    Ok(())
}

fn check_confirmation(environment: &Environment, confirm: Option<&str>) -> Result<()> {
    match confirm {
        Some(name) if name != environment.name => Err(Error::bad_input(
            "environment/confirmation",
            format!("The typed name is not that of the environment {}.", environment.name),
        )
        .field("input.confirmName", "equal", "the environment's exact name")),
        None if environment.protected => {
            Err(Error::bad_input("environment/confirmation", format!("The environment {} is protected.", environment.name))
                .hint("Give its name in `confirmName` to delete it all the same.")
                .field("input.confirmName", "required", "the environment's exact name"))
        }
        _ => Ok(()),
    }
}

/// Everything that is in force at once, in one transaction: claims, status, and the death of the keys.
async fn begin(app: &App, actor: &Actor, environment: EnvironmentId, id: OperationId, purge: bool) -> Result<()> {
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    let locked = environments::lock(&tx, environment).await?;
    check_deletable(&tx, &locked, purge).await?;
    let input = DeleteInput { environment, database: locked.database.clone(), purge };
    let new = NewOperation {
        id,
        kind: Kind::Delete.as_str(),
        project: locked.project_id,
        environment,
        input: json!(input),
        actor: actor.member_id.0,
        node: app.fence.node(),
        claims: &[(environment, ClaimMode::Exclusive)],
    };
    operations::begin(&tx, &new).await?;
    environments::set_status(&tx, environment, Status::Deleting).await?;
    keys::revoke_all(&tx, environment).await?;
    let entry = audit::Entry {
        actor,
        project: Some(locked.project_id),
        environment: Some(environment),
        action: "environment.delete",
        target: &locked.name,
        detail: json!({ "purge": purge, "operation": id }),
    };
    audit::record(&tx, &entry).await?;
    let raised = fence::commit(tx, environment).await?;
    drop(client);
    fence::in_force(app, raised).await;
    Ok(())
}

async fn check_deletable(tx: &Tx<'_>, environment: &Environment, purge: bool) -> Result<()> {
    let name = &environment.name;
    match environment.status {
        Status::Deleted if purge => return Ok(()),
        Status::Deleted => return Err(environments::unknown(name)),
        Status::Deleting | Status::Creating => {
            let message = format!("The environment {name} is {}.", environment.status.as_str());
            return Err(Error::conflict("environment/busy", message).hint("Try again when that has ended."));
        }
        Status::Active | Status::Paused | Status::Failed | Status::Stuck => {}
    }
    if is_root(tx, environment).await? {
        return Err(Error::conflict(
            "environment/root",
            format!("{name} is the project's root environment, which cannot be deleted."),
        ));
    }
    let children = environments::children(tx, environment.id).await?;
    if !children.is_empty() {
        let list = children.join(", ");
        return Err(Error::conflict("environment/has-children", format!("The environment {name} has active children: {list}."))
            .hint("Delete those first."));
    }
    Ok(())
}

/// Takes a delete back. The old keys stay dead: a new pair comes with it.
pub(crate) async fn restore(app: &App, found: &Found) -> Result<(Environment, KeyPair)> {
    found.access.require_change(&found.environment)?;
    if found.environment.protected {
        found.access.require(Role::Owner, &format!("Restoring the protected environment {}", found.environment.name))?;
    }
    let id = found.environment.id;
    let pair = KeyPair::generate(found.environment.kind)?;
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    let locked = environments::lock(&tx, id).await?;
    if locked.status != Status::Deleted {
        return Err(Error::conflict("environment/not-deleted", format!("The environment {} is not deleted.", locked.name)));
    }
    operations::require_unclaimed(&tx, id).await?;
    environments::restore(&tx, &locked).await?;
    keys::insert_pair(&tx, &app.secrets, id, &pair).await?;
    let entry = found.audit("environment.restore", &locked.name, json!({}));
    audit::record(&tx, &entry).await?;
    // Before the commit: if the server dies in between, the next start closes the database of a deleted environment again.
    app.cluster.open_for_all(&locked.database).await?;
    let raised = fence::commit(tx, id).await?;
    drop(client);
    fence::in_force(app, raised).await;
    let environment =
        environments::find(&*app.store.client().await?, id).await?.ok_or_else(|| environments::unknown(&locked.name))?;
    Ok((environment, pair))
}
