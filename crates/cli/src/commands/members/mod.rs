mod add;
mod list;
mod role;

use super::{Context, lookup};
use crate::args::MembersCommand;
use crate::error::{Exit, Result};

/// Runs a verb of `members`.
pub(crate) async fn run(context: &Context, verb: MembersCommand) -> Result<Exit> {
    match verb {
        MembersCommand::List => list::run(context).await,
        MembersCommand::Add { email, name, role } => add::run(context, &email, name.as_deref(), role).await,
        MembersCommand::Role { member, role } => role::run(context, &member, role).await,
    }
}
