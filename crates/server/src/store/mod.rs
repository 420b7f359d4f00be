//! The control database: what must be known before an environment is. One file a table, or a few that belong together.
//!
//! Functions that change something take the caller's transaction, so that the change and its audit row are one.

pub(crate) mod audit;
pub(crate) mod clusters;
pub(crate) mod environments;
pub(crate) mod invitations;
pub(crate) mod keys;
pub(crate) mod nodes;
pub(crate) mod operations;
pub(crate) mod organizations;
pub(crate) mod people;
pub(crate) mod projects;
pub(crate) mod sessions;

use std::time::Duration;

use anyhow::{Context as _, bail};
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::FromSql;
use tokio_postgres::{Client, Config, NoTls, Row};

use crate::error::{Error, Result};
use crate::postgres::cluster::{Cluster, connect};
use crate::postgres::migrate::{Migration, migrate};
use crate::secrets::Secrets;

/// The control database's name on the default cluster.
const DATABASE: &str = "cloche_control";
/// Connections to it.
const CONNECTIONS: usize = 12;
/// How long a request waits for one.
const POOL_PATIENCE: Duration = Duration::from_secs(10);

/// Nobody waits without end for a row that another server has locked, and PostgreSQL soon finds out that one has gone silent in the middle
/// of a transaction.
const OPTIONS: &str = "-c lock_timeout=5s -c statement_timeout=30s -c idle_in_transaction_session_timeout=15s \
                       -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3";

const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_foundation", sql: include_str!("migrations/0001_foundation.sql") },
    Migration { name: "0002_nodes", sql: include_str!("migrations/0002_nodes.sql") },
    Migration { name: "0003_members", sql: include_str!("migrations/0003_members.sql") },
    Migration { name: "0004_made_by", sql: include_str!("migrations/0004_made_by.sql") },
    Migration { name: "0005_schema_version", sql: include_str!("migrations/0005_schema_version.sql") },
];

/// A transaction on the control database.
pub(crate) type Tx<'a> = deadpool_postgres::Transaction<'a>;

/// The control database's connections.
pub(crate) struct Store {
    pool: Pool,
    config: Config,
}

/// Lets the commit of `tx` return before it is on disk. Only where nobody is told of it before a later commit of the same
/// PostgreSQL server is on disk: its log is flushed in order, and takes this commit along.
pub(crate) async fn flush_later(tx: &Tx<'_>) -> Result<()> {
    Ok(tx.batch_execute("SET LOCAL synchronous_commit = off").await?)
}

/// Which part of a list is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    /// At most this many.
    pub(crate) first: i64,
    /// Those behind the one with this cursor.
    pub(crate) after: Option<String>,
}

/// A part of a list, and whether more follows.
pub(crate) struct Page<T> {
    pub(crate) nodes: Vec<T>,
    pub(crate) more: bool,
}

impl Store {
    /// Creates the control database where it is missing and brings it to the newest version.
    pub(crate) async fn open(cluster: &Cluster, secrets: &Secrets) -> anyhow::Result<Self> {
        let admin = cluster.admin().await?;
        if admin.query_opt("SELECT FROM pg_database WHERE datname = $1", &[&DATABASE]).await?.is_none() {
            let environments = cluster.our_databases().await?;
            if !environments.is_empty() {
                bail!(
                    "there are {} environments in this PostgreSQL server, but the control database {DATABASE} is missing: restore it from \
                     your backup, nothing else knows whose they are",
                    environments.len()
                );
            }
            match admin.batch_execute(&format!("CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8'")).await {
                // Another server has started at the same moment.
                Err(error) if is_taken(&error) => {}
                outcome => outcome?,
            }
        }
        admin.batch_execute(&format!("REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC")).await?;
        drop(admin);
        let config = cluster.admin_login(DATABASE);
        let mut client = connect(&config).await.context("cannot connect to the control database")?;
        migrate(&mut client, "public", MIGRATIONS).await.context("the control database cannot be brought up to date")?;
        check_master_key(&client, secrets).await?;
        let mut config = config;
        config.options(OPTIONS);
        let manager = Manager::from_config(config.clone(), NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(POOL_PATIENCE))
            .build()
            .context("the control database's pool cannot be built")?;
        Ok(Self { pool, config })
    }

    /// A connection; a transaction on it is begun with `transaction()`.
    pub(crate) async fn client(&self) -> Result<Object> {
        Ok(self.pool.get().await?)
    }

    /// Whether it answers.
    pub(crate) async fn ping(&self) -> Result<()> {
        self.client().await?.query_one("SELECT 1", &[]).await?;
        Ok(())
    }
}

/// The database is there already, or just being made.
fn is_taken(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(&SqlState::DUPLICATE_DATABASE | &SqlState::UNIQUE_VIOLATION))
}

/// Keys hashed with another master key could never be checked: better not to start.
async fn check_master_key(client: &Client, secrets: &Secrets) -> anyhow::Result<()> {
    client
        .execute(
            "INSERT INTO installation (name, value) VALUES ('master-key', $1) ON CONFLICT (name) DO NOTHING",
            &[&secrets.fingerprint()],
        )
        .await?;
    let stored: String = client.query_one("SELECT value FROM installation WHERE name = 'master-key'", &[]).await?.get(0);
    if stored != secrets.fingerprint() {
        bail!(
            "the control database was made with another master key: put that key, of this server before or of one that shares the control \
             database, as secrets/master.key into the data directory"
        );
    }
    Ok(())
}

impl Slice {
    /// A page of a list by ids: `after` is the last id seen.
    fn after_id(&self) -> Result<Option<uuid::Uuid>> {
        self.after.as_deref().map(str::parse).transpose().map_err(|_| bad_cursor())
    }

    /// One row more than asked for tells whether there are more.
    fn limit(&self) -> i64 {
        self.first + 1
    }
}

fn bad_cursor() -> Error {
    Error::bad_input("page/cursor", "`after` is not a cursor of this list.")
        .hint("Pass the `endCursor` of the page before, or nothing.")
}

impl<T> Page<T> {
    fn new(rows: Vec<Row>, slice: &Slice, read: impl FnMut(&Row) -> T) -> Self {
        let wanted = usize::try_from(slice.first).unwrap_or(0);
        Self { more: rows.len() > wanted, nodes: rows.iter().take(wanted).map(read).collect() }
    }
}

/// A column of a row this module selected itself: the type is known, so a failure is a bug in this module.
fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &str) -> T {
    row.get(name)
}
