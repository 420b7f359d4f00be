//! Connections: accepted, answered over HTTP/1.1, and ended in order when the server stops.
//!
//! Not `axum::serve`, which finds out for each connection which HTTP it speaks and keeps what it needs for all of them: that costs
//! a twentieth of the time a record takes. HTTP/2 is spoken by the proxy that has the certificate.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use futures_util::TryFutureExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tower::Service;

use super::address::Peer;
use super::lingering::{Lingering, Unread};

/// How long requests may take to finish once the server is told to stop.
const GRACE: Duration = Duration::from_secs(15);
/// How long nothing is accepted when the process has no files left: accepting at once would fail again.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers requests until `stop` is ready and those under way have ended.
pub(super) async fn serve<S>(listener: TcpListener, service: S, stop: impl Future<Output = ()>)
where
    S: Service<Request, Response = Response, Error = std::convert::Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let under_way = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    // Copying a record behind its headers is quicker than handing over two pieces.
    http.writev(false);
    let mut stop = pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener) => accepted,
        };
        let (service, unread) = (service.clone(), Unread::default());
        let stream = Lingering::new(stream, unread.clone());
        let answer = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request = request.map(|body| unread.watch(body));
            request.extensions_mut().insert(Peer(peer));
            let unread = unread.clone();
            // A router is always ready.
            service.clone().call(request).map_ok(move |response| unread.told_of_in(response))
        });
        let connection = under_way.watch(http.serve_connection(TokioIo::new(stream), answer));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::trace!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(GRACE, under_way.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time; they are cut off");
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers go out when they are whole; waiting for more to send with them only delays the end of long ones.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection keeps its delay");
                }
                return (stream, peer);
            }
            Err(error) if is_of_the_other_end(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// It went before it was accepted.
fn is_of_the_other_end(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
