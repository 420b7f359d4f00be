//! Versioned schema changes: embedded files, run in order, each once, under a lock, with a checksum that notices edited history.

use tokio_postgres::{Client, Error as PgError};

/// Held while migrating, so that two servers starting at once do not do it twice. Any fixed number serves.
const LOCK: i64 = 0x636c_6f63_6865;

/// One file of SQL. Its place in the list is its version, so files are only ever added at the end.
pub(crate) struct Migration {
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

/// Why a database could not be brought to the newest version.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MigrateError {
    #[error("the database is at version {found}, this server knows {known}: it was used with a newer cloche, start that one")]
    Newer { found: usize, known: usize },
    #[error("migration {0} was changed after it ran on this database: use the cloche that ran it, or restore a backup")]
    Edited(&'static str),
    #[error("migration {name} failed")]
    Failed { name: &'static str, source: PgError },
    #[error("cannot read which migrations have run")]
    Read(#[from] PgError),
}

/// Runs what has not run yet; `schema` holds the table that says what has. Answers how many ran.
pub(crate) async fn migrate(client: &mut Client, schema: &str, migrations: &[Migration]) -> Result<usize, MigrateError> {
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
    let outcome = migrate_locked(client, schema, migrations).await;
    client.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]).await?;
    outcome
}

async fn migrate_locked(client: &mut Client, schema: &str, migrations: &[Migration]) -> Result<usize, MigrateError> {
    client
        .batch_execute(&format!(
            "CREATE TABLE IF NOT EXISTS {schema}.migrations (version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, \
             at timestamptz NOT NULL DEFAULT now())"
        ))
        .await?;
    let rows = client.query(&format!("SELECT checksum FROM {schema}.migrations ORDER BY version"), &[]).await?;
    if rows.len() > migrations.len() {
        return Err(MigrateError::Newer { found: rows.len(), known: migrations.len() });
    }
    for (row, migration) in rows.iter().zip(migrations) {
        if row.get::<_, String>(0) != checksum(migration) {
            return Err(MigrateError::Edited(migration.name));
        }
    }
    for (version, migration) in (1_i32..).zip(migrations).skip(rows.len()) {
        let transaction = client.transaction().await?;
        transaction.batch_execute(migration.sql).await.map_err(|source| MigrateError::Failed { name: migration.name, source })?;
        let record = format!("INSERT INTO {schema}.migrations (version, name, checksum) VALUES ($1, $2, $3)");
        transaction.execute(&record, &[&version, &migration.name, &checksum(migration)]).await?;
        transaction.commit().await?;
    }
    Ok(migrations.len() - rows.len())
}

fn checksum(migration: &Migration) -> String {
    crate::secrets::hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, migration.sql.as_bytes()).as_ref())
}
