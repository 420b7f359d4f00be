use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, lookup};
use crate::args::OfOrganization;
use crate::client::input;
use crate::error::{Exit, Result};

const CREATE: &str = "mutation CreatePasswordLink($input: CreatePasswordLinkInput!) { createPasswordLink(input: $input) {
  success code message hint link } }";

#[derive(Serialize, Deserialize)]
struct Created {
    link: String,
}

/// Prints a link to a new password.
pub(crate) async fn run(context: &Context, member: &str, of: &OfOrganization) -> Result<Exit> {
    let organization = lookup::organization(context, of.organization.as_deref()).await?;
    let id = lookup::member_id(context, Some(&organization.id), member).await?;
    let created: Created = context.client.mutate(CREATE, input(json!({ "memberId": id }))).await?;
    context.printer.note(format!("Send {member} this link; it is shown this once and works for 24 hours."));
    context.printer.result(&created, || created.link.clone())?;
    Ok(Exit::Ok)
}
