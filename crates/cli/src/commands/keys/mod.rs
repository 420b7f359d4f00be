mod create;
mod list;
mod revoke;
mod rotate;

use serde_json::json;

use super::{Context, lookup};
use crate::args::KeysCommand;
use crate::error::{Exit, Result};
use crate::model::{ApiKey, Environment};

const KEYS: &str = "query ApiKeys($environmentId: ID!, $first: Int, $after: String) {
  apiKeys(environmentId: $environmentId, first: $first, after: $after) {
    nodes { ...ApiKeyFields } pageInfo { endCursor hasNextPage } } }";

/// Runs a verb of `keys`.
pub(crate) async fn run(context: &Context, verb: KeysCommand) -> Result<Exit> {
    match verb {
        KeysCommand::List => list::run(context).await,
        KeysCommand::Create { name, kind, scopes, expires } => create::run(context, &name, kind, scopes, expires).await,
        KeysCommand::Rotate { overlap } => rotate::run(context, overlap).await,
        KeysCommand::Revoke { key } => revoke::run(context, &key).await,
    }
}

/// All keys of an environment.
async fn all(context: &Context, environment: &Environment) -> Result<Vec<ApiKey>> {
    context.client.list(KEYS, json!({ "environmentId": environment.id }), usize::MAX).await
}
