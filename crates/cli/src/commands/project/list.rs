use serde_json::json;

use super::Context;
use crate::error::{Exit, Result};
use crate::model::Project;
use crate::printer::{table, time};

const PROJECTS: &str = "query Projects($first: Int, $after: String) {
  projects(first: $first, after: $after) { nodes { ...ProjectFields } pageInfo { endCursor hasNextPage } } }";

/// Lists all projects.
pub(crate) async fn run(context: &Context) -> Result<Exit> {
    let projects: Vec<Project> = context.client.list(PROJECTS, json!({}), usize::MAX).await?;
    if projects.is_empty() {
        context.printer.note("There is no project yet: `cloche project create NAME` makes one.");
    }
    context.printer.result(&projects, || {
        if projects.is_empty() {
            return String::new();
        }
        let rows = projects.iter().map(|project| {
            let root = project.root_environment.as_ref().map_or("-", |root| &root.name).to_owned();
            let environments = project.environment_count.map_or_else(|| "-".to_owned(), |count| count.to_string());
            [project.name.clone(), root, environments, time(&project.created_at), project.id.clone()]
        });
        table(["NAME", "ROOT", "ENVIRONMENTS", "CREATED", "ID"], rows)
    })?;
    Ok(Exit::Ok)
}
