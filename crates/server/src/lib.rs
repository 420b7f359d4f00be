//! The Cloche server.

mod error;
mod settings;

pub use settings::{LogFormat, Settings};

/// Runs the server until it is told to stop.
pub async fn serve(_settings: Settings) -> anyhow::Result<()> {
    anyhow::bail!("being built")
}
