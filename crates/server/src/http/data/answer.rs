//! From what was read or written to an answer.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::prefer::Asked;
use crate::app::record::{Page, Written};
use crate::error::{Error, Result};
use crate::postgres::sqlstate::not_exactly_one;
use cloche_dialect::Return;

/// What needs no encoding in a path or query.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A list of records, or the one there is.
pub(super) fn page(page: Page, asked: &Asked) -> Result<Response> {
    let (status, range) = range(&page)?;
    let text = if asked.media.single {
        if page.records != 1 {
            return Err(not_exactly_one(page.records));
        }
        only(&page.text)
    } else {
        page.text
    };
    let mut response = body(status, text, asked);
    response.headers_mut().insert(header::CONTENT_RANGE, range);
    if let Some(next) = &page.next {
        response.headers_mut().insert(header::LINK, next_link(&asked.uri, next)?);
    }
    Ok(applied(response, asked))
}

/// A value by itself.
pub(super) fn value(text: Bytes, asked: &Asked) -> Response {
    applied(body(StatusCode::OK, text, asked), asked)
}

/// What an insert did.
pub(super) fn created(written: &Written, asked: &Asked) -> Result<Response> {
    // An upsert that made no new record has created nothing.
    let status = if written.inserted == Some(0) && written.records > 0 { StatusCode::OK } else { StatusCode::CREATED };
    let mut response =
        shown(written, asked, asked.media.single).map_or_else(|| status.into_response(), |text| body(status, text, asked));
    if asked.counts() {
        response.headers_mut().insert(header::CONTENT_RANGE, total(written.records)?);
    }
    if let (Some(Return::HeadersOnly), Written { records: 1, text: Some(keys), .. }) = (asked.prefer.returning, written) {
        response.headers_mut().insert(header::LOCATION, location(asked.uri.path(), keys)?);
    }
    Ok(applied(response, asked))
}

/// What an update or delete did; by id, the record is by itself.
pub(super) fn changed(written: &Written, by_id: bool, asked: &Asked) -> Result<Response> {
    let mut response = shown(written, asked, by_id || asked.media.single)
        .map_or_else(|| StatusCode::NO_CONTENT.into_response(), |text| body(StatusCode::OK, text, asked));
    if asked.counts() {
        response.headers_mut().insert(header::CONTENT_RANGE, total(written.records)?);
    }
    Ok(applied(response, asked))
}

fn body(status: StatusCode, text: Bytes, asked: &Asked) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, asked.media.content_type());
    response
}

fn shown(written: &Written, asked: &Asked, single: bool) -> Option<Bytes> {
    let text = written.text.clone().filter(|_| asked.shows_records())?;
    Some(if single && asked.media.format != crate::postgres::query::Format::Csv { only(&text) } else { text })
}

/// The only record of a JSON array, by itself.
fn only(array: &Bytes) -> Bytes {
    if array.len() < 2 { array.clone() } else { array.slice(1..array.len() - 1) }
}

pub(super) fn applied(mut response: Response, asked: &Asked) -> Response {
    if let Some(applied) = asked.applied() {
        response.headers_mut().insert("preference-applied", applied);
    }
    response
}

/// Status and `Content-Range` of a page, as PostgREST gives them.
fn range(page: &Page) -> Result<(StatusCode, HeaderValue)> {
    let offset = page.offset;
    let total = page.total.map_or_else(|| "*".to_owned(), |total| total.to_string());
    let status = match page.total {
        Some(total) if offset > total || offset == total && total > 0 => {
            return Err(Error::out_of_range("PGRST103", "Requested range not satisfiable")
                .details(format!("An offset of {offset} was requested, but there are only {total} rows."))
                .hint("Ask for a smaller offset."));
        }
        Some(total) if page.records < total => StatusCode::PARTIAL_CONTENT,
        _ => StatusCode::OK,
    };
    let range = match page.records {
        0 => format!("*/{total}"),
        records => format!("{offset}-{}/{total}", offset.saturating_add(records) - 1),
    };
    Ok((status, HeaderValue::try_from(range).map_err(Error::internal)?))
}

fn total(records: u64) -> Result<HeaderValue> {
    HeaderValue::try_from(format!("*/{records}")).map_err(Error::internal)
}

/// The same list from where this page ended.
fn next_link(uri: &Uri, next: &str) -> Result<HeaderValue> {
    let is_kept = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or("");
        let is_token = name == "after" && !pair.contains('.');
        !pair.is_empty() && name != "offset" && !is_token
    };
    let kept: Vec<&str> = uri.query().unwrap_or("").split('&').filter(is_kept).collect();
    let query = kept.iter().copied().chain([format!("after={next}").as_str()]).collect::<Vec<_>>().join("&");
    HeaderValue::try_from(format!("<{}?{query}>; rel=\"next\"", uri.path())).map_err(Error::internal)
}

/// Where the new record is: its own path, or a filter when its key has several columns or the path is the alias.
fn location(path: &str, keys: &[u8]) -> Result<HeaderValue> {
    let keys: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(keys).map_err(Error::internal)?;
    let key = keys.into_iter().next().unwrap_or_default();
    let encoded = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    let value = |value: &serde_json::Value| encoded(value.as_str().unwrap_or(""));
    let location = match key.iter().next() {
        Some((_, id)) if key.len() == 1 && path.starts_with("/v1/data/") => format!("{path}/{}", value(id)),
        _ => {
            let filters: Vec<String> = key.iter().map(|(name, id)| format!("{}=eq.{}", encoded(name), value(id))).collect();
            format!("{path}?{}", filters.join("&"))
        }
    };
    HeaderValue::try_from(location).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(records: u64, total: Option<u64>, offset: u64) -> Page {
        Page { text: Bytes::new(), records, total, offset, next: None }
    }

    #[test]
    fn ranges_are_postgrests() {
        let shown = |page: Page| range(&page).map(|(status, range)| (status.as_u16(), range)).map_err(|error| error.code);
        let expect = |status, range| Ok((status, HeaderValue::from_static(range)));
        assert_eq!(shown(page(25, None, 0)), expect(200, "0-24/*"));
        assert_eq!(shown(page(25, Some(3573), 50)), expect(206, "50-74/3573"));
        assert_eq!(shown(page(3, Some(3), 0)), expect(200, "0-2/3"));
        assert_eq!(shown(page(0, Some(0), 0)), expect(200, "*/0"));
        assert_eq!(shown(page(0, Some(9), 10)), Err("PGRST103".into()));
    }

    #[test]
    fn the_place_of_a_new_record() {
        assert_eq!(location("/v1/data/posts", br#"[{"id":"7"}]"#).unwrap(), "/v1/data/posts/7");
        assert_eq!(location("/v1/data/posts", br#"[{"id":"a/b c"}]"#).unwrap(), "/v1/data/posts/a%2Fb%20c");
        assert_eq!(location("/rest/v1/posts", br#"[{"id":"7"}]"#).unwrap(), "/rest/v1/posts?id=eq.7");
        assert_eq!(location("/v1/data/pairs", br#"[{"a":"1","b":"2"}]"#).unwrap(), "/v1/data/pairs?a=eq.1&b=eq.2");
    }

    #[test]
    fn the_next_page() {
        let uri: Uri = "/v1/data/posts?order=id&after=old&offset=3&after=eq.1&limit=5".parse().unwrap();
        let link = next_link(&uri, "new").unwrap();
        assert_eq!(link, r#"</v1/data/posts?order=id&after=eq.1&limit=5&after=new>; rel="next""#);
    }
}
