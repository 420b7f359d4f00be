//! Organizations and invitations into them.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use super::payload::{Verdict, id, parts, settle, to_graphql};
use super::people::{OrganizationRole, ProjectMembership, ProjectRole};
use super::time::Time;
use crate::app::invitation::{self, Invite};
use crate::app::organization;
use crate::auth::{Actor, Role};
use crate::error::Error;
use crate::store::invitations::Invitation as InvitationRow;
use crate::store::organizations::Organization as Row;

/// People and the projects they own.
#[derive(SimpleObject)]
pub(super) struct Organization {
    id: String,
    name: String,
    /// What one is in it oneself: owner or member.
    role: &'static str,
    member_count: i64,
    created_at: Time,
}

impl Organization {
    /// As the actor sees it. Who has just made it is its owner.
    pub(super) fn of(actor: &Actor, row: Row) -> Self {
        Self {
            role: actor.role_in(row.id).unwrap_or(crate::auth::OrganizationRole::Owner).as_str(),
            id: row.id.to_string(),
            name: row.name,
            member_count: row.members,
            created_at: row.created_at.into(),
        }
    }
}

/// A link with which somebody joins an organization, without its secret.
#[derive(SimpleObject)]
struct Invitation {
    id: String,
    email: String,
    /// owner or member.
    organization_role: &'static str,
    /// The roles it comes with.
    projects: Vec<ProjectMembership>,
    /// The e-mail of who invited.
    invited_by: String,
    created_at: Time,
    expires_at: Time,
    accepted_at: Option<Time>,
    revoked_at: Option<Time>,
}

impl From<InvitationRow> for Invitation {
    fn from(row: InvitationRow) -> Self {
        Self {
            id: row.id.to_string(),
            email: row.email,
            organization_role: row.role.as_str(),
            projects: row.projects.into_iter().map(ProjectMembership::from).collect(),
            invited_by: row.invited_by,
            created_at: row.created_at.into(),
            expires_at: row.expires_at.into(),
            accepted_at: row.accepted_at.map(Time),
            revoked_at: row.revoked_at.map(Time),
        }
    }
}

#[derive(SimpleObject, Default)]
struct OrganizationPayload {
    #[graphql(flatten)]
    verdict: Verdict,
    organization: Option<Organization>,
}

#[derive(SimpleObject, Default)]
struct InvitationPayload {
    #[graphql(flatten)]
    verdict: Verdict,
    invitation: Option<Invitation>,
    /// Of a new invitation: where it is accepted. Shown this once.
    link: Option<String>,
}

#[derive(InputObject)]
struct CreateOrganizationInput {
    name: String,
}

#[derive(InputObject)]
struct UpdateOrganizationInput {
    organization_id: String,
    name: String,
}

#[derive(InputObject)]
struct InviteMemberInput {
    organization_id: String,
    email: String,
    #[graphql(default_with = "OrganizationRole::Member")]
    role: OrganizationRole,
    /// Roles in the organization's projects, in force when it is accepted.
    projects: Option<Vec<InvitedToInput>>,
}

#[derive(InputObject)]
struct InvitedToInput {
    project_id: String,
    role: ProjectRole,
}

#[derive(InputObject)]
struct RevokeInvitationInput {
    invitation_id: String,
}

#[derive(Default)]
pub(crate) struct OrganizationQuery;

#[Object]
impl OrganizationQuery {
    /// The organizations one belongs to, oldest first.
    async fn organizations(&self, context: &Context<'_>) -> Result<Vec<Organization>> {
        let (app, actor) = parts(context)?;
        let rows = organization::list(app, actor).await.map_err(to_graphql)?;
        Ok(rows.into_iter().map(|row| Organization::of(actor, row)).collect())
    }

    /// The invitations of an organization, newest first, answered ones included; for its owners.
    #[graphql(complexity = "20 + child_complexity")]
    async fn invitations(&self, context: &Context<'_>, organization_id: Option<String>) -> Result<Vec<Invitation>> {
        let (app, actor) = parts(context)?;
        let rows = async {
            let organization = organization_id.as_deref().map(|text| id("organizationId", text)).transpose()?;
            invitation::list(app, actor, organization).await
        };
        Ok(rows.await.map_err(to_graphql)?.into_iter().map(Invitation::from).collect())
    }
}

#[derive(Default)]
pub(crate) struct OrganizationMutation;

#[Object]
impl OrganizationMutation {
    /// Makes an organization, which one owns; for owners of the server.
    async fn create_organization(&self, context: &Context<'_>, input: CreateOrganizationInput) -> Result<OrganizationPayload> {
        let (app, actor) = parts(context)?;
        changed(actor, organization::create(app, actor, &input.name).await, "Organization created successfully")
    }

    /// Gives an organization another name.
    async fn update_organization(&self, context: &Context<'_>, input: UpdateOrganizationInput) -> Result<OrganizationPayload> {
        let (app, actor) = parts(context)?;
        let outcome =
            async { organization::rename(app, actor, id("input.organizationId", &input.organization_id)?, &input.name).await };
        changed(actor, outcome.await, "Organization updated successfully")
    }

    /// Invites somebody into an organization. A new invitation takes the place of an open one to the same address.
    async fn invite_member(&self, context: &Context<'_>, input: InviteMemberInput) -> Result<InvitationPayload> {
        let (app, actor) = parts(context)?;
        let outcome = async {
            let mut projects = Vec::new();
            for one in input.projects.unwrap_or_default() {
                projects.push((id("input.projects.projectId", &one.project_id)?, Role::from(one.role)));
            }
            let invite = Invite { email: &input.email, role: input.role.into(), projects };
            invitation::create(app, actor, id("input.organizationId", &input.organization_id)?, &invite).await
        };
        settle(
            outcome.await,
            |(row, text)| InvitationPayload {
                verdict: Verdict::done("Invitation created successfully"),
                invitation: Some(row.into()),
                link: Some(format!("{}/invitation#{}", app.url(), text.reveal())),
            },
            |verdict| InvitationPayload { verdict, ..InvitationPayload::default() },
        )
    }

    /// Ends an invitation. Its link is refused from the moment this returns.
    async fn revoke_invitation(&self, context: &Context<'_>, input: RevokeInvitationInput) -> Result<InvitationPayload> {
        let (app, actor) = parts(context)?;
        settle(
            async { invitation::revoke(app, actor, id("input.invitationId", &input.invitation_id)?).await }.await,
            |row| InvitationPayload {
                verdict: Verdict::done("Invitation revoked successfully"),
                invitation: Some(row.into()),
                link: None,
            },
            |verdict| InvitationPayload { verdict, ..InvitationPayload::default() },
        )
    }
}

fn changed(actor: &Actor, outcome: std::result::Result<Row, Error>, message: &str) -> Result<OrganizationPayload> {
    settle(
        outcome,
        |row| OrganizationPayload { verdict: Verdict::done(message), organization: Some(Organization::of(actor, row)) },
        |verdict| OrganizationPayload { verdict, ..OrganizationPayload::default() },
    )
}
