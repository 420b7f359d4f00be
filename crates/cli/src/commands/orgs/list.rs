use serde_json::json;

use super::{Context, lookup};
use crate::error::{Exit, Result};
use crate::model::Organization;
use crate::printer::{table, time};

/// Lists the organizations one belongs to.
pub(crate) async fn run(context: &Context) -> Result<Exit> {
    let organizations: Vec<Organization> = context.client.query(lookup::ORGANIZATIONS, json!({})).await?;
    context.printer.result(&organizations, || {
        let rows = organizations
            .iter()
            .map(|one| [one.name.clone(), one.role.clone(), one.member_count.to_string(), time(&one.created_at), one.id.clone()]);
        table(["NAME", "YOU ARE", "MEMBERS", "CREATED", "ID"], rows)
    })?;
    Ok(Exit::Ok)
}
