//! What stands around every route of the data plane: which pages may call, how often anybody may, and what is remembered of it.
//!
//! [`Guardrails`] runs before and after a handler and knows no environment. [`admit`] is called with the environment once the key is known,
//! before anything else is done, and leaves what the answer needs in the request's [`Notes`].
//!
//! A browser asks with OPTIONS, without the key, whether a page may call: that is answered yes, because nobody can know yet whose
//! environment it is about. The request that follows is refused when its origin is not one of the environment's.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use cloche_wire::KeyKind;
use futures_util::future::Either;
use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;
use tower::{Layer, Service};
use uuid::Uuid;

use crate::app::App;
use crate::auth::network;
use crate::error::{Error, Result};
use crate::http::{address, request_id, routes};
use crate::postgres::environments::Handle;
use crate::postgres::scope::DataActor;
use crate::postgres::settings::{EnvironmentSettings, Rate};
use crate::traffic::limits::{Standing, Who};
use crate::traffic::requests::{self, Request as Noted};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What a page may read of an answer, beside what it always may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "content-encoding, content-location, content-range, etag, link, location, preference-applied, ratelimit, ratelimit-policy, \
     retry-after, x-request-id",
);
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
/// What a page may send where it does not say what it wants to.
const HEADERS: HeaderValue = HeaderValue::from_static("accept, apikey, authorization, content-type, prefer, range, x-api-key");
/// Seconds for which a browser remembers the answer to OPTIONS; it depends on nothing. Browsers take two hours at most.
const REMEMBERED: HeaderValue = HeaderValue::from_static("7200");

tokio::task_local! {
    static NOTES: RefCell<Notes>;
}

/// What is found out about a request on its way, for its answer and the log.
#[derive(Default)]
struct Notes {
    origins: Origins,
    standings: Vec<(&'static str, Rate, Standing)>,
    caller: Option<Caller>,
}

/// Who may read the answer.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Origins {
    /// No environment is known: there is nothing of anybody's in the answer.
    #[default]
    Unknown,
    /// A page of any origin.
    Any,
    /// This one, and it depends on the origin.
    This,
    /// Not this one.
    Others,
}

struct Caller {
    handle: Arc<Handle>,
    key_id: Uuid,
    user_id: Option<Uuid>,
    address: Option<IpAddr>,
    is_noted: bool,
}

/// Whether this request may go on in its environment, whose settings it answers: by its origin and the rates.
pub(in crate::http) async fn admit(
    app: &App,
    parts: &Parts,
    actor: &DataActor,
    handle: &Arc<Handle>,
) -> Result<Arc<EnvironmentSettings>> {
    let settings = handle.settings().await?;
    let address = address::of(&parts.extensions, &parts.headers, &app.settings);
    let origins = origins(&parts.headers, &settings);
    let caller = Caller {
        handle: Arc::clone(handle),
        key_id: actor.key_id,
        user_id: actor.user.as_ref().map(|user| user.id),
        address: address.filter(|_| settings.log_addresses),
        is_noted: settings.log_requests,
    };
    note(|notes| {
        notes.origins = origins;
        notes.caller = Some(caller);
    });
    if origins == Origins::Others {
        return Err(Error::forbidden("cors/origin-not-allowed", "Pages of this origin may not call this environment.")
            .hint("Add the origin: `cloche settings set cors.origins=https://app.example.com`."));
    }
    limit(app, actor, address, &settings)?;
    Ok(settings)
}

/// Refuses what would write to a database that is larger than it may be. Deletes go on, and so does signing in.
pub(in crate::http) fn refuse_when_full(method: &Method, handle: &Handle) -> Result<()> {
    if !handle.traffic.is_full.load(Ordering::Relaxed) || matches!(*method, Method::GET | Method::HEAD | Method::DELETE) {
        return Ok(());
    }
    Err(Error::forbidden("quota/exceeded", "The environment's database is larger than it may be; nothing was written.")
        .hint("Delete what is not needed, or raise limits.databaseMib: `cloche settings set`."))
}

fn note(write: impl FnOnce(&mut Notes)) {
    // Outside of the layer, as in a test, nobody reads them.
    let _ = NOTES.try_with(|notes| write(&mut notes.borrow_mut()));
}

fn origins(headers: &HeaderMap, settings: &EnvironmentSettings) -> Origins {
    if settings.any_origin() {
        return Origins::Any;
    }
    match headers.get(header::ORIGIN) {
        Some(origin) if !settings.allows_origin(origin.as_bytes()) && !is_own(origin, headers) => Origins::Others,
        _ => Origins::This,
    }
}

/// A page of this very server, such as the one to try the API, is of no other origin.
fn is_own(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes);
    let of = |scheme: &[u8]| origin.as_bytes().strip_prefix(scheme);
    host.is_some() && of(b"http://").or_else(|| of(b"https://")) == host
}

/// The address first: what one address is refused must not be taken from all others who share the key.
fn limit(app: &App, actor: &DataActor, address: Option<IpAddr>, settings: &EnvironmentSettings) -> Result<()> {
    let address = address.filter(|_| actor.kind == KeyKind::Publishable).map(|address| Who::Address(network(address)));
    let limits = [("address", settings.rate_per_address, address), ("key", settings.rate_per_key, Some(Who::Key(actor.key_id)))];
    for (name, rate, who) in limits {
        let (Some(rate), Some(who)) = (rate, who) else { continue };
        let standing = app.limits.count(actor.environment_id, who, rate);
        note(|notes| notes.standings.push((name, rate, standing)));
        if let Some(wait) = standing.refused {
            let wait = Duration::from_secs(seconds(wait).max(1));
            return Err(Error::too_many("rate/exceeded", format!("There were more requests than {rate} of one {name}."), wait)
                .hint(format!("Wait {} s, and spread requests; RateLimit-Policy tells how many there may be.", wait.as_secs())));
        }
    }
    Ok(())
}

/// Rounded up.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// The layer around all routes of the data plane.
#[derive(Clone)]
pub(in crate::http) struct Guardrails;

impl<S> Layer<S> for Guardrails {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded(inner)
    }
}

/// A route with the guardrails around it.
#[derive(Clone)]
pub(in crate::http) struct Guarded<S>(S);

impl<S: Service<Request, Response = Response, Error = Infallible>> Service<Request> for Guarded<S> {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, Answering<S::Future>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
            return Either::Left(ready(Ok(preflight(request.headers()))));
        }
        let origin = request.headers().get(header::ORIGIN).cloned();
        Either::Right(Answering { inner: NOTES.scope(RefCell::default(), self.0.call(request)), origin })
    }
}

pin_project! {
    /// A request that is being answered while notes are taken.
    pub(in crate::http) struct Answering<F> {
        #[pin]
        inner: TaskLocalFuture<RefCell<Notes>, F>,
        origin: Option<HeaderValue>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Answering<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Ok(mut response) = std::task::ready!(this.inner.as_mut().poll(context));
        let notes = this.inner.take_value().map(RefCell::into_inner).unwrap_or_default();
        finish(&mut response, notes, this.origin.take());
        Poll::Ready(Ok(response))
    }
}

/// Tells in the answer, and to those who look after the environment, what was noted.
fn finish(response: &mut Response, notes: Notes, origin: Option<HeaderValue>) {
    allow(response.headers_mut(), notes.origins, origin);
    tell_rates(response.headers_mut(), &notes.standings);
    let Some(caller) = notes.caller else { return };
    let status = response.status().as_u16();
    request_id::look(|asked| {
        let (path, took) = (asked.uri.path(), asked.started.elapsed());
        let whole = || {
            let route = routes::matching(path);
            Noted {
                at: requests::began(took),
                method: name(&asked.method),
                route,
                resource: requests::resource(route, path),
                status,
                took,
                key_id: caller.key_id,
                user_id: caller.user_id,
                request_id: asked.id().to_owned(),
                address: caller.address,
            }
        };
        caller.handle.traffic.note(status, took, caller.is_noted.then_some(whole));
    });
}

fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// The answer to a browser that asks whether a page may call: yes, for there is nothing to know yet.
fn preflight(asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    if let Some(origin) = asked.get(header::ORIGIN) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    let wanted = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.unwrap_or(HEADERS));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED);
    let varies = HeaderValue::from_static("origin, access-control-request-method, access-control-request-headers");
    headers.insert(header::VARY, varies);
    response
}

/// Lets the page read the answer, errors included. Who is no page is not told of pages.
fn allow(headers: &mut HeaderMap, origins: Origins, origin: Option<HeaderValue>) {
    if origins == Origins::This || (origins != Origins::Any && origin.is_some()) {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
    let allowed = match (origins, origin) {
        (_, None) | (Origins::Others, _) => return,
        (Origins::Any, Some(_)) => HeaderValue::from_static("*"),
        (Origins::This | Origins::Unknown, Some(origin)) => origin,
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

/// `RateLimit` and `RateLimit-Policy` as the IETF's draft writes them: a quota of `q` in `w` seconds, of which `r` are left, and all are
/// there again in `t` seconds.
fn tell_rates(headers: &mut HeaderMap, standings: &[(&'static str, Rate, Standing)]) {
    if standings.is_empty() {
        return;
    }
    let list = |write: &dyn Fn(&(&'static str, Rate, Standing)) -> String| {
        HeaderValue::try_from(standings.iter().map(write).collect::<Vec<_>>().join(", "))
    };
    let policy = list(&|(name, rate, _)| {
        let window = (u64::from(rate.burst) * u64::from(rate.seconds)).div_ceil(rate.requests.into());
        format!("\"{name}\";q={};w={window}", rate.burst)
    });
    let left = list(&|(name, _, standing)| format!("\"{name}\";r={};t={}", standing.remaining, seconds(standing.full_in)));
    if let (Ok(policy), Ok(left)) = (policy, left) {
        headers.insert(RATE_LIMIT_POLICY, policy);
        headers.insert(RATE_LIMIT, left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_told_as_structured_fields() {
        let standing = Standing { remaining: 3, full_in: Duration::from_millis(500), refused: None };
        let mut headers = HeaderMap::new();
        let rates = [("address", "2/s burst 4".parse().unwrap(), standing), ("key", "100/m".parse().unwrap(), standing)];
        tell_rates(&mut headers, &rates);
        assert_eq!(headers[RATE_LIMIT_POLICY], r#""address";q=4;w=2, "key";q=100;w=60"#);
        assert_eq!(headers[RATE_LIMIT], r#""address";r=3;t=1, "key";r=3;t=1"#);
    }

    #[test]
    fn a_page_of_this_server_is_of_no_other_origin() {
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("api.example:8443"))]);
        for (origin, own) in [
            ("https://api.example:8443", true),
            ("http://api.example:8443", true),
            ("https://api.example", false),
            ("null", false),
            ("https://evil.example", false),
        ] {
            assert_eq!(is_own(&HeaderValue::from_static(origin), &headers), own, "{origin}");
        }
        assert!(!is_own(&HeaderValue::from_static("null"), &HeaderMap::new()));
    }
}
