use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, lookup};
use crate::args::{OfOrganization, OrganizationRole};
use crate::client::input;
use crate::error::{Exit, Result};
use crate::model::Member;

const SET: &str = "mutation SetOrganizationRole($input: SetOrganizationRoleInput!) { setOrganizationRole(input: $input) {
  success code message hint member { ...MemberFields } } }";

#[derive(Serialize, Deserialize)]
struct Changed {
    member: Member,
}

/// Sets a member's role in the organization.
pub(crate) async fn run(context: &Context, member: &str, role: OrganizationRole, of: &OfOrganization) -> Result<Exit> {
    let organization = lookup::organization(context, of.organization.as_deref()).await?;
    let id = lookup::member_id(context, Some(&organization.id), member).await?;
    let fields = json!({ "organizationId": organization.id, "memberId": id, "role": role.as_str() });
    let changed: Changed = context.client.mutate(SET, input(fields)).await?;
    let role = role.as_str().to_ascii_lowercase();
    context.printer.note(format!("{} is {role} of {} now.", changed.member.email, organization.name));
    context.printer.result(&changed, String::new)?;
    Ok(Exit::Ok)
}
