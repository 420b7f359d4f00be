use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, invitations, lookup};
use crate::args::OfOrganization;
use crate::ask;
use crate::client::input;
use crate::error::{CliError, Exit, Result};
use crate::model::Invitation;

const REVOKE: &str = "mutation RevokeInvitation($input: RevokeInvitationInput!) { revokeInvitation(input: $input) {
  success code message hint invitation { ...InvitationFields } } }";

#[derive(Serialize, Deserialize)]
struct Revoked {
    invitation: Invitation,
}

/// Ends an invitation.
pub(crate) async fn run(context: &Context, text: &str, of: &OfOrganization) -> Result<Exit> {
    let id = if lookup::is_id(text) { text.to_owned() } else { find(context, text, of).await? };
    ask::confirm(context.settings.yes, &format!("The link of the invitation to {text} stops at once. Revoke it?"))?;
    let revoked: Revoked = context.client.mutate(REVOKE, input(json!({ "invitationId": id }))).await?;
    context.printer.note(format!("Revoked the invitation to {}.", revoked.invitation.email));
    context.printer.result(&revoked, String::new)?;
    Ok(Exit::Ok)
}

/// The id of the open invitation to an address; there is one at most.
async fn find(context: &Context, email: &str, of: &OfOrganization) -> Result<String> {
    let all = invitations::all(context, of).await?;
    let open = |one: &Invitation| one.accepted_at.is_none() && one.revoked_at.is_none();
    let found = all.into_iter().find(|one| open(one) && one.email.eq_ignore_ascii_case(email));
    found.map(|one| one.id).ok_or_else(|| {
        CliError::failed("invitation/not-found", format!("there is no open invitation to {email}"))
            .hint("`cloche members invitations` shows them")
    })
}
