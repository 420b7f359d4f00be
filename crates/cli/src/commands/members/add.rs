use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, lookup};
use crate::args::{OfOrganization, OrganizationRole};
use crate::client::input;
use crate::error::{Exit, Result};
use crate::model::Member;

const ADD: &str = "mutation AddMember($input: AddMemberInput!) { addMember(input: $input) {
  success code message hint member { ...MemberFields } } }";

#[derive(Serialize, Deserialize)]
struct Added {
    member: Member,
}

/// Adds a machine to the organization.
pub(crate) async fn run(
    context: &Context,
    email: &str,
    name: Option<&str>,
    role: OrganizationRole,
    of: &OfOrganization,
) -> Result<Exit> {
    let organization = lookup::organization(context, of.organization.as_deref()).await?;
    let fields = json!({ "organizationId": organization.id, "email": email, "name": name, "organizationRole": role.as_str() });
    let added: Added = context.client.mutate(ADD, input(fields)).await?;
    context.printer.note(format!(
        "Added {email}. `cloche members role {email} developer` gives a role in the project, \
         `cloche tokens create NAME --member {email}` a token to log in with."
    ));
    context.printer.result(&added, String::new)?;
    Ok(Exit::Ok)
}
