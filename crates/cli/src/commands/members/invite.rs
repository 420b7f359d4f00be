use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, lookup};
use crate::args::{OfOrganization, OrganizationRole};
use crate::client::input;
use crate::error::{CliError, Exit, Result};
use crate::model::Invitation;
use crate::printer::time;

const INVITE: &str = "mutation InviteMember($input: InviteMemberInput!) { inviteMember(input: $input) {
  success code message hint invitation { ...InvitationFields } link } }";

#[derive(Serialize, Deserialize)]
struct Invited {
    invitation: Invitation,
    link: String,
}

/// Invites a person and prints the link.
pub(crate) async fn run(
    context: &Context,
    email: &str,
    role: Option<&str>,
    organization_role: OrganizationRole,
    of: &OfOrganization,
) -> Result<Exit> {
    let mut projects = Vec::new();
    let mut organization = None;
    if let Some(role) = role {
        let project = lookup::project(context).await?;
        projects.push(json!({ "projectId": project.id, "role": role.to_ascii_uppercase() }));
        organization = project.organization_id;
    }
    let organization = match (organization, &of.organization) {
        // The project says whose it is.
        (Some(id), None) => id,
        (Some(id), Some(name)) => {
            let named = lookup::organization(context, Some(name)).await?;
            if named.id != id {
                return Err(CliError::usage(format!("the project does not belong to {name}")).hint("leave out --org"));
            }
            id
        }
        (None, name) => lookup::organization(context, name.as_deref()).await?.id,
    };
    let fields =
        json!({ "organizationId": organization, "email": email, "role": organization_role.as_str(), "projects": projects });
    let invited: Invited = context.client.mutate(INVITE, input(fields)).await?;
    context.printer.note(format!(
        "Invited {email}. Send them this link; it is shown this once and works until {}.",
        time(&invited.invitation.expires_at)
    ));
    context.printer.result(&invited, || invited.link.clone())?;
    Ok(Exit::Ok)
}
