mod get;
mod insert;

use cloche_wire::{KeyText, Problem};
use reqwest::{RequestBuilder, Url};

use super::Context;
use crate::args::{DataCommand, DataTarget};
use crate::client::{self, below};
use crate::error::{CliError, Exit, Result};

/// Runs a verb of `data`.
pub(crate) async fn run(context: &Context, verb: DataCommand) -> Result<Exit> {
    match verb {
        DataCommand::Get { target, id, query } => get::run(context, &target, id.as_deref(), query.as_deref()).await,
        DataCommand::Insert { target, body } => insert::run(context, &target, body).await,
    }
}

/// The address of a table, or of one record in it.
fn address(context: &Context, table: &str, id: Option<&str>) -> Result<Url> {
    let mut url = below(context.client.url(), "v1/data");
    match url.path_segments_mut() {
        // Pushing escapes what a name must not smuggle into the path, such as a slash.
        Ok(mut segments) => segments.push(table).extend(id),
        Err(()) => return Err(CliError::usage(format!("{} cannot have a path", context.client.url()))),
    };
    Ok(url)
}

/// The environment's key, checked for typos.
fn key(target: &DataTarget) -> Result<&str> {
    let Some(text) = target.key.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
        return Err(CliError::usage("no API key was given")
            .hint("set CLOCHE_KEY or add --key; `cloche keys list` shows publishable keys, `cloche keys create` makes one"));
    };
    match KeyText::parse(text) {
        Ok(_) => Ok(text),
        Err(error) => Err(CliError::usage(format!("the API key is wrong: {error}")).hint("copy it again, whole")),
    }
}

/// Sends the request and prints the body as it came.
async fn send(context: &Context, request: RequestBuilder) -> Result<Exit> {
    let url = context.client.url();
    let response = request.send().await.map_err(|error| client::unreachable(url, &error))?;
    let status = response.status();
    let body = response.bytes().await.map_err(|error| client::unreachable(url, &error))?;
    if !status.is_success() {
        return Err(match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => CliError { hint: problem.hint, ..CliError::failed(problem.code, problem.message) },
            Err(_) => CliError::failed("cli/not-cloche", format!("{url} answered {status}, not as a Cloche server does"))
                .hint("check --url, CLOCHE_URL and `server:` in cloche.yaml"),
        });
    }
    context.printer.raw(&body)?;
    if !body.is_empty() && !body.ends_with(b"\n") {
        context.printer.raw(b"\n")?;
    }
    Ok(Exit::Ok)
}
