use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, lookup};
use crate::ask;
use crate::client::input;
use crate::error::{Exit, Result};

const ROTATE: &str = "mutation RotateDatabaseCredential($input: RotateDatabaseCredentialInput!) {
  rotateDatabaseCredential(input: $input) { success code message hint url } }";

#[derive(Serialize, Deserialize)]
struct Credential {
    url: String,
}

/// Makes a new SQL password and prints the connection URL with it.
pub(crate) async fn run(context: &Context, name: Option<&str>) -> Result<Exit> {
    let environment = lookup::environment(context, name).await?;
    let name = &environment.name;
    let question = format!("Passwords are not kept, so this makes a new one for {name} and the old one dies. Go on?");
    ask::confirm(context.settings.yes, &question)?;
    let credential: Credential = context.client.mutate(ROTATE, input(json!({ "environmentId": environment.id }))).await?;
    context.printer.note("This URL is shown this once: keep it now.");
    context.printer.result(&credential, || credential.url.clone())?;
    Ok(Exit::Ok)
}
