//! Finds what names stand for.

use serde_json::json;
use uuid::Uuid;

use super::Context;
use crate::error::{CliError, Result};
use crate::model::{Environment, Member, Project};

const PROJECT: &str = "query Project($id: ID, $name: String) { project(id: $id, name: $name) { ...ProjectFields } }";
const ENVIRONMENT: &str = "query Environment($projectId: String!, $name: String!) {
  environment(projectId: $projectId, name: $name) { ...EnvironmentFields } }";
const ENVIRONMENT_BY_ID: &str = "query Environment($id: ID!) { environment(id: $id) { ...EnvironmentFields } }";
const MEMBERS: &str = "query Members($first: Int, $after: String) {
  members(first: $first, after: $after) { nodes { ...MemberFields } pageInfo { endCursor hasNextPage } } }";

/// The project the command is about.
pub(crate) async fn project(context: &Context) -> Result<Project> {
    let name = project_name(context)?;
    find_project(context, name).await?.ok_or_else(|| {
        let url = context.client.url().as_str().trim_end_matches('/');
        CliError::failed("project/not-found", format!("there is no project {name} on {url}"))
            .hint(format!("`cloche project list` shows those you can see; `cloche project create {name}` makes it"))
    })
}

/// The name or id of that project.
pub(crate) fn project_name(context: &Context) -> Result<&str> {
    context.settings.project.as_deref().ok_or_else(|| {
        CliError::usage("no project is named")
            .hint("add --project NAME, set CLOCHE_PROJECT, or run this in a folder whose cloche.yaml names one")
    })
}

/// A project by name or id, if there is one.
pub(crate) async fn find_project(context: &Context, name: &str) -> Result<Option<Project>> {
    let variables = if is_id(name) { json!({ "id": name }) } else { json!({ "name": name }) };
    context.client.query(PROJECT, variables).await
}

/// An environment by name, type or id; `None` stands for that of `--env`.
pub(crate) async fn environment(context: &Context, name: Option<&str>) -> Result<Environment> {
    let name = name.unwrap_or(&context.settings.env);
    let found: Option<Environment> = if is_id(name) {
        context.client.query(ENVIRONMENT_BY_ID, json!({ "id": name })).await?
    } else {
        let project = project(context).await?;
        context.client.query(ENVIRONMENT, json!({ "projectId": project.id, "name": name })).await?
    };
    found.ok_or_else(|| {
        CliError::failed("environment/not-found", format!("there is no environment {name} in this project"))
            .hint("`cloche env list` shows them; a type works as a name where only one environment has it")
    })
}

/// All members of the organization.
pub(crate) async fn members(context: &Context) -> Result<Vec<Member>> {
    context.client.list(MEMBERS, json!({}), usize::MAX).await
}

/// A member's id by e-mail address or id.
pub(crate) async fn member_id(context: &Context, text: &str) -> Result<String> {
    if is_id(text) {
        return Ok(text.to_owned());
    }
    let found = members(context).await?.into_iter().find(|member| member.email.eq_ignore_ascii_case(text));
    found.map(|member| member.id).ok_or_else(|| {
        CliError::failed("member/not-found", format!("there is no member {text}"))
            .hint("`cloche members list` shows them; `cloche members add` adds one")
    })
}

/// Whether a text is an id rather than a name.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 36 && Uuid::parse_str(text).is_ok()
}
