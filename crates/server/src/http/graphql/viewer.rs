//! Who is asking: their own name, password and sessions.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use super::organization::Organization;
use super::payload::{Verdict, id, parts, settle, to_graphql};
use super::time::Time;
use crate::app::{organization, people, session};
use crate::auth::{Actor, Password};
use crate::store::sessions::Session as SessionRow;

/// Who is asking.
pub(super) struct Viewer(Actor);

#[Object]
impl Viewer {
    async fn id(&self) -> String {
        self.0.member_id.to_string()
    }

    async fn email(&self) -> &str {
        &self.0.email
    }

    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Runs this server: may create organizations, and sees the server's own audit log.
    async fn instance_owner(&self) -> bool {
        self.0.instance_owner
    }

    /// They can sign in to the console.
    #[graphql(complexity = 5)]
    async fn has_password(&self, context: &Context<'_>) -> Result<bool> {
        let (app, _) = parts(context)?;
        session::has_password(app, &self.0).await.map_err(to_graphql)
    }

    /// The organizations they belong to, oldest first.
    #[graphql(complexity = "5 + child_complexity")]
    async fn organizations(&self, context: &Context<'_>) -> Result<Vec<Organization>> {
        let (app, _) = parts(context)?;
        let rows = organization::list(app, &self.0).await.map_err(to_graphql)?;
        Ok(rows.into_iter().map(|row| Organization::of(&self.0, row)).collect())
    }
}

/// A browser somebody is signed in with.
#[derive(SimpleObject)]
struct Session {
    id: String,
    /// As the browser describes itself.
    user_agent: String,
    /// Where the sign-in came from.
    address: String,
    created_at: Time,
    last_seen_at: Time,
    /// If it is not used any more.
    expires_at: Time,
    /// The one that asks.
    current: bool,
}

impl Session {
    fn of(actor: &Actor, row: SessionRow) -> Self {
        Self {
            current: actor.session.is_some_and(|session| session.id == row.id),
            id: row.id.to_string(),
            user_agent: row.user_agent,
            address: row.address,
            created_at: row.created_at.into(),
            last_seen_at: row.last_seen_at.into(),
            expires_at: row.expires_at.into(),
        }
    }
}

#[derive(SimpleObject, Default)]
struct ViewerPayload {
    #[graphql(flatten)]
    verdict: Verdict,
    viewer: Option<Viewer>,
}

#[derive(SimpleObject, Default)]
struct SessionPayload {
    #[graphql(flatten)]
    verdict: Verdict,
    session: Option<Session>,
}

#[derive(InputObject)]
struct ChangePasswordInput {
    current: String,
    /// 10 to 256 characters, and not the e-mail address.
    new: String,
}

#[derive(InputObject)]
struct UpdateViewerInput {
    name: String,
}

#[derive(InputObject)]
struct RevokeSessionInput {
    session_id: String,
}

#[derive(Default)]
pub(crate) struct ViewerQuery;

#[Object]
impl ViewerQuery {
    /// Who is asking.
    async fn viewer(&self, context: &Context<'_>) -> Result<Viewer> {
        let (_, actor) = parts(context)?;
        Ok(Viewer(actor.clone()))
    }

    /// One's own sessions in browsers, newest first.
    async fn sessions(&self, context: &Context<'_>) -> Result<Vec<Session>> {
        let (app, actor) = parts(context)?;
        let rows = session::list(app, actor).await.map_err(to_graphql)?;
        Ok(rows.into_iter().map(|row| Session::of(actor, row)).collect())
    }
}

#[derive(Default)]
pub(crate) struct ViewerMutation;

#[Object]
impl ViewerMutation {
    /// Gives oneself another name.
    async fn update_viewer(&self, context: &Context<'_>, input: UpdateViewerInput) -> Result<ViewerPayload> {
        let (app, actor) = parts(context)?;
        settle(
            people::rename(app, actor, &input.name).await,
            |actor| ViewerPayload { verdict: Verdict::done("Name changed successfully"), viewer: Some(Viewer(actor)) },
            |verdict| ViewerPayload { verdict, ..ViewerPayload::default() },
        )
    }

    /// Gives oneself another password. All of one's other sessions end.
    async fn change_password(&self, context: &Context<'_>, input: ChangePasswordInput) -> Result<ViewerPayload> {
        let (app, actor) = parts(context)?;
        settle(
            people::change_password(app, actor, &Password::from(input.current), &Password::from(input.new)).await,
            |()| ViewerPayload { verdict: Verdict::done("Password changed successfully"), viewer: Some(Viewer(actor.clone())) },
            |verdict| ViewerPayload { verdict, ..ViewerPayload::default() },
        )
    }

    /// Ends one of one's own sessions. It is refused from the moment this returns.
    async fn revoke_session(&self, context: &Context<'_>, input: RevokeSessionInput) -> Result<SessionPayload> {
        let (app, actor) = parts(context)?;
        settle(
            async { session::revoke(app, actor, id("input.sessionId", &input.session_id)?).await }.await,
            |row| SessionPayload { verdict: Verdict::done("Session ended successfully"), session: Some(Session::of(actor, row)) },
            |verdict| SessionPayload { verdict, ..SessionPayload::default() },
        )
    }
}
