//! The group roles of a cluster and the empty, migrated database from which new environments are copied.

use anyhow::Context as _;
use tokio_postgres::Client;

use super::cluster::Cluster;
use super::database::DatabaseName;
use super::migrate::{MigrateError, Migration, migrate};

/// The database that new environments are copied from. Nobody may connect to it once it is ready.
pub(crate) const TEMPLATE: &str = "cloche_template";

/// Schema `cloche`, oldest first.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_foundation", sql: include_str!("environment_schema/0001_foundation.sql") },
    Migration { name: "0002_records", sql: include_str!("environment_schema/0002_records.sql") },
    Migration { name: "0003_users", sql: include_str!("environment_schema/0003_users.sql") },
    Migration { name: "0004_settings", sql: include_str!("environment_schema/0004_settings.sql") },
    Migration { name: "0005_rules", sql: include_str!("environment_schema/0005_rules.sql") },
];

/// How many there are: what a new environment has, and an older one is brought to. Far from the limit.
pub(crate) const SCHEMA_VERSION: i32 = MIGRATIONS.len() as i32;

/// What a migration of an environment waits for: not long for a tenant's lock, because requests wait for it.
const MIGRATE_OPTIONS: &str = "-c default_transaction_read_only=off -c search_path=pg_catalog -c statement_timeout=60s -c lock_timeout=10s \
    -c idle_in_transaction_session_timeout=60s";

/// What the three groups own and may do is in every environment's database; see ARCHITECTURE.md, Roles. cloche_migrate may record a
/// change of the schema; cloche_dump reads everything for snapshot copies and is no superuser, so that no tenant's function runs as one.
const GROUPS: &str = "
DO $$
DECLARE wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['cloche_owner', 'cloche_platform', 'cloche_data', 'cloche_migrate'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cloche_dump') THEN
        CREATE ROLE cloche_dump LOGIN BYPASSRLS IN ROLE pg_read_all_data;
    END IF;
END
$$";

/// Held by the server that prepares the template.
const PREPARING: i64 = 0x63_6c6f_6368_6574;

/// Large objects cannot be made: they belong to no schema, so a snapshot copy would leave them behind. Schema `public` itself is the platform's: its owner could drop it, and nobody could make another.
const SCHEMAS: &str = "
ALTER SCHEMA public OWNER TO cloche_platform;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO cloche_owner;
GRANT USAGE ON SCHEMA public TO cloche_data;
ALTER DEFAULT PRIVILEGES FOR ROLE cloche_owner IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO cloche_data;
ALTER DEFAULT PRIVILEGES FOR ROLE cloche_owner IN SCHEMA public GRANT SELECT, USAGE ON SEQUENCES TO cloche_data;
ALTER DEFAULT PRIVILEGES FOR ROLE cloche_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE cloche_owner IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO cloche_data;
CREATE SCHEMA IF NOT EXISTS cloche AUTHORIZATION cloche_platform;
REVOKE EXECUTE ON FUNCTION lo_create(oid), lo_creat(integer), lo_from_bytea(oid, bytea) FROM PUBLIC;
";

/// Makes the group roles and the template, or brings them to the newest version. One server at a time.
pub(crate) async fn prepare(cluster: &Cluster) -> anyhow::Result<()> {
    let admin = cluster.admin().await?;
    admin.execute("SELECT pg_advisory_lock($1)", &[&PREPARING]).await?;
    let outcome = prepare_locked(cluster, &admin).await;
    admin.execute("SELECT pg_advisory_unlock($1)", &[&PREPARING]).await?;
    outcome
}

async fn prepare_locked(cluster: &Cluster, admin: &Client) -> anyhow::Result<()> {
    admin.batch_execute(GROUPS).await.context("the group roles cannot be created")?;
    if cluster.ours {
        for database in ["postgres", "template1"] {
            admin.batch_execute(&format!("REVOKE ALL ON DATABASE {database} FROM PUBLIC")).await?;
        }
    } else {
        // The embedded server knows it by the system user who connects.
        cluster.set_password(admin, "cloche_dump").await?;
        warn_of_open_databases(admin).await?;
    }
    let version = version();
    let known = admin
        .query_opt("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1", &[&TEMPLATE])
        .await?
        .map(|row| row.get::<_, Option<String>>(0));
    match known {
        // Nothing to do, and so nobody connects to what other servers may be copying.
        Some(Some(of)) if of == version => return Ok(()),
        Some(_) => {}
        None => {
            let create = format!("CREATE DATABASE {TEMPLATE} TEMPLATE template0 ENCODING 'UTF8' ALLOW_CONNECTIONS false");
            admin.batch_execute(&create).await?;
            admin.batch_execute(&format!("REVOKE ALL ON DATABASE {TEMPLATE} FROM PUBLIC")).await?;
        }
    }
    admin.batch_execute(&format!("ALTER DATABASE {TEMPLATE} ALLOW_CONNECTIONS true")).await?;
    let mut client = cluster.connect_as_admin(TEMPLATE).await?;
    let outcome = bring_up_to_date(&mut client).await.context("the template database cannot be prepared");
    drop(client);
    admin.batch_execute(&format!("ALTER DATABASE {TEMPLATE} ALLOW_CONNECTIONS false")).await?;
    outcome?;
    admin.batch_execute(&format!("COMMENT ON DATABASE {TEMPLATE} IS '{version}'")).await?;
    Ok(())
}

/// What the template is made of, in short: it is prepared again when that changes.
fn version() -> String {
    let parts: String = std::iter::once(SCHEMAS).chain(MIGRATIONS.iter().map(|migration| migration.sql)).collect();
    crate::secrets::hex(&aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, parts.as_bytes()).as_ref()[..16])
}

/// A server that is not ours alone is left as it is; but a login of an environment can connect to whatever PUBLIC may.
async fn warn_of_open_databases(admin: &Client) -> anyhow::Result<()> {
    let rows = admin
        .query(
            "SELECT datname::text FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) AS a
             WHERE datallowconn AND a.grantee = 0 AND a.privilege_type = 'CONNECT' ORDER BY 1",
            &[],
        )
        .await?;
    for row in rows {
        let database: String = row.get(0);
        tracing::warn!(
            database,
            "logins of environments can connect to this database: REVOKE CONNECT ON DATABASE … FROM PUBLIC closes it"
        );
    }
    Ok(())
}

/// Brings schema `cloche` of an environment to what this server knows, as the environment's platform login. One that a newer server has
/// brought further is left as it is: migrations only add, so what this server uses is there. The caller is inside the environment's gate.
pub(crate) async fn migrate_environment(cluster: &Cluster, database: &DatabaseName) -> anyhow::Result<()> {
    let mut client = cluster.connect_as(&database.platform_login(), database.as_str(), MIGRATE_OPTIONS).await?;
    client.batch_execute("SET ROLE cloche_platform").await?;
    match migrate(&mut client, "cloche", MIGRATIONS).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(%database, count, "brought the platform's schema of an environment up to date"),
        Err(MigrateError::Newer { found, known }) => {
            tracing::debug!(%database, found, known, "a newer server has brought this environment up to date");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Schema `cloche` of the template, logged in as the cluster's administrator: runs platform SQL alone.
pub(crate) async fn bring_up_to_date(client: &mut Client) -> anyhow::Result<()> {
    let fresh = client.query_opt("SELECT FROM pg_namespace WHERE nspname = 'cloche'", &[]).await?.is_none();
    if fresh {
        client.batch_execute(SCHEMAS).await?;
    }
    client.batch_execute("SET ROLE cloche_platform").await?;
    migrate(client, "cloche", MIGRATIONS).await?;
    client.batch_execute("RESET ROLE").await?;
    Ok(())
}
