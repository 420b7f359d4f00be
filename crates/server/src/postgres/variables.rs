//! Environment variables: sealed rows in the environment's own database, read and written by its platform login.

use chrono::{DateTime, Utc};
use cloche_wire::EnvironmentId;
use tokio_postgres::Client;

use crate::secrets::Secrets;

/// A variable; its value only where asked for.
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: Option<String>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// All variables by name. `reveal` opens their values.
pub(crate) async fn list(
    client: &Client,
    secrets: &Secrets,
    environment: EnvironmentId,
    reveal: bool,
) -> anyhow::Result<Vec<Variable>> {
    let rows = client.query("SELECT name, sealed, updated_at FROM cloche.variables ORDER BY name", &[]).await?;
    rows.iter()
        .map(|row| {
            let name: String = row.get(0);
            let value = if reveal { Some(secrets.open(environment, &name, row.get(1))?) } else { None };
            Ok(Variable { value, name, updated_at: row.get(2) })
        })
        .collect()
}

/// Sets some variables and removes those without a value: all of it or nothing.
pub(crate) async fn set(
    client: &mut Client,
    secrets: &Secrets,
    environment: EnvironmentId,
    changes: &[(String, Option<String>)],
) -> anyhow::Result<()> {
    let tx = client.transaction().await?;
    for (name, value) in changes {
        match value {
            Some(value) => {
                let sealed = secrets.seal(environment, name, value)?;
                tx.execute(
                    "INSERT INTO cloche.variables (name, sealed) VALUES ($1, $2)
                     ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, updated_at = now()",
                    &[name, &sealed],
                )
                .await?
            }
            None => tx.execute("DELETE FROM cloche.variables WHERE name = $1", &[name]).await?,
        };
    }
    tx.commit().await?;
    Ok(())
}

/// Seals every variable that came with a copy of `from` for `to`. Those done by an earlier try are left as they are.
pub(crate) async fn reseal(
    client: &mut Client,
    secrets: &Secrets,
    from: EnvironmentId,
    to: EnvironmentId,
) -> anyhow::Result<u64> {
    let tx = client.transaction().await?;
    let rows = tx.query("SELECT name, sealed FROM cloche.variables", &[]).await?;
    for row in &rows {
        let (name, sealed): (String, Vec<u8>) = (row.get(0), row.get(1));
        if secrets.open(to, &name, &sealed).is_ok() {
            continue;
        }
        let sealed = secrets.seal(to, &name, &secrets.open(from, &name, &sealed)?)?;
        tx.execute("UPDATE cloche.variables SET sealed = $2 WHERE name = $1", &[&name, &sealed]).await?;
    }
    tx.commit().await?;
    Ok(rows.len() as u64)
}
