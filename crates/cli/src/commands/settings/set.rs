use serde::Deserialize;
use serde_json::{Value, json};

use super::{Context, FIELDS, lookup, shown};
use crate::args::Change;
use crate::client::input;
use crate::error::{Exit, Result};
use crate::printer::count;

#[derive(Deserialize)]
struct Payload {
    settings: Value,
}

/// Changes settings, and shows all of them.
pub(crate) async fn run(context: &Context, changes: Vec<Change>) -> Result<Exit> {
    let environment = lookup::environment(context, None).await?;
    let number = changes.len();
    let mut wanted = json!({ "environmentId": environment.id });
    for Change { field, value } in changes {
        wanted[field] = value;
    }
    let document = format!(
        "mutation UpdateEnvironmentSettings($input: UpdateEnvironmentSettingsInput!) {{
  updateEnvironmentSettings(input: $input) {{ success code message hint settings {{ {FIELDS} }} }} }}"
    );
    let Payload { settings } = context.client.mutate(&document, input(wanted)).await?;
    context.printer.note(format!("Changed {} of {}.", count(number, "setting"), environment.name));
    context.printer.result(&settings, || shown(&settings))?;
    Ok(Exit::Ok)
}
