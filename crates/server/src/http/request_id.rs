//! Every request has an id: taken from `X-Request-Id` or made, sent back, shown in errors, written to the log.

use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use uuid::Uuid;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static REQUEST_ID: String;
}

/// The id of the request that the current task answers; `-` outside of one.
pub(crate) fn current() -> String {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_else(|_| "-".to_owned())
}

/// Middleware: gives the request its id and writes one line about it (target `cloche::request`, so that a filter can
/// leave these lines out).
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = accepted(request.headers()).unwrap_or_else(|| Uuid::now_v7().to_string());
    let header = HeaderValue::try_from(&id);
    let method = request.method().clone();
    // Never the query: it may hold what people search for.
    let path = request.uri().path();
    let span = tracing::info_span!(target: "cloche::request", "request", request_id = %id, %method, path);
    let answer = async {
        let response = next.run(request).await;
        let (status, ms) = (response.status().as_u16(), started.elapsed().as_secs_f64() * 1e3);
        tracing::info!(target: "cloche::request", status, ms = (ms * 100.0).round() / 100.0, "answered");
        response
    };
    let mut response = REQUEST_ID.scope(id, answer.instrument(span)).await;
    if let Ok(header) = header {
        response.headers_mut().insert(HEADER, header);
    }
    response
}

/// The caller's own id, if it is one that can stand in a log line.
fn accepted(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(&HEADER)?.to_str().ok()?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    ((1..=64).contains(&id.len()) && id.bytes().all(allowed)).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_ids_are_taken_over() {
        let taken = |id: &str| accepted(&HeaderMap::from_iter([(HEADER, HeaderValue::from_str(id).unwrap())]));
        assert_eq!(taken("a-B_9"), Some("a-B_9".into()));
        assert_eq!(taken(""), None);
        assert_eq!(taken("a b"), None);
        assert_eq!(taken(&"a".repeat(65)), None);
        assert_eq!(current(), "-");
    }
}
