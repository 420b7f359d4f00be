use serde_json::json;

use super::{Context, lookup};
use crate::error::{Exit, Result};
use crate::model::Environment;
use crate::printer::{table, time, time_or_dash};

const ENVIRONMENTS: &str = "query Environments($projectId: String!, $first: Int, $after: String) {
  environments(projectId: $projectId, first: $first, after: $after) {
    nodes { ...EnvironmentFields } pageInfo { endCursor hasNextPage } } }";

/// Lists the project's environments.
pub(crate) async fn run(context: &Context) -> Result<Exit> {
    let project = lookup::project(context).await?;
    let environments: Vec<Environment> =
        context.client.list(ENVIRONMENTS, json!({ "projectId": project.id }), usize::MAX).await?;
    context.printer.result(&environments, || {
        let rows = environments.iter().map(|environment| {
            [
                environment.name.clone(),
                environment.kind.clone(),
                environment.status.clone(),
                environment.parent_name.clone().unwrap_or_else(|| "-".to_owned()),
                environment.cluster.clone().or_else(|| environment.region.clone()).unwrap_or_else(|| "-".to_owned()),
                time_or_dash(environment.expires_at.as_ref()),
                time(&environment.created_at),
            ]
        });
        table(["NAME", "TYPE", "STATUS", "PARENT", "WHERE", "LEASE ENDS", "CREATED"], rows)
    })?;
    Ok(Exit::Ok)
}
