use cloche_wire::KeyText;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, all, lookup};
use crate::ask;
use crate::client::input;
use crate::error::{CliError, Exit, Result};
use crate::model::AccessToken;

const REVOKE: &str = "mutation RevokeAccessToken($input: RevokeAccessTokenInput!) { revokeAccessToken(input: $input) {
  success code message hint accessToken { ...AccessTokenFields } } }";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Revoked {
    access_token: AccessToken,
}

/// Revokes one token.
pub(crate) async fn run(context: &Context, text: &str) -> Result<Exit> {
    let (id, shown) = if lookup::is_id(text) { (text.to_owned(), text.to_owned()) } else { find(context, text).await? };
    ask::confirm(context.settings.yes, &format!("The token {shown} stops at once and for good. Revoke it?"))?;
    let revoked: Revoked = context.client.mutate(REVOKE, input(json!({ "tokenId": id }))).await?;
    context.printer.note(format!("Revoked {}.", revoked.access_token.name));
    context.printer.result(&revoked, String::new)?;
    Ok(Exit::Ok)
}

/// The id and name of the token meant by a name, a prefix, or the whole token.
async fn find(context: &Context, text: &str) -> Result<(String, String)> {
    let parsed = KeyText::parse(text).ok();
    let text = parsed.as_ref().map_or(text, KeyText::prefix).trim_end_matches('…');
    let tokens = all(context).await?;
    let found: Vec<_> =
        tokens.iter().filter(|token| token.revoked_at.is_none() && (token.name == text || token.prefix == text)).collect();
    match found.as_slice() {
        [token] => Ok((token.id.clone(), token.name.clone())),
        [] => {
            Err(CliError::failed("token/not-found", format!("there is no token {text}")).hint("`cloche tokens list` shows them"))
        }
        several => {
            let prefixes: Vec<_> = several.iter().map(|token| token.prefix.as_str()).collect();
            Err(CliError::failed("token/ambiguous", format!("{} tokens are named {text}", several.len()))
                .hint(format!("give the prefix of one: {}", prefixes.join(", "))))
        }
    }
}
