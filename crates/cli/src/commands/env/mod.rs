mod branch;
mod create;
mod delete;
mod list;
mod pause;
mod rename;
mod renew;
mod resume;
mod show;
mod tree;
mod undelete;
mod url;

use super::{Context, lookup};
use crate::args::EnvCommand;
use crate::error::{Exit, Result};
use crate::model::Environment;
use crate::printer::{fields, time};

/// Runs a verb of `env`.
pub(crate) async fn run(context: &Context, verb: EnvCommand) -> Result<Exit> {
    match verb {
        EnvCommand::List => list::run(context).await,
        EnvCommand::Create(args) => create::run(context, args).await,
        EnvCommand::Branch(args) => branch::run(context, args).await,
        EnvCommand::Show { name } => show::run(context, name.as_deref()).await,
        EnvCommand::Rename { name, new_name } => rename::run(context, &name, &new_name).await,
        EnvCommand::Renew { name, lease, no_expiry: _ } => renew::run(context, name.as_deref(), lease).await,
        EnvCommand::Pause { name } => pause::run(context, name.as_deref()).await,
        EnvCommand::Resume { name } => resume::run(context, name.as_deref()).await,
        EnvCommand::Delete { name, purge, confirm } => delete::run(context, &name, purge, confirm.as_deref()).await,
        EnvCommand::Undelete { name } => undelete::run(context, &name).await,
        EnvCommand::Tree => tree::run(context).await,
        EnvCommand::Url { name, rotate } => url::run(context, name.as_deref(), rotate).await,
    }
}

/// The environment's card for people.
fn card(environment: &Environment) -> String {
    let yes = |set: bool| set.then(|| "yes".to_owned());
    let moment = |text: &Option<String>| text.as_deref().map(time);
    fields([
        ("name", Some(environment.name.clone())),
        ("id", Some(environment.id.clone())),
        ("type", Some(environment.kind.clone())),
        ("status", Some(environment.status.clone())),
        ("provider", environment.provider.clone()),
        ("region", environment.region.clone()),
        ("cluster", environment.cluster.clone()),
        ("parent", environment.parent_name.clone()),
        ("branch mode", environment.branch_mode.clone()),
        ("branched", moment(&environment.branched_at)),
        ("lease ends", moment(&environment.expires_at)),
        ("protected", yes(environment.protected)),
        ("holds production data", yes(environment.holds_production_data)),
        ("deleted", moment(&environment.deleted_at)),
        ("bytes erased", moment(&environment.erase_at)),
        ("created", Some(time(&environment.created_at))),
        ("updated", Some(time(&environment.updated_at))),
    ])
}
