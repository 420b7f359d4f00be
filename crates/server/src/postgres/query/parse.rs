//! Reads the query string of a request into a [`Query`].

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::list::{name, split, values};
use super::{Comparison, Filter, Is, Order, Output, Query, Test};
use crate::error::{Error, Result};

/// Conditions one request may have. PostgreSQL plans each of them; a page of a program's own making needs far fewer.
const MAX_FILTERS: usize = 100;
/// Values in one `in` list.
const MAX_VALUES: usize = 10_000;

/// Columns in `order`.
const MAX_ORDER: usize = 32;

/// Operators, as the dialect writes them.
const OPERATORS: &str = "eq, neq, gt, gte, lt, lte, in, like, ilike, is";

/// Reads a query string: the part of the URL after `?`, still percent-encoded.
pub(crate) fn parse(text: &str) -> Result<Query> {
    let mut query = Query::default();
    let (mut select, mut order) = (None, None);
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (decode(key)?, decode(value)?);
        match &*key {
            "select" => once(&mut select, &key, outputs(&value)?)?,
            "order" => once(&mut order, &key, orders(&value)?)?,
            "limit" => once(&mut query.limit, &key, number(&key, &value)?)?,
            "offset" => once(&mut query.offset, &key, number(&key, &value)?)?,
            _ if query.filters.len() == MAX_FILTERS => {
                return Err(Error::bad_input("request/too-many-filters", format!("More than {MAX_FILTERS} filters."))
                    .hint("Use one in.(…) filter in place of many."));
            }
            _ => query.filters.push(filter(&key, &value)?),
        }
    }
    query.select = select.unwrap_or_default();
    query.order = order.unwrap_or_default();
    Ok(query)
}

/// A value that PostgreSQL's text cannot hold is refused before it gets there.
pub(crate) fn nul_character() -> Error {
    Error::bad_input("request/nul-character", "The character NUL (U+0000) cannot be stored or looked for.")
        .hint("Leave the character out.")
}

fn decode(text: &str) -> Result<Cow<'_, str>> {
    let decoded = if text.contains('+') {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(|text| Cow::Owned(text.into_owned()))
    } else {
        percent_decode_str(text).decode_utf8()
    };
    let decoded = decoded.map_err(|_| {
        Error::bad_input("request/malformed-parameter", "The query string is not valid UTF-8.")
            .hint("Percent-encode parameter values as UTF-8.")
    })?;
    if decoded.contains('\0') { Err(nul_character()) } else { Ok(decoded) }
}

fn once<T>(slot: &mut Option<T>, key: &str, value: T) -> Result<()> {
    if slot.replace(value).is_some() {
        return Err(Error::bad_input("request/duplicate-parameter", format!("'{key}' is given more than once."))
            .hint(format!("Give '{key}' once; separate several columns with commas.")));
    }
    Ok(())
}

fn number(key: &str, value: &str) -> Result<u64> {
    // PostgreSQL's LIMIT and OFFSET are signed 64-bit numbers.
    value.parse().ok().filter(|number| *number <= i64::MAX as u64 && !value.starts_with('+')).ok_or_else(|| {
        Error::bad_input("request/malformed-parameter", format!("'{key}' must be a whole number, zero or more; it is '{value}'."))
            .hint(format!("Write {key}=50."))
    })
}

fn outputs(text: &str) -> Result<Vec<Output>> {
    let items = split(text, "select")?;
    if items.iter().any(|item| item.trim() == "*") {
        return if items.len() == 1 {
            Ok(Vec::new())
        } else {
            Err(Error::bad_input("select/star-not-alone", "'*' in 'select' cannot stand beside other columns.")
                .hint("Leave 'select' out for all columns, or name the columns you want."))
        };
    }
    if text.is_empty() {
        return Ok(Vec::new());
    }
    items.iter().map(|item| output(item.trim())).collect()
}

fn output(item: &str) -> Result<Output> {
    let (first, rest) = name(item, &[':']);
    // `alias:column`, or `column::cast`.
    let (alias, column, rest) = match rest.strip_prefix(':') {
        Some(rest) if !rest.starts_with(':') => {
            let (column, rest) = name(rest, &[':']);
            (Some(first), column, rest)
        }
        _ => (None, first, rest),
    };
    if rest.starts_with("::") {
        return Err(Error::bad_input("select/cast-not-supported", format!("'{item}' in 'select': columns cannot be cast here."))
            .hint(format!("Select '{column}' as it is and convert it in your program.")));
    }
    if !rest.is_empty() || column.is_empty() || alias.as_deref() == Some("") {
        return Err(Error::bad_input("select/malformed", format!("'{item}' in 'select' is not a column."))
            .hint("Write select=column,alias:column."));
    }
    Ok(Output { column, alias })
}

fn orders(text: &str) -> Result<Vec<Order>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let items = split(text, "order")?;
    if items.len() > MAX_ORDER {
        return Err(Error::bad_input("order/too-long", format!("'order' names more than {MAX_ORDER} columns."))
            .hint("Leave out those that cannot make a difference any more."));
    }
    items.iter().map(|item| order(item.trim())).collect()
}

fn order(item: &str) -> Result<Order> {
    let (column, rest) = name(item, &['.']);
    let mut order = Order { column, descending: false, nulls_first: None };
    let mut words = rest.split('.').skip(1).peekable();
    if let Some(word) = words.next_if(|word| matches!(*word, "asc" | "desc")) {
        order.descending = word == "desc";
    }
    if let Some(word) = words.next_if(|word| matches!(*word, "nullsfirst" | "nullslast")) {
        order.nulls_first = Some(word == "nullsfirst");
    }
    let clean = rest.is_empty() || rest.starts_with('.');
    if words.next().is_some() || !clean || order.column.is_empty() {
        return Err(Error::bad_input("order/malformed", format!("'{item}' in 'order' is not understood."))
            .hint("Write order=column.desc.nullslast: asc or desc, then nullsfirst or nullslast, both optional."));
    }
    Ok(order)
}

fn filter(column: &str, value: &str) -> Result<Filter> {
    let (negated, rest) = match value.strip_prefix("not.") {
        Some(rest) => (true, rest),
        None => (false, value),
    };
    let (operator, operand) = rest.split_once('.').unwrap_or((rest, ""));
    let compare = |comparison| Test::Compare(comparison, operand.to_owned());
    let test = match operator {
        // `eq` alone, without a point, is a forgotten operator and no empty operand.
        _ if !rest.contains('.') => return Err(unknown_operator(column, operator, value)),
        "eq" => compare(Comparison::Equal),
        "neq" => compare(Comparison::NotEqual),
        "gt" => compare(Comparison::Greater),
        "gte" => compare(Comparison::GreaterOrEqual),
        "lt" => compare(Comparison::Less),
        "lte" => compare(Comparison::LessOrEqual),
        "in" => Test::In(in_list(column, operand)?),
        "like" | "ilike" => Test::Like { pattern: operand.replace('*', "%"), ignore_case: operator == "ilike" },
        "is" => Test::Is(is(column, operand)?),
        _ => return Err(unknown_operator(column, operator, value)),
    };
    Ok(Filter { column: column.to_owned(), negated, test })
}

fn in_list(column: &str, operand: &str) -> Result<Vec<String>> {
    let values = values(operand, column)?;
    if values.len() > MAX_VALUES {
        return Err(Error::bad_input(
            "filter/too-many-values",
            format!("The list for '{column}' has more than {MAX_VALUES} values."),
        )
        .hint("Ask in several requests."));
    }
    Ok(values)
}

fn is(column: &str, operand: &str) -> Result<Is> {
    Ok(match operand.to_ascii_lowercase().as_str() {
        "null" => Is::Null,
        "not_null" => Is::NotNull,
        "true" => Is::True,
        "false" => Is::False,
        "unknown" => Is::Unknown,
        _ => {
            return Err(Error::bad_input("filter/malformed-value", format!("'{column}=is.{operand}' is not understood."))
                .hint("'is' takes null, not_null, true, false or unknown."));
        }
    })
}

fn unknown_operator(column: &str, operator: &str, value: &str) -> Error {
    Error::bad_input("filter/unknown-operator", format!("'{operator}' in '{column}={value}' is no operator."))
        .hint(format!("Write {column}=eq.VALUE. Operators: {OPERATORS}; 'not.' before one of them reverses it."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(text: &str) -> String {
        parse(text).unwrap_err().code
    }

    fn equal(column: &str, value: &str) -> Filter {
        Filter { column: column.into(), negated: false, test: Test::Compare(Comparison::Equal, value.into()) }
    }

    #[test]
    fn reads_the_whole_dialect() {
        let query =
            parse("select=id,name:title&author=eq.a.b&n=not.in.(1,%222,3%22,a(b))&order=id.desc.nullslast,t&limit=5&offset=10")
                .unwrap();
        let column = |column: &str, alias: Option<&str>| Output { column: column.into(), alias: alias.map(Into::into) };
        assert_eq!(query.select, [column("id", None), column("title", Some("name"))]);
        assert_eq!(query.filters[0], equal("author", "a.b"));
        let list = vec!["1".into(), "2,3".into(), "a(b)".into()];
        assert_eq!(query.filters[1], Filter { column: "n".into(), negated: true, test: Test::In(list) });
        assert_eq!(query.order[0], Order { column: "id".into(), descending: true, nulls_first: Some(false) });
        assert_eq!(query.order[1], Order { column: "t".into(), descending: false, nulls_first: None });
        assert_eq!((query.limit, query.offset), (Some(5), Some(10)));
    }

    #[test]
    fn decodes_values() {
        assert_eq!(parse("a=eq.x+y%2Bz%C3%A9").unwrap().filters, [equal("a", "x y+zé")]);
        assert_eq!(parse("a=eq.").unwrap().filters, [equal("a", "")]);
        let pattern = Test::Like { pattern: "%x%".into(), ignore_case: true };
        assert_eq!(parse("a=ilike.*x*").unwrap().filters[0].test, pattern);
        assert_eq!(parse("a=is.NOT_NULL").unwrap().filters[0].test, Test::Is(Is::NotNull));
        assert_eq!(parse("a=in.()").unwrap().filters[0].test, Test::In(vec![]));
        assert_eq!(parse("select=%22a,b%22").unwrap().select[0].column, "a,b");
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(code("a=equals.1"), "filter/unknown-operator");
        assert_eq!(code("a=1"), "filter/unknown-operator");
        assert_eq!(code("a=eq"), "filter/unknown-operator");
        assert_eq!(code("a=not.not.eq.1"), "filter/unknown-operator");
        assert_eq!(code("a=in.1,2"), "filter/malformed-value");
        assert_eq!(code("a=in.(%22x)"), "filter/malformed-value");
        assert_eq!(code("a=is.7"), "filter/malformed-value");
        assert_eq!(code("a=eq.%00"), "request/nul-character");
        assert_eq!(code("a=eq.%ff"), "request/malformed-parameter");
        assert_eq!(code("limit=-1"), "request/malformed-parameter");
        assert_eq!(code("limit=99999999999999999999"), "request/malformed-parameter");
        assert_eq!(code("limit=1&limit=2"), "request/duplicate-parameter");
        assert_eq!(code("order=a.up"), "order/malformed");
        assert_eq!(code("order=a,"), "order/malformed");
        assert_eq!(code("select=a::text"), "select/cast-not-supported");
        assert_eq!(code("select=a,*"), "select/star-not-alone");
        assert_eq!(code("select=a,,b"), "select/malformed");
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,80}") {
            let _ = parse(&text);
        }

        #[test]
        fn nothing_of_the_dialects_own_panics(text in "(select=|order=|a=|not\\.|in\\.|is\\.|eq\\.|like\\.|[(),.:\"*&%\\\\]|%22|%5C|é|b|1){0,24}") {
            let _ = parse(&text);
        }

        #[test]
        fn every_value_comes_through_as_it_was(value in "[^\0]{0,40}") {
            let text: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
            prop_assert_eq!(parse(&format!("a=eq.{text}")).unwrap().filters, vec![equal("a", &value)]);
            let quoted: String = format!("(\"{}\")", value.replace('\\', "\\\\").replace('"', "\\\"")).bytes().map(|byte| format!("%{byte:02x}")).collect();
            prop_assert_eq!(&parse(&format!("a=in.{quoted}")).unwrap().filters[0].test, &Test::In(vec![value]));
        }
    }
}
