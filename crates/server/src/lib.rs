//! The Cloche server.

mod app;
mod error;
mod http;
mod postgres;
mod settings;

pub use settings::{LogFormat, Settings};

/// Runs the server until it is told to stop.
pub async fn serve(_settings: Settings) -> anyhow::Result<()> {
    anyhow::bail!("being built")
}

/// Throw-away: serves the data plane of one database, to try it by hand.
pub async fn try_data_plane(url: &str, listen: &str) -> anyhow::Result<()> {
    let shared = std::sync::Arc::new(postgres::scope::Shared::open(url).await?);
    let router = http::data::router().layer(axum::middleware::from_fn(http::request_id::layer)).with_state(shared);
    let listener = tokio::net::TcpListener::bind(listen).await?;
    axum::serve(listener, router.into_make_service()).await?;
    Ok(())
}
