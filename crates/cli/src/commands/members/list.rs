use super::{Context, lookup};
use crate::args::OfOrganization;
use crate::error::{Exit, Result};
use crate::printer::{table, time_or_dash};

/// Lists an organization's members.
pub(crate) async fn run(context: &Context, of: &OfOrganization) -> Result<Exit> {
    let organization = lookup::organization(context, of.organization.as_deref()).await?;
    let members = lookup::members(context, Some(&organization.id)).await?;
    context.printer.result(&members, || {
        let rows = members.iter().map(|member| {
            let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            let projects = member.projects.iter().flatten().map(|one| format!("{} {}", one.project_name, one.role));
            [
                member.email.clone(),
                or_dash(&member.name),
                or_dash(&member.organization_role),
                Some(projects.collect::<Vec<_>>().join(", ")).filter(|text| !text.is_empty()).unwrap_or_else(|| "-".to_owned()),
                time_or_dash(member.last_seen_at.as_ref()),
                member.id.clone(),
            ]
        });
        table(["E-MAIL", "NAME", "ROLE", "PROJECTS", "LAST SEEN", "ID"], rows)
    })?;
    Ok(Exit::Ok)
}
