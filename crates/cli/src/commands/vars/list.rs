use serde_json::json;

use super::{Context, lookup};
use crate::error::{Exit, Result};
use crate::model::Variable;
use crate::printer::{table, time_or_dash};

const VARIABLES: &str = "query Variables($environmentId: ID!, $reveal: Boolean) {
  variables(environmentId: $environmentId, reveal: $reveal) { name value updatedAt } }";

/// Lists the environment's variables.
pub(crate) async fn run(context: &Context, reveal: bool) -> Result<Exit> {
    let environment = lookup::environment(context, None).await?;
    let variables: Vec<Variable> =
        context.client.query(VARIABLES, json!({ "environmentId": environment.id, "reveal": reveal })).await?;
    if variables.is_empty() {
        context.printer.note(format!("{} has no variables: `cloche vars set NAME=VALUE` sets one.", environment.name));
    }
    context.printer.result(&variables, || {
        if variables.is_empty() {
            return String::new();
        }
        let rows = variables.iter().map(|variable| {
            let value = variable.value.clone().unwrap_or_else(|| "(hidden)".to_owned());
            [variable.name.clone(), value, time_or_dash(variable.updated_at.as_ref())]
        });
        table(["NAME", "VALUE", "UPDATED"], rows)
    })?;
    Ok(Exit::Ok)
}
