mod create;
mod list;
mod revoke;

use serde_json::json;

use super::{Context, lookup};
use crate::args::TokensCommand;
use crate::error::{Exit, Result};
use crate::model::AccessToken;

const TOKENS: &str = "{ accessTokens { ...AccessTokenFields } }";

/// Runs a verb of `tokens`.
pub(crate) async fn run(context: &Context, verb: TokensCommand) -> Result<Exit> {
    match verb {
        TokensCommand::List => list::run(context).await,
        TokensCommand::Create { name, member, expires } => create::run(context, &name, member.as_deref(), expires).await,
        TokensCommand::Revoke { which } => revoke::run(context, &which).await,
    }
}

/// All tokens the caller may see.
async fn all(context: &Context) -> Result<Vec<AccessToken>> {
    context.client.query(TOKENS, json!({})).await
}
