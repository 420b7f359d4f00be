use chrono::{DateTime, Utc};

use super::{Context, all, lookup};
use crate::error::{Exit, Result};
use crate::model::ApiKey;
use crate::printer::{table, time, time_or_dash};

/// Lists the environment's keys.
pub(crate) async fn run(context: &Context) -> Result<Exit> {
    let environment = lookup::environment(context, None).await?;
    let keys = all(context, &environment).await?;
    context.printer.result(&keys, || {
        let rows = keys.iter().map(|key| {
            let scopes = key.scopes.as_deref().filter(|scopes| !scopes.is_empty());
            [
                key.prefix.clone(),
                key.kind.clone(),
                key.name.clone(),
                scopes.map_or_else(|| "-".to_owned(), |scopes| scopes.join(" ")),
                state(key).to_owned(),
                time(&key.created_at),
                time_or_dash(key.last_used_at.as_ref()),
                time_or_dash(key.expires_at.as_ref()),
            ]
        });
        table(["PREFIX", "KIND", "NAME", "SCOPES", "STATE", "CREATED", "LAST USED", "EXPIRES"], rows)
    })?;
    Ok(Exit::Ok)
}

/// Whether the key works, in a word.
fn state(key: &ApiKey) -> &'static str {
    let over = |text: &String| DateTime::parse_from_rfc3339(text).is_ok_and(|time| time <= Utc::now());
    if key.revoked_at.as_ref().is_some_and(over) {
        "revoked"
    } else if key.expires_at.as_ref().is_some_and(over) {
        "expired"
    } else if key.default {
        "default"
    } else {
        "active"
    }
}
