//! A router that knows its routes: the list of them is made by the same calls as the router, so it cannot go stale.

use std::sync::LazyLock;

use axum::Router;
use axum::handler::Handler;
use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, MethodRouter, on};

use crate::error::Error;

/// What opens a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// An API key, which chooses the environment.
    Key,
    /// The same, of either kind: users sign in beside a publishable one.
    AnyKey,
    /// A secret of its own, which a link or a provider hands on.
    Link,
    /// A member's access token.
    Token,
    /// A password, a link, or the cookie that one of them gave.
    Session,
    /// Anybody may ask: the answer tells of nobody's environment.
    Nothing,
}

/// One method at one path, such as `GET /v1/data/{table}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    pub credential: Credential,
}

/// Routes that one kind of credential opens.
pub(crate) struct Routes<S> {
    router: Router<S>,
    list: Vec<Route>,
    credential: Credential,
}

/// What is done at a path, method by method. All other methods are refused, and these are named.
pub(crate) struct Methods<S> {
    router: MethodRouter<S>,
    names: Vec<&'static str>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes yet.
    pub(crate) fn opened_by(credential: Credential) -> Self {
        Self { router: Router::new(), list: Vec::new(), credential }
    }

    /// Adds a path.
    pub(crate) fn at(mut self, path: &'static str, methods: Methods<S>) -> Self {
        self.list.extend(methods.names.iter().map(|method| Route { method, path, credential: self.credential }));
        self.router = self.router.route(path, methods.finish());
        self
    }

    /// The list of them.
    pub(crate) fn list(&self) -> &[Route] {
        &self.list
    }

    /// The router that serves them.
    pub(crate) fn with_state<T>(self, state: S) -> Router<T> {
        self.router.with_state(state)
    }
}

impl<S: Clone + Send + Sync + 'static> Methods<S> {
    fn new() -> Self {
        Self { router: MethodRouter::new(), names: Vec::new() }
    }

    /// GET, and HEAD with it.
    pub(crate) fn get<H: Handler<T, S>, T: 'static>(self, handler: H) -> Self {
        self.on(MethodFilter::GET, &["GET", "HEAD"], handler)
    }

    pub(crate) fn post<H: Handler<T, S>, T: 'static>(self, handler: H) -> Self {
        self.on(MethodFilter::POST, &["POST"], handler)
    }

    pub(crate) fn patch<H: Handler<T, S>, T: 'static>(self, handler: H) -> Self {
        self.on(MethodFilter::PATCH, &["PATCH"], handler)
    }

    pub(crate) fn put<H: Handler<T, S>, T: 'static>(self, handler: H) -> Self {
        self.on(MethodFilter::PUT, &["PUT"], handler)
    }

    pub(crate) fn delete<H: Handler<T, S>, T: 'static>(self, handler: H) -> Self {
        self.on(MethodFilter::DELETE, &["DELETE"], handler)
    }

    fn on<H: Handler<T, S>, T: 'static>(mut self, filter: MethodFilter, names: &[&'static str], handler: H) -> Self {
        self.router = self.router.merge(on(filter, handler));
        self.names.extend(names);
        self
    }

    fn finish(self) -> MethodRouter<S> {
        let allowed = self.names.join(", ");
        self.router.fallback(async move |method: Method| not_allowed(&method, &allowed))
    }
}

/// The route that a path is of, as it is written here; empty for none. For the few requests that are written down: the router itself
/// would tell it to all of them, and every request would pay for it.
pub(crate) fn matching(path: &str) -> &'static str {
    // With what stands before the first placeholder: few routes are looked at in full.
    static PATHS: LazyLock<Vec<(&'static str, &'static str)>> = LazyLock::new(|| {
        let mut paths: Vec<&'static str> = super::list().iter().map(|route| route.path).collect();
        paths.dedup();
        // A route with fewer placeholders goes first, as in the router.
        paths.sort_by_key(|path| path.matches('{').count());
        paths.into_iter().map(|path| (path.split('{').next().unwrap_or(""), path)).collect()
    });
    let found = PATHS.iter().find(|(start, route)| path.starts_with(start) && fits(route, path));
    found.map_or("", |(_, route)| route)
}

fn fits(route: &str, path: &str) -> bool {
    let (mut parts, mut wanted) = (path.split('/'), route.split('/'));
    loop {
        match (wanted.next(), parts.next()) {
            (None, None) => return true,
            (Some(rest), Some(_)) if rest.starts_with("{*") => return true,
            (Some(name), Some(part)) if name == part || (name.starts_with('{') && !part.is_empty()) => {}
            _ => return false,
        }
    }
}

/// The methods of a path, beginning with GET and HEAD.
pub(crate) fn get<H: Handler<T, S>, T: 'static, S: Clone + Send + Sync + 'static>(handler: H) -> Methods<S> {
    Methods::new().get(handler)
}

/// The methods of a path, beginning with POST.
pub(crate) fn post<H: Handler<T, S>, T: 'static, S: Clone + Send + Sync + 'static>(handler: H) -> Methods<S> {
    Methods::new().post(handler)
}

/// The methods of a path, beginning with DELETE.
pub(crate) fn delete<H: Handler<T, S>, T: 'static, S: Clone + Send + Sync + 'static>(handler: H) -> Methods<S> {
    Methods::new().delete(handler)
}

fn not_allowed(method: &Method, allowed: &str) -> Response {
    let error = Error::method_not_allowed("request/method-not-allowed", format!("{method} is not allowed here."))
        .hint(format!("Allowed: {allowed}."));
    let mut response = error.into_response();
    if let Ok(allowed) = HeaderValue::try_from(allowed) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_find_their_routes() {
        assert_eq!(matching("/v1/data/posts"), "/v1/data/{table}");
        assert_eq!(matching("/v1/data/posts/7"), "/v1/data/{table}/{id}");
        assert_eq!(matching("/p/demo/keys"), "/p/{*path}");
        assert_eq!(matching("/graphql"), "/graphql");
        assert_eq!(matching("/v1/data"), "");
        assert_eq!(matching("/v1/data/"), "");
    }
}
