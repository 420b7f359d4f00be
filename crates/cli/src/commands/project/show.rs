use super::{Context, lookup};
use crate::error::{CliError, Exit, Result};
use crate::printer::{fields, time};

/// Shows one project.
pub(crate) async fn run(context: &Context, name: Option<String>) -> Result<Exit> {
    let name = match &name {
        Some(name) => name,
        None => lookup::project_name(context)?,
    };
    let project = lookup::find_project(context, name).await?.ok_or_else(|| {
        CliError::failed("project/not-found", format!("there is no project {name}"))
            .hint("`cloche project list` shows those you can see")
    })?;
    context.printer.result(&project, || {
        fields([
            ("name", Some(project.name.clone())),
            ("id", Some(project.id.clone())),
            ("root environment", project.root_environment.as_ref().map(|root| root.name.clone())),
            ("environments", project.environment_count.map(|count| count.to_string())),
            ("created", Some(time(&project.created_at))),
        ])
    })?;
    Ok(Exit::Ok)
}
