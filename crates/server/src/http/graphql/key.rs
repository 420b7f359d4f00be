//! API keys.

use async_graphql::{Context, Enum, InputObject, Object, Result, SimpleObject};
use cloche_wire::KeyKind as Kind;

use super::environment::found;
use super::page::{PageInfo, page, slice};
use super::payload::{Keys, Verdict, id, parts, settle, to_graphql};
use super::time::Time;
use crate::app::key;
use crate::auth::Role;
use crate::store::keys::ApiKey as Row;

/// What a key may be used for.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    /// `pk_`: safe in front-end code.
    Publishable,
    /// `sk_`: back-end only.
    Secret,
}

/// A key, without its secret.
#[derive(SimpleObject)]
struct ApiKey {
    id: String,
    /// Everything before the secret.
    prefix: String,
    /// publishable or secret.
    kind: &'static str,
    name: String,
    /// What a secret key is limited to; empty means everything.
    scopes: Vec<String>,
    /// Of the pair that a rotation replaces.
    default: bool,
    created_at: Time,
    last_used_at: Option<Time>,
    expires_at: Option<Time>,
    revoked_at: Option<Time>,
    /// The whole text of a publishable key.
    publishable: Option<String>,
}

impl From<Row> for ApiKey {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.to_string(),
            prefix: row.prefix,
            kind: row.kind.as_str(),
            name: row.name,
            scopes: row.scopes,
            default: row.is_default,
            created_at: row.created_at.into(),
            last_used_at: row.last_used_at.map(Time),
            expires_at: row.expires_at.map(Time),
            revoked_at: row.revoked_at.map(Time),
            publishable: row.publishable,
        }
    }
}

#[derive(SimpleObject)]
struct ApiKeyPage {
    nodes: Vec<ApiKey>,
    page_info: PageInfo,
}

#[derive(SimpleObject, Default)]
struct ApiKeyPayload {
    #[graphql(flatten)]
    verdict: Verdict,
    api_key: Option<ApiKey>,
    /// Of a new key: its whole text. A secret key is shown this once.
    secret: Option<String>,
}

#[derive(SimpleObject, Default)]
struct RotatePayload {
    #[graphql(flatten)]
    verdict: Verdict,
    keys: Option<Keys>,
    /// Keys beside the default pair, which stay in force.
    others: Vec<ApiKey>,
}

#[derive(InputObject)]
struct CreateApiKeyInput {
    environment_id: String,
    kind: KeyKind,
    name: String,
    /// For secret keys: `data:read`, `data:write`, `users`, `files`, `agents`, `sync`, `table:NAME:read`, `table:NAME:write`.
    scopes: Option<Vec<String>>,
    /// It ends after this time: `1h`, `30d`.
    expires_in: Option<String>,
}

#[derive(InputObject)]
struct RotateApiKeysInput {
    environment_id: String,
    /// The old pair lives on for this time, 24 hours at most. Without it, it stops now.
    overlap: Option<String>,
}

#[derive(InputObject)]
struct RevokeApiKeyInput {
    key_id: String,
}

#[derive(Default)]
pub(crate) struct KeyQuery;

#[Object]
impl KeyQuery {
    /// The keys of an environment, oldest first, revoked ones included.
    #[graphql(complexity = "5 + child_complexity")]
    async fn api_keys(
        &self,
        context: &Context<'_>,
        environment_id: String,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<ApiKeyPage> {
        let (app, _) = parts(context)?;
        let found = found(context, &environment_id, Role::Developer).await?.map_err(to_graphql)?;
        let rows = async { key::list(app, &found, &slice(first, after)?).await };
        let (nodes, page_info) = page(rows.await.map_err(to_graphql)?, |row| row.id.to_string(), ApiKey::from);
        Ok(ApiKeyPage { nodes, page_info })
    }
}

#[derive(Default)]
pub(crate) struct KeyMutation;

#[Object]
impl KeyMutation {
    /// Makes a further key.
    async fn create_api_key(&self, context: &Context<'_>, input: CreateApiKeyInput) -> Result<ApiKeyPayload> {
        let (app, _) = parts(context)?;
        let found = found(context, &input.environment_id, Role::Developer).await?;
        let kind = match input.kind {
            KeyKind::Publishable => Kind::Publishable,
            KeyKind::Secret => Kind::Secret,
        };
        let scopes = input.scopes.unwrap_or_default();
        settle(
            async { key::create(app, &found?, kind, &input.name, &scopes, input.expires_in.as_deref()).await }.await,
            |(row, text)| ApiKeyPayload {
                verdict: Verdict::done("Key created successfully"),
                api_key: Some(row.into()),
                secret: Some(text.reveal().to_owned()),
            },
            |verdict| ApiKeyPayload { verdict, ..ApiKeyPayload::default() },
        )
    }

    /// Replaces the default pair. The old one is refused from the moment this returns, unless an overlap is asked for.
    async fn rotate_api_keys(&self, context: &Context<'_>, input: RotateApiKeysInput) -> Result<RotatePayload> {
        let (app, _) = parts(context)?;
        let found = found(context, &input.environment_id, Role::Developer).await?;
        settle(
            async { key::rotate(app, &found?, input.overlap.as_deref()).await }.await,
            |(pair, others)| RotatePayload {
                verdict: Verdict::done("Keys rotated successfully"),
                keys: Some(Keys::from(&pair)),
                others: others.into_iter().map(ApiKey::from).collect(),
            },
            |verdict| RotatePayload { verdict, ..RotatePayload::default() },
        )
    }

    /// Ends one key for good. It is refused from the moment this returns.
    async fn revoke_api_key(&self, context: &Context<'_>, input: RevokeApiKeyInput) -> Result<ApiKeyPayload> {
        let (app, actor) = parts(context)?;
        settle(
            async { key::revoke(app, actor, id("input.keyId", &input.key_id)?).await }.await,
            |row| ApiKeyPayload { verdict: Verdict::done("Key revoked successfully"), api_key: Some(row.into()), secret: None },
            |verdict| ApiKeyPayload { verdict, ..ApiKeyPayload::default() },
        )
    }
}
