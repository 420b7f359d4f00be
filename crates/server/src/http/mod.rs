//! Everything that knows HTTP.

mod address;
mod auth;
mod console;
pub(crate) mod data;
mod error;
pub(crate) mod graphql;
mod operations;
pub(crate) mod request_id;
mod router;
pub(crate) mod routes;
mod scope;
mod session;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::ServiceExt as _;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

use crate::app::App;

pub(crate) use router::list;

/// How long requests may take to finish once the server is told to stop.
const GRACE: Duration = Duration::from_secs(15);

/// Serves until `stop` is ready and the requests under way have ended.
pub(crate) async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (told, mut was_told) = tokio::sync::watch::channel(false);
    let stop = async move {
        stop.await;
        told.send_replace(true);
    };
    // Answers go out when they are whole; waiting for more to send with them only delays the end of long ones.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
    });
    let service = router::router(app).into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(stop);
    let patience = async move {
        // An error means that the server ended first.
        if was_told.wait_for(|told| *told).await.is_ok() {
            tokio::time::sleep(GRACE).await;
        }
    };
    tokio::select! {
        served = server => served,
        () = patience => {
            tracing::warn!("some requests did not end in time; they are cut off");
            Ok(())
        }
    }
}
