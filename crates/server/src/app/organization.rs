//! Organizations: people and the projects they own.

use cloche_wire::OrganizationId;
use serde_json::json;

use super::App;
use super::people::require_still_owner;
use crate::auth::{Actor, OrganizationRole, unknown_organization};
use crate::error::{Error, Result};
use crate::store::organizations::{self, Organization};
use crate::store::{Tx, audit, people, sessions};

/// Those the actor belongs to, oldest first.
pub(crate) async fn list(app: &App, actor: &Actor) -> Result<Vec<Organization>> {
    let ids: Vec<_> = actor.organizations.iter().map(|(id, _)| id.0).collect();
    organizations::list(&*app.store.client().await?, &ids).await
}

/// A new organization, owned by who makes it. Only who runs the server makes one.
pub(crate) async fn create(app: &App, actor: &Actor, name: &str) -> Result<Organization> {
    actor.require_instance_owner()?;
    let name = checked_name(name)?;
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    // Somebody who was taken out of everything meanwhile must not come back in by this.
    sessions::lock_login(&tx, actor.member_id).await?;
    if people::actor(&tx, actor.member_id).await?.is_none_or(|now| !now.instance_owner) {
        return Err(Error::forbidden("auth/forbidden", "This needs an owner of this server."));
    }
    let id = organizations::insert(&tx, name).await?;
    organizations::set_role(&tx, id, actor.member_id, OrganizationRole::Owner).await?;
    record(&tx, actor, "organization.create", name, id).await?;
    tx.commit().await?;
    find(app, id).await
}

/// Gives it another name.
pub(crate) async fn rename(app: &App, actor: &Actor, id: OrganizationId, name: &str) -> Result<Organization> {
    actor.require_owner_of(id)?;
    let name = checked_name(name)?;
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    organizations::lock(&tx, id).await?;
    require_still_owner(&tx, id, actor).await?;
    organizations::rename(&tx, id, name).await?;
    record(&tx, actor, "organization.rename", name, id).await?;
    tx.commit().await?;
    find(app, id).await
}

async fn find(app: &App, id: OrganizationId) -> Result<Organization> {
    organizations::find(&*app.store.client().await?, id).await?.ok_or_else(|| unknown_organization(&id.to_string()))
}

fn checked_name(name: &str) -> Result<&str> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.contains(char::is_control) {
        return Err(Error::bad_input("organization/name-invalid", "An organization's name has 1 to 100 characters.").field(
            "input.name",
            "length",
            "1 to 100",
        ));
    }
    Ok(name)
}

async fn record(tx: &Tx<'_>, actor: &Actor, action: &str, name: &str, id: OrganizationId) -> Result<()> {
    let detail = json!({ "organization": id });
    audit::record(tx, &audit::Entry { actor, project: None, environment: None, action, target: name, detail }).await
}
