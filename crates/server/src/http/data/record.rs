//! Handlers of `/v1/data/{table}` and `/v1/data/{table}/{id}`.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cloche_dialect::{Field, Filter, Handling, Missing, Node, Operator, Query, Range, Resolution, Test, parse};

use super::PathOf;
use super::answer;
use super::body;
use super::prefer::Asked;
use crate::app::record::{self, Listing, Writing};
use crate::error::{Error, Result};
use crate::postgres::query::compile::{Conflict, Resolving, Target};
use crate::postgres::query::{Format, Returning};
use crate::postgres::scope::EnvironmentScope;

pub(super) async fn list(scope: EnvironmentScope, PathOf(table): PathOf<String>, asked: Asked) -> Result<Response> {
    let query = ranged(parse(asked.query())?, &asked);
    let page = record::list(&scope, &table, &query, &listing(&asked)).await?;
    answer::page(page, &asked)
}

pub(super) async fn find(
    scope: EnvironmentScope,
    PathOf((table, id)): PathOf<(String, String)>,
    asked: Asked,
) -> Result<Response> {
    let query = select_only(asked.query(), "one record")?;
    if asked.media.format != Format::Json {
        return Err(Error::not_acceptable("PGRST107", "None of these media types are available")
            .hint("One record by its id is sent as application/json."));
    }
    Ok(answer::value(record::find(&scope, &table, &id, &query).await?, &asked))
}

pub(super) async fn create(
    scope: EnvironmentScope,
    PathOf(table): PathOf<String>,
    asked: Asked,
    request: Request,
) -> Result<Response> {
    let mut query = parse(asked.query())?;
    refuse_filters(&query, "POST")?;
    refuse_page(&query, "POST")?;
    let text = body::read(&scope, request).await?;
    let objects = body::objects(&text, query.columns.take().as_deref(), asked.prefer.missing == Some(Missing::Default))?;
    let conflict = conflict(&mut query, &asked);
    let writing =
        Writing { conflict, exactly_one: asked.media.single && asked.shows_records(), ..writing(&asked, Target::Filtered) };
    let written = record::create(&scope, &table, &query, objects.as_ref(), &writing).await?;
    if writing.exactly_one && objects.is_none() {
        return Err(crate::postgres::sqlstate::not_exactly_one(0));
    }
    answer::created(&written, &asked)
}

pub(super) async fn update(
    scope: EnvironmentScope,
    PathOf(table): PathOf<String>,
    asked: Asked,
    request: Request,
) -> Result<Response> {
    let query = parse(asked.query())?;
    refuse_page(&query, "PATCH")?;
    let written = change(&scope, &table, query, &asked, request, Target::Filtered).await?;
    answer::changed(&written, false, &asked)
}

pub(super) async fn update_one(
    scope: EnvironmentScope,
    PathOf((table, id)): PathOf<(String, String)>,
    asked: Asked,
    request: Request,
) -> Result<Response> {
    let query = select_only(asked.query(), "one record")?;
    let written = change(&scope, &table, query, &asked, request, Target::Id(&id)).await?;
    answer::changed(&written, true, &asked)
}

async fn change(
    scope: &EnvironmentScope,
    table: &str,
    mut query: Query,
    asked: &Asked,
    request: Request,
    target: Target<'_>,
) -> Result<record::Written> {
    let text = body::read(scope, request).await?;
    let mut object = body::object(&text)?;
    object.missing_default = asked.prefer.missing == Some(Missing::Default);
    let given = query.columns.take().map(|columns| std::mem::replace(&mut object.keys, columns));
    let mut writing = writing(asked, target);
    writing.exactly_one = asked.media.single && asked.shows_records() && matches!(target, Target::Filtered);
    writing.returning = told(asked, target);
    record::update(scope, table, &query, &object, given.as_deref(), &writing).await
}

pub(super) async fn delete(scope: EnvironmentScope, PathOf(table): PathOf<String>, asked: Asked) -> Result<Response> {
    let query = parse(asked.query())?;
    refuse_page(&query, "DELETE")?;
    let mut writing = writing(&asked, Target::Filtered);
    writing.exactly_one = asked.media.single && asked.shows_records();
    writing.returning = told(&asked, Target::Filtered);
    let written = record::delete(&scope, &table, &query, &writing).await?;
    answer::changed(&written, false, &asked)
}

pub(super) async fn delete_one(
    scope: EnvironmentScope,
    PathOf((table, id)): PathOf<(String, String)>,
    asked: Asked,
) -> Result<Response> {
    let query = select_only(asked.query(), "one record")?;
    let writing = Writing { returning: told(&asked, Target::Id(&id)), ..writing(&asked, Target::Id(&id)) };
    let written = record::delete(&scope, &table, &query, &writing).await?;
    answer::changed(&written, true, &asked)
}

/// `PUT /v1/data/{table}/{id}`: the record is as the body says afterwards, whether it was there or not.
pub(super) async fn put_one(
    scope: EnvironmentScope,
    PathOf((table, id)): PathOf<(String, String)>,
    asked: Asked,
    request: Request,
) -> Result<Response> {
    let query = select_only(asked.query(), "one record")?;
    put_record(&scope, &table, Target::Id(&id), query, &asked, request).await
}

/// `PUT /v1/data/{table}?id=eq.1`: the same, as PostgREST has it.
pub(super) async fn put(
    scope: EnvironmentScope,
    PathOf(table): PathOf<String>,
    asked: Asked,
    request: Request,
) -> Result<Response> {
    let mut query = parse(asked.query())?;
    if query.limit.is_some() || query.offset.is_some() {
        return Err(Error::bad_input("PGRST114", "limit/offset querystring parameters are not allowed for PUT"));
    }
    let filters = std::mem::take(&mut query.filters);
    let refuse = || {
        Error::method_not_allowed("PGRST105", "Filters must include all and only primary key columns with 'eq' operators")
            .hint("Write ?id=eq.1, or PUT to the path of the record.")
    };
    let keys: Vec<(String, String)> = filters.into_iter().map(equality).collect::<Option<_>>().ok_or_else(refuse)?;
    let is_whole_key = |key: &[String]| {
        !key.is_empty() && key.len() == keys.len() && key.iter().all(|name| keys.iter().any(|(column, _)| column == name))
    };
    if record::key(&scope, &table).await?.is_some_and(|key| !is_whole_key(&key)) {
        return Err(refuse());
    }
    put_record(&scope, &table, Target::Keys(&keys), query, &asked, request).await
}

/// The column and value of `column=eq.value`.
fn equality(node: Node) -> Option<(String, String)> {
    match node {
        Node::Filter(Filter {
            field: Field { column, path },
            negated: false,
            test: Test::Compare { operator: Operator::Eq, value },
        }) if path.is_empty() => Some((column, value)),
        _ => None,
    }
}

async fn put_record(
    scope: &EnvironmentScope,
    table: &str,
    target: Target<'_>,
    query: Query,
    asked: &Asked,
    request: Request,
) -> Result<Response> {
    let text = body::read(scope, request).await?;
    let object = body::object(&text)?;
    let conflict = Some(Conflict { columns: Vec::new(), resolving: Resolving::Merge });
    let writing = Writing { conflict, ..writing(asked, target) };
    let written = record::create(scope, table, &query, Some(&object), &writing).await?;
    if written.records == 0 {
        return Err(Error::bad_input("PGRST115", "Payload values do not match URL in primary key column(s)")
            .hint("Leave the key out of the body, or give it the value of the address; nothing was changed."));
    }
    let made = written.inserted.is_some_and(|inserted| inserted > 0);
    let response = answer::changed(&written, matches!(target, Target::Id(_)), asked)?;
    Ok(match (made, asked.shows_records()) {
        (true, true) => with_status(response, StatusCode::CREATED),
        (true, false) => with_status(StatusCode::CREATED.into_response(), StatusCode::CREATED),
        (false, _) => response,
    })
}

fn with_status(mut response: Response, status: StatusCode) -> Response {
    *response.status_mut() = status;
    response
}

/// What a list is asked for.
pub(super) fn listing(asked: &Asked) -> Listing<'_> {
    let (count, format, transaction) = (asked.prefer.count, asked.media.format, asked.transaction());
    Listing { count, format, max_affected: None, transaction }
}

fn writing<'a>(asked: &'a Asked, target: Target<'a>) -> Writing<'a> {
    Writing {
        target,
        returning: asked.to_return(),
        format: asked.media.format,
        exactly_one: false,
        max_affected: max_affected(asked),
        conflict: None,
        transaction: asked.transaction(),
    }
}

/// How many records may be touched. Only in force with `handling=strict`.
pub(super) fn max_affected(asked: &Asked) -> Option<u64> {
    asked.prefer.max_affected.filter(|_| asked.prefer.handling == Some(Handling::Strict))
}

/// What a change tells. `headers-only` has no header to tell anything in.
fn told(asked: &Asked, target: Target<'_>) -> Returning {
    match (asked.to_return(), target) {
        (Returning::Keys, _) if asked.counts() => Returning::Count,
        (Returning::Keys, _) => Returning::Nothing,
        (Returning::Count, Target::Id(_)) => Returning::Nothing,
        (returning, _) => returning,
    }
}

fn conflict(query: &mut Query, asked: &Asked) -> Option<Conflict> {
    let resolving = match asked.prefer.resolution? {
        Resolution::MergeDuplicates => Resolving::Merge,
        Resolution::IgnoreDuplicates => Resolving::Ignore,
    };
    Some(Conflict { columns: query.on_conflict.take().unwrap_or_default(), resolving })
}

/// Narrows a list by the Range header.
pub(super) fn ranged(mut query: Query, asked: &Asked) -> Query {
    if let Some(Range { offset, limit }) = asked.range {
        query.offset = Some(query.offset.unwrap_or(0).max(offset));
        query.limit = match (query.limit, limit) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
    query
}

fn select_only(query: &str, of: &str) -> Result<Query> {
    let query = parse(query)?;
    refuse_filters(&query, of)?;
    refuse_page(&query, of)?;
    Ok(query)
}

/// What would be ignored is refused.
fn refuse_filters(query: &Query, of: &str) -> Result<()> {
    match query.filters.first() {
        Some(Node::Filter(filter)) => Err(unsupported(&filter.field.column, of)),
        Some(Node::Group { .. }) => Err(unsupported("and/or", of)),
        None => Ok(()),
    }
}

/// A DELETE with a limit must not delete all.
fn refuse_page(query: &Query, of: &str) -> Result<()> {
    let given = [
        ("order", !query.order.is_empty()),
        ("limit", query.limit.is_some()),
        ("offset", query.offset.is_some()),
        ("after", query.after.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((parameter, _)) => Err(unsupported(parameter, of)),
        None => Ok(()),
    }
}

fn unsupported(parameter: &str, of: &str) -> Error {
    Error::bad_input("request/unsupported-parameter", format!("The parameter '{parameter}' has no meaning for {of}; nothing was changed."))
        .hint("Leave it out. GET of a table takes filters, select, order, limit and offset; PATCH and DELETE filters and select; POST select, columns and on_conflict; all else select.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_ignored_is_refused() {
        let of = |text: &str| refuse_page(&parse(text).unwrap(), "DELETE").map_err(|error| error.code);
        assert_eq!(of("id=eq.1&limit=1"), Err("request/unsupported-parameter".into()));
        assert_eq!(select_only("id=eq.1", "POST").unwrap_err().code, "request/unsupported-parameter");
        assert!(select_only("select=id", "POST").is_ok());
    }
}
