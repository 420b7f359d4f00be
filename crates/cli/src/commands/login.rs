use serde_json::json;

use crate::ask;
use crate::client::Client;
use crate::error::{CliError, Exit, Result};
use crate::logins::Logins;
use crate::model::Viewer;
use crate::printer::Printer;
use crate::settings::{Settings, Token, TokenSource};

use super::whoami;

/// Checks a token, from `--token` or typed, and keeps it.
pub(crate) async fn run(settings: &Settings, printer: Printer) -> Result<Exit> {
    let shown = settings.url.as_str().trim_end_matches('/');
    let text = match &settings.token {
        Some(token) if token.source == TokenSource::Flag => token.text.clone(),
        _ => ask::secret(&format!("Token for {shown}: "))?,
    };
    if text.is_empty() {
        return Err(CliError::usage("no token was given")
            .hint("make one with `cloche tokens create NAME` where you are logged in, or ask an owner of the server"));
    }
    // Always the typed token: one found elsewhere would be checked in its place.
    let token = Token { text, source: TokenSource::Flag };
    let client = Client::new(&Settings { token: Some(token.clone()), ..settings.clone() })?;
    let viewer: Viewer = client.query(whoami::VIEWER, json!({})).await?;
    let mut logins = Logins::read(&settings.logins)?;
    logins.insert(&settings.url, &token.text);
    logins.write(&settings.logins)?;
    printer.note(format!("Logged in to {shown}; the token is kept in {}.", settings.logins.display()));
    printer.result(&viewer, || whoami::describe(&viewer))?;
    Ok(Exit::Ok)
}
