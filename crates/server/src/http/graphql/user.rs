//! Users of an environment, the mails to them, and how they sign in.

use async_graphql::{Context, InputObject, MaybeUndefined, Object, Result, SimpleObject};

use super::environment::found;
use super::payload::{Verdict, id, parts, settle, to_graphql};
use super::time::Time;
use crate::app::users::admin::Attributes;
use crate::app::users::managed::{self, NewProvider};
use crate::auth::{Password, Role};
use crate::error::Error;
use crate::postgres::auth_settings::{AuthSettings as Settings, Mail as MailRow, MailText, Provider};
use crate::postgres::users::{User as Row, UserFilter};

/// Users on a page when nothing is said, and at most; mails likewise.
const DEFAULT_PAGE: i32 = 50;
const MAX_PAGE: i32 = 200;

/// A user of an environment's applications.
struct User(Row);

#[Object]
impl User {
    async fn id(&self) -> String {
        self.0.id.to_string()
    }

    /// What the application calls them, where it mints their tokens.
    async fn external_id(&self) -> Option<&str> {
        self.0.external_id.as_deref()
    }

    async fn email(&self) -> Option<&str> {
        self.0.email.as_deref()
    }

    async fn email_confirmed(&self) -> bool {
        self.0.email_confirmed_at.is_some()
    }

    async fn roles(&self) -> &[String] {
        &self.0.roles
    }

    async fn is_anonymous(&self) -> bool {
        self.0.is_anonymous
    }

    async fn banned_until(&self) -> Option<Time> {
        self.0.banned_until.map(Time)
    }

    /// Of the providers they have signed in with.
    async fn providers(&self) -> Vec<&str> {
        self.0.identities.iter().filter_map(|identity| identity["provider"].as_str()).collect()
    }

    async fn last_sign_in_at(&self) -> Option<Time> {
        self.0.last_sign_in_at.map(Time)
    }

    async fn created_at(&self) -> Time {
        self.0.created_at.into()
    }
}

#[derive(SimpleObject)]
struct UserPage {
    nodes: Vec<User>,
    /// How many there are in all.
    total: i64,
}

/// A mail to a user, with what it lets its reader do.
#[derive(SimpleObject)]
struct Mail {
    id: String,
    /// signup, invite, magiclink, recovery or email_change.
    kind: String,
    recipient: String,
    subject: String,
    text: String,
    /// What stands in the text, for programs.
    link: Option<String>,
    code: Option<String>,
    created_at: Time,
}

impl From<(MailRow, MailText)> for Mail {
    fn from((row, text): (MailRow, MailText)) -> Self {
        let member = |name: &str| text.data[name].as_str().map(str::to_owned);
        Self {
            id: row.id.to_string(),
            kind: row.kind,
            recipient: row.recipient,
            link: member("link"),
            code: member("code"),
            subject: text.subject,
            text: text.text,
            created_at: row.created_at.into(),
        }
    }
}

/// How an environment's users sign in.
#[derive(SimpleObject)]
struct AuthSettings {
    /// Where links lead that are asked to lead nowhere else.
    site_url: Option<String>,
    /// Where else links may lead: exact addresses, or all below one that ends with /*.
    redirect_urls: Vec<String>,
    /// People may make themselves users.
    sign_up: bool,
    /// An address is confirmed by mail before its first sign-in.
    confirm_email: bool,
    /// There may be users without an address.
    anonymous: bool,
    /// Seconds an access token is in force.
    token_ttl: i64,
    /// Characters of a password at the least.
    password_min: i32,
}

impl From<Settings> for AuthSettings {
    fn from(settings: Settings) -> Self {
        Self {
            site_url: settings.site_url,
            redirect_urls: settings.redirect_urls,
            sign_up: settings.sign_up,
            confirm_email: settings.confirm_email,
            anonymous: settings.anonymous,
            token_ttl: settings.token_ttl,
            // 64 at most.
            password_min: i32::try_from(settings.password_min).unwrap_or(i32::MAX),
        }
    }
}

/// An OpenID provider that users sign in with. Its secret is never shown.
#[derive(SimpleObject)]
struct AuthProvider {
    name: String,
    issuer: String,
    client_id: String,
    scopes: Vec<String>,
}

impl From<Provider> for AuthProvider {
    fn from(row: Provider) -> Self {
        Self { name: row.name, issuer: row.issuer, client_id: row.client_id, scopes: row.scopes }
    }
}

#[derive(SimpleObject, Default)]
struct AuthProvidersPayload {
    #[graphql(flatten)]
    verdict: Verdict,
    auth_providers: Vec<AuthProvider>,
}

#[derive(InputObject)]
struct SetAuthProviderInput {
    environment_id: String,
    /// What applications call it: google, my-company.
    name: String,
    /// The address below which /.well-known/openid-configuration is.
    issuer: String,
    client_id: String,
    client_secret: String,
    /// openid, email and profile, where nothing is said.
    scopes: Option<Vec<String>>,
}

#[derive(InputObject)]
struct RemoveAuthProviderInput {
    environment_id: String,
    name: String,
}

#[derive(SimpleObject, Default)]
struct UserPayload {
    #[graphql(flatten)]
    verdict: Verdict,
    user: Option<User>,
}

#[derive(SimpleObject, Default)]
struct AuthSettingsPayload {
    #[graphql(flatten)]
    verdict: Verdict,
    auth_settings: Option<AuthSettings>,
}

#[derive(InputObject)]
struct CreateUserInput {
    environment_id: String,
    email: String,
    /// Without one they sign in by links and codes.
    password: Option<String>,
    roles: Option<Vec<String>>,
}

#[derive(InputObject)]
struct UpdateUserInput {
    environment_id: String,
    user_id: String,
    email: Option<String>,
    password: Option<String>,
    /// In the place of those they have.
    roles: Option<Vec<String>>,
    /// none, or how long they are kept out: 24h, 7d.
    ban_duration: Option<String>,
}

#[derive(InputObject)]
struct DeleteUserInput {
    environment_id: String,
    user_id: String,
}

/// What is left out stays as it is.
#[derive(InputObject)]
struct UpdateAuthSettingsInput {
    environment_id: String,
    /// Null takes it away.
    site_url: MaybeUndefined<String>,
    redirect_urls: Option<Vec<String>>,
    sign_up: Option<bool>,
    confirm_email: Option<bool>,
    anonymous: Option<bool>,
    token_ttl: Option<i64>,
    password_min: Option<i32>,
}

#[derive(Default)]
pub(crate) struct UserQuery;

#[Object]
impl UserQuery {
    /// The users of an environment by age. Those of production are shown to admins alone.
    async fn users(
        &self,
        context: &Context<'_>,
        environment_id: String,
        search: Option<String>,
        role: Option<String>,
        first: Option<i32>,
        offset: Option<i32>,
    ) -> Result<UserPage> {
        let (app, _) = parts(context)?;
        let found = found(context, &environment_id, Role::Developer).await?.map_err(to_graphql)?;
        let filter = UserFilter {
            search: search.as_deref(),
            role: role.as_deref(),
            limit: limit(first).map_err(to_graphql)?,
            offset: offset.unwrap_or_default().max(0).into(),
        };
        let (users, total) = managed::users(app, &found, &filter).await.map_err(to_graphql)?;
        Ok(UserPage { nodes: users.into_iter().map(User).collect(), total })
    }

    /// The newest mails to users, which nobody sends: their links and codes can be passed on. Reading them is written to the audit log.
    async fn mails(
        &self,
        context: &Context<'_>,
        environment_id: String,
        recipient: Option<String>,
        first: Option<i32>,
    ) -> Result<Vec<Mail>> {
        let (app, _) = parts(context)?;
        let found = found(context, &environment_id, Role::Developer).await?.map_err(to_graphql)?;
        let limit = limit(first).map_err(to_graphql)?;
        let mails = managed::mails(app, &found, recipient.as_deref(), limit).await.map_err(to_graphql)?;
        Ok(mails.into_iter().map(Mail::from).collect())
    }

    /// How an environment's users sign in.
    async fn auth_settings(&self, context: &Context<'_>, environment_id: String) -> Result<AuthSettings> {
        let (app, _) = parts(context)?;
        let found = found(context, &environment_id, Role::Developer).await?.map_err(to_graphql)?;
        Ok(managed::auth_settings(app, &found).await.map_err(to_graphql)?.into())
    }

    /// The providers that users of an environment sign in with.
    async fn auth_providers(&self, context: &Context<'_>, environment_id: String) -> Result<Vec<AuthProvider>> {
        let (app, _) = parts(context)?;
        let found = found(context, &environment_id, Role::Developer).await?.map_err(to_graphql)?;
        let all = managed::providers(app, &found).await.map_err(to_graphql)?;
        Ok(all.into_iter().map(AuthProvider::from).collect())
    }
}

fn providers_shown(outcome: Result<Vec<Provider>, Error>, done: &str) -> Result<AuthProvidersPayload> {
    settle(
        outcome,
        |all| AuthProvidersPayload {
            verdict: Verdict::done(done),
            auth_providers: all.into_iter().map(AuthProvider::from).collect(),
        },
        |verdict| AuthProvidersPayload { verdict, ..AuthProvidersPayload::default() },
    )
}

fn limit(first: Option<i32>) -> Result<i64, Error> {
    let first = first.unwrap_or(DEFAULT_PAGE);
    if (1..=MAX_PAGE).contains(&first) {
        return Ok(first.into());
    }
    Err(Error::bad_input("page/first", format!("`first` is 1 to {MAX_PAGE}.")))
}

#[derive(Default)]
pub(crate) struct UserMutation;

#[Object]
impl UserMutation {
    /// Makes a user whose address counts as confirmed.
    async fn create_user(&self, context: &Context<'_>, input: CreateUserInput) -> Result<UserPayload> {
        let (app, _) = parts(context)?;
        let found = found(context, &input.environment_id, Role::Developer).await?;
        let password = input.password.map(Password::from);
        let new = Attributes {
            email: Some(&input.email),
            password: password.as_ref(),
            confirmed: Some(true),
            roles: input.roles,
            ..Attributes::default()
        };
        shown(async { managed::create(app, &found?, new).await }.await, "User created successfully")
    }

    /// Changes a user. A new password or a ban ends their sessions.
    async fn update_user(&self, context: &Context<'_>, input: UpdateUserInput) -> Result<UserPayload> {
        let (app, _) = parts(context)?;
        let found = found(context, &input.environment_id, Role::Developer).await?;
        let password = input.password.map(Password::from);
        let change = Attributes {
            email: input.email.as_deref(),
            password: password.as_ref(),
            roles: input.roles,
            ban_duration: input.ban_duration.as_deref(),
            ..Attributes::default()
        };
        let user = async { managed::update(app, &found?, id("input.userId", &input.user_id)?, change).await };
        shown(user.await, "User updated successfully")
    }

    /// Deletes a user with their sessions, for good.
    async fn delete_user(&self, context: &Context<'_>, input: DeleteUserInput) -> Result<UserPayload> {
        let (app, _) = parts(context)?;
        let found = found(context, &input.environment_id, Role::Developer).await?;
        let user = async { managed::delete(app, &found?, id("input.userId", &input.user_id)?).await };
        shown(user.await, "User deleted successfully")
    }

    /// Lets users sign in with an OpenID provider, whose own settings must allow the address SERVER/auth/v1/callback.
    async fn set_auth_provider(&self, context: &Context<'_>, input: SetAuthProviderInput) -> Result<AuthProvidersPayload> {
        let (app, _) = parts(context)?;
        let found = found(context, &input.environment_id, Role::Developer).await?;
        let new = NewProvider {
            name: &input.name,
            issuer: &input.issuer,
            client_id: &input.client_id,
            secret: &input.client_secret,
            scopes: input.scopes,
        };
        providers_shown(async { managed::put_provider(app, &found?, new).await }.await, "Provider set successfully")
    }

    /// Users sign in with a provider no more.
    async fn remove_auth_provider(&self, context: &Context<'_>, input: RemoveAuthProviderInput) -> Result<AuthProvidersPayload> {
        let (app, _) = parts(context)?;
        let found = found(context, &input.environment_id, Role::Developer).await?;
        let removed = async { managed::remove_provider(app, &found?, &input.name).await };
        providers_shown(removed.await, "Provider removed successfully")
    }

    /// Decides how an environment's users sign in.
    async fn update_auth_settings(&self, context: &Context<'_>, input: UpdateAuthSettingsInput) -> Result<AuthSettingsPayload> {
        let (app, _) = parts(context)?;
        let found = found(context, &input.environment_id, Role::Developer).await?;
        let change = |old: Settings| Settings {
            site_url: match &input.site_url {
                MaybeUndefined::Undefined => old.site_url,
                MaybeUndefined::Null => None,
                MaybeUndefined::Value(url) => Some(url.clone()),
            },
            redirect_urls: input.redirect_urls.clone().unwrap_or(old.redirect_urls),
            sign_up: input.sign_up.unwrap_or(old.sign_up),
            confirm_email: input.confirm_email.unwrap_or(old.confirm_email),
            anonymous: input.anonymous.unwrap_or(old.anonymous),
            token_ttl: input.token_ttl.unwrap_or(old.token_ttl),
            password_min: input.password_min.map_or(old.password_min, |min| usize::try_from(min).unwrap_or(0)),
        };
        settle(
            async { managed::put_settings(app, &found?, change).await }.await,
            |settings| AuthSettingsPayload {
                verdict: Verdict::done("Settings updated successfully"),
                auth_settings: Some(settings.into()),
            },
            |verdict| AuthSettingsPayload { verdict, ..AuthSettingsPayload::default() },
        )
    }
}

fn shown(outcome: Result<Row, Error>, done: &str) -> Result<UserPayload> {
    settle(
        outcome,
        |user| UserPayload { verdict: Verdict::done(done), user: Some(User(user)) },
        |verdict| UserPayload { verdict, ..UserPayload::default() },
    )
}
