//! Reads a query string into a [`Query`].

mod cursor;
mod filter;
mod list;
mod logic;
mod name;
mod order;
mod range;
mod select;
mod types;

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::error::shortened;
use crate::{Boolean, DialectError, Embed, Filter, Item, Node, Query};
use cursor::Cursor;
use list::Place;

pub use range::{Range, parse_range};

/// Conditions one request may have. PostgreSQL plans each of them; a page of a program's own making needs far fewer.
const MAX_FILTERS: usize = 100;

/// Reads the query string of a request about a table or view: the part of the URL after `?`, still percent-encoded.
pub fn parse(query_string: &str) -> Result<Query, DialectError> {
    read(query_string, &|_, _| false).map(|(_, query)| query)
}

/// Reads the query string of a call by GET: the pairs whose key is an argument, decoded, in order; the rest is about the outcome.
/// What the dialect reserves at the root (`select`, `order`, `limit` …) is never an argument, as in PostgREST; what can be no filter,
/// for want of an operator, always is one, so that whoever looks for the function can say that it takes no such argument.
pub fn parse_call(
    query_string: &str,
    is_argument: &dyn Fn(&str) -> bool,
) -> Result<(Vec<(String, String)>, Query), DialectError> {
    read(query_string, &|key, value| is_argument(key) || (key != "after" && !filter::has_operator(value)))
}

fn read(text: &str, is_argument: &dyn Fn(&str, &str) -> bool) -> Result<(Vec<(String, String)>, Query), DialectError> {
    let (mut query, mut arguments, mut rest) = (Query::default(), Vec::new(), Vec::new());
    let mut select = None;
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (decode(key)?, decode(value)?);
        match &*key {
            "select" => once(&mut select, &key, select::select(&value)?)?,
            "columns" => once(&mut query.columns, &key, names(&value, "columns parameter")?)?,
            "on_conflict" => once(&mut query.on_conflict, &key, names(&value, "on_conflict parameter")?)?,
            _ if !is_reserved(&key) && is_argument(&key, &value) => arguments.push((key.into_owned(), value.into_owned())),
            "after" if !value.contains('.') => once(&mut query.after, &key, value.into_owned())?,
            _ => rest.push((key, value)),
        }
    }
    query.select = select.unwrap_or_default();
    // Only now it is known what is embedded.
    let mut filters = 0;
    for (key, value) in &rest {
        parameter(&mut query, key, value, &mut filters)?;
    }
    Ok((arguments, query))
}

fn is_reserved(key: &str) -> bool {
    matches!(key.rsplit('.').next(), Some("order" | "limit" | "offset" | "and" | "or"))
}

/// Reads `order`, `limit`, `offset`, `and`, `or`, or a filter, and puts it where it belongs: `actors.order` goes to the resource `actors`.
fn parameter(query: &mut Query, key: &str, value: &str, filters: &mut usize) -> Result<(), DialectError> {
    let (path, last) = key.rsplit_once('.').map_or(("", key), |(path, last)| (path, last));
    match last {
        "order" => {
            let level = level(query, path)?;
            let orders = order::orders(value)?;
            if !level.order.is_empty() {
                return Err(twice(key));
            }
            level.order = orders;
        }
        "limit" => once(&mut level(query, path)?.limit, key, number(key, value)?)?,
        "offset" => once(&mut level(query, path)?.offset, key, number(key, value)?)?,
        "and" | "or" => {
            let (path, negated) = negation(path);
            let boolean = if last == "and" { Boolean::And } else { Boolean::Or };
            let node = logic::tree(value, boolean, negated)?;
            count(&node, filters)?;
            level(query, path)?.filters.push(node);
        }
        _ => {
            let (path, node) = filter(key, value)?;
            count(&node, filters)?;
            embedded(query, &path)?.filters.push(node);
        }
    }
    Ok(())
}

/// What is before `and` and `or`, without `not`.
fn negation(path: &str) -> (&str, bool) {
    match path.strip_suffix("not") {
        Some("") => ("", true),
        Some(before) => before.strip_suffix('.').map_or((path, false), |before| (before, true)),
        // As PostgREST allows it, too.
        None => path.strip_prefix("not.").map_or((path, false), |after| (after, true)),
    }
}

/// `resource.resource.column->path=operator.value`: the resources, and the condition.
fn filter(key: &str, value: &str) -> Result<(Vec<String>, Node), DialectError> {
    let mut cursor = Cursor::new(
        key,
        "tree path",
        "Write column=eq.VALUE, or resource.column=eq.VALUE; put names with points in double quotes.",
    );
    let mut path = vec![name::name(&mut cursor)?];
    while cursor.eat(".") {
        path.push(name::name(&mut cursor)?);
    }
    let column = path.pop().unwrap_or_default();
    let field = crate::Field { column, path: name::path(&mut cursor)? };
    cursor.expect_end("delimiter (.), \"->\", \"->>\" or end of input")?;
    let mut cursor = Cursor::new(value, "filter", filter::HINT);
    let (negated, test) = filter::test(&mut cursor, Place::Parameter).map_err(|error| named(error, key))?;
    Ok((path, Node::Filter(Filter { field, negated, test })))
}

/// Says which of the filters it is.
fn named(mut error: DialectError, key: &str) -> DialectError {
    let place = format!("in the filter on '{}'", shortened(key));
    error.details = Some(error.details.map_or(place.clone(), |details| format!("{details}, {place}")));
    error
}

fn count(node: &Node, filters: &mut usize) -> Result<(), DialectError> {
    match node {
        Node::Filter(_) if *filters == MAX_FILTERS => {
            Err(DialectError::malformed(format!("More than {MAX_FILTERS} filters."), "Use one in.(…) filter in place of many."))
        }
        Node::Filter(_) => {
            *filters += 1;
            Ok(())
        }
        Node::Group { nodes, .. } => nodes.iter().try_for_each(|node| count(node, filters)),
    }
}

/// The level that `resource.resource` names, or the root.
fn level<'a>(query: &'a mut Query, path: &str) -> Result<&'a mut Query, DialectError> {
    if path.is_empty() {
        return Ok(query);
    }
    let mut cursor = Cursor::new(path, "tree path", "Write resource.order=column, with the name the resource has in 'select'.");
    let mut names = vec![name::name(&mut cursor)?];
    while cursor.eat(".") {
        names.push(name::name(&mut cursor)?);
    }
    cursor.expect_end("delimiter (.)")?;
    embedded(query, &names)
}

fn embedded<'a>(query: &'a mut Query, path: &[String]) -> Result<&'a mut Query, DialectError> {
    let Some((name, rest)) = path.split_first() else { return Ok(query) };
    let embeds: Vec<&mut Embed> =
        query.select.iter_mut().filter_map(|item| if let Item::Embed(embed) = item { Some(embed) } else { None }).collect();
    // By the name it has in the answer; by its table's name only where that is clear.
    let position = embeds.iter().position(|embed| embed.name() == name);
    let mut targets = embeds.iter().enumerate().filter(|(_, embed)| embed.target == *name).map(|(position, _)| position);
    let position = position.or_else(|| targets.next().filter(|_| targets.next().is_none()));
    match position.and_then(|position| embeds.into_iter().nth(position)) {
        Some(embed) => embedded(&mut embed.query, rest),
        None => Err(DialectError {
            code: "PGRST108",
            message: format!("'{}' is not an embedded resource in this request", shortened(name)),
            details: None,
            hint: Some(format!(
                "Verify that '{}' is included in the 'select' query parameter, under its alias if it has one.",
                shortened(name)
            )),
        }),
    }
}

fn names(text: &str, what: &str) -> Result<Vec<String>, DialectError> {
    const MAX_NAMES: usize = 1_600;
    let mut cursor = Cursor::new(text, what, "Write the names of columns with commas between them.");
    let mut names = Vec::new();
    loop {
        // PostgreSQL's tables have no more columns.
        if names.len() == MAX_NAMES {
            return Err(cursor.refuse("A table has at most 1,600 columns."));
        }
        names.push(name::name(&mut cursor)?);
        if cursor.at_end() {
            return Ok(names);
        }
        cursor.expect(",", "\",\" or end of input")?;
    }
}

fn number(key: &str, value: &str) -> Result<u64, DialectError> {
    // PostgreSQL's LIMIT and OFFSET are signed 64-bit numbers.
    match value.parse::<i64>() {
        Ok(number) if !value.starts_with('+') && number >= 0 => Ok(number.unsigned_abs()),
        Ok(number) if number < 0 => {
            let details = if key.ends_with("limit") { "Limit" } else { "Offset" };
            Err(DialectError::range(
                &format!("{details} should be greater than or equal to zero."),
                &format!("Write {}=50.", shortened(key)),
            ))
        }
        _ => Err(DialectError::malformed(
            format!("\"failed to parse {} ({})\"", shortened(key), shortened(value)),
            format!("Write {}=50: a whole number, zero or more.", shortened(key)),
        )),
    }
}

fn decode(text: &str) -> Result<Cow<'_, str>, DialectError> {
    let decoded = if text.contains('+') {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(|text| Cow::Owned(text.into_owned()))
    } else {
        percent_decode_str(text).decode_utf8()
    };
    let decoded = decoded
        .map_err(|_| DialectError::malformed("The query string is not valid UTF-8.", "Percent-encode parameters as UTF-8."))?;
    // PostgreSQL's text cannot hold it.
    if decoded.contains('\0') {
        return Err(DialectError::malformed("The character NUL (U+0000) cannot be looked for.", "Leave the character out."));
    }
    Ok(decoded)
}

fn once<T>(slot: &mut Option<T>, key: &str, value: T) -> Result<(), DialectError> {
    if slot.replace(value).is_some() { Err(twice(key)) } else { Ok(()) }
}

fn twice(key: &str) -> DialectError {
    let key = shortened(key);
    DialectError::malformed(
        format!("'{key}' is given more than once."),
        format!("Give '{key}' once; separate columns with commas."),
    )
}

#[cfg(test)]
mod tests;
