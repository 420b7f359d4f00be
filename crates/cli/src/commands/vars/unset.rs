use serde_json::json;

use super::{Context, Setting, apply, lookup};
use crate::error::{Exit, Result};
use crate::printer::count;

/// Removes variables.
pub(crate) async fn run(context: &Context, names: Vec<String>) -> Result<Exit> {
    let environment = lookup::environment(context, None).await?;
    let settings: Vec<_> = names.iter().map(|name| Setting { name: name.clone(), value: None }).collect();
    apply(context, &environment, &settings).await?;
    context.printer.note(format!("Removed {} from {}.", count(names.len(), "variable"), environment.name));
    context.printer.result(&json!({ "environmentId": environment.id, "unset": names }), String::new)?;
    Ok(Exit::Ok)
}
