//! Sessions of browsers: a cookie, and everything that keeps another page from using it.

use std::net::IpAddr;
use std::str::FromStr as _;

use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use chrono::{DateTime, Utc};
use cloche_wire::{KeyText, TokenKind};

use super::{Actor, Uses};
use crate::error::{Error, Result};
use crate::secrets::{Secrets, same};
use crate::store::{Store, sessions};

/// The prefix makes browsers insist on `Secure`, `Path=/`, and this very host.
const COOKIE: &str = "__Host-cloche-session";
const CSRF_HEADER: HeaderName = HeaderName::from_static("x-csrf-token");

/// A browser's session that is in force.
pub(crate) struct Session {
    pub(crate) text: KeyText,
    pub(crate) actor: Actor,
    pub(crate) authenticated_at: DateTime<Utc>,
    /// If it is not used any more until then.
    pub(crate) expires_at: DateTime<Utc>,
}

/// The text of the session in the cookie, if there is one; an error if it cannot be one.
pub(crate) fn from_cookie(headers: &HeaderMap) -> Option<Result<KeyText>> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'));
    let value =
        pairs.filter_map(|pair| pair.trim().split_once('=')).find_map(|(name, value)| (name == COOKIE).then_some(value))?;
    let text = KeyText::parse(value).ok().filter(|text| text.kind() == TokenKind::Session);
    Some(text.ok_or_else(required))
}

/// The header that gives a browser its session.
pub(crate) fn cookie(session: &KeyText) -> Result<HeaderValue> {
    let days = sessions::LONGEST_DAYS * 24 * 3600;
    let text = format!("{COOKIE}={}; Max-Age={days}; Path=/; Secure; HttpOnly; SameSite=Strict", session.reveal());
    let mut value = HeaderValue::try_from(text).map_err(Error::internal)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The header that takes it away.
pub(crate) fn no_cookie() -> HeaderValue {
    HeaderValue::from_static("__Host-cloche-session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict")
}

/// The session with this text. One and the same error for each that is not in force.
pub(crate) async fn authenticate(store: &Store, secrets: &Secrets, uses: &Uses, text: KeyText) -> Result<Session> {
    let found = sessions::find(&store.client().await?, &secrets.hash_key(&text)).await?.ok_or_else(required)?;
    if let Some(session) = found.actor.session {
        uses.sessions.note(session.id.0);
    }
    let authenticated_at = found.authenticated_at;
    Ok(Session { text, actor: found.actor, authenticated_at, expires_at: found.expires_at })
}

/// There is no session, or not any more.
pub(crate) fn required() -> Error {
    Error::unauthenticated("session/required", "You are not signed in, or not any more.").hint("Sign in.")
}

/// Refuses hosts that a cookie must not be given to: all but this machine itself, and the public URL where that is https.
/// A page of another name that leads here (DNS rebinding) ends here as well.
pub(crate) fn check_place(headers: &HeaderMap, public_url: Option<&str>) -> Result<()> {
    let host = host(headers);
    let public = public_url.and_then(origin).and_then(|origin| origin.strip_prefix("https://").map(str::to_owned));
    if host.as_ref().is_some_and(|host| is_loopback(host) || public.is_some_and(|public| same_host(host, &public))) {
        return Ok(());
    }
    Err(Error::bad_input("session/insecure", "Signing in works over https, or on the machine the server runs on.")
        .hint(
            "Put TLS in front of the server, and tell it its address: `cloche serve --public-url https://…`. Or come through a tunnel: \
             `ssh -L 7350:127.0.0.1:7350 HOST`, then http://127.0.0.1:7350.",
        ))
}

/// Refuses a request that a page of another origin sent. Programs send no Origin; where there is a cookie, one is `required`.
pub(crate) fn check_origin(headers: &HeaderMap, public_url: Option<&str>, required: bool) -> Result<()> {
    let Some(given) = headers.get(header::ORIGIN) else {
        return if required { Err(forged("The request has no Origin.")) } else { Ok(()) };
    };
    let given = given.to_str().unwrap_or_default();
    let here = host(headers).filter(is_loopback);
    let ours = here.iter().flat_map(|host| [format!("http://{host}"), format!("https://{host}")]);
    let mut allowed = ours.filter_map(|text| origin(&text)).chain(public_url.and_then(origin));
    if origin(given).is_some_and(|given| allowed.any(|allowed| allowed == given)) {
        return Ok(());
    }
    Err(forged("The request comes from a page of another origin."))
}

/// What every request with the cookie that may change something must show: our Origin, and the session's token.
pub(crate) fn check_forgery(headers: &HeaderMap, public_url: Option<&str>, secrets: &Secrets, session: &KeyText) -> Result<()> {
    check_origin(headers, public_url, true)?;
    let given = headers.get(CSRF_HEADER).map(HeaderValue::as_bytes).unwrap_or_default();
    if same(given, secrets.csrf_token(session).as_bytes()) { Ok(()) } else { Err(forged("The CSRF token is missing or wrong.")) }
}

fn forged(message: &str) -> Error {
    Error::forbidden("session/csrf", message)
        .hint("Send the `csrfToken` that GET /session answers as X-CSRF-Token, from a page of this server.")
}

fn host(headers: &HeaderMap) -> Option<Authority> {
    Authority::from_str(headers.get(header::HOST)?.to_str().ok()?).ok().filter(|host| !host.as_str().contains('@'))
}

fn is_loopback(host: &Authority) -> bool {
    let name = host.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `public` is of an https origin, so its usual port is not in it.
fn same_host(host: &Authority, public: &str) -> bool {
    host.as_str().to_ascii_lowercase().trim_end_matches(":443") == public
}

/// Scheme, host and port of a URL as browsers write an origin; nothing for what has none.
fn origin(url: &str) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    let (scheme, host) = (url.scheme_str()?.to_ascii_lowercase(), url.host()?.to_ascii_lowercase());
    let usual = match scheme.as_str() {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    Some(match url.port_u16() {
        Some(port) if port != usual => format!("{scheme}://{host}:{port}"),
        _ => format!("{scheme}://{host}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn sign_in_is_for_this_machine_and_https() {
        let allowed = |host: &str, public| check_place(&headers(&[("host", host)]), public).is_ok();
        for host in ["127.0.0.1:7350", "localhost", "LOCALHOST:80", "[::1]:7350", "127.9.9.9"] {
            assert!(allowed(host, None), "{host}");
        }
        for host in ["192.168.1.5:7350", "example.com", "localhost.example.com", "127.0.0.1.example.com", "", "a@localhost"] {
            assert!(!allowed(host, None), "{host}");
            assert!(!allowed(host, Some("http://192.168.1.5:7350")), "{host}");
        }
        assert!(allowed("Cloche.example.com", Some("https://cloche.example.com/")));
        assert!(allowed("cloche.example.com:443", Some("https://cloche.example.com")));
        assert!(!allowed("cloche.example.com:8443", Some("https://cloche.example.com")));
        assert!(check_place(&HeaderMap::new(), None).is_err());
    }

    #[test]
    fn only_our_own_pages_may_send_requests() {
        let allowed = |host: &str, origin: &str, public| {
            check_origin(&headers(&[("host", host), ("origin", origin)]), public, true).is_ok()
        };
        assert!(allowed("localhost:7350", "http://localhost:7350", None));
        assert!(allowed("127.0.0.1:7350", "https://cloche.example.com", Some("https://cloche.example.com:443/")));
        for origin in [
            "null",
            "",
            "http://localhost:3000",
            "http://127.0.0.1:7350",
            "https://evil.example.com",
            "file://",
            "localhost:7350",
        ] {
            assert!(!allowed("localhost:7350", origin, Some("https://cloche.example.com")), "{origin}");
        }
        assert!(!allowed("evil.example.com", "http://evil.example.com", None));
        assert!(check_origin(&headers(&[("host", "localhost")]), None, false).is_ok());
        assert!(check_origin(&headers(&[("host", "localhost")]), None, true).is_err());
    }

    #[test]
    fn the_cookie_reads_back() {
        let text = KeyText::generate(TokenKind::Session).unwrap();
        let set = cookie(&text).unwrap();
        assert!(set.to_str().unwrap().ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"));
        let sent = format!("theme=dark; {}", set.to_str().unwrap().split(';').next().unwrap());
        assert_eq!(from_cookie(&headers(&[("cookie", &sent)])).unwrap().unwrap(), text);
        assert!(from_cookie(&headers(&[("cookie", "theme=dark")])).is_none());
        let token = KeyText::generate(TokenKind::Personal).unwrap();
        let sent = format!("{COOKIE}={}", token.reveal());
        assert_eq!(from_cookie(&headers(&[("cookie", &sent)])).unwrap().unwrap_err().code, "session/required");
    }
}
