use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, lookup};
use crate::args::OfOrganization;
use crate::ask;
use crate::client::input;
use crate::error::{Exit, Result};

const REMOVE: &str = "mutation RemoveMember($input: RemoveMemberInput!) { removeMember(input: $input) {
  success code message hint } }";

#[derive(Serialize, Deserialize)]
struct Removed {
    message: String,
}

/// Takes a member out of the organization.
pub(crate) async fn run(context: &Context, member: &str, of: &OfOrganization) -> Result<Exit> {
    let organization = lookup::organization(context, of.organization.as_deref()).await?;
    let id = lookup::member_id(context, Some(&organization.id), member).await?;
    let question = format!("{member} leaves {} with every role in its projects. Go on?", organization.name);
    ask::confirm(context.settings.yes, &question)?;
    let removed: Removed =
        context.client.mutate(REMOVE, input(json!({ "organizationId": organization.id, "memberId": id }))).await?;
    context.printer.note(format!("{member} does not belong to {} any more.", organization.name));
    context.printer.result(&removed, String::new)?;
    Ok(Exit::Ok)
}
