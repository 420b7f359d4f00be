use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, lookup};
use crate::args::OfOrganization;
use crate::client::input;
use crate::error::{Exit, Result};
use crate::model::{Environment, KeyPair, Project};
use crate::printer::key_pair;

const CREATE: &str = "mutation CreateProject($input: CreateProjectInput!) { createProject(input: $input) {
  success code message hint project { ...ProjectFields } environment { ...EnvironmentFields } keys { publishable secret } } }";

/// A new project with its root environment and that one's keys.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CreatedProject {
    /// The project.
    pub(crate) project: Project,
    /// Its root environment.
    pub(crate) environment: Environment,
    /// The root environment's key pair.
    pub(crate) keys: KeyPair,
}

/// Creates a project and prints its keys.
pub(crate) async fn run(context: &Context, name: &str, root_name: &str, of: &OfOrganization) -> Result<Exit> {
    let organization = match &of.organization {
        Some(organization) => Some(lookup::organization(context, Some(organization)).await?.id),
        None => None,
    };
    let created = create(context, organization.as_deref(), name, root_name).await?;
    let environment = &created.environment;
    context.printer.note(format!("Created project {} with the environment {}.", created.project.name, environment.name));
    context.printer.result(&created, || key_pair(&created.keys))?;
    Ok(Exit::Ok)
}

/// Creates a project, in the caller's only or oldest organization where none is given.
pub(crate) async fn create(context: &Context, organization: Option<&str>, name: &str, root_name: &str) -> Result<CreatedProject> {
    let fields = json!({ "organizationId": organization, "name": name, "rootName": root_name });
    context.client.mutate(CREATE, input(fields)).await
}
