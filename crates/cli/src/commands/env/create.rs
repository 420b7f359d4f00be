use serde_json::json;

use super::{Context, lookup};
use crate::args::CreateArgs;
use crate::client::input;
use crate::error::{Exit, Result};
use crate::model::Created;
use crate::printer::key_pair;
use crate::progress;

const CREATE: &str = "mutation CreateEnvironment($input: CreateEnvironmentInput!) { createEnvironment(input: $input) {
  success code message hint
  environment { ...EnvironmentFields } keys { publishable secret } operation { ...OperationFields } } }";

/// Creates an empty environment and prints its keys.
pub(crate) async fn run(context: &Context, args: CreateArgs) -> Result<Exit> {
    let project = lookup::project(context).await?;
    let id = progress::new_id();
    let call = context.client.mutate(
        CREATE,
        input(json!({
            "projectId": project.id,
            "name": args.name,
            "type": args.kind.map(|kind| kind.as_str()),
            "lease": args.lease.as_ref().map(|lease| lease.as_str()),
            "operationId": id,
        })),
    );
    let title = format!("Creating {}", args.name);
    let created: Created = progress::watch(&context.client, context.printer, id, &title, call).await?;
    let environment = &created.environment;
    context.printer.note(format!("Created the environment {} of type {}.", environment.name, environment.kind));
    context.printer.result(&created, || created.keys.as_ref().map(key_pair).unwrap_or_default())?;
    Ok(Exit::Ok)
}
