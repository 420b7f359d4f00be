//! Members, roles and access tokens.

use async_graphql::{Context, Enum, InputObject, Object, Result, SimpleObject};
use cloche_wire::{MemberId, OrganizationId};

use super::page::{PageInfo, page, slice};
use super::payload::{Verdict, id, parts, settle, to_graphql};
use super::project::access;
use super::time::Time;
use crate::app::people;
use crate::auth::{OrganizationRole as Standing, Role};
use crate::error::Error;
use crate::store::people::{AccessToken as TokenRow, Member as MemberRow, Membership};

/// What a member is in the organization.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Standing")]
pub(super) enum OrganizationRole {
    /// Owns every project.
    Owner,
    /// Has the roles given in each project.
    Member,
}

/// What a member may do in a project.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Role")]
pub(super) enum ProjectRole {
    /// Reads definitions and counts.
    Viewer,
    /// Changes environments, but for production.
    Developer,
    /// Changes production; reads secrets' values.
    Admin,
    /// Everything.
    Owner,
}

/// A person in an organization.
#[derive(SimpleObject)]
pub(super) struct Member {
    id: String,
    email: String,
    name: String,
    /// owner or member.
    organization_role: &'static str,
    created_at: Time,
    /// When they last used a session or a token.
    last_seen_at: Option<Time>,
    /// They can sign in to the console.
    has_password: bool,
    /// Their roles in those of the organization's projects that one sees oneself.
    projects: Vec<ProjectMembership>,
}

/// A role in a project.
#[derive(SimpleObject)]
pub(super) struct ProjectMembership {
    project_id: String,
    project_name: String,
    /// viewer, developer, admin or owner.
    role: String,
}

/// Somebody who may do something in a project.
#[derive(SimpleObject)]
struct ProjectMember {
    member: Member,
    /// viewer, developer, admin or owner.
    role: String,
    /// As owner of the organization.
    inherited: bool,
}

#[derive(SimpleObject)]
struct MemberPage {
    nodes: Vec<Member>,
    page_info: PageInfo,
}

/// A personal access token, without its secret.
#[derive(SimpleObject)]
struct AccessToken {
    id: String,
    member_email: String,
    prefix: String,
    name: String,
    created_at: Time,
    last_used_at: Option<Time>,
    expires_at: Option<Time>,
    revoked_at: Option<Time>,
}

#[derive(SimpleObject, Default)]
pub(super) struct MemberPayload {
    #[graphql(flatten)]
    verdict: Verdict,
    member: Option<Member>,
}

#[derive(SimpleObject, Default)]
struct AccessTokenPayload {
    #[graphql(flatten)]
    verdict: Verdict,
    access_token: Option<AccessToken>,
    /// The whole text of a new token, this once.
    token: Option<String>,
}

#[derive(SimpleObject, Default)]
struct PasswordLinkPayload {
    #[graphql(flatten)]
    verdict: Verdict,
    /// Where the member chooses a new password, within 24 hours. Shown this once.
    link: Option<String>,
}

#[derive(InputObject)]
struct AddMemberInput {
    /// One's only or oldest one, where not given.
    organization_id: Option<String>,
    email: String,
    /// The e-mail address, where not given.
    name: Option<String>,
    #[graphql(default_with = "OrganizationRole::Member")]
    organization_role: OrganizationRole,
}

#[derive(InputObject)]
struct SetProjectRoleInput {
    project_id: String,
    member_id: String,
    /// Null takes the role away.
    role: Option<ProjectRole>,
}

#[derive(InputObject)]
struct SetOrganizationRoleInput {
    organization_id: String,
    member_id: String,
    role: OrganizationRole,
}

#[derive(InputObject)]
struct RemoveMemberInput {
    organization_id: String,
    member_id: String,
}

#[derive(InputObject)]
struct TransferOwnershipInput {
    organization_id: String,
    /// The new owner, who belongs to the organization.
    member_id: String,
}

#[derive(InputObject)]
struct CreatePasswordLinkInput {
    member_id: String,
}

#[derive(InputObject)]
struct CreateAccessTokenInput {
    name: String,
    /// Oneself, where not given; others need an owner of all their organizations.
    member_id: Option<String>,
    expires_in: Option<String>,
}

#[derive(InputObject)]
struct RevokeAccessTokenInput {
    token_id: String,
}

impl From<MemberRow> for Member {
    fn from(row: MemberRow) -> Self {
        Self {
            id: row.id.to_string(),
            email: row.email,
            name: row.name,
            organization_role: row.organization_role.as_str(),
            created_at: row.created_at.into(),
            last_seen_at: row.last_seen_at.map(Time),
            has_password: row.has_password,
            projects: row.projects.into_iter().map(ProjectMembership::from).collect(),
        }
    }
}

impl From<Membership> for ProjectMembership {
    fn from(row: Membership) -> Self {
        Self { project_id: row.project_id.to_string(), project_name: row.project_name, role: row.role }
    }
}

impl From<MemberRow> for ProjectMember {
    fn from(row: MemberRow) -> Self {
        let inherited = row.organization_role == Standing::Owner;
        // Of all projects the row tells of this one alone.
        let role = row.projects.first().map(|one| one.role.clone()).filter(|_| !inherited);
        Self { role: role.unwrap_or_else(|| Role::Owner.as_str().to_owned()), member: row.into(), inherited }
    }
}

impl From<TokenRow> for AccessToken {
    fn from(row: TokenRow) -> Self {
        Self {
            id: row.id.to_string(),
            member_email: row.member_email,
            prefix: row.prefix,
            name: row.name,
            created_at: row.created_at.into(),
            last_used_at: row.last_used_at.map(Time),
            expires_at: row.expires_at.map(Time),
            revoked_at: row.revoked_at.map(Time),
        }
    }
}

#[derive(Default)]
pub(crate) struct PeopleQuery;

#[Object]
impl PeopleQuery {
    /// Everybody in an organization; in one's only or oldest one, where none is named.
    #[graphql(complexity = "5 + child_complexity")]
    async fn members(
        &self,
        context: &Context<'_>,
        organization_id: Option<String>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<MemberPage> {
        let (app, actor) = parts(context)?;
        let rows = async {
            let organization = organization_id.as_deref().map(|text| id("organizationId", text)).transpose()?;
            people::members(app, actor, organization, &slice(first, after)?).await
        };
        let (nodes, page_info) = page(rows.await.map_err(to_graphql)?, |row| row.id.to_string(), Member::from);
        Ok(MemberPage { nodes, page_info })
    }

    /// Who has a role in a project, owners of its organization included.
    #[graphql(complexity = "20 + child_complexity")]
    async fn project_members(&self, context: &Context<'_>, project_id: String) -> Result<Vec<ProjectMember>> {
        let (app, _) = parts(context)?;
        let access = access(context, &project_id, Role::Viewer).await?.map_err(to_graphql)?;
        let rows = people::members_of_project(app, &access).await.map_err(to_graphql)?;
        Ok(rows.into_iter().map(ProjectMember::from).collect())
    }

    /// One's access tokens, and those of members whose organizations one all owns.
    async fn access_tokens(&self, context: &Context<'_>) -> Result<Vec<AccessToken>> {
        let (app, actor) = parts(context)?;
        Ok(people::tokens(app, actor).await.map_err(to_graphql)?.into_iter().map(AccessToken::from).collect())
    }
}

#[derive(Default)]
pub(crate) struct PeopleMutation;

#[Object]
impl PeopleMutation {
    /// Adds a person without a password to an organization, for machines that use tokens; people are invited.
    async fn add_member(&self, context: &Context<'_>, input: AddMemberInput) -> Result<MemberPayload> {
        let (app, actor) = parts(context)?;
        let outcome = async {
            let organization = input.organization_id.as_deref().map(|text| id("input.organizationId", text)).transpose()?;
            let name = input.name.as_deref().unwrap_or_default();
            people::add_member(app, actor, organization, &input.email, name, input.organization_role.into()).await
        };
        changed(outcome.await, "Member added successfully")
    }

    /// Makes a member an owner of the organization, or an owner a member. The last owner stays one.
    async fn set_organization_role(&self, context: &Context<'_>, input: SetOrganizationRoleInput) -> Result<MemberPayload> {
        let (app, actor) = parts(context)?;
        let outcome = async {
            let (organization, member) = ids(&input.organization_id, &input.member_id)?;
            people::set_organization_role(app, actor, organization, member, input.role.into()).await
        };
        changed(outcome.await, "Role set successfully")
    }

    /// Makes another member the owner, and oneself a member, in one step.
    async fn transfer_ownership(&self, context: &Context<'_>, input: TransferOwnershipInput) -> Result<MemberPayload> {
        let (app, actor) = parts(context)?;
        let outcome = async {
            let (organization, member) = ids(&input.organization_id, &input.member_id)?;
            people::transfer(app, actor, organization, member).await
        };
        changed(outcome.await, "Ownership transferred successfully")
    }

    /// Takes somebody out of an organization, or oneself. Their roles end with this; in their last organization, tokens and sessions too.
    async fn remove_member(&self, context: &Context<'_>, input: RemoveMemberInput) -> Result<MemberPayload> {
        let (app, actor) = parts(context)?;
        let outcome = async {
            let (organization, member) = ids(&input.organization_id, &input.member_id)?;
            people::remove(app, actor, organization, member).await
        };
        settle(
            outcome.await,
            |()| MemberPayload { verdict: Verdict::done("Member removed successfully"), member: None },
            |verdict| MemberPayload { verdict, ..MemberPayload::default() },
        )
    }

    /// Makes a link to a new password, for oneself or for a member whose organizations one all owns.
    async fn create_password_link(&self, context: &Context<'_>, input: CreatePasswordLinkInput) -> Result<PasswordLinkPayload> {
        let (app, actor) = parts(context)?;
        settle(
            async { people::create_password_link(app, actor, id("input.memberId", &input.member_id)?).await }.await,
            |text| PasswordLinkPayload {
                verdict: Verdict::done("Password link created successfully"),
                link: Some(format!("{}/password#{}", app.url(), text.reveal())),
            },
            |verdict| PasswordLinkPayload { verdict, ..PasswordLinkPayload::default() },
        )
    }

    /// Gives a member a role in a project, or takes it away.
    async fn set_project_role(&self, context: &Context<'_>, input: SetProjectRoleInput) -> Result<MemberPayload> {
        let (app, _) = parts(context)?;
        let access = access(context, &input.project_id, Role::Owner).await?;
        let role = input.role.map(Role::from);
        let outcome = async { people::set_role(app, &access?, id("input.memberId", &input.member_id)?, role).await };
        changed(outcome.await, "Role set successfully")
    }

    /// Makes a personal access token.
    async fn create_access_token(&self, context: &Context<'_>, input: CreateAccessTokenInput) -> Result<AccessTokenPayload> {
        let (app, actor) = parts(context)?;
        let outcome = async {
            let member = input.member_id.as_deref().map(|text| id("input.memberId", text)).transpose()?;
            people::create_token(app, actor, &input.name, member, input.expires_in.as_deref()).await
        };
        settle(
            outcome.await,
            |(row, text)| AccessTokenPayload {
                verdict: Verdict::done("Token created successfully"),
                access_token: Some(row.into()),
                token: Some(text.reveal().to_owned()),
            },
            |verdict| AccessTokenPayload { verdict, ..AccessTokenPayload::default() },
        )
    }

    /// Ends a token for good.
    async fn revoke_access_token(&self, context: &Context<'_>, input: RevokeAccessTokenInput) -> Result<AccessTokenPayload> {
        let (app, actor) = parts(context)?;
        settle(
            async { people::revoke_token(app, actor, id("input.tokenId", &input.token_id)?).await }.await,
            |row| AccessTokenPayload {
                verdict: Verdict::done("Token revoked successfully"),
                access_token: Some(row.into()),
                token: None,
            },
            |verdict| AccessTokenPayload { verdict, ..AccessTokenPayload::default() },
        )
    }
}

fn ids(organization: &str, member: &str) -> std::result::Result<(OrganizationId, MemberId), Error> {
    Ok((id("input.organizationId", organization)?, id("input.memberId", member)?))
}

fn changed(outcome: std::result::Result<MemberRow, Error>, message: &str) -> Result<MemberPayload> {
    settle(
        outcome,
        |row| MemberPayload { verdict: Verdict::done(message), member: Some(row.into()) },
        |verdict| MemberPayload { verdict, ..MemberPayload::default() },
    )
}
