//! Copying a live database: which way, and why.

mod instant;
mod snapshot;

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub(crate) use instant::copy_instantly;
pub(crate) use snapshot::{DUMP_LOGIN, DUMP_OPTIONS, RestoreFailed, SnapshotCopy, copy_by_snapshot, remove_dump};

use super::cluster::Cluster;
use super::database::{DatabaseName, Strategy};
use super::fingerprint::Fingerprint;

/// A database up to this size is copied through the log as fast as by files, without the two checkpoints of a file copy.
const SMALL: i64 = 48 * 1024 * 1024;

/// Full: schema and rows. System: schema alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BranchMode {
    Full,
    System,
}

impl BranchMode {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::System => "system",
        }
    }
}

/// What the caller asks for; the server decides where nothing is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Wish {
    #[default]
    Auto,
    Instant,
    Snapshot,
}

/// The way chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// A copy by PostgreSQL itself, with the source's gate closed meanwhile.
    Instant(Strategy),
    /// Dump and restore from one snapshot; the source never pauses.
    Snapshot,
}

/// The way chosen, and the reason in words for people.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) way: Way,
    pub(crate) reason: String,
}

/// What a copy cost, and what the source held at that instant.
pub(crate) struct Copied {
    /// The instant it shows.
    pub(crate) at: DateTime<Utc>,
    /// How long requests to the source waited; zero for a snapshot.
    pub(crate) pause: Duration,
    pub(crate) source: Fingerprint,
}

/// Chooses between an instant and a snapshot copy of `source`.
pub(crate) async fn choose(cluster: &Cluster, source: &DatabaseName, mode: BranchMode, wish: Wish) -> anyhow::Result<Choice> {
    let snapshot = |reason: &str| Choice { way: Way::Snapshot, reason: reason.to_owned() };
    if mode == BranchMode::System {
        return Ok(snapshot("a system branch takes the schema alone"));
    }
    if wish == Wish::Snapshot {
        return Ok(snapshot("asked for"));
    }
    let size = cluster.database_size(source).await?;
    let megabytes = size / 1024 / 1024;
    let instant = |strategy, reason: String| Choice { way: Way::Instant(strategy), reason };
    let (_, customers) = cluster.sessions(source).await?;
    if wish == Wish::Auto && customers > 0 {
        return Ok(snapshot("the customer's own SQL sessions are connected, and an instant copy would have to end them"));
    }
    if size <= SMALL {
        return Ok(instant(Strategy::WalLog, format!("the database is small ({megabytes} MB)")));
    }
    let system = &cluster.file_system;
    if cluster.copy_on_write {
        return Ok(instant(Strategy::FileCopy, format!("{megabytes} MB on a copy-on-write file system ({system})")));
    }
    if wish == Wish::Instant {
        return Ok(instant(Strategy::FileCopy, format!("asked for; {system} copies all {megabytes} MB while requests wait")));
    }
    Ok(snapshot(&format!("{megabytes} MB on {system}, which cannot copy by reference: the source must not wait for the bytes")))
}
