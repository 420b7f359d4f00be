use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, lookup};
use crate::client::input;
use crate::error::{Exit, Result};
use crate::model::Environment;

const UPDATE: &str = "mutation UpdateEnvironment($input: UpdateEnvironmentInput!) { updateEnvironment(input: $input) {
  success code message hint environment { ...EnvironmentFields } } }";

#[derive(Serialize, Deserialize)]
struct Changed {
    environment: Environment,
}

/// Gives an environment another name.
pub(crate) async fn run(context: &Context, name: &str, new_name: &str) -> Result<Exit> {
    let old = lookup::environment(context, Some(name)).await?;
    let changed: Changed = context.client.mutate(UPDATE, input(json!({ "environmentId": old.id, "name": new_name }))).await?;
    let environment = &changed.environment;
    context.printer.note(format!("Renamed {} to {}; its keys still work.", old.name, environment.name));
    context.printer.result(&changed, String::new)?;
    Ok(Exit::Ok)
}
