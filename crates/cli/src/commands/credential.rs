//! The SQL login of an environment: made anew by the server, which shows its password once, and kept on this machine.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Context;
use crate::client::input;
use crate::error::Result;
use crate::logins::Logins;
use crate::model::Environment;

const ROTATE: &str = "mutation RotateDatabaseCredential($input: RotateDatabaseCredentialInput!) {
  rotateDatabaseCredential(input: $input) { success code message hint url } }";

/// A connection URL with its password.
#[derive(Serialize, Deserialize)]
pub(super) struct Credential {
    pub(super) url: String,
}

/// The credential kept for an environment, if one is.
pub(super) fn kept(context: &Context, environment: &Environment) -> Result<Option<Credential>> {
    let logins = Logins::read(&context.settings.logins)?;
    let url = logins.credential(context.client.url(), &environment.id);
    Ok(url.map(|url| Credential { url: url.to_owned() }))
}

/// Makes a new password, whereupon the old one and its sessions end, and keeps it.
pub(super) async fn rotate(context: &Context, environment: &Environment) -> Result<Credential> {
    let credential: Credential = context.client.mutate(ROTATE, input(json!({ "environmentId": environment.id }))).await?;
    let mut logins = Logins::read(&context.settings.logins)?;
    logins.keep_credential(context.client.url(), &environment.id, &credential.url);
    logins.write(&context.settings.logins)?;
    Ok(credential)
}
