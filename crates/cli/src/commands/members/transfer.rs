use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, lookup};
use crate::args::OfOrganization;
use crate::ask;
use crate::client::input;
use crate::error::{Exit, Result};
use crate::model::Member;

const TRANSFER: &str = "mutation TransferOwnership($input: TransferOwnershipInput!) { transferOwnership(input: $input) {
  success code message hint member { ...MemberFields } } }";

#[derive(Serialize, Deserialize)]
struct Transferred {
    member: Member,
}

/// Makes another member the owner in the caller's place.
pub(crate) async fn run(context: &Context, member: &str, of: &OfOrganization) -> Result<Exit> {
    let organization = lookup::organization(context, of.organization.as_deref()).await?;
    let id = lookup::member_id(context, Some(&organization.id), member).await?;
    let question = format!("{member} becomes owner of {}, and you a member. Go on?", organization.name);
    ask::confirm(context.settings.yes, &question)?;
    let fields = json!({ "organizationId": organization.id, "memberId": id });
    let transferred: Transferred = context.client.mutate(TRANSFER, input(fields)).await?;
    context.printer.note(format!("{} is owner of {} now, and you are a member.", transferred.member.email, organization.name));
    context.printer.result(&transferred, String::new)?;
    Ok(Exit::Ok)
}
