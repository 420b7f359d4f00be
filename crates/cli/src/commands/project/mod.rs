mod create;
mod list;
mod show;

use super::{Context, lookup};
use crate::args::ProjectCommand;
use crate::error::{Exit, Result};

pub(crate) use create::{CreatedProject, create};

/// Runs a verb of `project`.
pub(crate) async fn run(context: &Context, verb: ProjectCommand) -> Result<Exit> {
    match verb {
        ProjectCommand::Create { name, root_name, of } => create::run(context, &name, &root_name, &of).await,
        ProjectCommand::List => list::run(context).await,
        ProjectCommand::Show { name } => show::run(context, name).await,
    }
}
