use cloche_wire::KeyText;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, all, lookup};
use crate::ask;
use crate::client::input;
use crate::error::{CliError, Exit, Result};
use crate::model::ApiKey;

const REVOKE: &str = "mutation RevokeApiKey($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) {
  success code message hint apiKey { ...ApiKeyFields } } }";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Revoked {
    api_key: ApiKey,
}

/// Revokes one key.
pub(crate) async fn run(context: &Context, key: &str) -> Result<Exit> {
    let (id, shown) = if lookup::is_id(key) { (key.to_owned(), key.to_owned()) } else { by_prefix(context, key).await? };
    ask::confirm(context.settings.yes, &format!("The key {shown} stops at once and for good. Revoke it?"))?;
    let revoked: Revoked = context.client.mutate(REVOKE, input(json!({ "keyId": id }))).await?;
    context.printer.note(format!("Revoked {}.", revoked.api_key.prefix));
    context.printer.result(&revoked, String::new)?;
    Ok(Exit::Ok)
}

/// The id and prefix of the key meant; a whole key is taken by its prefix.
async fn by_prefix(context: &Context, text: &str) -> Result<(String, String)> {
    let parsed = KeyText::parse(text).ok();
    let prefix = parsed.as_ref().map_or(text, KeyText::prefix).trim_end_matches('…');
    let environment = lookup::environment(context, None).await?;
    let keys = all(context, &environment).await?;
    let found: Vec<_> = keys.into_iter().filter(|key| key.prefix.starts_with(prefix)).collect();
    match found.as_slice() {
        [key] => Ok((key.id.clone(), key.prefix.clone())),
        [] => Err(CliError::failed("key/not-found", format!("{} has no key that starts with {prefix}", environment.name))
            .hint(format!("`cloche keys list --env {}` shows them", environment.name))),
        several => {
            let prefixes: Vec<_> = several.iter().map(|key| key.prefix.as_str()).collect();
            Err(CliError::failed("key/ambiguous", format!("{} keys start with {prefix}", several.len()))
                .hint(format!("give the whole prefix of one: {}", prefixes.join(", "))))
        }
    }
}
