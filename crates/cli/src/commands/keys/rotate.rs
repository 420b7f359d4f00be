use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, lookup};
use crate::args::Duration;
use crate::ask;
use crate::client::input;
use crate::error::{Exit, Result};
use crate::model::{ApiKey, KeyPair};
use crate::printer::{count, key_pair};

const ROTATE: &str = "mutation RotateApiKeys($input: RotateApiKeysInput!) { rotateApiKeys(input: $input) {
  success code message hint keys { publishable secret } others { ...ApiKeyFields } } }";

#[derive(Serialize, Deserialize)]
struct Rotated {
    keys: KeyPair,
    /// Keys besides the default pair, which stay as they are.
    others: Vec<ApiKey>,
}

/// Replaces the default key pair and prints the new one.
pub(crate) async fn run(context: &Context, overlap: Option<Duration>) -> Result<Exit> {
    let environment = lookup::environment(context, None).await?;
    let name = &environment.name;
    let end = overlap.as_ref().map_or_else(|| "at once".to_owned(), |overlap| format!("in {overlap}"));
    ask::confirm(context.settings.yes, &format!("The default keys of {name} ({}) stop {end}. Rotate them?", environment.kind))?;
    let overlap = overlap.as_ref().map(Duration::as_str);
    let rotated: Rotated =
        context.client.mutate(ROTATE, input(json!({ "environmentId": environment.id, "overlap": overlap }))).await?;
    context.printer.note(format!("Rotated the default keys of {name}; the old ones stop {end}."));
    if !rotated.others.is_empty() {
        let prefixes: Vec<_> = rotated.others.iter().map(|key| key.prefix.as_str()).collect();
        context.printer.note(format!("{} still valid: {}", count(prefixes.len(), "other key"), prefixes.join(", ")));
    }
    context.printer.result(&rotated, || key_pair(&rotated.keys))?;
    Ok(Exit::Ok)
}
