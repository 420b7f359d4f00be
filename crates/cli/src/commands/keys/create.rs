use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, lookup};
use crate::args::{Duration, KeyKind};
use crate::client::input;
use crate::error::{Exit, Result};
use crate::model::ApiKey;

const CREATE: &str = "mutation CreateApiKey($input: CreateApiKeyInput!) { createApiKey(input: $input) {
  success code message hint apiKey { ...ApiKeyFields } secret } }";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreatedKey {
    api_key: ApiKey,
    /// The whole text, of either kind.
    secret: String,
}

/// Creates a key and prints it.
pub(crate) async fn run(
    context: &Context,
    name: &str,
    kind: KeyKind,
    scopes: Vec<String>,
    expires: Option<Duration>,
) -> Result<Exit> {
    let environment = lookup::environment(context, None).await?;
    let fields = json!({
        "environmentId": environment.id,
        "kind": kind.as_str(),
        "name": name,
        // No scopes is full access; an empty list would be none at all.
        "scopes": if scopes.is_empty() { None } else { Some(scopes) },
        "expiresIn": expires.as_ref().map(Duration::as_str),
    });
    let created: CreatedKey = context.client.mutate(CREATE, input(fields)).await?;
    let once = if kind == KeyKind::Secret { " It is shown this once: keep it now." } else { "" };
    context.printer.note(format!("Created the key {} of {}.{once}", created.api_key.name, environment.name));
    context.printer.result(&created, || created.secret.clone())?;
    Ok(Exit::Ok)
}
