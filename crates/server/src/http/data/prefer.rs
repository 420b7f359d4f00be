//! What a request's headers ask of the answer: `Prefer` (RFC 7240, with PostgREST's preferences), `Accept` and `Range`.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use cloche_dialect::{Preferences, Range, Return, Tx, parse_preferences, parse_range};

use crate::error::{Error, Result};
use crate::postgres::query::{Format, Returning};
use crate::postgres::scope::Transaction;

/// The media type of a single record.
pub(super) const OBJECT: &str = "application/vnd.pgrst.object+json";
const ARRAY: &str = "application/vnd.pgrst.array+json";
const CSV: &str = "text/csv";

const PREFER: HeaderName = HeaderName::from_static("prefer");
const RANGE_UNIT: HeaderName = HeaderName::from_static("range-unit");

/// What an answer should be like.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) prefer: Preferences,
    pub(super) media: Media,
    pub(super) range: Option<Range>,
    pub(super) uri: Uri,
    method: Method,
}

/// How records are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Media {
    pub(super) format: Format,
    /// The record itself, not an array of one.
    pub(super) single: bool,
}

impl Media {
    /// The value of `Content-Type`.
    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match (self.format, self.single) {
            (Format::Csv, _) => "text/csv; charset=utf-8",
            (Format::StrippedJson, true) => "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8",
            (Format::StrippedJson, false) => "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8",
            (Format::Json, true) => "application/vnd.pgrst.object+json; charset=utf-8",
            (Format::Json, false) => "application/json; charset=utf-8",
        })
    }
}

impl Asked {
    fn of(parts: &Parts) -> Result<Self> {
        let texts: Vec<&str> = parts
            .headers
            .get_all(PREFER)
            .iter()
            .map(|value| {
                value.to_str().map_err(|_| Error::bad_input("request/malformed-header", "The Prefer header is not text."))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            prefer: parse_preferences(texts.into_iter())?,
            media: media(&parts.headers)?,
            range: range(&parts.headers)?,
            uri: parts.uri.clone(),
            method: parts.method.clone(),
        })
    }

    /// The query string as it came.
    pub(super) fn query(&self) -> &str {
        self.uri.query().unwrap_or("")
    }

    pub(super) fn counts(&self) -> bool {
        self.prefer.count.is_some()
    }

    pub(super) fn shows_records(&self) -> bool {
        self.prefer.returning == Some(Return::Representation)
    }

    /// What a write has to tell.
    pub(super) fn to_return(&self) -> Returning {
        match self.prefer.returning {
            Some(Return::Representation) => Returning::Records,
            Some(Return::HeadersOnly) => Returning::Keys,
            _ if self.counts() => Returning::Count,
            _ => Returning::Nothing,
        }
    }

    pub(super) fn transaction(&self) -> Transaction<'_> {
        Transaction {
            read_only: false,
            rollback: self.prefer.tx == Some(Tx::Rollback),
            timezone: self.prefer.timezone.as_deref(),
            method: self.method.as_str(),
            path: self.uri.path(),
        }
    }

    /// The value of `Preference-Applied`, if there is one.
    pub(super) fn applied(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(self.prefer.applied()?).ok()
    }
}

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Self::of(parts)
    }
}

/// The first form that is taken here; says so when there is none.
fn media(headers: &HeaderMap) -> Result<Media> {
    let mut asked = false;
    for value in headers.get_all(header::ACCEPT) {
        for range in value.to_str().unwrap_or("").split(',') {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or("").to_ascii_lowercase();
            let stripped = parts.any(|part| part.eq_ignore_ascii_case("nulls=stripped"));
            let json = if stripped { Format::StrippedJson } else { Format::Json };
            match kind.as_str() {
                OBJECT | "application/vnd.pgrst.object" => return Ok(Media { format: json, single: true }),
                ARRAY | "application/vnd.pgrst.array" => return Ok(Media { format: json, single: false }),
                CSV => return Ok(Media { format: Format::Csv, single: false }),
                "" => {}
                "*/*" | "application/*" | "application/json" => return Ok(Media::default()),
                _ => asked = true,
            }
        }
    }
    if asked {
        let message = "None of these media types are available";
        return Err(Error::not_acceptable("PGRST107", message)
            .hint(format!("Send Accept: application/json, text/csv, or {OBJECT} for a single record.")));
    }
    Ok(Media::default())
}

/// `Range: 0-24`, in records.
fn range(headers: &HeaderMap) -> Result<Option<Range>> {
    let of_records = headers.get(RANGE_UNIT).is_none_or(|unit| unit == "items");
    match headers.get(header::RANGE).filter(|_| of_records) {
        Some(value) => Ok(parse_range(value.to_str().unwrap_or(""))?),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn headers(name: &str, value: &str) -> HeaderMap {
        let name: HeaderName = name.parse().unwrap();
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn reads_what_is_accepted() {
        let of = |accept: &str| media(&headers("accept", accept));
        assert!(of(OBJECT).unwrap().single);
        assert!(!of("text/html, */*;q=0.8").unwrap().single);
        assert_eq!(of("text/csv").unwrap().format, Format::Csv);
        assert_eq!(of("application/vnd.pgrst.array+json;nulls=stripped").unwrap().format, Format::StrippedJson);
        assert_eq!(of("image/png").unwrap_err().code, "PGRST107");
    }
}
