mod create;
mod list;
mod rename;

use super::{Context, lookup};
use crate::args::OrgsCommand;
use crate::error::{Exit, Result};

/// Runs a verb of `orgs`.
pub(crate) async fn run(context: &Context, verb: OrgsCommand) -> Result<Exit> {
    match verb {
        OrgsCommand::List => list::run(context).await,
        OrgsCommand::Create { name } => create::run(context, &name).await,
        OrgsCommand::Rename { organization, name } => rename::run(context, &organization, &name).await,
    }
}
