use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, lookup};
use crate::client::input;
use crate::error::{Exit, Result};
use crate::model::Environment;

const RESUME: &str = "mutation ResumeEnvironment($input: ResumeEnvironmentInput!) { resumeEnvironment(input: $input) {
  success code message hint environment { ...EnvironmentFields } } }";

#[derive(Serialize, Deserialize)]
struct Changed {
    environment: Environment,
}

/// Allows a paused environment's data traffic again.
pub(crate) async fn run(context: &Context, name: Option<&str>) -> Result<Exit> {
    let environment = lookup::environment(context, name).await?;
    let changed: Changed = context.client.mutate(RESUME, input(json!({ "environmentId": environment.id }))).await?;
    let environment = &changed.environment;
    context.printer.note(format!("{} is {} again.", environment.name, environment.status));
    context.printer.result(&changed, String::new)?;
    Ok(Exit::Ok)
}
