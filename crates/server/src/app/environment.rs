//! Looking at environments and changing what is on their cards.

use cloche_wire::{EnvironmentId, ProjectId};
use deadpool_postgres::GenericClient;
use serde_json::{Value, json};

use super::{App, checked_name, from_now};
use crate::auth::{Actor, ProjectAccess, Role};
use crate::error::{Error, Result};
use crate::fence;
use crate::postgres::database::DatabaseName;
use crate::postgres::template::SCHEMA_VERSION;
use crate::store::environments::{self, Environment, Status};
use crate::store::{Page, Slice, Tx, audit};

/// An environment and the proof that the actor has a role in its project.
pub(crate) struct Found {
    pub(crate) environment: Environment,
    pub(crate) access: ProjectAccess,
}

impl Found {
    /// The audit row of something its actor does to it.
    pub(crate) fn audit<'a>(&'a self, action: &'a str, target: &'a str, detail: Value) -> audit::Entry<'a> {
        let (project, environment) = (Some(self.environment.project_id), Some(self.environment.id));
        audit::Entry { actor: self.access.actor(), project, environment, action, target, detail }
    }
}

/// An environment in the tree, with how far it is from its root.
pub(crate) struct TreeNode {
    pub(crate) depth: i32,
    pub(crate) environment: Environment,
}

/// The environment with this id, if the actor has at least the role `need` in its project.
pub(crate) async fn find(app: &App, actor: &Actor, id: EnvironmentId, need: Role) -> Result<Found> {
    let client = app.store.client().await?;
    let environment = environments::find(&client, id).await?.ok_or_else(|| environments::unknown(&id.to_string()))?;
    let access = ProjectAccess::check(&client, actor, environment.project_id, need).await;
    match access {
        Ok(access) => Ok(Found { environment, access }),
        // A project one has no role in is not there, and so are its environments.
        Err(error) if error.code == "project/not-found" => Err(environments::unknown(&id.to_string())),
        Err(error) => Err(error),
    }
}

/// By name, or by a type only one has.
pub(crate) async fn find_by_name(app: &App, access: &ProjectAccess, name: &str) -> Result<Option<Environment>> {
    environments::find_by_name(&*app.store.client().await?, access.project().id, name).await
}

/// Depth first, siblings by age.
pub(crate) async fn tree(app: &App, project: ProjectId) -> Result<Vec<TreeNode>> {
    fn add(all: &[Environment], parent: Option<EnvironmentId>, depth: i32, tree: &mut Vec<TreeNode>) {
        for environment in all.iter().filter(|environment| environment.parent_id == parent) {
            tree.push(TreeNode { depth, environment: environment.clone() });
            add(all, Some(environment.id), depth + 1, tree);
        }
    }
    let mut all = environments::all(&app.store.client().await?, project).await?;
    // A child of a deleted environment stands at the top.
    let alive: Vec<EnvironmentId> = all.iter().map(|environment| environment.id).collect();
    for environment in &mut all {
        environment.parent_id = environment.parent_id.filter(|parent| alive.contains(parent));
    }
    let mut tree = Vec::with_capacity(all.len());
    add(&all, None, 0, &mut tree);
    Ok(tree)
}

/// Gives another name, or another protection. Ids and keys stay.
pub(crate) async fn update(app: &App, found: &Found, name: Option<&str>, protected: Option<bool>) -> Result<Environment> {
    found.access.require_change(&found.environment)?;
    if protected.is_some() {
        found.access.require(Role::Owner, "Changing the protection of an environment")?;
    }
    let id = found.environment.id;
    change(app, found, "environment.update", json!({ "name": name, "protected": protected }), async |tx, _| {
        if let Some(name) = name {
            environments::rename(tx, id, checked_name("environment", name)?).await?;
        }
        if let Some(protected) = protected {
            environments::set_protected(tx, id, protected).await?;
        }
        Ok(())
    })
    .await
}

/// Lets it live for `lease` from now; without one, until it is deleted.
pub(crate) async fn renew_lease(app: &App, found: &Found, lease: Option<&str>) -> Result<Environment> {
    found.access.require_change(&found.environment)?;
    let expires_at = from_now("input.lease", lease)?;
    if expires_at.is_some() && found.environment.protected {
        return Err(leased_and_protected());
    }
    if expires_at.is_some() && is_root(&app.store.client().await?, &found.environment).await? {
        return Err(root_stays());
    }
    let id = found.environment.id;
    change(app, found, "environment.renewLease", json!({ "expiresAt": expires_at }), async |tx, _| {
        environments::set_lease(tx, id, expires_at).await
    })
    .await
}

/// What is protected is not deleted by the clock.
pub(crate) fn leased_and_protected() -> Error {
    Error::bad_input("environment/protected", "A protected environment, such as production, cannot have a lease.")
        .hint("Leave the lease out.")
        .field("input.lease", "absent", "only for environments that are not protected")
}

/// The root is the oldest environment of its project.
pub(crate) async fn is_root(client: &impl GenericClient, environment: &Environment) -> Result<bool> {
    Ok(environments::all(client, environment.project_id).await?.first().is_some_and(|first| first.id == environment.id))
}

fn root_stays() -> Error {
    Error::conflict("environment/root", "This is the project's root environment, which cannot be deleted and so has no lease.")
}

/// Stops data traffic; in force on return.
pub(crate) async fn pause(app: &App, found: &Found) -> Result<Environment> {
    switch(app, found, "environment.pause", Status::Active, Status::Paused).await
}

/// Allows data traffic again.
pub(crate) async fn resume(app: &App, found: &Found) -> Result<Environment> {
    switch(app, found, "environment.resume", Status::Paused, Status::Active).await
}

async fn switch(app: &App, found: &Found, action: &str, from: Status, to: Status) -> Result<Environment> {
    found.access.require_change(&found.environment)?;
    let id = found.environment.id;
    change(app, found, action, json!({}), async |tx, locked| {
        if locked.status == to {
            return Ok(());
        }
        if locked.status != from {
            let message = format!("The environment {} is {}, not {}.", locked.name, locked.status.as_str(), from.as_str());
            return Err(Error::conflict("environment/not-active", message));
        }
        environments::set_status(tx, id, to).await
    })
    .await
}

/// One change under the row's lock, with its audit row, in force everywhere on return. Deleted environments do not change.
async fn change(
    app: &App,
    found: &Found,
    action: &str,
    detail: Value,
    write: impl AsyncFnOnce(&Tx<'_>, &Environment) -> Result<()>,
) -> Result<Environment> {
    let id = found.environment.id;
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    let locked = environments::lock(&tx, id).await?;
    if matches!(locked.status, Status::Deleting | Status::Deleted) {
        return Err(environments::unknown(&locked.name));
    }
    write(&tx, &locked).await?;
    let entry = found.audit(action, &locked.name, detail);
    audit::record(&tx, &entry).await?;
    let raised = fence::commit(tx, id).await?;
    drop(client);
    fence::in_force(app, raised).await;
    environments::find(&*app.store.client().await?, id).await?.ok_or_else(|| environments::unknown(&locked.name))
}

/// Whether the environment can be worked with at all: its database is there and open.
pub(crate) fn require_usable(environment: &Environment) -> Result<()> {
    if matches!(environment.status, Status::Active | Status::Paused) {
        return Ok(());
    }
    let message = format!("The environment {} is {}.", environment.name, environment.status.as_str());
    Err(Error::conflict("environment/not-active", message).hint("`cloche env list` shows which are active."))
}

/// The same for whoever uses its database: schema `cloche` is brought to what this server knows, where an older one made it.
pub(crate) async fn require_ready(app: &App, environment: &Environment) -> Result<()> {
    require_usable(environment)?;
    bring_up_to_date(app, environment).await
}

/// Brings schema `cloche` of an environment to what this server knows, if it is behind.
pub(crate) async fn bring_up_to_date(app: &App, environment: &Environment) -> Result<()> {
    migrate(app, environment.id, &environment.database, environment.schema_version).await
}

/// The same where no more is known of it than its key tells. Once at a time on this server, and inside the gate, so that copies wait.
pub(crate) async fn migrate(app: &App, id: EnvironmentId, database: &DatabaseName, known: i32) -> Result<()> {
    if known >= SCHEMA_VERSION {
        return Ok(());
    }
    // Rare, and with much to keep meanwhile: every request of the data plane asks.
    Box::pin(async {
        let handle = app.environments.handle(id, database, &app.cluster);
        handle.migrate().await?;
        environments::set_schema_version(&*app.store.client().await?, id, SCHEMA_VERSION).await?;
        // The keys remembered tell of the version before.
        app.keys.forget(Some(id));
        Ok(())
    })
    .await
}

/// The environments of a project, oldest first.
pub(crate) async fn list(app: &App, access: &ProjectAccess, slice: &Slice) -> Result<Page<Environment>> {
    environments::list(&*app.store.client().await?, access.project().id, slice).await
}

/// Those whose delete can still be undone.
pub(crate) async fn deleted(app: &App, access: &ProjectAccess) -> Result<Vec<Environment>> {
    environments::deleted(&*app.store.client().await?, access.project().id).await
}
