//! Every request has an id: taken from `X-Request-Id` or made, sent back, shown in errors, written to the log.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use uuid::{Builder, Uuid};

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// A request that takes this long is worth a line even if it went well.
const SLOW: Duration = Duration::from_secs(1);

tokio::task_local! {
    static REQUEST_ID: String;
}

/// The id of the request that the current task answers; `-` outside of one.
pub(crate) fn current() -> String {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_else(|_| "-".to_owned())
}

/// Middleware: gives the request its id and writes one line about it (target `cloche::request`, so that a filter can
/// leave these lines out).
///
/// A quick request that went well is a debug line: most are, and writing the line takes longer than finding a record.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = accepted(request.headers()).unwrap_or_else(new_id);
    let told = HeaderValue::try_from(&id);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    // Below info, where it costs nothing: it would print the id a second time on the line below.
    let span = tracing::debug_span!(target: "cloche::request", "request", request_id = %id);
    let mut response = REQUEST_ID.scope(id.clone(), next.run(request).instrument(span)).await;
    let (status, took) = (response.status(), started.elapsed());
    let ms = (took.as_secs_f64() * 1e5).round() / 100.0;
    // Never the query: it may hold what people search for.
    let (path, code) = (uri.path(), status.as_u16());
    if status.is_success() && took < SLOW {
        tracing::debug!(target: "cloche::request", request_id = id, %method, path, status = code, ms, "answered");
    } else {
        tracing::info!(target: "cloche::request", request_id = id, %method, path, status = code, ms, "answered");
    }
    if let Ok(told) = told {
        response.headers_mut().insert(HEADER, told);
    }
    // No browser guesses that a record or an error is a page.
    response.headers_mut().entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    response
}

/// A UUIDv7 of the time, random bytes of this process's own and a counter: unique, and no system call for each request.
fn new_id() -> String {
    static PROCESS: LazyLock<[u8; 16]> = LazyLock::new(|| Uuid::now_v7().into_bytes());
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let mut tail = [0; 10];
    tail[..6].copy_from_slice(&PROCESS[10..]);
    tail[6..].copy_from_slice(&COUNTER.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Builder::from_unix_timestamp_millis(now.as_millis() as u64, &tail).into_uuid().to_string()
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

    #[test]
    fn made_ids_differ() {
        let made: std::collections::HashSet<String> = (0..1000).map(|_| new_id()).collect();
        assert_eq!(made.len(), 1000);
        assert!(made.iter().all(|id| Uuid::try_parse(id).is_ok_and(|id| id.get_version_num() == 7)));
    }
}
