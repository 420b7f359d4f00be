//! Invitations: a link with which somebody joins an organization.

use chrono::{TimeDelta, Utc};
use cloche_wire::{InvitationId, KeyText, OrganizationId, ProjectId, TokenKind};
use serde_json::{Value, json};

use super::App;
use super::people::{checked_email, require_still_owner};
use super::session::new_text;
use crate::auth::{Actor, OrganizationRole, Role, unknown};
use crate::error::{Error, Result};
use crate::store::invitations::{self, Invitation, NewInvitation};
use crate::store::{Tx, audit, organizations, people, projects};

/// How long an invitation can be accepted.
const LIFETIME: TimeDelta = TimeDelta::days(7);
/// Projects of one invitation.
const PROJECTS: usize = 100;

/// What the caller says of an invitation.
pub(crate) struct Invite<'a> {
    pub(crate) email: &'a str,
    pub(crate) role: OrganizationRole,
    pub(crate) projects: Vec<(ProjectId, Role)>,
}

/// The invitations of an organization, newest first; for its owners.
pub(crate) async fn list(app: &App, actor: &Actor, organization: Option<OrganizationId>) -> Result<Vec<Invitation>> {
    let organization = actor.organization(organization)?;
    actor.require_owner_of(organization)?;
    invitations::list(&*app.store.client().await?, organization).await
}

/// Invites an address. The secret of the link is in the answer and nowhere else; an invitation before it to the same address ends.
pub(crate) async fn create(
    app: &App,
    actor: &Actor,
    organization: OrganizationId,
    invite: &Invite<'_>,
) -> Result<(Invitation, KeyText)> {
    actor.require_owner_of(organization)?;
    actor.require_recent()?;
    let email = checked_email("input.email", invite.email)?;
    if invite.projects.len() > PROJECTS {
        return Err(Error::bad_input("invitation/projects", format!("An invitation names {PROJECTS} projects at most.")).field(
            "input.projects",
            "length",
            "fewer projects",
        ));
    }
    let text = new_text(TokenKind::Link)?;
    let mut client = app.store.client().await?;
    for (project, _) in &invite.projects {
        let found = projects::find(&client, *project).await?;
        found.filter(|found| found.organization_id == organization).ok_or_else(|| unknown(&project.to_string()))?;
    }
    let tx = client.transaction().await?;
    organizations::lock(&tx, organization).await?;
    require_still_owner(&tx, organization, actor).await?;
    if let Some(member) = people::find_by_email(&tx, email).await?
        && organizations::role(&tx, organization, member).await?.is_some()
    {
        return Err(Error::conflict("member/exists", format!("{email} belongs to the organization already."))
            .hint("`cloche members role` gives a role in a project."));
    }
    let roles: Vec<_> = invite.projects.iter().map(|(project, role)| (*project, role.as_str())).collect();
    let new = NewInvitation {
        organization,
        email,
        role: invite.role,
        projects: &roles,
        hash: &app.secrets.hash_key(&text),
        invited_by: &actor.email,
        expires_at: Utc::now() + LIFETIME,
    };
    let id = invitations::insert(&tx, &new).await?;
    let projects: Vec<_> = roles.iter().map(|(project, role)| json!({ "project": project, "role": role })).collect();
    let detail = json!({ "organization": organization, "role": invite.role.as_str(), "projects": projects });
    record(&tx, actor, "invitation.create", email, detail).await?;
    tx.commit().await?;
    let invitation = invitations::find(&client, id).await?.ok_or_else(|| unknown_invitation(id))?;
    Ok((invitation, text))
}

/// Ends an invitation. Its link is refused from the moment this returns.
pub(crate) async fn revoke(app: &App, actor: &Actor, id: InvitationId) -> Result<Invitation> {
    let mut client = app.store.client().await?;
    let invitation = invitations::find(&client, id).await?.ok_or_else(|| unknown_invitation(id))?;
    actor
        .require_owner_of(invitation.organization_id)
        .map_err(|error| if error.code == "organization/not-found" { unknown_invitation(id) } else { error })?;
    actor.require_recent()?;
    let tx = client.transaction().await?;
    organizations::lock(&tx, invitation.organization_id).await?;
    require_still_owner(&tx, invitation.organization_id, actor).await?;
    if !invitations::revoke(&tx, id).await? {
        return Err(Error::conflict("invitation/accepted", format!("{} has accepted this invitation.", invitation.email))
            .hint("`cloche members remove` takes somebody out of the organization."));
    }
    record(&tx, actor, "invitation.revoke", &invitation.email, json!({ "organization": invitation.organization_id })).await?;
    tx.commit().await?;
    invitations::find(&client, id).await?.ok_or_else(|| unknown_invitation(id))
}

fn unknown_invitation(id: InvitationId) -> Error {
    Error::not_found("invitation/not-found", format!("There is no invitation {id}."))
        .hint("`cloche members invitations` shows those there are.")
}

async fn record(tx: &Tx<'_>, actor: &Actor, action: &str, target: &str, detail: Value) -> Result<()> {
    audit::record(tx, &audit::Entry { actor, project: None, environment: None, action, target, detail }).await
}
