//! Every request has an id: taken from `X-Request-Id` or made, sent back, shown in errors, written to the log.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::response::Response;
use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;
use tower::Service;
use tracing::Instrument as _;
use tracing::instrument::Instrumented;
use uuid::{Builder, Uuid};

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// A request that takes this long is worth a line even if it went well.
const SLOW: Duration = Duration::from_secs(1);

tokio::task_local! {
    static CURRENT: Current;
}

/// The request that the current task answers.
pub(super) struct Current {
    id: HeaderValue,
    pub(super) started: Instant,
    pub(super) method: Method,
    pub(super) uri: Uri,
}

impl Current {
    pub(super) fn id(&self) -> &str {
        text(&self.id)
    }
}

/// The id of the request that the current task answers; `-` outside of one.
pub(crate) fn current() -> String {
    look(|current| current.id().to_owned()).unwrap_or_else(|| text(&NONE).to_owned())
}

/// Looks at the request that the current task answers; nothing outside of one.
pub(super) fn look<T>(read: impl FnOnce(&Current) -> T) -> Option<T> {
    CURRENT.try_with(read).ok()
}

/// Around the whole router: gives each request its id and writes one line about it (target `cloche::request`, so that a filter can
/// leave these lines out).
///
/// A quick request that went well is a debug line: most are, and writing the line takes longer than finding a record.
#[derive(Clone)]
pub(super) struct Identified<S>(pub(super) S);

impl<S: Service<Request, Response = Response, Error = Infallible>> Service<Request> for Identified<S> {
    type Response = Response;
    type Error = Infallible;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let started = Instant::now();
        let id = accepted(request.headers()).unwrap_or_else(new_id);
        let (method, uri) = (request.method().clone(), request.uri().clone());
        // Below info, where it costs nothing: it would print the id a second time on the line below.
        let span = tracing::debug_span!(target: "cloche::request", "request", request_id = %text(&id));
        let inner = self.0.call(request).instrument(span);
        Answering { inner: CURRENT.scope(Current { id, started, method, uri }, inner) }
    }
}

pin_project! {
    /// A request that is being answered under its id.
    pub(super) struct Answering<F> {
        #[pin]
        inner: TaskLocalFuture<Current, Instrumented<F>>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Answering<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Ok(mut response) = ready!(this.inner.as_mut().poll(context));
        if let Some(current) = this.inner.take_value() {
            log(&current, &response);
            response.headers_mut().insert(HEADER, current.id);
        }
        // No browser guesses that a record or an error is a page.
        response.headers_mut().entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
        Poll::Ready(Ok(response))
    }
}

/// Never the query: it may hold what people search for.
fn log(current: &Current, response: &Response) {
    let (id, method, path, took) = (current.id(), &current.method, current.uri.path(), current.started.elapsed());
    let (status, code) = (response.status(), response.status().as_u16());
    let ms = (took.as_secs_f64() * 1e5).round() / 100.0;
    if status.is_success() && took < SLOW {
        tracing::debug!(target: "cloche::request", request_id = id, %method, path, status = code, ms, "answered");
    } else {
        tracing::info!(target: "cloche::request", request_id = id, %method, path, status = code, ms, "answered");
    }
}

/// What stands for the id where there is none.
const NONE: HeaderValue = HeaderValue::from_static("-");

/// An id as text, which all of them are.
fn text(id: &HeaderValue) -> &str {
    id.to_str().unwrap_or("-")
}

/// A UUIDv7 of the time, random bytes of this process's own and a counter: unique, and no system call for each request.
fn new_id() -> HeaderValue {
    static PROCESS: LazyLock<[u8; 16]> = LazyLock::new(|| Uuid::now_v7().into_bytes());
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let mut tail = [0; 10];
    tail[..6].copy_from_slice(&PROCESS[10..]);
    tail[6..].copy_from_slice(&COUNTER.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let id = Builder::from_unix_timestamp_millis(now.as_millis() as u64, &tail).into_uuid();
    let mut buffer = Uuid::encode_buffer();
    HeaderValue::from_str(id.as_hyphenated().encode_lower(&mut buffer)).expect("digits and hyphens may stand in a header")
}

/// The caller's own id, if it is one that can stand in a log line.
fn accepted(headers: &HeaderMap) -> Option<HeaderValue> {
    let id = headers.get(&HEADER)?;
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    ((1..=64).contains(&id.len()) && id.as_bytes().iter().all(allowed)).then(|| id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_ids_are_taken_over() {
        let taken = |id: &str| accepted(&HeaderMap::from_iter([(HEADER, HeaderValue::from_str(id).unwrap())]));
        assert_eq!(taken("a-B_9"), Some(HeaderValue::from_static("a-B_9")));
        assert_eq!(taken(""), None);
        assert_eq!(taken("a b"), None);
        assert_eq!(taken(&"a".repeat(65)), None);
        assert_eq!(current(), "-");
    }

    #[test]
    fn made_ids_differ() {
        let made: std::collections::HashSet<String> = (0..1000).map(|_| text(&new_id()).to_owned()).collect();
        assert_eq!(made.len(), 1000);
        assert!(made.iter().all(|id| Uuid::try_parse(id).is_ok_and(|id| id.get_version_num() == 7)));
    }
}
