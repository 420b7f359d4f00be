//! Members, roles and access tokens.

use async_graphql::{Context, Enum, InputObject, Object, Result, SimpleObject};

use super::page::{PageInfo, page, slice};
use super::payload::{Verdict, id, parts, settle, to_graphql};
use super::project::access;
use super::time::Time;
use crate::app::people;
use crate::auth::Role;
use crate::store::people::{AccessToken as TokenRow, Member as MemberRow};

/// What a member is in the organization.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
enum OrganizationRole {
    /// Owns every project.
    Owner,
    /// Has the roles given in each project.
    Member,
}

/// What a member may do in a project.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Role")]
enum ProjectRole {
    /// Reads definitions and counts.
    Viewer,
    /// Changes environments, but for production.
    Developer,
    /// Changes production; reads secrets' values.
    Admin,
    /// Everything.
    Owner,
}

/// Who is asking.
#[derive(SimpleObject)]
struct Viewer {
    id: String,
    email: String,
    name: String,
    /// Owner of the organization.
    instance_owner: bool,
}

#[derive(SimpleObject)]
struct Member {
    id: String,
    email: String,
    name: String,
    /// owner or member.
    organization_role: String,
    created_at: Time,
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
struct MemberPayload {
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

#[derive(InputObject)]
struct AddMemberInput {
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
struct CreateAccessTokenInput {
    name: String,
    /// Oneself, where not given; others need an owner of the organization.
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
            organization_role: row.organization_role,
            created_at: row.created_at.into(),
        }
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
    /// Who is asking.
    async fn viewer(&self, context: &Context<'_>) -> Result<Viewer> {
        let (_, actor) = parts(context)?;
        Ok(Viewer {
            id: actor.member_id.to_string(),
            email: actor.email.clone(),
            name: actor.name.clone(),
            instance_owner: actor.owner,
        })
    }

    /// Everybody in the organization; for its owners.
    #[graphql(complexity = "5 + child_complexity")]
    async fn members(&self, context: &Context<'_>, first: Option<i32>, after: Option<String>) -> Result<MemberPage> {
        let (app, actor) = parts(context)?;
        let rows = async { people::members(app, actor, &slice(first, after)?).await };
        let (nodes, page_info) = page(rows.await.map_err(to_graphql)?, |row| row.id.to_string(), Member::from);
        Ok(MemberPage { nodes, page_info })
    }

    /// One's access tokens; everybody's for owners of the organization.
    async fn access_tokens(&self, context: &Context<'_>) -> Result<Vec<AccessToken>> {
        let (app, actor) = parts(context)?;
        Ok(people::tokens(app, actor).await.map_err(to_graphql)?.into_iter().map(AccessToken::from).collect())
    }
}

#[derive(Default)]
pub(crate) struct PeopleMutation;

#[Object]
impl PeopleMutation {
    /// Adds a person to the organization.
    async fn add_member(&self, context: &Context<'_>, input: AddMemberInput) -> Result<MemberPayload> {
        let (app, actor) = parts(context)?;
        let owner = input.organization_role == OrganizationRole::Owner;
        settle(
            people::add_member(app, actor, &input.email, input.name.as_deref().unwrap_or_default(), owner).await,
            |row| MemberPayload { verdict: Verdict::done("Member added successfully"), member: Some(row.into()) },
            |verdict| MemberPayload { verdict, ..MemberPayload::default() },
        )
    }

    /// Gives a member a role in a project, or takes it away.
    async fn set_project_role(&self, context: &Context<'_>, input: SetProjectRoleInput) -> Result<MemberPayload> {
        let (app, _) = parts(context)?;
        let access = access(context, &input.project_id, Role::Owner).await?;
        let role = input.role.map(Role::from);
        settle(
            async { people::set_role(app, &access?, id("input.memberId", &input.member_id)?, role).await }.await,
            |row| MemberPayload { verdict: Verdict::done("Role set successfully"), member: Some(row.into()) },
            |verdict| MemberPayload { verdict, ..MemberPayload::default() },
        )
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
