//! Finds what names stand for.

use serde_json::json;
use uuid::Uuid;

use super::Context;
use crate::error::{CliError, Result};
use crate::model::{Environment, Member, Organization, Project};

const PROJECT: &str = "query Project($id: ID, $name: String) { project(id: $id, name: $name) { ...ProjectFields } }";
const ENVIRONMENT: &str = "query Environment($projectId: String!, $name: String!) {
  environment(projectId: $projectId, name: $name) { ...EnvironmentFields } }";
const ENVIRONMENT_BY_ID: &str = "query Environment($id: ID!) { environment(id: $id) { ...EnvironmentFields } }";
/// Asks for the organizations one belongs to, oldest first.
pub(super) const ORGANIZATIONS: &str = "{ organizations { ...OrganizationFields } }";
const MEMBERS: &str = "query Members($organizationId: String, $first: Int, $after: String) {
  members(organizationId: $organizationId, first: $first, after: $after) { nodes { ...MemberFields } pageInfo { endCursor hasNextPage } } }";

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

/// The organization meant by a name or an id; `None` stands for the caller's only or oldest one.
pub(crate) async fn organization(context: &Context, name: Option<&str>) -> Result<Organization> {
    let all: Vec<Organization> = context.client.query(ORGANIZATIONS, json!({})).await?;
    let Some(name) = name else {
        return all.into_iter().next().ok_or_else(|| {
            CliError::failed("organization/not-found", "you belong to no organization")
                .hint("ask an owner of one for an invitation")
        });
    };
    let mut found: Vec<_> = all.into_iter().filter(|one| one.id == name || one.name.eq_ignore_ascii_case(name)).collect();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(CliError::failed(
            "organization/not-found",
            format!("there is no organization {name}, or you do not belong to it"),
        )
        .hint("`cloche orgs list` shows yours")),
        several => Err(CliError::failed("organization/ambiguous", format!("{several} of your organizations are named {name}"))
            .hint("give the id of one: `cloche orgs list` shows them")),
    }
}

/// All members of an organization, by its id; `None` stands for the caller's only or oldest one.
pub(crate) async fn members(context: &Context, organization: Option<&str>) -> Result<Vec<Member>> {
    context.client.list(MEMBERS, json!({ "organizationId": organization }), usize::MAX).await
}

/// The id of a member of this organization, by e-mail address or id.
pub(crate) async fn member_id(context: &Context, organization: Option<&str>, text: &str) -> Result<String> {
    if is_id(text) {
        return Ok(text.to_owned());
    }
    let found = members(context, organization).await?.into_iter().find(|member| member.email.eq_ignore_ascii_case(text));
    found.map(|member| member.id).ok_or_else(|| {
        CliError::failed("member/not-found", format!("there is no member {text}"))
            .hint("`cloche members list` shows them; `cloche members invite` invites one")
    })
}

/// Whether a text is an id rather than a name.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 36 && Uuid::parse_str(text).is_ok()
}
