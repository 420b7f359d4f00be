//! A cluster: one PostgreSQL server on which environments are placed, and what may be said to it as its administrator.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use cloche_wire::ClusterId;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use tokio::sync::Mutex;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use super::embedded::{Embedded, Tools};
use super::lane::{self, Lane, OpenError, Purpose};
use crate::error;
use crate::secrets::Secrets;

/// Administrator connections kept for DDL on databases and roles.
const ADMIN_CONNECTIONS: usize = 8;
/// How long an operation waits for one.
const POOL_PATIENCE: Duration = Duration::from_secs(30);

/// After this time without a sign of life a link to PostgreSQL is looked after.
const LINK_SILENCE: Duration = Duration::from_secs(5);

/// Settings of the platform's own sessions: nobody waits for a tenant's lock without end, or stays in a transaction that is forgotten.
pub(crate) const PLATFORM_OPTIONS: &str =
    "-c default_transaction_read_only=off -c statement_timeout=60s -c lock_timeout=5s -c idle_in_transaction_session_timeout=60s";

/// One PostgreSQL server.
pub(crate) struct Cluster {
    pub(crate) id: ClusterId,
    /// As `server_version_num`: 180004.
    pub(crate) version: i32,
    /// pg_dump and pg_restore; without them there are no snapshot copies.
    pub(crate) tools: Option<Tools>,
    /// Copies of whole databases share their blocks.
    pub(crate) copy_on_write: bool,
    /// The file system's name, or `unknown`.
    pub(crate) file_system: String,
    /// The server is ours alone: databases nobody made through us do not exist.
    pub(crate) ours: bool,
    /// Instant copies are made one at a time: each writes two checkpoints.
    pub(crate) copying: Mutex<()>,
    config: Config,
    admin: Pool,
    secrets: Arc<Secrets>,
}

impl Cluster {
    /// The embedded server.
    pub(crate) async fn embedded(embedded: &Embedded, secrets: Arc<Secrets>) -> anyhow::Result<Self> {
        let mut cluster = Self::connect(embedded.config.clone(), secrets).await?;
        cluster.tools = Some(embedded.tools.clone());
        cluster.copy_on_write = cluster.version >= 180_000 && embedded.file_system.copy_on_write;
        cluster.file_system.clone_from(&embedded.file_system.name);
        cluster.ours = true;
        Ok(cluster)
    }

    /// A server given by its URL. Its copies are taken to share blocks when its own configuration says so.
    pub(crate) async fn external(url: &str, tools: Option<Tools>, secrets: Arc<Secrets>) -> anyhow::Result<Self> {
        let mut config: Config = url.parse().context("--database-url is not a PostgreSQL URL")?;
        config.application_name("cloche");
        // A link that is cut is noticed within seconds, by whoever waits for an answer and by whoever keeps a connection.
        config.keepalives_idle(LINK_SILENCE).keepalives_interval(LINK_SILENCE / 4).keepalives_retries(3);
        config.tcp_user_timeout(2 * LINK_SILENCE).connect_timeout(LINK_SILENCE);
        if config.get_ssl_mode() == tokio_postgres::config::SslMode::Require {
            bail!("TLS to PostgreSQL is not supported yet: use a Unix socket or a private network, with sslmode=disable");
        }
        config.ssl_mode(tokio_postgres::config::SslMode::Disable);
        let mut cluster = Self::connect(config, secrets).await?;
        cluster.tools = tools;
        let admin = cluster.admin().await?;
        if cluster.version >= 180_000 {
            let method: String = admin.query_one("SHOW file_copy_method", &[]).await?.get(0);
            cluster.copy_on_write = method == "clone";
        }
        Ok(cluster)
    }

    async fn connect(config: Config, secrets: Arc<Secrets>) -> anyhow::Result<Self> {
        let manager = Manager::from_config(config.clone(), NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let admin = Pool::builder(manager)
            .max_size(ADMIN_CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(POOL_PATIENCE))
            .build()
            .context("the administrator's pool cannot be built")?;
        let client = admin.get().await.context("cannot connect to PostgreSQL as its administrator")?;
        let row = client
            .query_one(
                "SELECT current_setting('server_version_num')::int, rolsuper FROM pg_roles WHERE rolname = current_user",
                &[],
            )
            .await?;
        let version: i32 = row.get(0);
        if version < 160_000 {
            bail!("the PostgreSQL server is version {}: 16 or later is needed", version / 10_000);
        }
        if !row.get::<_, bool>(1) {
            bail!("the role in --database-url must be a superuser: creating databases, logins and consistent copies needs it");
        }
        drop(client);
        Ok(Self {
            id: ClusterId(uuid::Uuid::nil()),
            version,
            tools: None,
            copy_on_write: false,
            file_system: "unknown".into(),
            ours: false,
            copying: Mutex::new(()),
            config,
            admin,
            secrets,
        })
    }

    /// `18.4`
    pub(crate) fn version_text(&self) -> String {
        format!("{}.{}", self.version / 10_000, self.version % 10_000)
    }

    /// The folder of pg_dump and pg_restore.
    pub(crate) fn bin(&self) -> Option<&PathBuf> {
        self.tools.as_ref().map(|tools| &tools.bin)
    }

    /// An administrator's connection to the maintenance database: for databases and roles, never for a tenant's SQL.
    pub(crate) async fn admin(&self) -> anyhow::Result<Object> {
        self.admin.get().await.context("cannot connect to PostgreSQL as its administrator")
    }

    /// An administrator's connection to one database. Only the platform's own SQL may run on it: a tenant's function would run as superuser.
    pub(crate) async fn connect_as_admin(&self, database: &str) -> anyhow::Result<Client> {
        Ok(connect(&self.admin_login(database)).await?)
    }

    /// The administrator's connection settings for one database.
    pub(crate) fn admin_login(&self, database: &str) -> Config {
        let mut config = self.config.clone();
        config.dbname(database);
        config
    }

    /// The connection settings of one login for one database.
    fn login(&self, role: &str, database: &str) -> Config {
        let mut config = self.config.clone();
        config.user(role).password(self.secrets.database_password(role)).dbname(database);
        config
    }

    /// Where clients other than this server connect: socket folder or host, and port.
    pub(crate) fn address(&self) -> (String, u16) {
        let host = match self.config.get_hosts().first() {
            Some(tokio_postgres::config::Host::Tcp(host)) => host.clone(),
            Some(tokio_postgres::config::Host::Unix(path)) => path.display().to_string(),
            None => "localhost".into(),
        };
        (host, self.config.get_ports().first().copied().unwrap_or(5432))
    }

    /// Gives a login the password derived for it. PostgreSQL sees the SCRAM verifier, never the password.
    pub(crate) async fn set_password(&self, admin: &Client, role: &str) -> anyhow::Result<()> {
        let verifier = scram_verifier(&self.secrets.database_password(role));
        admin.batch_execute(&format!("ALTER ROLE {role} PASSWORD '{verifier}'")).await?;
        Ok(())
    }

    /// What stands behind PASSWORD when one of the platform's logins is created. The embedded server knows these logins by the
    /// system user who connects, and gives them none.
    pub(crate) fn password_clause(&self, role: &str) -> String {
        if self.ours {
            return "NULL".into();
        }
        format!("'{}'", scram_verifier(&self.secrets.database_password(role)))
    }

    /// A connection as one of an environment's logins. `options` are settings of the session: `-c lock_timeout=5s`.
    ///
    /// A login's own code may have changed its password, where it has one: it is set right, once.
    pub(crate) async fn connect_as(&self, role: &str, database: &str, options: &str) -> anyhow::Result<Client> {
        let mut config = self.login(role, database);
        config.options(options);
        match connect(&config).await {
            Err(error) if self.is_spoilt(&error) => {
                self.mend_password(role).await?;
                Ok(connect(&config).await?)
            }
            outcome => Ok(outcome?),
        }
    }

    /// The same for a lane, with what `first` asks on it before it is one. `kept` is kept for as long as PostgreSQL is at work on it.
    pub(crate) async fn open_lane<T>(
        &self,
        purpose: Purpose,
        role: &str,
        database: &str,
        kept: impl Send + 'static,
        first: impl AsyncFn(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> error::Result<(Lane, T)> {
        let mut config = self.login(role, database);
        config.options(lane::options(purpose, self.version));
        let (socket, told) = match lane::open(&config, &first).await {
            Err(OpenError::Driver(error)) if self.is_spoilt(&error) => {
                self.mend_password(role).await?;
                lane::open(&config, &first).await?
            }
            outcome => outcome?,
        };
        Ok((Lane::over(socket, purpose, kept), told))
    }

    fn is_spoilt(&self, error: &tokio_postgres::Error) -> bool {
        error.code() == Some(&SqlState::INVALID_PASSWORD) && !self.ours
    }

    async fn mend_password(&self, role: &str) -> anyhow::Result<()> {
        tracing::warn!(role, "the password of a login was changed; setting it right");
        self.set_password(&*self.admin().await?, role).await
    }
}

/// What PostgreSQL stores of a password.
pub(crate) fn scram_verifier(password: &str) -> String {
    postgres_protocol::password::scram_sha_256(password.as_bytes())
}

/// Connects and drives the connection in a task of its own, which ends when the client is dropped.
pub(crate) async fn connect(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a database connection ended");
        }
    });
    Ok(client)
}
