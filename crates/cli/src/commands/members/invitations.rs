use serde_json::json;

use super::{Context, lookup};
use crate::args::OfOrganization;
use crate::error::{Exit, Result};
use crate::model::Invitation;
use crate::printer::{table, time};

const INVITATIONS: &str = "query Invitations($organizationId: String) {
  invitations(organizationId: $organizationId) { ...InvitationFields } }";

/// Lists invitations.
pub(crate) async fn run(context: &Context, of: &OfOrganization) -> Result<Exit> {
    let invitations = all(context, of).await?;
    if invitations.is_empty() {
        context.printer.note("There are no invitations: `cloche members invite EMAIL` makes one.");
    }
    context.printer.result(&invitations, || {
        if invitations.is_empty() {
            return String::new();
        }
        let rows = invitations.iter().map(|one| {
            let state = match (&one.accepted_at, &one.revoked_at) {
                (Some(at), _) => format!("accepted {}", time(at)),
                (None, Some(at)) => format!("revoked {}", time(at)),
                (None, None) => format!("until {}", time(&one.expires_at)),
            };
            [one.email.clone(), one.organization_role.clone(), one.invited_by.clone(), state, one.id.clone()]
        });
        table(["E-MAIL", "ROLE", "INVITED BY", "STATE", "ID"], rows)
    })?;
    Ok(Exit::Ok)
}

/// The invitations of the organization meant, newest first.
pub(super) async fn all(context: &Context, of: &OfOrganization) -> Result<Vec<Invitation>> {
    let organization = lookup::organization(context, of.organization.as_deref()).await?;
    context.client.query(INVITATIONS, json!({ "organizationId": organization.id })).await
}
