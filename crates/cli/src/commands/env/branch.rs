use serde_json::json;

use super::{Context, lookup};
use crate::args::BranchArgs;
use crate::client::input;
use crate::error::{Exit, Result};
use crate::model::{Created, Operation};
use crate::printer::{key_pair, milliseconds};
use crate::progress;

const BRANCH: &str = "mutation BranchEnvironment($input: BranchEnvironmentInput!) { branchEnvironment(input: $input) {
  success code message hint
  environment { ...EnvironmentFields } keys { publishable secret } operation { ...OperationFields } } }";

/// Branches an environment, naming each step, and prints how it went and the new keys.
pub(crate) async fn run(context: &Context, args: BranchArgs) -> Result<Exit> {
    let project = lookup::project(context).await?;
    let id = progress::new_id();
    let call = context.client.mutate(
        BRANCH,
        input(json!({
            "projectId": project.id,
            "name": args.name,
            "sourceEnvironment": args.from,
            "mode": args.mode.as_str(),
            "type": args.kind.map(|kind| kind.as_str()),
            "lease": args.lease.as_ref().map(|lease| lease.as_str()),
            "copyFileProviders": args.copy_files,
            "copyGatewayRoutes": args.copy_routes,
            "copySecurityConfig": args.copy_security,
            "copyEnvironmentVariables": args.copy_variables,
            "strategy": args.strategy.as_str(),
            "operationId": id,
        })),
    );
    let title = format!("Branching {} from {}", args.name, args.from);
    let created: Created = progress::watch(&context.client, context.printer, id, &title, call).await?;
    let environment = &created.environment;
    context.printer.note(format!(
        "Branched {} from {}.",
        environment.name,
        environment.parent_name.as_ref().unwrap_or(&args.from)
    ));
    if let Some(operation) = &created.operation {
        context.printer.note(summary(operation));
    }
    context.printer.result(&created, || created.keys.as_ref().map(key_pair).unwrap_or_default())?;
    Ok(Exit::Ok)
}

/// Strategy and why, time and pause, in one line.
fn summary(operation: &Operation) -> String {
    let mut parts = Vec::new();
    if let Some(strategy) = &operation.strategy {
        let reason = operation.strategy_reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        parts.push(format!("strategy: {strategy}{reason}"));
    }
    parts.extend(operation.duration_ms.map(|ms| format!("time: {}", milliseconds(ms))));
    parts.extend(operation.pause_ms.map(|ms| format!("pause at the source: {}", milliseconds(ms))));
    parts.join("; ")
}
