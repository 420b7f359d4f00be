//! Snapshot copies: dump and restore from one exported snapshot, while the source goes on.
//!
//! Everything is restored by unprivileged logins of the new environment, never by a superuser: a tenant's CHECK function or index
//! expression runs during a restore, and would run as one.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use chrono::Utc;
use tokio::process::Command;
use tokio_postgres::error::SqlState;

use super::{BranchMode, Copied};
use crate::postgres::cluster::Cluster;
use crate::postgres::database::DatabaseName;
use crate::postgres::fingerprint::{Depth, Fingerprint, SequenceState};
use crate::postgres::travel::{Along, TABLES};
use crate::secrets::Secrets;

/// The login that dumps: reads every row of every environment, and can do nothing else.
pub(crate) const DUMP_LOGIN: &str = "cloche_dump";
/// Of the sessions that dump and restore: no limit on their time, but one on waiting for tenants' locks.
pub(crate) const DUMP_OPTIONS: &str = "-c statement_timeout=0 -c lock_timeout=60s";

/// The new database refused something that the source holds.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct RestoreFailed(pub(crate) String);

/// Everything one snapshot copy needs to know.
pub(crate) struct SnapshotCopy<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) secrets: &'a Secrets,
    pub(crate) source: &'a DatabaseName,
    pub(crate) target: &'a DatabaseName,
    pub(crate) mode: BranchMode,
    pub(crate) along: Along,
    /// Where the dump lies meanwhile; removed before and after.
    pub(crate) folder: PathBuf,
}

/// Fills a new database from a snapshot of the source.
pub(crate) async fn copy_by_snapshot(copy: &SnapshotCopy<'_>) -> anyhow::Result<Copied> {
    let Some(bin) = copy.cluster.bin() else {
        bail!("snapshot copies need pg_dump and pg_restore: name their folder with --postgres-bin");
    };
    remove_dump(&copy.folder)?;
    // A dump is the tenant's data: nobody else's eyes.
    let created = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&copy.folder);
    created.with_context(|| format!("cannot create {}", copy.folder.display()))?;
    copy.cluster.create_empty_database(copy.target).await?;
    copy.cluster.open_for_platform(copy.target).await?;

    let witness = copy.cluster.connect_as(DUMP_LOGIN, copy.source.as_str(), DUMP_OPTIONS).await?;
    witness.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let at = Utc::now();
    let snapshot: String = witness.query_one("SELECT pg_export_snapshot()", &[]).await?.get(0);
    let depth = if copy.mode == BranchMode::Full { Depth::RowCounts } else { Depth::Objects };
    let read = async { Fingerprint::read(&witness, depth).await.context("the source cannot be read") };
    let ((), source) = tokio::try_join!(copy.dump(bin, &snapshot), read)?;
    drop(witness);
    copy.forget_default_grants().await?;
    copy.restore(bin).await?;
    copy.set_sequences(source.sequences()).await?;
    copy.restore_default_grants().await?;
    remove_dump(&copy.folder)?;
    Ok(Copied { at, pause: Duration::ZERO, source })
}

/// Removes what a snapshot copy left on disk. Nothing there is fine.
pub(crate) fn remove_dump(folder: &Path) -> anyhow::Result<()> {
    // Large files take their time; meanwhile another thread answers requests.
    match tokio::task::block_in_place(|| std::fs::remove_dir_all(folder)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

impl SnapshotCopy<'_> {
    /// What is restored must have the grants of the source alone: the dump says where they differ from PostgreSQL's defaults, not from
    /// the template's. The source's own default grants come with the dump.
    async fn forget_default_grants(&self) -> anyhow::Result<()> {
        let owner = self.cluster.connect_as(&self.target.owner_login(), self.target.as_str(), DUMP_OPTIONS).await?;
        owner
            .batch_execute(
                "SET ROLE cloche_owner;
                 ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM cloche_data;
                 ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON SEQUENCES FROM cloche_data;
                 ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON FUNCTIONS FROM cloche_data;
                 ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
            )
            .await
            .context("the new database's default grants cannot be changed")
    }

    /// What the dump of one schema does not bring: functions are nobody's but their owner's unless granted.
    async fn restore_default_grants(&self) -> anyhow::Result<()> {
        let owner = self.cluster.connect_as(&self.target.owner_login(), self.target.as_str(), DUMP_OPTIONS).await?;
        owner
            .batch_execute("SET ROLE cloche_owner; ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC")
            .await
            .context("the new database's default grants cannot be set")
    }

    async fn dump(&self, bin: &Path, snapshot: &str) -> anyhow::Result<()> {
        let mut public = self.program(bin, "pg_dump", DUMP_LOGIN, self.source);
        public
            .args(["-Fd", "--compress=none", "--no-sync", "--schema=public", "--no-publications", "--no-subscriptions"])
            .arg(format!("--snapshot={snapshot}"))
            .arg(format!("--jobs={}", jobs()))
            .arg(format!("--file={}", self.folder.join("public").display()));
        if self.mode == BranchMode::System {
            public.arg("--schema-only");
        }
        let mut platform = self.program(bin, "pg_dump", DUMP_LOGIN, self.source);
        platform
            .args(["-Fc", "--compress=none", "--no-sync", "--data-only"])
            .arg(format!("--snapshot={snapshot}"))
            .arg(format!("--file={}", self.folder.join("cloche").display()));
        // By name, so that what a newer server keeps stays behind.
        for (table, travel) in TABLES {
            // The template brought its own record of migrations along.
            if *table != "migrations" && travel.goes_along(self.along) {
                platform.arg(format!("--table=cloche.{table}"));
            }
        }
        tokio::try_join!(run(public, "pg_dump"), run(platform, "pg_dump"))?;
        Ok(())
    }

    async fn restore(&self, bin: &Path) -> anyhow::Result<()> {
        let mut public = self.program(bin, "pg_restore", &self.target.owner_login(), self.target);
        public
            .args(["--exit-on-error", "--no-owner", "--role=cloche_owner", "--schema=public"])
            .arg(format!("--jobs={}", jobs()))
            .arg(format!("--dbname={}", self.target))
            .arg(self.folder.join("public"));
        let mut platform = self.program(bin, "pg_restore", &self.target.platform_login(), self.target);
        platform
            .args(["--exit-on-error", "--no-owner", "--data-only", "--schema=cloche"])
            .arg(format!("--dbname={}", self.target))
            .arg(self.folder.join("cloche"));
        tokio::try_join!(run(public, "pg_restore"), run(platform, "pg_restore"))?;
        Ok(())
    }

    /// Sets the new database's sequences to where the witness saw the source's. Sequences move on in any snapshot, so the dump has
    /// another state than the witness; either is past every row of the snapshot, whose numbers were taken before both looked.
    async fn set_sequences(&self, states: &[SequenceState]) -> anyhow::Result<()> {
        let owner = self.cluster.connect_as(&self.target.owner_login(), self.target.as_str(), DUMP_OPTIONS).await?;
        owner.batch_execute("SET ROLE cloche_owner").await?;
        let set = owner.prepare("SELECT pg_catalog.setval($1::pg_catalog.text::pg_catalog.regclass, $2, $3)").await?;
        for state in states {
            match owner.execute(&set, &[&state.name, &state.last_value, &state.is_called]).await {
                // The customer took the right away from the owner: it stays as dumped, and the comparison decides.
                Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {}
                done => drop(done.with_context(|| format!("the sequence {} cannot be set", state.name))?),
            }
        }
        Ok(())
    }

    fn program(&self, bin: &Path, name: &str, role: &str, database: &DatabaseName) -> Command {
        let (host, port) = self.cluster.address();
        let mut command = Command::new(bin.join(name));
        // The embedded server knows these logins by the user who connects. Elsewhere the password goes by the environment, which
        // only this user and root can read, not by the process list.
        if !self.cluster.ours {
            command.env("PGPASSWORD", self.secrets.database_password(role));
        }
        command
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .env("PGHOST", host)
            .env("PGPORT", port.to_string())
            .env("PGUSER", role)
            .env("PGDATABASE", database.as_str())
            .env("PGOPTIONS", DUMP_OPTIONS)
            .env("LC_ALL", "C");
        command
    }
}

async fn run(mut command: Command, name: &str) -> anyhow::Result<()> {
    let output = command.output().await.with_context(|| format!("{name} cannot be run"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    tracing::warn!(name, said = said.trim(), "a program of PostgreSQL failed");
    // What the tenant's own objects refuse is for the tenant to read.
    let refused =
        said.lines().find_map(|line| line.strip_prefix("pg_restore: error: ")?.split_once("ERROR:  ").map(|(_, reason)| reason));
    match refused {
        Some(reason) => bail!(RestoreFailed(reason.trim().to_owned())),
        None => bail!("{name} failed: {}", said.trim()),
    }
}

fn jobs() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 4)
}
