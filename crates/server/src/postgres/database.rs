//! An environment's database and its logins: making, opening, closing and dropping them. Every call may be repeated.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::cluster::{Cluster, scram_verifier};
use super::template::TEMPLATE;

/// The opaque name of an environment's database, from which its logins' names follow. Made of `[a-z0-9_]`: never needs quoting.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct DatabaseName(String);

/// Connections of one of the platform's own logins. A server needs a dozen at most, several servers as many each; this bounds what stolen
/// access could take.
const MAX_CONNECTIONS: u32 = 64;
/// Connections of the customer's own credential.
const MAX_CUSTOMER_CONNECTIONS: u32 = 10;

/// What one session may write to temporary files. Only a superuser can change this setting.
const TEMP_FILES: &str = "4GB";

/// How long a new environment waits for the template.
const TEMPLATE_PATIENCE: Duration = Duration::from_secs(10);

/// How a new database gets its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// Page by page through the log: quickest for a small database.
    WalLog,
    /// File by file: by reference where the file system can.
    FileCopy,
}

impl DatabaseName {
    /// A name nobody used before.
    pub(crate) fn new() -> Self {
        Self(format!("ce_{}", Uuid::new_v4().simple()))
    }

    /// A name read back from the control database, which only holds names made by [`DatabaseName::new`].
    pub(crate) fn stored(name: String) -> Self {
        Self(name)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Applications' data: DML on `public`.
    pub(crate) fn data_login(&self) -> String {
        format!("{}_data", self.0)
    }

    /// The platform's tables in schema `cloche`.
    pub(crate) fn platform_login(&self) -> String {
        format!("{}_platform", self.0)
    }

    /// Schema changes and restores: owns what is in `public`, may record revisions.
    pub(crate) fn owner_login(&self) -> String {
        format!("{}_owner", self.0)
    }

    /// The customer's direct SQL credential. Cannot log in until one is asked for.
    pub(crate) fn sql_login(&self) -> String {
        format!("{}_sql", self.0)
    }

    fn logins(&self) -> [String; 4] {
        [self.data_login(), self.platform_login(), self.owner_login(), self.sql_login()]
    }
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Cluster {
    /// The environment's logins, all of them or none. They can connect nowhere yet.
    ///
    /// Not flushed to disk by itself: the commit that follows on this server (CREATE DATABASE at the latest) flushes it along.
    pub(crate) async fn create_logins(&self, name: &DatabaseName) -> anyhow::Result<()> {
        let admin = self.admin().await?;
        if admin.query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[&name.as_str()]).await?.is_some() {
            return Ok(());
        }
        let (data, platform, owner, sql) = (name.data_login(), name.platform_login(), name.owner_login(), name.sql_login());
        let batch = format!(
            "BEGIN; SET LOCAL synchronous_commit = off;
             CREATE ROLE {name} NOLOGIN;
             CREATE ROLE {data} LOGIN CONNECTION LIMIT {MAX_CONNECTIONS} PASSWORD {} IN ROLE cloche_data, {name};
             CREATE ROLE {platform} LOGIN CONNECTION LIMIT {MAX_CONNECTIONS} PASSWORD {} IN ROLE cloche_platform, {name};
             CREATE ROLE {owner} LOGIN CONNECTION LIMIT {MAX_CONNECTIONS} PASSWORD {} IN ROLE cloche_owner, cloche_migrate, {name};
             CREATE ROLE {sql} NOLOGIN CONNECTION LIMIT {MAX_CUSTOMER_CONNECTIONS} IN ROLE {name};
             GRANT cloche_owner TO {sql} WITH INHERIT FALSE, SET TRUE;
             ALTER ROLE {sql} SET role = cloche_owner;
             ALTER ROLE {sql} SET temp_file_limit = '{TEMP_FILES}';
             ALTER ROLE {data} SET temp_file_limit = '{TEMP_FILES}';
             COMMIT",
            self.password_clause(&data),
            self.password_clause(&platform),
            self.password_clause(&owner),
        );
        match admin.batch_execute(&batch).await {
            Ok(()) => Ok(()),
            Err(error) => {
                admin.batch_execute("ROLLBACK").await?;
                Err(error).context("the environment's logins cannot be created")
            }
        }
    }

    /// Removes the logins. Their database must be gone: its CONNECT rights name them.
    ///
    /// A branch may name them too, where a tenant granted something to one, or made something as one, in what the branch was copied
    /// from. What they own there goes to the group, what they were granted is dropped; neither runs a tenant's code.
    pub(crate) async fn drop_logins(&self, name: &DatabaseName) -> anyhow::Result<()> {
        let admin = self.admin().await?;
        let [data, platform, owner, sql] = name.logins();
        let all = format!("{data}, {platform}, {owner}, {sql}, {name}");
        let mentioned = admin
            .query(
                "SELECT DISTINCT d.datname::text, d.datallowconn FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid
                 JOIN pg_roles r ON r.oid = s.refobjid
                 WHERE s.refclassid = 'pg_authid'::regclass AND (r.rolname = $1 OR r.rolname ~ ('^' || $1 || '_(data|platform|owner|sql)$'))",
                &[&name.as_str()],
            )
            .await?;
        for row in mentioned {
            let (database, open): (String, bool) = (row.get(0), row.get(1));
            self.hand_over(&admin, &database, open, &all)
                .await
                .with_context(|| format!("logins of {name} are still named in {database}"))?;
        }
        admin.batch_execute(&format!("DROP ROLE IF EXISTS {all}")).await?;
        Ok(())
    }

    /// A closed copy of the template: nobody may connect to it.
    pub(crate) async fn create_empty_database(&self, name: &DatabaseName) -> anyhow::Result<()> {
        let started = Instant::now();
        while !self.copy_database(TEMPLATE, name, Strategy::WalLog).await? {
            // A newer server that starts beside this one brings it up to date.
            if started.elapsed() > TEMPLATE_PATIENCE {
                bail!("somebody is connected to the template database, which only the start of a server needs");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// A closed copy of `source`. An existing database of that name was made by an earlier try and is kept. False, and nothing done, when
    /// somebody is connected to the source.
    pub(crate) async fn copy_database(&self, source: &str, name: &DatabaseName, strategy: Strategy) -> anyhow::Result<bool> {
        let admin = self.admin().await?;
        let strategy = match strategy {
            Strategy::WalLog => "WAL_LOG",
            Strategy::FileCopy => "FILE_COPY",
        };
        let statement = format!("CREATE DATABASE {name} TEMPLATE {source} STRATEGY {strategy} ALLOW_CONNECTIONS false");
        match admin.batch_execute(&statement).await {
            Ok(()) => Ok(true),
            Err(error) if error.code() == Some(&SqlState::DUPLICATE_DATABASE) => Ok(true),
            Err(error) if error.code() == Some(&SqlState::OBJECT_IN_USE) => Ok(false),
            Err(error) => Err(error).context("the database cannot be copied"),
        }
    }

    /// Lets the platform's own two logins in, and nobody else: PUBLIC loses its default rights before the first connection.
    pub(crate) async fn open_for_platform(&self, name: &DatabaseName) -> anyhow::Result<()> {
        let admin = self.admin().await?;
        let (platform, owner) = (name.platform_login(), name.owner_login());
        admin
            .batch_execute(&format!(
                "BEGIN; SET LOCAL synchronous_commit = off;
                 REVOKE ALL ON DATABASE {name} FROM PUBLIC;
                 GRANT CONNECT ON DATABASE {name} TO {platform}, {owner}, cloche_dump;
                 ALTER DATABASE {name} ALLOW_CONNECTIONS true;
                 COMMIT"
            ))
            .await
            .context("the database cannot be opened for the platform")
    }

    /// Lets applications and the customer's credential in as well: the last step before an environment is active.
    pub(crate) async fn open_for_all(&self, name: &DatabaseName) -> anyhow::Result<()> {
        let admin = self.admin().await?;
        let (data, platform, owner, sql) = (name.data_login(), name.platform_login(), name.owner_login(), name.sql_login());
        admin
            .batch_execute(&format!(
                "BEGIN; SET LOCAL synchronous_commit = off;
                 REVOKE ALL ON DATABASE {name} FROM PUBLIC;
                 GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {data}, {sql};
                 GRANT CONNECT ON DATABASE {name} TO {platform}, {owner}, cloche_dump;
                 ALTER DATABASE {name} ALLOW_CONNECTIONS true;
                 COMMIT"
            ))
            .await
            .context("the database cannot be opened")
    }

    /// Takes what `logins` own and were granted in a database from them. A closed one is opened for that to the administrator alone.
    async fn hand_over(&self, admin: &Client, database: &str, open: bool, logins: &str) -> anyhow::Result<()> {
        if !open {
            let let_in =
                format!("REVOKE ALL ON DATABASE {database} FROM PUBLIC; ALTER DATABASE {database} ALLOW_CONNECTIONS true");
            admin.batch_execute(&let_in).await?;
        }
        let outcome = async {
            let client = self.connect_as_admin(database).await?;
            client.batch_execute(&format!("REASSIGN OWNED BY {logins} TO cloche_owner; DROP OWNED BY {logins}")).await?;
            anyhow::Ok(())
        }
        .await;
        if !open {
            admin.batch_execute(&format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false")).await?;
        }
        outcome
    }

    /// Keeps the database but lets nobody in, and ends every session it has. The customer's password is forgotten: whoever opens the
    /// database again asks for a new one.
    pub(crate) async fn close_database(&self, name: &DatabaseName) -> anyhow::Result<()> {
        let admin = self.admin().await?;
        if admin.query_opt("SELECT FROM pg_database WHERE datname = $1", &[&name.as_str()]).await?.is_none() {
            return Ok(());
        }
        admin.batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await?;
        admin.batch_execute(&format!("ALTER ROLE {} NOLOGIN PASSWORD NULL", name.sql_login())).await?;
        admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", &[&name.as_str()]).await?;
        Ok(())
    }

    /// Removes the database and ends its sessions. Gone already is fine.
    pub(crate) async fn drop_database(&self, name: &DatabaseName) -> anyhow::Result<()> {
        let admin = self.admin().await?;
        admin
            .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            .await
            .context("the database cannot be dropped")
    }

    /// A new password for the customer's credential; the old one stops, and so do its sessions. The password is returned once.
    pub(crate) async fn rotate_sql_password(&self, name: &DatabaseName) -> anyhow::Result<String> {
        let password = crate::secrets::hex(&crate::secrets::random::<24>()?);
        let admin = self.admin().await?;
        let (sql, verifier) = (name.sql_login(), scram_verifier(&password));
        admin.batch_execute(&format!("ALTER ROLE {sql} LOGIN PASSWORD '{verifier}'")).await?;
        admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", &[&sql]).await?;
        Ok(password)
    }

    /// Bytes of a database on disk.
    pub(crate) async fn database_size(&self, name: &DatabaseName) -> anyhow::Result<i64> {
        let admin = self.admin().await?;
        Ok(admin.query_one("SELECT pg_database_size($1::text::name)", &[&name.as_str()]).await?.get(0))
    }

    /// How many sessions a database has: all of them, and those of the customer's own credential.
    pub(crate) async fn sessions(&self, name: &DatabaseName) -> anyhow::Result<(i64, i64)> {
        let admin = self.admin().await?;
        let row = admin
            .query_one(
                "SELECT count(*), count(*) FILTER (WHERE usename = $2) FROM pg_stat_activity
                 WHERE datname = $1 AND backend_type = 'client backend'",
                &[&name.as_str(), &name.sql_login()],
            )
            .await?;
        Ok((row.get(0), row.get(1)))
    }
}

impl Cluster {
    /// Takes back settings that code running as one of the platform's roles made for that role, which a role may always do.
    pub(crate) async fn reset_role_settings(&self) -> anyhow::Result<()> {
        let admin = self.admin().await?;
        let rows = admin
            .query(
                "SELECT r.rolname::text, d.datname::text, s.setconfig FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
                 LEFT JOIN pg_database d ON d.oid = s.setdatabase
                 WHERE r.rolname IN ('cloche_owner', 'cloche_platform', 'cloche_data', 'cloche_migrate', 'cloche_dump')
                    OR r.rolname ~ '^ce_[0-9a-f]{32}_(data|platform|owner)$'",
                &[],
            )
            .await?;
        for row in rows {
            let (role, database, settings): (String, Option<String>, Vec<String>) = (row.get(0), row.get(1), row.get(2));
            let ours = format!("temp_file_limit={TEMP_FILES}");
            if database.is_none() && settings.iter().all(|setting| *setting == ours) {
                continue;
            }
            tracing::warn!(role, "settings of a platform's role were changed; taking them back");
            let scope = database.map(|name| format!(" IN DATABASE {name}")).unwrap_or_default();
            admin.batch_execute(&format!("ALTER ROLE {role}{scope} RESET ALL")).await?;
            if role.ends_with("_data") && role.starts_with("ce_") {
                admin.batch_execute(&format!("ALTER ROLE {role} SET temp_file_limit = '{TEMP_FILES}'")).await?;
            }
        }
        Ok(())
    }

    /// Every database and login group with a name of ours.
    pub(crate) async fn our_databases(&self) -> anyhow::Result<Vec<String>> {
        let admin = self.admin().await?;
        let rows = admin
            .query(
                "SELECT datname::text FROM pg_database WHERE datname ~ '^ce_[0-9a-f]{32}$'
                 UNION SELECT rolname::text FROM pg_roles WHERE rolname ~ '^ce_[0-9a-f]{32}$'",
                &[],
            )
            .await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}
