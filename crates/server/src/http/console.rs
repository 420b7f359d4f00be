//! The console: pages built from `console/` and embedded in the binary.
//!
//! It is one page with a router of its own, so every path that belongs to it answers that page, and a deep link survives a reload.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::error::Error;

/// What `make console` has built.
#[derive(RustEmbed)]
#[folder = "../../console/dist"]
struct Files;

const PAGE: &str = "index.html";
/// The page that shows an environment's OpenAPI document, to those who have a key.
const DOCS: &str = "docs.html";

/// Where the build puts files whose names carry a hash of their content.
const HASHED: &str = "assets/";

/// Nothing but the console's own files is run, shown or spoken to, and no text of anybody becomes script.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

const SECURITY_HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()",
    ),
];

/// The one page.
pub(super) async fn page(headers: HeaderMap) -> Response {
    answer(PAGE, &headers)
}

/// The page to try an environment's data plane. It is the same for everybody: what it shows comes with the key that is given to it.
pub(super) async fn docs(headers: HeaderMap) -> Response {
    answer(DOCS, &headers)
}

/// A file of the page, by its path.
pub(super) async fn file(uri: Uri, headers: HeaderMap) -> Response {
    let name = uri.path().trim_start_matches('/');
    if Files::get(name).is_none() {
        return Error::not_found("route/not-found", format!("There is nothing at {}.", uri.path()))
            .hint("Reload the page: it may be of an older version of the server.")
            .into_response();
    }
    answer(name, &headers)
}

fn answer(name: &str, headers: &HeaderMap) -> Response {
    let accepts = |encoding: &str| {
        let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|part| part.trim() == encoding)
    };
    // The build leaves a compressed copy beside each file that gains by it.
    let compressed = if accepts("br") { Files::get(&format!("{name}.br")) } else { None };
    let encoding = compressed.is_some().then_some("br");
    let Some(found) = compressed.or_else(|| Files::get(name)) else {
        return Error::internal(format!("{name} is not embedded")).into_response();
    };

    let tag = tag(&found);
    let unchanged = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|known| known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag));
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let body = match found.data {
            std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
        };
        Response::new(Body::from(body))
    };

    let cache = if name.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let told = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        told.insert(name, HeaderValue::from_static(value));
    }
    told.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    told.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    told.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding {
        told.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        told.insert(header::ETAG, tag);
    }
    response
}

/// Half of the content's SHA-256 is plenty to tell two builds apart.
fn tag(file: &EmbeddedFile) -> String {
    let hash: String = file.metadata.sha256_hash()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hash}\"")
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(headers: &[(&'static str, &str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect()
    }

    async fn ask(path: &str, headers: &[(&'static str, &str)]) -> Response {
        file(path.parse().unwrap(), with(headers)).await
    }

    fn hashed() -> String {
        Files::iter().find(|name| name.starts_with(HASHED) && name.ends_with(".js")).unwrap().into_owned()
    }

    #[tokio::test]
    async fn the_page_comes_under_the_strict_policy_and_is_asked_for_each_time() {
        let response = page(HeaderMap::new()).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
        assert_eq!(response.headers()["cache-control"], "no-cache");
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    }

    #[tokio::test]
    async fn a_file_that_is_not_embedded_is_not_found() {
        for path in ["/assets/gone.js", "/assets/../index.htm", "/../Cargo.toml"] {
            let response = ask(path, &[]).await;
            assert_eq!(response.status(), 404, "{path}");
            assert_eq!(response.headers()["content-type"], "application/problem+json");
        }
    }

    #[tokio::test]
    async fn files_with_a_hash_in_their_name_are_kept_for_good_and_compressed() {
        let path = format!("/{}", hashed());
        let plain = ask(&path, &[]).await;
        assert_eq!(plain.headers()["cache-control"], "public, max-age=31536000, immutable");
        assert!(!plain.headers().contains_key("content-encoding"));
        let small = ask(&path, &[("accept-encoding", "gzip, br")]).await;
        assert_eq!(small.headers()["content-encoding"], "br");
        assert_eq!(small.headers()["content-type"], "text/javascript; charset=utf-8");
        assert_ne!(small.headers()["etag"], plain.headers()["etag"]);
    }

    #[tokio::test]
    async fn what_the_browser_has_is_not_sent_again() {
        let first = page(HeaderMap::new()).await;
        let tag = first.headers()["etag"].to_str().unwrap().to_owned();
        assert_eq!(page(with(&[("if-none-match", &tag)])).await.status(), 304);
        assert_eq!(page(with(&[("if-none-match", "\"other\"")])).await.status(), 200);
    }
}
