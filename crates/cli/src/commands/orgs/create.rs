use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Context;
use crate::client::input;
use crate::error::{Exit, Result};
use crate::model::Organization;

const CREATE: &str = "mutation CreateOrganization($input: CreateOrganizationInput!) { createOrganization(input: $input) {
  success code message hint organization { ...OrganizationFields } } }";

#[derive(Serialize, Deserialize)]
struct Created {
    organization: Organization,
}

/// Creates an organization.
pub(crate) async fn run(context: &Context, name: &str) -> Result<Exit> {
    let created: Created = context.client.mutate(CREATE, input(json!({ "name": name }))).await?;
    context
        .printer
        .note(format!("Created the organization {}. `cloche members invite --org` brings people in.", created.organization.name));
    context.printer.result(&created, String::new)?;
    Ok(Exit::Ok)
}
