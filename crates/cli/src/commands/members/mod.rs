mod add;
mod invitations;
mod invite;
mod list;
mod org_role;
mod password_link;
mod remove;
mod revoke_invitation;
mod role;
mod transfer;

use super::{Context, lookup};
use crate::args::MembersCommand;
use crate::error::{Exit, Result};

/// Runs a verb of `members`.
pub(crate) async fn run(context: &Context, verb: MembersCommand) -> Result<Exit> {
    match verb {
        MembersCommand::List { of } => list::run(context, &of).await,
        MembersCommand::Invite { email, role, org_role, of } => {
            invite::run(context, &email, role.as_deref(), org_role, &of).await
        }
        MembersCommand::Invitations { of } => invitations::run(context, &of).await,
        MembersCommand::RevokeInvitation { invitation, of } => revoke_invitation::run(context, &invitation, &of).await,
        MembersCommand::Add { email, name, role, of } => add::run(context, &email, name.as_deref(), role, &of).await,
        MembersCommand::Role { member, role } => role::run(context, &member, role).await,
        MembersCommand::OrgRole { member, role, of } => org_role::run(context, &member, role, &of).await,
        MembersCommand::Transfer { member, of } => transfer::run(context, &member, &of).await,
        MembersCommand::Remove { member, of } => remove::run(context, &member, &of).await,
        MembersCommand::PasswordLink { member, of } => password_link::run(context, &member, &of).await,
    }
}
