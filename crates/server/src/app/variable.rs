//! Environment variables, and the customer's direct SQL credential.

use serde_json::json;

use super::App;
use super::environment::{Found, bring_up_to_date, require_usable};
use crate::auth::Role;
use crate::error::{Error, Result};
use crate::postgres::cluster::PLATFORM_OPTIONS;
use crate::postgres::variables::{self, Variable};
use crate::store::{audit, environments};

/// Variables one call may set, and bytes one value may have.
const MAX_CHANGES: usize = 200;
const MAX_VALUE: usize = 64 * 1024;

/// Names, and values where `reveal` asks for them.
pub(crate) async fn list(app: &App, found: &Found, reveal: bool) -> Result<Vec<Variable>> {
    require_usable(&found.environment)?;
    if reveal {
        found.access.require(Role::Admin, "Reading the values of variables")?;
        found.access.actor().require_recent()?;
        record(app, found, "variables.reveal", json!({})).await?;
    }
    let client = platform(app, found).await?;
    Ok(variables::list(&client, &app.secrets, found.environment.id, reveal).await?)
}

/// Sets variables; one without a value is removed. All or nothing. Answers the names there are then.
pub(crate) async fn set(app: &App, found: &Found, changes: &[(String, Option<String>)]) -> Result<Vec<Variable>> {
    found.access.require_change(&found.environment)?;
    require_usable(&found.environment)?;
    if changes.len() > MAX_CHANGES {
        return Err(Error::bad_input("variable/too-many", format!("One call sets {MAX_CHANGES} variables at most.")));
    }
    for (name, value) in changes {
        check(name, value.as_deref())?;
    }
    let names: Vec<&str> = changes.iter().map(|(name, _)| name.as_str()).collect();
    // The audit row comes first: it may tell of a change that failed, never be missing for one that happened.
    record(app, found, "variables.set", json!({ "names": names })).await?;
    let mut client = platform(app, found).await?;
    variables::set(&mut client, &app.secrets, found.environment.id, changes).await?;
    Ok(variables::list(&client, &app.secrets, found.environment.id, false).await?)
}

fn check(name: &str, value: Option<&str>) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let shaped = name.len() <= 128 && name.chars().all(allowed) && name.starts_with(|c: char| !c.is_ascii_digit());
    if !shaped {
        return Err(Error::bad_input("variable/name-invalid", format!("{name:?} is not a name for a variable."))
            .hint("Up to 128 letters, digits and underscores, not beginning with a digit.")
            .field("input.variables.name", "name", "letters, digits and underscores"));
    }
    if value.is_some_and(|value| value.len() > MAX_VALUE || value.contains('\0')) {
        return Err(Error::bad_input(
            "variable/value-invalid",
            format!("The value of {name} is longer than 64 KiB or has a NUL in it."),
        )
        .field("input.variables.value", "max", "64 KiB"));
    }
    Ok(())
}

/// A new password for the customer's own login, as a URL. The old password and its sessions end.
pub(crate) async fn rotate_credential(app: &App, found: &Found) -> Result<String> {
    found.access.require_change(&found.environment)?;
    found.access.actor().require_recent()?;
    require_usable(&found.environment)?;
    record(app, found, "credential.rotate", json!({})).await?;
    let database = &found.environment.database;
    let password = app.cluster.rotate_sql_password(database).await?;
    let (host, port) = app.cluster.address();
    let user = database.sql_login();
    if host.starts_with('/') {
        let folder = percent_encoding::utf8_percent_encode(&host, percent_encoding::NON_ALPHANUMERIC);
        return Ok(format!("postgresql://{user}:{password}@/{database}?host={folder}&port={port}"));
    }
    Ok(format!("postgresql://{user}:{password}@{host}:{port}/{database}"))
}

async fn platform(app: &App, found: &Found) -> Result<tokio_postgres::Client> {
    bring_up_to_date(app, &found.environment).await?;
    let database = &found.environment.database;
    Ok(app.cluster.connect_as(&database.platform_login(), database.as_str(), PLATFORM_OPTIONS).await?)
}

async fn record(app: &App, found: &Found, action: &str, detail: serde_json::Value) -> Result<()> {
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    require_usable(&environments::lock(&tx, found.environment.id).await?)?;
    let entry = found.audit(action, &found.environment.name, detail);
    audit::record(&tx, &entry).await?;
    Ok(tx.commit().await?)
}
