use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, lookup};
use crate::args::Duration;
use crate::client::input;
use crate::error::{Exit, Result};
use crate::model::AccessToken;

const CREATE: &str = "mutation CreateAccessToken($input: CreateAccessTokenInput!) { createAccessToken(input: $input) {
  success code message hint accessToken { ...AccessTokenFields } token } }";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreatedToken {
    access_token: AccessToken,
    token: String,
}

/// Creates a token and prints it.
pub(crate) async fn run(context: &Context, name: &str, member: Option<&str>, expires: Option<Duration>) -> Result<Exit> {
    let member = match member {
        Some(member) => Some(lookup::member_id(context, None, member).await?),
        None => None,
    };
    let fields = json!({ "name": name, "memberId": member, "expiresIn": expires.as_ref().map(Duration::as_str) });
    let created: CreatedToken = context.client.mutate(CREATE, input(fields)).await?;
    context.printer.note(format!("Created the token {name}. It is shown this once: keep it now."));
    context.printer.result(&created, || created.token.clone())?;
    Ok(Exit::Ok)
}
