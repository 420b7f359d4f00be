//! The Cloche server.

mod app;
mod auth;
mod error;
mod http;
mod postgres;
mod secrets;
mod settings;
mod store;

pub use settings::{LogFormat, Settings};

/// Runs the server until it is told to stop.
pub async fn serve(_settings: Settings) -> anyhow::Result<()> {
    anyhow::bail!("being built")
}
