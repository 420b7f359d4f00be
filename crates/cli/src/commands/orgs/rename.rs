use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, lookup};
use crate::client::input;
use crate::error::{Exit, Result};
use crate::model::Organization;

const UPDATE: &str = "mutation UpdateOrganization($input: UpdateOrganizationInput!) { updateOrganization(input: $input) {
  success code message hint organization { ...OrganizationFields } } }";

#[derive(Serialize, Deserialize)]
struct Renamed {
    organization: Organization,
}

/// Gives an organization another name.
pub(crate) async fn run(context: &Context, organization: &str, name: &str) -> Result<Exit> {
    let found = lookup::organization(context, Some(organization)).await?;
    let renamed: Renamed = context.client.mutate(UPDATE, input(json!({ "organizationId": found.id, "name": name }))).await?;
    context.printer.note(format!("{} is named {} now.", found.name, renamed.organization.name));
    context.printer.result(&renamed, String::new)?;
    Ok(Exit::Ok)
}
