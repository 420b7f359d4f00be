//! API keys of an environment. What ends a key is in force on return.

use chrono::Utc;
use cloche_wire::{KeyId, KeyKind, KeyText};
use serde_json::{Value, json};

use super::environment::{Found, find, require_usable};
use super::{App, from_now, parse_duration};
use crate::auth::{Actor, Role};
use crate::error::{Error, Result};
use crate::fence;
use crate::store::keys::{self, ApiKey, KeyPair, NewKey};
use crate::store::{Page, Slice, Tx, audit, environments};

/// The longest time for which the old pair may live on.
const MAX_OVERLAP_HOURS: i64 = 24;
/// Scopes that are not about one table.
const SCOPES: [&str; 6] = ["data:read", "data:write", "users", "files", "agents", "sync"];

/// The keys of an environment, oldest first, ended ones included.
pub(crate) async fn list(app: &App, found: &Found, slice: &Slice) -> Result<Page<ApiKey>> {
    keys::list(&*app.store.client().await?, found.environment.id, slice).await
}

/// A further key. Its text is in the answer, and nowhere else if it is a secret one.
pub(crate) async fn create(
    app: &App,
    found: &Found,
    kind: KeyKind,
    name: &str,
    scopes: &[String],
    expires_in: Option<&str>,
) -> Result<(ApiKey, KeyText)> {
    found.access.require_change(&found.environment)?;
    found.access.actor().require_recent()?;
    require_usable(&found.environment)?;
    if name.trim().is_empty() || name.chars().count() > 100 {
        return Err(Error::bad_input("key/name-invalid", "A key's name has 1 to 100 characters.").field(
            "input.name",
            "length",
            "1 to 100",
        ));
    }
    check_scopes(kind, scopes)?;
    let expires_at = from_now("input.expiresIn", expires_in)?;
    let text = keys::new_key(kind, found.environment.kind)?;
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    require_usable(&environments::lock(&tx, found.environment.id).await?)?;
    let new = NewKey { environment: found.environment.id, text: &text, name, scopes, is_default: false, expires_at };
    let key = keys::insert(&tx, &app.secrets, &new).await?;
    record(&tx, found, "key.create", &key.prefix, json!({ "name": name, "scopes": scopes, "expiresAt": expires_at })).await?;
    tx.commit().await?;
    Ok((key, text))
}

fn check_scopes(kind: KeyKind, scopes: &[String]) -> Result<()> {
    if kind == KeyKind::Publishable && !scopes.is_empty() {
        return Err(Error::bad_input("key/scopes", "A publishable key has no scopes: it may do what its user, or anon, may.")
            .field("input.scopes", "empty", "only for secret keys"));
    }
    for scope in scopes {
        let of_table = scope.strip_prefix("table:").and_then(|rest| rest.rsplit_once(':'));
        let known = match of_table {
            Some((table, right)) => !table.is_empty() && ["read", "write"].contains(&right),
            None => SCOPES.contains(&scope.as_str()),
        };
        if !known {
            return Err(Error::bad_input("key/scope-unknown", format!("There is no scope {scope:?}."))
                .hint(format!("Scopes are {}, table:NAME:read and table:NAME:write.", SCOPES.join(", ")))
                .field("input.scopes", "one-of", "a known scope"));
        }
    }
    Ok(())
}

/// A new default pair; the old one stops now, or after `overlap`. The other keys that stay in force are told.
pub(crate) async fn rotate(app: &App, found: &Found, overlap: Option<&str>) -> Result<(KeyPair, Vec<ApiKey>)> {
    found.access.require_change(&found.environment)?;
    found.access.actor().require_recent()?;
    require_usable(&found.environment)?;
    let overlap = overlap.map(|text| parse_duration("input.overlap", text)).transpose()?;
    if overlap.is_some_and(|overlap| overlap > chrono::TimeDelta::hours(MAX_OVERLAP_HOURS)) {
        return Err(Error::bad_input("key/overlap", format!("The old pair may live on for {MAX_OVERLAP_HOURS} hours at most."))
            .field("input.overlap", "max", "24h"));
    }
    let ends = overlap.map(|overlap| Utc::now() + overlap);
    let pair = KeyPair::generate(found.environment.kind)?;
    let id = found.environment.id;
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    require_usable(&environments::lock(&tx, id).await?)?;
    keys::retire_default(&tx, id, ends).await?;
    keys::insert_pair(&tx, &app.secrets, id, &pair).await?;
    record(&tx, found, "key.rotate", &found.environment.name, json!({ "oldPairEnds": ends })).await?;
    let others = keys::others(&tx, id).await?;
    let raised = fence::commit(tx, id).await?;
    drop(client);
    fence::in_force(app, raised).await;
    Ok((pair, others))
}

/// Ends one key for good.
pub(crate) async fn revoke(app: &App, actor: &Actor, id: KeyId) -> Result<ApiKey> {
    let unknown =
        || Error::not_found("key/not-found", format!("There is no key {id}.")).hint("`cloche keys list` shows those there are.");
    let key = keys::find(&*app.store.client().await?, id).await?.ok_or_else(unknown)?;
    let found = find(app, actor, key.environment_id, Role::Developer)
        .await
        .map_err(|error| if error.code == "environment/not-found" { unknown() } else { error })?;
    found.access.require_change(&found.environment)?;
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    let key = keys::revoke(&tx, id).await?.ok_or_else(unknown)?;
    record(&tx, &found, "key.revoke", &key.prefix, json!({})).await?;
    let raised = fence::commit(tx, key.environment_id).await?;
    drop(client);
    fence::in_force(app, raised).await;
    Ok(key)
}

async fn record(tx: &Tx<'_>, found: &Found, action: &str, target: &str, detail: Value) -> Result<()> {
    let entry = found.audit(action, target, detail);
    audit::record(tx, &entry).await
}
