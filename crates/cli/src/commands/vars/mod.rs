mod list;
mod set;
mod unset;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Context, lookup};
use crate::args::VarsCommand;
use crate::client::input;
use crate::error::{Exit, Result};
use crate::model::Environment;

const SET: &str = "mutation SetVariables($input: SetVariablesInput!) {
  setVariables(input: $input) { success code message hint } }";

/// Runs a verb of `vars`.
pub(crate) async fn run(context: &Context, verb: VarsCommand) -> Result<Exit> {
    match verb {
        VarsCommand::List { reveal } => list::run(context, reveal).await,
        VarsCommand::Set { variables } => set::run(context, variables).await,
        VarsCommand::Unset { names } => unset::run(context, names).await,
    }
}

/// One change; no value removes the variable.
#[derive(Serialize)]
struct Setting {
    name: String,
    value: Option<String>,
}

/// Makes all changes, or none.
async fn apply(context: &Context, environment: &Environment, settings: &[Setting]) -> Result<()> {
    let _: Value = context.client.mutate(SET, input(json!({ "environmentId": environment.id, "variables": settings }))).await?;
    Ok(())
}
