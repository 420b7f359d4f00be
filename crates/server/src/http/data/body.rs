//! Bodies of writes: read up to a limit, checked to be JSON, and otherwise handed to PostgreSQL as they came.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::convert;
use crate::error::{Error, Result};
use crate::json::Text;
use crate::postgres::query::compile::{self, Arguments};
use crate::postgres::scope::EnvironmentScope;

/// Columns a PostgreSQL table may have: no object needs more keys.
const MAX_KEYS: usize = 1600;

/// The whole body as JSON: as it came, or made of CSV or a form.
pub(super) async fn read(scope: &EnvironmentScope, request: Request) -> Result<Bytes> {
    let (Parts { headers, .. }, body) = request.into_parts();
    let kind = media_type(&headers);
    let convert: fn(&[u8]) -> Result<Vec<u8>> = match kind.as_str() {
        kind if is_json(kind) => return read_any(scope, body).await,
        "text/csv" => convert::csv,
        "application/x-www-form-urlencoded" => convert::form,
        _ => {
            return Err(Error::unsupported_media_type("PGRST102", format!("Bodies of type '{kind}' are not taken here."))
                .hint("Send JSON, with Content-Type: application/json, or text/csv."));
        }
    };
    let text = read_any(scope, body).await?;
    convert(&text).map(Bytes::from)
}

/// The whole body, whatever it is, within the environment's limit. What is too large is not read further.
pub(super) async fn read_any(scope: &EnvironmentScope, body: Body) -> Result<Bytes> {
    let limit = scope.settings().max_body_bytes;
    if body.size_hint().lower() > limit {
        return Err(too_large(limit));
    }
    let mut stream = body.into_data_stream();
    let mut whole = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Error::bad_input("request/incomplete-body", "The body ended too early."))?;
        if (whole.len() + chunk.len()) as u64 > limit {
            return Err(too_large(limit));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

/// The objects of a body: `None` for an empty array. With `columns`, those are taken of it, whether the objects have them or not.
pub(super) fn objects<'b>(
    body: &'b [u8],
    columns: Option<&[String]>,
    missing_default: bool,
) -> Result<Option<compile::Body<'b>>> {
    let (json, shape) = shape(body)?;
    let given = |keys: Vec<String>| columns.map_or(keys, <[String]>::to_vec);
    let missing_default = missing_default && columns.is_some();
    let body = |keys, is_array| {
        let keys = checked(given(keys))?;
        let scalars = if is_array || columns.is_some() { None } else { scalars(json).filter(|found| found.len() == keys.len()) };
        Ok(Some(compile::Body { json, keys, is_array, missing_default, scalars }))
    };
    match shape {
        Shape::Object(Keys(keys)) => body(keys, false),
        Shape::Array { keys: None, .. } => Ok(None),
        Shape::Array { same_keys: false, .. } if columns.is_none() => {
            Err(Error::bad_input("PGRST102", "All object keys must match")
                .hint("Give every object the same keys, or say which columns to take with ?columns=a,b."))
        }
        Shape::Array { keys: Some(Keys(keys)), .. } => body(keys, true),
        Shape::Other => Err(Error::bad_input("PGRST102", "The body must be a JSON object, or an array of objects.")
            .hint("Send {\"column\": value}, or [{…}, {…}] for several records.")),
    }
}

/// The values of an object, as [`compile::Body`] has them. None when one is an array or an object, or nothing that PostgreSQL takes as text.
fn scalars(json: &str) -> Option<Vec<Option<Cow<'_, str>>>> {
    let Values(values) = serde_json::from_str(json).ok()?;
    let mut texts = Vec::with_capacity(values.len());
    for value in values {
        texts.push(match value.get().as_bytes().first()? {
            b'{' | b'[' => return None,
            b'n' => None,
            b'"' => {
                let Text(text) = serde_json::from_str(value.get()).ok()?;
                Some(text).filter(|text| !text.contains('\0'))?.into()
            }
            _ => Some(Cow::Borrowed(value.get())),
        });
    }
    Some(texts)
}

/// The arguments in the body of a call, and the body itself for a function that takes it whole.
pub(super) fn arguments<'b>(headers: &HeaderMap, body: &'b [u8]) -> Result<(Arguments<'b>, Option<&'b str>)> {
    let text = std::str::from_utf8(body).map_err(|_| malformed("it is not UTF-8"))?;
    if text.contains('\0') {
        return Err(crate::error::nul_character());
    }
    let nothing = Arguments::Json { json: "{}", keys: Vec::new() };
    if text.is_empty() {
        return Ok((nothing, None));
    }
    match media_type(headers).as_str() {
        "application/x-www-form-urlencoded" => {
            let fields = convert::fields(body);
            let has_nul = fields.iter().any(|(name, text)| name.contains('\0') || text.contains('\0'));
            return if has_nul { Err(crate::error::nul_character()) } else { Ok((Arguments::Texts(fields), None)) };
        }
        kind if !is_json(kind) => return Ok((nothing, Some(text))),
        _ => {}
    }
    Ok(match shape(body)?.1 {
        Shape::Object(Keys(keys)) => (Arguments::Json { json: text, keys: checked(keys)? }, Some(text)),
        _ => (nothing, Some(text)),
    })
}

fn shape(body: &[u8]) -> Result<(&str, Shape)> {
    let json = std::str::from_utf8(body).map_err(|_| malformed("it is not UTF-8"))?;
    let mut reader = serde_json::Deserializer::from_str(json);
    let shape = reader.deserialize_any(ShapeVisitor).and_then(|shape| reader.end().map(|()| shape));
    Ok((json, shape.map_err(|error| malformed(&error.to_string()))?))
}

/// As [`objects`], for a change: one object.
pub(super) fn object(body: &[u8]) -> Result<compile::Body<'_>> {
    objects(body, None, false)?.filter(|body| !body.is_array).ok_or_else(|| {
        Error::bad_input("PGRST102", "The body must be one JSON object: the columns to change and their new values.")
            .hint("Send {\"column\": value}.")
    })
}

fn checked(keys: Vec<String>) -> Result<Vec<String>> {
    if keys.len() > MAX_KEYS {
        return Err(Error::bad_input("request/too-many-keys", format!("An object has more than {MAX_KEYS} keys.")));
    }
    Ok(keys)
}

/// The type of a body, JSON where it is not said.
fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).map_or("application/json", |value| value.to_str().unwrap_or(""));
    value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

fn is_json(kind: &str) -> bool {
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn too_large(limit: u64) -> Error {
    let limit = if limit.is_multiple_of(1 << 20) { format!("{} MiB", limit >> 20) } else { format!("{limit} bytes") };
    Error::too_large("request/too-large", format!("The body is larger than {limit}."))
        .hint("Send the records in several requests.")
}

fn malformed(reason: &str) -> Error {
    Error::bad_input("PGRST102", format!("The body is not valid JSON: {reason}."))
        .hint("Check the body with a JSON tool; values are sent as JSON, not as form fields.")
}

/// What a body is, without its values.
enum Shape {
    Object(Keys),
    /// The keys of the first object, if there is one.
    Array {
        keys: Option<Keys>,
        same_keys: bool,
    },
    Other,
}

/// The keys of an object in their order, each once.
#[derive(Default)]
struct Keys(Vec<String>);

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Shape, A::Error> {
        Ok(Shape::Object(keys(map, &[])?.unwrap_or_default()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        let Some(first) = items.next_element_seed(ItemSeed(&[]))? else {
            return Ok(Shape::Array { keys: None, same_keys: true });
        };
        let first = first.unwrap_or_default();
        let mut same_keys = true;
        while let Some(item) = items.next_element_seed(ItemSeed(&first.0))? {
            same_keys &= item.is_none_or(|item| same(&first.0, &item.0));
        }
        Ok(Shape::Array { keys: Some(first), same_keys })
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Other)
    }
}

/// An object in an array, and the keys it probably has: none are answered when it has just these in this order.
struct ItemSeed<'k>(&'k [String]);

impl<'de> serde::de::DeserializeSeed<'de> for ItemSeed<'_> {
    type Value = Option<Keys>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Keys>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ItemSeed<'_> {
    type Value = Option<Keys>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object in the array")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<Keys>, A::Error> {
        keys(map, self.0)
    }
}

/// The keys of an object; none if they are those that are `expected`, in that order: a thousand objects with the same keys need no list
/// of them each.
fn keys<'de, A: MapAccess<'de>>(mut map: A, expected: &[String]) -> Result<Option<Keys>, A::Error> {
    let mut matched = 0;
    let mut different = None;
    while let Some(Text(key)) = map.next_key::<Text<'_>>()? {
        map.next_value::<IgnoredAny>()?;
        if expected.get(matched).is_some_and(|expected| *expected == key) {
            matched += 1;
            continue;
        }
        different = Some(key);
        break;
    }
    if different.is_none() && matched == expected.len() {
        return Ok(None);
    }
    let mut keys = expected[..matched].to_vec();
    let mut seen: HashSet<String> = keys.iter().cloned().collect();
    while let Some(key) = different {
        if key.contains('\0') {
            return Err(A::Error::custom("a key holds the character NUL"));
        }
        if seen.insert(key.clone().into_owned()) {
            keys.push(key.into_owned());
        }
        different = map.next_key::<Text<'_>>()?.map(|Text(key)| key);
        if different.is_some() {
            map.next_value::<IgnoredAny>()?;
        }
    }
    Ok(Some(Keys(keys)))
}

/// The values of an object in their order, as they stand there.
struct Values<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Values<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValuesVisitor;

        impl<'de> Visitor<'de> for ValuesVisitor {
            type Value = Values<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values<'de>, A::Error> {
                let mut values = Vec::new();
                while let Some((_, value)) = map.next_entry::<IgnoredAny, &RawValue>()? {
                    values.push(value);
                }
                Ok(Values(values))
            }
        }

        deserializer.deserialize_map(ValuesVisitor)
    }
}

fn same(first: &[String], other: &[String]) -> bool {
    // Nearly always they are in the same order too.
    first == other || (first.len() == other.len() && first.iter().collect::<HashSet<_>>() == other.iter().collect::<HashSet<_>>())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(json: &str) -> String {
        objects(json.as_bytes(), None, false).unwrap_err().code
    }

    #[test]
    fn reads_keys_and_leaves_values_alone() {
        let body = objects(br#"{"a": 12345678901234567890123, "b": {"c": [1]}}"#, None, false).unwrap().unwrap();
        assert_eq!((body.keys, body.is_array), (vec!["a".to_owned(), "b".to_owned()], false));
        let body = objects(br#"[{"a":1,"b":2},{"b":1,"a":2}]"#, None, false).unwrap().unwrap();
        assert_eq!((body.keys.len(), body.is_array), (2, true));
        assert_eq!(objects(b" [] ", None, false).unwrap(), None);
        let body = objects(br#"[{"a":1,"b":2},{"a":1,"a":2,"b":3},{"\u0061":1,"b":2},{"b":1,"a":1,"b":2}]"#, None, false);
        assert_eq!(body.unwrap().unwrap().keys, ["a", "b"]);
        let columns = ["a".to_owned()];
        let body = objects(br#"[{"a":1},{"b":1}]"#, Some(&columns), true).unwrap().unwrap();
        assert_eq!((body.keys, body.missing_default), (vec!["a".to_owned()], true));
    }

    #[test]
    fn values_that_are_taken_as_text() {
        let of = |json: &str| {
            let scalars = objects(json.as_bytes(), None, false).unwrap().unwrap().scalars?;
            Some(scalars.into_iter().map(|value| value.map_or("NULL".into(), Cow::into_owned)).collect::<Vec<_>>())
        };
        let taken = of(r#" {"a": 1.50, "b" : "x\"y\u00e9", "c":null, "d":-0e3,"e":true } "#).unwrap();
        assert_eq!(taken, ["1.50", "x\"yé", "NULL", "-0e3", "true"]);
        for left in [r#"{"a":[1]}"#, r#"{"a":{}}"#, r#"{"a":1,"a":2}"#, r#"[{"a":1}]"#, r#"{"a":"\u0000"}"#, r#"{"a":"\ud800"}"#]
        {
            assert_eq!(of(left), None, "{left}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(code(r#"{"a":"#), "PGRST102");
        assert_eq!(code(""), "PGRST102");
        assert_eq!(code("{} {}"), "PGRST102");
        assert_eq!(code("[1]"), "PGRST102");
        assert_eq!(code("7"), "PGRST102");
        assert_eq!(code("null"), "PGRST102");
        for other in [r#"{"b":1}"#, r#"{"a":1,"b":1}"#, "{}", r#"{"a":1,"\u0000":1}"#, "7"] {
            assert_eq!(code(&format!(r#"[{{"a":1}},{other}]"#)), "PGRST102", "{other}");
        }
        assert_eq!(code(r#"[{},{"a":1}]"#), "PGRST102");
        assert_eq!(object(b"[{}]").unwrap_err().code, "PGRST102");
    }

    proptest! {
        #[test]
        fn nothing_panics(body in "[\\[\\]{}\":,a1\\\\ ]{0,30}") {
            let _ = objects(body.as_bytes(), None, false);
        }
    }
}
