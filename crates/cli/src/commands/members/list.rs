use super::{Context, lookup};
use crate::error::{Exit, Result};
use crate::printer::table;

/// Lists the organization's members.
pub(crate) async fn run(context: &Context) -> Result<Exit> {
    let members = lookup::members(context).await?;
    context.printer.result(&members, || {
        let rows = members.iter().map(|member| {
            let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            [
                member.email.clone(),
                or_dash(&member.name),
                or_dash(&member.organization_role).to_ascii_lowercase(),
                member.id.clone(),
            ]
        });
        table(["E-MAIL", "NAME", "ROLE", "ID"], rows)
    })?;
    Ok(Exit::Ok)
}
