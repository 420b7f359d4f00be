//! What `dev` and `status` share: asking the server for a plan, and showing it.

use console::{StyledObject, style};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Context;
use crate::client::input;
use crate::error::Result;
use crate::folder::DefinitionFile;
use crate::model::{Change, Environment, Extra, Plan};

const APPLY: &str = "mutation ApplyDefinitions($input: ApplyDefinitionsInput!) { applyDefinitions(input: $input) {
  success code message hint
  plan { hash empty changes { kind name action description breaking sql } extra { kind name } }
  errors { path line column message hint } } }";

/// An environment and what differs, or differed, between it and the folder.
#[derive(Debug, Serialize)]
pub(crate) struct Synced {
    /// The environment.
    pub(crate) environment: Environment,
    /// The plan.
    pub(crate) plan: Plan,
}

#[derive(Deserialize)]
struct Payload {
    plan: Plan,
}

/// What would change if the environment were made like the files.
pub(crate) async fn plan(context: &Context, environment: &Environment, files: &[DefinitionFile], prune: bool) -> Result<Plan> {
    let fields = json!({ "environmentId": environment.id, "files": files, "dryRun": true, "prune": prune });
    context.client.mutate::<Payload>(APPLY, input(fields)).await.map(|payload| payload.plan)
}

/// Makes the environment like the files, by exactly the plan with this hash or not at all.
pub(crate) async fn apply(
    context: &Context,
    environment: &Environment,
    files: &[DefinitionFile],
    prune: bool,
    hash: &str,
) -> Result<Plan> {
    let fields = json!({ "environmentId": environment.id, "files": files, "prune": prune, "planHash": hash });
    context.client.mutate::<Payload>(APPLY, input(fields)).await.map(|payload| payload.plan)
}

/// One change in one line.
pub(crate) fn change_line(change: &Change) -> String {
    let breaking = if change.breaking { style(" (breaking)").red().to_string() } else { String::new() };
    format!("{} {}{breaking}", mark(&change.action), change.description)
}

/// One thing only the environment has, in one line.
pub(crate) fn extra_line(extra: &Extra, environment: &Environment) -> String {
    format!("{} The {} `{}` is only in {}.", style("?").yellow(), extra.kind, extra.name, environment.name)
}

fn mark(action: &str) -> StyledObject<&'static str> {
    match action {
        "create" => style("+").green(),
        "drop" => style("-").red(),
        "rename" => style(">").cyan(),
        _ => style("~").yellow(),
    }
}
