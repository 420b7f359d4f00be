use super::{Context, address, key, send};
use crate::args::DataTarget;
use crate::ask;
use crate::client::http_client;
use crate::error::{CliError, Exit, Result};

/// Inserts one record or many and prints what the server made of them.
pub(crate) async fn run(context: &Context, target: &DataTarget, body: Option<String>) -> Result<Exit> {
    let key = key(target)?;
    let body = match body {
        Some(body) => body,
        None => ask::stdin_text()?,
    };
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&body) {
        return Err(CliError::usage(format!("the records are not JSON: {error}"))
            .hint("give an object or an array of objects, with --body or on stdin"));
    }
    let url = address(context, &target.table, None)?;
    let request = http_client(context.client.url())?.post(url).header("x-api-key", key).header("prefer", "return=representation");
    send(context, request.header("content-type", "application/json").body(body)).await
}
