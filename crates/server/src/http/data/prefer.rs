//! What a request's headers ask of the answer: `Prefer` (RFC 7240, with PostgREST's preferences) and `Accept`.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use crate::error::{Error, Result};
use crate::postgres::query::Returning;

/// The preferences of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Preferences {
    pub(super) returning: Option<Return>,
    /// `count=exact`
    pub(super) count: bool,
    /// `Accept: application/vnd.pgrst.object+json`: the record itself, not an array of one.
    pub(super) single: bool,
}

/// `return=…`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Return {
    Minimal,
    HeadersOnly,
    Representation,
}

/// The media type of a single record.
pub(super) const OBJECT: &str = "application/vnd.pgrst.object+json";

impl Preferences {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self> {
        let mut preferences = Self { single: single(headers)?, ..Self::default() };
        for value in headers.get_all("prefer") {
            let value =
                value.to_str().map_err(|_| Error::bad_input("request/malformed-header", "The Prefer header is not text."))?;
            for preference in value.split([',', ';']) {
                preferences.take(preference.trim())?;
            }
        }
        Ok(preferences)
    }

    /// What RFC 7240 lets a server ignore is ignored, except where ignoring it would write something else than asked for.
    fn take(&mut self, preference: &str) -> Result<()> {
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        match (name.trim().to_ascii_lowercase().as_str(), value.trim()) {
            ("return", "minimal") => self.returning = Some(Return::Minimal),
            ("return", "headers-only") => self.returning = Some(Return::HeadersOnly),
            ("return", "representation") => self.returning = Some(Return::Representation),
            ("count", "exact") => self.count = true,
            ("tx", "commit") => {}
            ("resolution" | "tx" | "max-affected", _) => {
                return Err(Error::bad_input(
                    "request/unsupported-preference",
                    format!("'Prefer: {preference}' is not supported."),
                )
                .hint("Leave it out; supported are return=minimal|headers-only|representation and count=exact."));
            }
            _ => {}
        }
        Ok(())
    }

    /// What a write has to tell for these preferences.
    pub(super) fn to_return(self) -> Returning {
        match self.returning {
            Some(Return::Representation) => Returning::Records,
            Some(Return::HeadersOnly) => Returning::Keys,
            // A single record can only be checked for by those who may see it.
            _ if self.count || self.single => Returning::Count,
            _ => Returning::Nothing,
        }
    }

    /// The value of `Preference-Applied`, if there is one.
    pub(super) fn applied(self) -> Option<&'static str> {
        Some(match (self.returning, self.count) {
            (Some(Return::Minimal), false) => "return=minimal",
            (Some(Return::Minimal), true) => "return=minimal, count=exact",
            (Some(Return::HeadersOnly), false) => "return=headers-only",
            (Some(Return::HeadersOnly), true) => "return=headers-only, count=exact",
            (Some(Return::Representation), false) => "return=representation",
            (Some(Return::Representation), true) => "return=representation, count=exact",
            (None, true) => "count=exact",
            (None, false) => return None,
        })
    }
}

impl<S: Sync> FromRequestParts<S> for Preferences {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Self::of(&parts.headers)
    }
}

/// JSON is all there is; says so when the caller takes none.
fn single(headers: &HeaderMap) -> Result<bool> {
    let mut asked = false;
    for value in headers.get_all(header::ACCEPT) {
        for range in value.to_str().unwrap_or("").split(',') {
            let kind = range.split(';').next().unwrap_or("").trim();
            match kind {
                OBJECT => return Ok(true),
                "" => {}
                "*/*" | "application/*" | "application/json" | "application/vnd.pgrst.array+json" => return Ok(false),
                _ => asked = true,
            }
        }
    }
    if asked {
        return Err(Error::not_acceptable("request/not-acceptable", "Records can only be sent as JSON.")
            .hint(format!("Send Accept: application/json, or {OBJECT} for a single record.")));
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn of(name: &str, value: &str) -> Result<Preferences> {
        let name: HeaderName = name.parse().unwrap();
        Preferences::of(&HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())]))
    }

    #[test]
    fn reads_preferences() {
        let preferences = of("prefer", "return=representation, count=exact,handling=lenient").unwrap();
        assert_eq!(preferences, Preferences { returning: Some(Return::Representation), count: true, single: false });
        assert_eq!(preferences.applied(), Some("return=representation, count=exact"));
        assert_eq!(of("prefer", "tx=rollback").unwrap_err().code, "request/unsupported-preference");
    }

    #[test]
    fn reads_what_is_accepted() {
        assert!(of("accept", OBJECT).unwrap().single);
        assert!(!of("accept", "text/html, */*;q=0.8").unwrap().single);
        assert_eq!(of("accept", "text/csv").unwrap_err().code, "request/not-acceptable");
    }
}
