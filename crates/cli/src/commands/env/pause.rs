use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, lookup};
use crate::client::input;
use crate::error::{Exit, Result};
use crate::model::Environment;

const PAUSE: &str = "mutation PauseEnvironment($input: PauseEnvironmentInput!) { pauseEnvironment(input: $input) {
  success code message hint environment { ...EnvironmentFields } } }";

#[derive(Serialize, Deserialize)]
struct Changed {
    environment: Environment,
}

/// Stops an environment's data traffic.
pub(crate) async fn run(context: &Context, name: Option<&str>) -> Result<Exit> {
    let environment = lookup::environment(context, name).await?;
    let changed: Changed = context.client.mutate(PAUSE, input(json!({ "environmentId": environment.id }))).await?;
    let environment = &changed.environment;
    context.printer.note(format!(
        "{} is paused: data requests answer 503 until `cloche env resume {}`.",
        environment.name, environment.name
    ));
    context.printer.result(&changed, String::new)?;
    Ok(Exit::Ok)
}
