mod explain;

use super::{Context, lookup};
use crate::args::AccessCommand;
use crate::error::{Exit, Result};

/// Runs a verb of `access`.
pub(crate) async fn run(context: &Context, verb: AccessCommand) -> Result<Exit> {
    match verb {
        AccessCommand::Explain(args) => explain::run(context, args).await,
    }
}
