//! Projects.

use std::sync::Arc;

use cloche_wire::{EnvironmentId, OperationId, OrganizationId, ProjectId};
use serde_json::json;

use super::{App, checked_name, operation};
use crate::auth::{Actor, ProjectAccess, Role, unknown_organization};
use crate::error::{Error, Result};
use crate::postgres::database::DatabaseName;
use crate::postgres::template::SCHEMA_VERSION;
use crate::sagas::{Kind, MakeInput};
use crate::store::environments::{self, Environment, EnvironmentType, NewEnvironment};
use crate::store::keys::KeyPair;
use crate::store::operations::{self, ClaimMode, NewOperation};
use crate::store::projects::{self, Project};
use crate::store::{Page, Slice, audit, organizations};

/// A project with its root environment and the keys to it.
pub(crate) struct Created {
    pub(crate) project: Project,
    pub(crate) environment: Environment,
    pub(crate) keys: Option<KeyPair>,
}

/// Makes a project and its root environment of type dev. Whoever makes it owns it; any member of the organization may.
pub(crate) async fn create(
    app: &Arc<App>,
    actor: &Actor,
    organization: Option<OrganizationId>,
    name: &str,
    root_name: &str,
) -> Result<Created> {
    let organization = actor.organization(organization)?;
    checked_name("project", name)?;
    checked_name("environment", root_name)?;
    let (environment, operation_id, database) = (EnvironmentId::new(), OperationId::new(), DatabaseName::new());
    let project = {
        let mut client = app.store.client().await?;
        let tx = client.transaction().await?;
        // Somebody who is taken out at this moment must not keep a role by a new project.
        organizations::lock(&tx, organization).await?;
        if organizations::role(&tx, organization, actor.member_id).await?.is_none() {
            return Err(unknown_organization(&organization.to_string()));
        }
        let project = projects::insert(&tx, organization, name).await?;
        projects::set_role(&tx, project.id, actor.member_id, Some(Role::Owner.as_str())).await?;
        let kind = EnvironmentType::Dev;
        let new = NewEnvironment {
            id: environment,
            project: project.id,
            name: root_name,
            kind,
            database: &database,
            schema_version: SCHEMA_VERSION,
            parent: None,
            mode: None,
            expires_at: None,
            holds_production_data: false,
        };
        environments::insert(&tx, &new).await?;
        let input = MakeInput { project: project.id, environment, kind, database: database.clone(), root: true, branch: None };
        let operation = NewOperation {
            id: operation_id,
            kind: Kind::Create.as_str(),
            project: project.id,
            environment,
            input: json!(input),
            actor: actor.member_id.0,
            node: app.fence.node(),
            claims: &[(environment, ClaimMode::Exclusive)],
        };
        operations::begin(&tx, &operation).await?;
        let detail = json!({ "rootName": root_name, "operation": operation_id });
        let entry = audit::Entry {
            actor,
            project: Some(project.id),
            environment: Some(environment),
            action: "project.create",
            target: name,
            detail,
        };
        audit::record(&tx, &entry).await?;
        tx.commit().await?;
        project
    };
    let keys = operation::run_to_end(app, operation_id).await?;
    let client = app.store.client().await?;
    let environment = environments::find(&client, environment).await?.ok_or_else(|| environments::unknown(root_name))?;
    Ok(Created { project, environment, keys })
}

/// The proof that the actor has at least the role `need` in a project.
pub(crate) async fn access(app: &App, actor: &Actor, id: ProjectId, need: Role) -> Result<ProjectAccess> {
    ProjectAccess::check(&app.store.client().await?, actor, id, need).await
}

/// The projects the actor has a role in.
pub(crate) async fn list(app: &App, actor: &Actor, slice: &Slice) -> Result<Page<Project>> {
    projects::list(&*app.store.client().await?, actor, slice).await
}

/// One project, by id or by name; nothing where the actor has no role in it.
pub(crate) async fn find(app: &App, actor: &Actor, id: Option<ProjectId>, name: Option<&str>) -> Result<Option<Project>> {
    let client = app.store.client().await?;
    let found = match (id, name) {
        (Some(id), None) => projects::find(&client, id).await?,
        (None, Some(name)) => {
            let mut named = projects::find_by_name(&client, actor, name).await?;
            if named.len() > 1 {
                let message = format!("More than one of your organizations has a project {name}.");
                return Err(Error::bad_input("project/ambiguous", message).hint("Give its id."));
            }
            named.pop()
        }
        _ => return Err(Error::bad_input("project/which", "Give either the id or the name of a project.")),
    };
    let Some(project) = found else { return Ok(None) };
    match ProjectAccess::check(&client, actor, project.id, Role::Viewer).await {
        Ok(_) => Ok(Some(project)),
        Err(error) if error.code == "project/not-found" => Ok(None),
        Err(error) => Err(error),
    }
}
