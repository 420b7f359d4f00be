//! What the server is told at start: resolved once by the command line, read-only afterwards.

use std::net::SocketAddr;
use std::path::PathBuf;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Everything `cloche serve` can be told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Holds the embedded database, the secrets and the owner token.
    pub data_dir: PathBuf,
    /// Where HTTP is served.
    pub listen: SocketAddr,
    /// An existing PostgreSQL server (a superuser's URL) instead of the embedded one.
    pub database_url: Option<String>,
    /// Where PostgreSQL's programs are; looked for when not given.
    pub postgres_bin: Option<PathBuf>,
    /// The system user the embedded PostgreSQL runs as when the server runs as root.
    pub postgres_user: Option<String>,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// Which log lines are written, as `tracing` filters: `info,cloche_server=debug`.
    pub log_filter: String,
    /// The URL under which clients reach the server; `http://LISTEN` when not given.
    pub public_url: Option<String>,
}
