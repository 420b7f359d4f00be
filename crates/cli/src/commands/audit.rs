use serde_json::{Value, json};

use super::{Context, lookup};
use crate::error::{Exit, Result};
use crate::model::AuditEntry;
use crate::printer::{table, time};

const AUDIT: &str = "query AuditLog($projectId: String, $first: Int, $after: String) {
  auditLog(projectId: $projectId, first: $first, after: $after) {
    nodes { id at actor action target detail } pageInfo { endCursor hasNextPage } } }";

/// Shows the newest entries, of the project if one is named, else of the whole server.
pub(crate) async fn run(context: &Context, limit: u32) -> Result<Exit> {
    let project = match &context.settings.project {
        Some(_) => Some(lookup::project(context).await?.id),
        None => None,
    };
    let entries: Vec<AuditEntry> = context.client.list(AUDIT, json!({ "projectId": project }), limit as usize).await?;
    context.printer.result(&entries, || {
        let rows = entries.iter().map(|entry| {
            let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            [time(&entry.at), or_dash(&entry.actor), entry.action.clone(), or_dash(&entry.target), detail(entry)]
        });
        table(["AT", "WHO", "ACTION", "TARGET", "DETAIL"], rows)
    })?;
    Ok(Exit::Ok)
}

fn detail(entry: &AuditEntry) -> String {
    match &entry.detail {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
