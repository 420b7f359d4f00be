use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, lookup};
use crate::args::ProjectRole;
use crate::client::input;
use crate::error::{Exit, Result};
use crate::model::Member;

const SET: &str = "mutation SetProjectRole($input: SetProjectRoleInput!) { setProjectRole(input: $input) {
  success code message hint member { ...MemberFields } } }";

#[derive(Serialize, Deserialize)]
struct Changed {
    member: Member,
}

/// Sets a member's role in the project.
pub(crate) async fn run(context: &Context, member: &str, role: ProjectRole) -> Result<Exit> {
    let project = lookup::project(context).await?;
    let id = lookup::member_id(context, project.organization_id.as_deref(), member).await?;
    let fields = json!({ "projectId": project.id, "memberId": id, "role": role.as_api() });
    let changed: Changed = context.client.mutate(SET, input(fields)).await?;
    context.printer.note(match role.as_api() {
        Some(role) => format!("{member} is {} of {} now.", role.to_ascii_lowercase(), project.name),
        None => format!("{member} has no role in {} now.", project.name),
    });
    context.printer.result(&changed, String::new)?;
    Ok(Exit::Ok)
}
