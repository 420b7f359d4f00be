//! Projects.

use std::sync::Arc;

use cloche_wire::{EnvironmentId, OperationId};
use serde_json::json;

use super::{App, checked_name, operation};
use crate::auth::{Actor, Role};
use crate::error::Result;
use crate::postgres::database::DatabaseName;
use crate::sagas::{Kind, MakeInput};
use crate::store::audit;
use crate::store::environments::{self, Environment, EnvironmentType, NewEnvironment};
use crate::store::keys::KeyPair;
use crate::store::operations::{self, ClaimMode, NewOperation};
use crate::store::projects::{self, Project};

/// A project with its root environment and the keys to it.
pub(crate) struct Created {
    pub(crate) project: Project,
    pub(crate) environment: Environment,
    pub(crate) keys: Option<KeyPair>,
}

/// Makes a project and its root environment of type dev. Whoever makes it owns it.
pub(crate) async fn create(app: &Arc<App>, actor: &Actor, name: &str, root_name: &str) -> Result<Created> {
    checked_name("project", name)?;
    checked_name("environment", root_name)?;
    let (environment, operation_id, database) = (EnvironmentId::new(), OperationId::new(), DatabaseName::new());
    let project = {
        let mut client = app.store.client().await?;
        let tx = client.transaction().await?;
        let project = projects::insert(&tx, app.organization, name).await?;
        projects::set_role(&tx, project.id, actor.member_id, Some(Role::Owner.as_str())).await?;
        let kind = EnvironmentType::Dev;
        let new = NewEnvironment {
            id: environment,
            project: project.id,
            name: root_name,
            kind,
            database: &database,
            parent: None,
            mode: None,
            expires_at: None,
            holds_production_data: false,
        };
        environments::insert(&tx, &new).await?;
        let input = MakeInput { project: project.id, environment, kind, database: database.clone(), root: true, branch: None };
        let operation = NewOperation {
            id: operation_id,
            kind: Kind::CreateEnvironment.as_str(),
            project: project.id,
            environment,
            input: json!(input),
            actor: actor.member_id.0,
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
