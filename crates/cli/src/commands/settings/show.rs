use serde_json::{Value, json};

use super::{Context, FIELDS, lookup, shown};
use crate::error::{Exit, Result};

/// Shows the environment's settings.
pub(crate) async fn run(context: &Context) -> Result<Exit> {
    let environment = lookup::environment(context, None).await?;
    let document = format!(
        "query Settings($environmentId: String!) {{ environmentSettings(environmentId: $environmentId) {{ {FIELDS} }} }}"
    );
    let settings: Value = context.client.query(&document, json!({ "environmentId": environment.id })).await?;
    context.printer.result(&settings, || shown(&settings))?;
    Ok(Exit::Ok)
}
