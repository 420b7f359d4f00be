use serde_json::json;

use super::{Context, lookup};
use crate::client::input;
use crate::error::{CliError, Exit, Result};
use crate::model::{Created, Environment};
use crate::printer::key_pair;

const DELETED: &str = "query DeletedEnvironments($projectId: String!) {
  deletedEnvironments(projectId: $projectId) { ...EnvironmentFields } }";
const RESTORE: &str = "mutation RestoreEnvironment($input: RestoreEnvironmentInput!) { restoreEnvironment(input: $input) {
  success code message hint
  environment { ...EnvironmentFields } keys { publishable secret } operation { ...OperationFields } } }";

/// Brings a deleted environment back and prints its new keys.
pub(crate) async fn run(context: &Context, name: &str) -> Result<Exit> {
    let project = lookup::project(context).await?;
    let deleted: Vec<Environment> = context.client.query(DELETED, json!({ "projectId": project.id })).await?;
    let id = find(&deleted, name)?;
    let restored: Created = context.client.mutate(RESTORE, input(json!({ "environmentId": id }))).await?;
    context.printer.note(format!("{} is back, with its data as it was and new keys.", restored.environment.name));
    context.printer.result(&restored, || restored.keys.as_ref().map(key_pair).unwrap_or_default())?;
    Ok(Exit::Ok)
}

/// The one deleted environment meant. A name may have been deleted more than once, for it is free at once.
fn find<'a>(deleted: &'a [Environment], name: &str) -> Result<&'a str> {
    let mut found = deleted.iter().filter(|one| one.id == name || one.name.eq_ignore_ascii_case(name));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(&one.id),
        (None, _) => {
            let names: Vec<_> = deleted.iter().map(|one| one.name.as_str()).collect();
            let hint = if names.is_empty() {
                "nothing can be brought back: an undo is possible for 24 hours, and not after --purge".to_owned()
            } else {
                format!("these can be brought back: {}", names.join(", "))
            };
            Err(CliError::failed("environment/not-found", format!("no deleted environment is named {name}")).hint(hint))
        }
        (Some(_), Some(_)) => {
            let ids = deleted.iter().filter(|one| one.name.eq_ignore_ascii_case(name));
            let ids: Vec<_> =
                ids.map(|one| format!("{} (deleted {})", one.id, one.deleted_at.as_deref().unwrap_or("-"))).collect();
            Err(CliError::failed("environment/ambiguous", format!("{name} was deleted more than once"))
                .hint(format!("give the id of one: {}", ids.join(", "))))
        }
    }
}
