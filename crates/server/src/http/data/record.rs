//! Handlers of `/v1/data/{table}` and `/v1/data/{table}/{id}`.

use axum::body::Body;
use axum::extract::{OriginalUri, RawQuery};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::PathOf;
use super::body;
use super::prefer::{OBJECT, Preferences, Return};
use crate::app::record::{self, Page, Target, Written, not_exactly_one};
use crate::error::{Error, Result};
use crate::postgres::query::parse::parse;
use crate::postgres::query::{Query, Returning};
use crate::postgres::scope::EnvironmentScope;

const JSON: &str = "application/json; charset=utf-8";
/// What needs no encoding in a path or query.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(super) async fn list(
    scope: EnvironmentScope,
    PathOf(table): PathOf<String>,
    RawQuery(query): RawQuery,
    preferences: Preferences,
) -> Result<Response> {
    let query = parse(query.as_deref().unwrap_or(""))?;
    let page = record::list(&scope, &table, &query, preferences.count).await?;
    let (status, range) = range(&page, query.offset.unwrap_or(0))?;
    let mut response = if preferences.single {
        if page.records != 1 {
            return Err(not_exactly_one(page.records));
        }
        record(status, &page.json, preferences)
    } else {
        (status, [(header::CONTENT_TYPE, JSON)], page.json).into_response()
    };
    response.headers_mut().insert(header::CONTENT_RANGE, range);
    Ok(applied(response, preferences))
}

pub(super) async fn find(
    scope: EnvironmentScope,
    PathOf((table, id)): PathOf<(String, String)>,
    RawQuery(query): RawQuery,
    preferences: Preferences,
) -> Result<Response> {
    let query = select_only(query.as_deref(), "one record")?;
    let json = record::find(&scope, &table, &id, &query).await?;
    let kind = if preferences.single { OBJECT } else { JSON };
    Ok(([(header::CONTENT_TYPE, kind)], json).into_response())
}

pub(super) async fn create(
    scope: EnvironmentScope,
    PathOf(table): PathOf<String>,
    OriginalUri(uri): OriginalUri,
    RawQuery(query): RawQuery,
    preferences: Preferences,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    let query = select_only(query.as_deref(), "POST")?;
    let bytes = body::read(&scope, &headers, body).await?;
    let objects = body::objects(&bytes)?;
    if preferences.single && preferences.returning == Some(Return::Representation) {
        match objects.as_ref().map_or(0, body::number_of_objects) {
            1 => {}
            number => return Err(not_exactly_one(number)),
        }
    }
    let written = record::create(&scope, &table, &query, objects.as_ref(), preferences.to_return()).await?;
    let mut response = match (preferences.returning, &written.json) {
        (Some(Return::Representation), Some(json)) if preferences.single => record(StatusCode::CREATED, json, preferences),
        (Some(Return::Representation), Some(json)) => {
            (StatusCode::CREATED, [(header::CONTENT_TYPE, JSON)], json.clone()).into_response()
        }
        _ => StatusCode::CREATED.into_response(),
    };
    if preferences.count {
        response.headers_mut().insert(header::CONTENT_RANGE, total(written.records)?);
    }
    if let (Some(Return::HeadersOnly), Written { records: 1, json: Some(keys) }) = (preferences.returning, &written) {
        response.headers_mut().insert(header::LOCATION, location(uri.path(), keys)?);
    }
    Ok(applied(response, preferences))
}

pub(super) async fn update(
    scope: EnvironmentScope,
    PathOf(table): PathOf<String>,
    RawQuery(query): RawQuery,
    preferences: Preferences,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    let query = filters_only(query.as_deref(), "PATCH")?;
    let bytes = body::read(&scope, &headers, body).await?;
    let object = body::object(&bytes)?;
    let (target, returning) = target(preferences);
    let written = record::update(&scope, &table, &query, &object, target, returning).await?;
    changed(&written, target, preferences)
}

pub(super) async fn delete(
    scope: EnvironmentScope,
    PathOf(table): PathOf<String>,
    RawQuery(query): RawQuery,
    preferences: Preferences,
) -> Result<Response> {
    let query = filters_only(query.as_deref(), "DELETE")?;
    let (target, returning) = target(preferences);
    let written = record::delete(&scope, &table, &query, target, returning).await?;
    changed(&written, target, preferences)
}

pub(super) async fn update_one(
    scope: EnvironmentScope,
    PathOf((table, id)): PathOf<(String, String)>,
    RawQuery(query): RawQuery,
    preferences: Preferences,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    let query = select_only(query.as_deref(), "one record")?;
    let bytes = body::read(&scope, &headers, body).await?;
    let object = body::object(&bytes)?;
    let target = Target::Id(&id);
    let written = record::update(&scope, &table, &query, &object, target, one(preferences)).await?;
    changed(&written, target, preferences)
}

pub(super) async fn delete_one(
    scope: EnvironmentScope,
    PathOf((table, id)): PathOf<(String, String)>,
    RawQuery(query): RawQuery,
    preferences: Preferences,
) -> Result<Response> {
    let query = select_only(query.as_deref(), "one record")?;
    let target = Target::Id(&id);
    let written = record::delete(&scope, &table, &query, target, one(preferences)).await?;
    changed(&written, target, preferences)
}

/// What a change by id tells: the record, or only that it was there.
fn one(preferences: Preferences) -> Returning {
    match preferences.returning {
        Some(Return::Representation) => Returning::Records,
        _ => Returning::Nothing,
    }
}

/// What a change by filters is about, and what it tells. `headers-only` has no header to tell anything in.
fn target(preferences: Preferences) -> (Target<'static>, Returning) {
    match (preferences.returning, preferences.count) {
        (Some(Return::Representation), _) if preferences.single => (Target::OnlyOne, Returning::Records),
        (Some(Return::Representation), _) => (Target::Filtered, Returning::Records),
        (_, true) => (Target::Filtered, Returning::Count),
        (_, false) => (Target::Filtered, Returning::Nothing),
    }
}

fn changed(written: &Written, target: Target<'_>, preferences: Preferences) -> Result<Response> {
    let mut response = match (preferences.returning, &written.json) {
        (Some(Return::Representation), Some(json)) if preferences.single || matches!(target, Target::Id(_)) => {
            record(StatusCode::OK, json, preferences)
        }
        (Some(Return::Representation), Some(json)) => {
            (StatusCode::OK, [(header::CONTENT_TYPE, JSON)], json.clone()).into_response()
        }
        _ => StatusCode::NO_CONTENT.into_response(),
    };
    if preferences.count {
        response.headers_mut().insert(header::CONTENT_RANGE, total(written.records)?);
    }
    Ok(applied(response, preferences))
}

/// The only record of a JSON array, by itself.
fn record(status: StatusCode, array: &Bytes, preferences: Preferences) -> Response {
    let kind = if preferences.single { OBJECT } else { JSON };
    (status, [(header::CONTENT_TYPE, kind)], array.slice(1..array.len() - 1)).into_response()
}

fn applied(mut response: Response, preferences: Preferences) -> Response {
    if let Some(applied) = preferences.applied() {
        response.headers_mut().insert("preference-applied", HeaderValue::from_static(applied));
    }
    response
}

/// Status and `Content-Range` of a page, as PostgREST gives them.
fn range(page: &Page, offset: u64) -> Result<(StatusCode, HeaderValue)> {
    let total = page.total.map_or_else(|| "*".to_owned(), |total| total.to_string());
    let status = match page.total {
        Some(total) if offset > total => {
            return Err(Error::out_of_range("PGRST103", format!("The page starts at {offset}, but there are {total} records."))
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

fn select_only(query: Option<&str>, of: &str) -> Result<Query> {
    let query = filters_only(query, of)?;
    match query.filters.first() {
        Some(filter) => Err(unsupported(&filter.column, of)),
        None => Ok(query),
    }
}

/// What would be ignored is refused: a DELETE with a limit must not delete all.
fn filters_only(query: Option<&str>, of: &str) -> Result<Query> {
    let query = parse(query.unwrap_or(""))?;
    let given = [("order", !query.order.is_empty()), ("limit", query.limit.is_some()), ("offset", query.offset.is_some())];
    match given.into_iter().find(|(_, given)| *given) {
        Some((parameter, _)) => Err(unsupported(parameter, of)),
        None => Ok(query),
    }
}

fn unsupported(parameter: &str, of: &str) -> Error {
    Error::bad_input("request/unsupported-parameter", format!("The parameter '{parameter}' has no meaning for {of}; nothing was changed."))
        .hint("Leave it out. GET of a table takes filters, select, order, limit and offset; PATCH and DELETE filters and select; all else select.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(records: u64, total: Option<u64>) -> Page {
        Page { json: Bytes::new(), records, total }
    }

    #[test]
    fn ranges_are_postgrests() {
        let shown =
            |page: &Page, offset| range(page, offset).map(|(status, range)| (status.as_u16(), range)).map_err(|error| error.code);
        let expect = |status, range| Ok((status, HeaderValue::from_static(range)));
        assert_eq!(shown(&page(25, None), 0), expect(200, "0-24/*"));
        assert_eq!(shown(&page(25, Some(3573)), 50), expect(206, "50-74/3573"));
        assert_eq!(shown(&page(3, Some(3)), 0), expect(200, "0-2/3"));
        assert_eq!(shown(&page(0, Some(0)), 0), expect(200, "*/0"));
        assert_eq!(shown(&page(0, Some(9)), 10), Err("PGRST103".into()));
    }

    #[test]
    fn the_place_of_a_new_record() {
        assert_eq!(location("/v1/data/posts", br#"[{"id":"7"}]"#).unwrap(), "/v1/data/posts/7");
        assert_eq!(location("/v1/data/posts", br#"[{"id":"a/b c"}]"#).unwrap(), "/v1/data/posts/a%2Fb%20c");
        assert_eq!(location("/rest/v1/posts", br#"[{"id":"7"}]"#).unwrap(), "/rest/v1/posts?id=eq.7");
        assert_eq!(location("/v1/data/pairs", br#"[{"a":"1","b":"2"}]"#).unwrap(), "/v1/data/pairs?a=eq.1&b=eq.2");
    }

    #[test]
    fn what_would_be_ignored_is_refused() {
        assert_eq!(filters_only(Some("id=eq.1&limit=1"), "DELETE").unwrap_err().code, "request/unsupported-parameter");
        assert_eq!(select_only(Some("id=eq.1"), "POST").unwrap_err().code, "request/unsupported-parameter");
        assert!(select_only(Some("select=id"), "POST").is_ok());
    }
}
