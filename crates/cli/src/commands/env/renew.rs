use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, lookup};
use crate::args::Duration;
use crate::client::input;
use crate::error::{Exit, Result};
use crate::model::Environment;
use crate::printer::time;

const RENEW: &str = "mutation RenewLease($input: RenewLeaseInput!) { renewLease(input: $input) {
  success code message hint environment { ...EnvironmentFields } } }";

#[derive(Serialize, Deserialize)]
struct Changed {
    environment: Environment,
}

/// Sets when an environment's lease ends, counted from now; no lease is no end.
pub(crate) async fn run(context: &Context, name: Option<&str>, lease: Option<Duration>) -> Result<Exit> {
    let environment = lookup::environment(context, name).await?;
    let lease = lease.as_ref().map(Duration::as_str);
    let changed: Changed =
        context.client.mutate(RENEW, input(json!({ "environmentId": environment.id, "lease": lease }))).await?;
    let environment = &changed.environment;
    context.printer.note(match &environment.expires_at {
        Some(end) => format!("{} lives until {}.", environment.name, time(end)),
        None => format!("{} lives until it is deleted.", environment.name),
    });
    context.printer.result(&changed, String::new)?;
    Ok(Exit::Ok)
}
