//! API keys: hashes, never texts, except of publishable keys, which are no secret.

use chrono::{DateTime, Utc};
use cloche_wire::{EnvironmentId, KeyEnvironment, KeyId, KeyKind, KeyText, TokenKind};
use deadpool_postgres::GenericClient;
use tokio_postgres::{Client, Row};

use super::environments::{EnvironmentType, Status};
use super::{Page, Slice, Tx, column};
use crate::error::{Error, Result};
use crate::postgres::database::DatabaseName;
use crate::secrets::{PEPPER_VERSION, Secrets};

/// A key, as lists show it.
#[derive(Clone)]
pub(crate) struct ApiKey {
    pub(crate) id: KeyId,
    pub(crate) environment_id: EnvironmentId,
    pub(crate) prefix: String,
    pub(crate) kind: KeyKind,
    pub(crate) name: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) is_default: bool,
    /// The whole text of a publishable key.
    pub(crate) publishable: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) last_used_at: Option<DateTime<Utc>>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
}

/// A key about to be stored.
pub(crate) struct NewKey<'a> {
    pub(crate) environment: EnvironmentId,
    pub(crate) text: &'a KeyText,
    pub(crate) name: &'a str,
    pub(crate) scopes: &'a [String],
    pub(crate) is_default: bool,
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

/// What checking a key needs, and where it leads.
#[derive(Clone)]
pub(crate) struct KeyCheck {
    pub(crate) id: KeyId,
    pub(crate) hash: Vec<u8>,
    pub(crate) pepper_version: i16,
    pub(crate) kind: KeyKind,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
    pub(crate) environment_id: EnvironmentId,
    pub(crate) status: Status,
    pub(crate) database: DatabaseName,
    /// How many migrations the environment's schema `cloche` has had at least.
    pub(crate) schema_version: i32,
}

/// The pair an environment is handed with.
pub(crate) struct KeyPair {
    pub(crate) publishable: KeyText,
    pub(crate) secret: KeyText,
}

impl KeyPair {
    pub(crate) fn generate(kind: EnvironmentType) -> Result<Self> {
        Ok(Self { publishable: new_key(KeyKind::Publishable, kind)?, secret: new_key(KeyKind::Secret, kind)? })
    }
}

/// A new key text for an environment of this type.
pub(crate) fn new_key(kind: KeyKind, environment: EnvironmentType) -> Result<KeyText> {
    let environment = match environment {
        EnvironmentType::Dev => KeyEnvironment::Dev,
        EnvironmentType::Staging => KeyEnvironment::Staging,
        EnvironmentType::Prod => KeyEnvironment::Prod,
        EnvironmentType::Eval => KeyEnvironment::Eval,
        EnvironmentType::Custom => KeyEnvironment::Custom,
    };
    KeyText::generate(TokenKind::Api(kind, environment)).map_err(|error| Error::internal(error.to_string()))
}

/// Stores the default pair of an environment.
pub(crate) async fn insert_pair(tx: &Tx<'_>, secrets: &Secrets, environment: EnvironmentId, pair: &KeyPair) -> Result<()> {
    for text in [&pair.publishable, &pair.secret] {
        let new = NewKey { environment, text, name: "default", scopes: &[], is_default: true, expires_at: None };
        insert(tx, secrets, &new).await?;
    }
    Ok(())
}

pub(crate) async fn insert(tx: &Tx<'_>, secrets: &Secrets, new: &NewKey<'_>) -> Result<ApiKey> {
    let kind = match new.text.kind() {
        TokenKind::Api(kind, _) => kind,
        _ => return Err(Error::internal("this is no API key")),
    };
    let publishable = (kind == KeyKind::Publishable).then(|| new.text.reveal());
    let row = tx
        .query_one(
            "INSERT INTO api_keys (id, environment_id, locator, kind, prefix, name, scopes, is_default, hash, pepper_version, publishable,
                                   expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING *",
            &[
                &KeyId::new().0,
                &new.environment.0,
                &new.text.locator(),
                &kind.as_str(),
                &new.text.prefix(),
                &new.name,
                &new.scopes,
                &new.is_default,
                &secrets.hash_key(new.text),
                &PEPPER_VERSION,
                &publishable,
                &new.expires_at,
            ],
        )
        .await?;
    Ok(read(&row))
}

pub(crate) async fn list(client: &Client, environment: EnvironmentId, slice: &Slice) -> Result<Page<ApiKey>> {
    let rows = client
        .query(
            "SELECT * FROM api_keys WHERE environment_id = $1 AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3",
            &[&environment.0, &slice.after_id()?, &slice.limit()],
        )
        .await?;
    Ok(Page::new(rows, slice, read))
}

/// Whether the environment has keys already, so that a resumed activation does not make a second pair.
pub(crate) async fn has_default(client: &impl GenericClient, environment: EnvironmentId) -> Result<bool> {
    let row = client
        .query_one(
            "SELECT EXISTS (SELECT FROM api_keys WHERE environment_id = $1 AND is_default AND revoked_at IS NULL)",
            &[&environment.0],
        )
        .await?;
    Ok(row.get(0))
}

pub(crate) async fn find(client: &Client, id: KeyId) -> Result<Option<ApiKey>> {
    Ok(client.query_opt("SELECT * FROM api_keys WHERE id = $1", &[&id.0]).await?.as_ref().map(read))
}

pub(crate) async fn revoke(tx: &Tx<'_>, id: KeyId) -> Result<Option<ApiKey>> {
    let row =
        tx.query_opt("UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 RETURNING *", &[&id.0]).await?;
    Ok(row.as_ref().map(read))
}

/// Ends the default pair, at once or at `at`. It is no default any more.
pub(crate) async fn retire_default(tx: &Tx<'_>, environment: EnvironmentId, at: Option<DateTime<Utc>>) -> Result<()> {
    tx.execute(
        "UPDATE api_keys SET is_default = false, revoked_at = CASE WHEN $2::timestamptz IS NULL THEN now() END,
                             expires_at = least(expires_at, $2)
         WHERE environment_id = $1 AND is_default AND revoked_at IS NULL",
        &[&environment.0, &at],
    )
    .await?;
    Ok(())
}

/// Ends every key of an environment for good.
pub(crate) async fn revoke_all(tx: &Tx<'_>, environment: EnvironmentId) -> Result<()> {
    tx.execute(
        "UPDATE api_keys SET revoked_at = now(), is_default = false WHERE environment_id = $1 AND revoked_at IS NULL",
        &[&environment.0],
    )
    .await?;
    Ok(())
}

/// Keys in force beside the default pair.
pub(crate) async fn others(client: &impl GenericClient, environment: EnvironmentId) -> Result<Vec<ApiKey>> {
    let rows = client
        .query(
            "SELECT * FROM api_keys WHERE environment_id = $1 AND NOT is_default AND revoked_at IS NULL
               AND coalesce(expires_at > now(), true) ORDER BY id",
            &[&environment.0],
        )
        .await?;
    Ok(rows.iter().map(read).collect())
}

/// The key with this locator, whatever its state.
pub(crate) async fn check(client: &deadpool_postgres::Client, locator: &str) -> Result<Option<KeyCheck>> {
    let statement = client
        .prepare_cached(
            "SELECT k.id, k.hash, k.pepper_version, k.kind, k.scopes, k.expires_at, k.revoked_at, k.environment_id, e.status, e.database_name,
                    e.schema_version
             FROM api_keys k JOIN environments e ON e.id = k.environment_id WHERE k.locator = $1",
        )
        .await?;
    Ok(client.query_opt(&statement, &[&locator]).await?.map(|row| KeyCheck {
        id: KeyId(column(&row, "id")),
        hash: column(&row, "hash"),
        pepper_version: column(&row, "pepper_version"),
        kind: kind(&row),
        scopes: column(&row, "scopes"),
        expires_at: column(&row, "expires_at"),
        revoked_at: column(&row, "revoked_at"),
        environment_id: EnvironmentId(column(&row, "environment_id")),
        status: Status::parse(column(&row, "status")).unwrap_or(Status::Failed),
        database: DatabaseName::stored(column(&row, "database_name")),
        schema_version: column(&row, "schema_version"),
    }))
}

/// Notes that keys were used; one whose use was noted a moment ago, by another server or before its key was read anew, is left alone.
pub(crate) async fn touch(client: &Client, ids: &[uuid::Uuid]) -> Result<()> {
    client
        .execute(
            "UPDATE api_keys SET last_used_at = now()
             WHERE id = ANY($1) AND coalesce(last_used_at < now() - interval '4 minutes', true)",
            &[&ids],
        )
        .await?;
    Ok(())
}

fn kind(row: &Row) -> KeyKind {
    if column::<&str>(row, "kind") == KeyKind::Publishable.as_str() { KeyKind::Publishable } else { KeyKind::Secret }
}

fn read(row: &Row) -> ApiKey {
    ApiKey {
        id: KeyId(column(row, "id")),
        environment_id: EnvironmentId(column(row, "environment_id")),
        prefix: column(row, "prefix"),
        kind: kind(row),
        name: column(row, "name"),
        scopes: column(row, "scopes"),
        is_default: column(row, "is_default"),
        publishable: column(row, "publishable"),
        created_at: column(row, "created_at"),
        last_used_at: column(row, "last_used_at"),
        expires_at: column(row, "expires_at"),
        revoked_at: column(row, "revoked_at"),
    }
}
