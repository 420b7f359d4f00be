//! Bodies of writes: read up to a limit, checked to be JSON, and otherwise handed to PostgreSQL as they came.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, Result};
use crate::postgres::query::compile;
use crate::postgres::scope::EnvironmentScope;

/// Columns a PostgreSQL table may have: no object needs more keys.
const MAX_KEYS: usize = 1600;
/// What is read and thrown away of a body that is too large, so that the client gets to read the answer.
const MAX_DRAINED: usize = 128 << 20;
const MAX_DRAINING: Duration = Duration::from_secs(10);

/// The whole body, if it is JSON by its header and within the environment's limit.
pub(super) async fn read(scope: &EnvironmentScope, headers: &HeaderMap, body: Body) -> Result<Bytes> {
    check_media_type(headers)?;
    let limit = scope.settings().max_body_bytes;
    let waits = headers.contains_key(header::EXPECT);
    if waits && body.size_hint().lower() > limit {
        // The client has not sent it yet.
        return Err(too_large(limit));
    }
    let mut stream = body.into_data_stream();
    let mut whole = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Error::bad_input("request/incomplete-body", "The body ended too early."))?;
        if (whole.len() + chunk.len()) as u64 > limit {
            let mut drained = whole.len() + chunk.len();
            drop(whole);
            let drain = async {
                while let Some(Ok(chunk)) = stream.next().await {
                    drained += chunk.len();
                    if drained > MAX_DRAINED {
                        break;
                    }
                }
            };
            // However far it got: the answer is the same.
            let _ = tokio::time::timeout(MAX_DRAINING, drain).await;
            return Err(too_large(limit));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

/// The objects of a body: `None` for an empty array.
pub(super) fn objects(body: &[u8]) -> Result<Option<compile::Body<'_>>> {
    let json = std::str::from_utf8(body).map_err(|_| malformed("it is not UTF-8"))?;
    let mut reader = serde_json::Deserializer::from_str(json);
    let shape = reader.deserialize_any(ShapeVisitor).and_then(|shape| reader.end().map(|()| shape));
    match shape.map_err(|error| malformed(&error.to_string()))? {
        Shape::Object(Keys(keys)) => Ok(Some(compile::Body { json, keys: checked(keys)?, is_array: false })),
        Shape::Array { keys: None, .. } => Ok(None),
        Shape::Array { same_keys: false, .. } => Err(Error::bad_input("PGRST102", "All objects must have the same keys.")
            .hint("Give every object the same keys, with null where there is no value, or send several requests.")),
        Shape::Array { keys: Some(Keys(keys)), .. } => Ok(Some(compile::Body { json, keys: checked(keys)?, is_array: true })),
        Shape::Other => Err(Error::bad_input("request/not-an-object", "The body must be a JSON object, or an array of objects.")
            .hint("Send {\"column\": value}, or [{…}, {…}] for several records.")),
    }
}

/// As [`objects`], for a change: one object.
pub(super) fn object(body: &[u8]) -> Result<compile::Body<'_>> {
    objects(body)?.filter(|body| !body.is_array).ok_or_else(|| {
        Error::bad_input("request/not-an-object", "The body must be one JSON object: the columns to change and their new values.")
            .hint("Send {\"column\": value}.")
    })
}

/// How many objects the array of `body` has; one for an object.
pub(super) fn number_of_objects(body: &compile::Body<'_>) -> usize {
    if !body.is_array {
        return 1;
    }
    serde_json::from_str::<Vec<IgnoredAny>>(body.json).map_or(0, |objects| objects.len())
}

fn checked(keys: Vec<String>) -> Result<Vec<String>> {
    if keys.len() > MAX_KEYS {
        return Err(Error::bad_input("request/too-many-keys", format!("An object has more than {MAX_KEYS} keys.")));
    }
    Ok(keys)
}

fn check_media_type(headers: &HeaderMap) -> Result<()> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let kind = value.to_str().unwrap_or("").split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    if kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")) {
        return Ok(());
    }
    Err(Error::unsupported_media_type("request/unsupported-media-type", format!("Bodies of type '{kind}' are not taken here."))
        .hint("Send JSON, with Content-Type: application/json."))
}

fn too_large(limit: u64) -> Error {
    let limit = if limit % (1 << 20) == 0 { format!("{} MiB", limit >> 20) } else { format!("{limit} bytes") };
    Error::too_large("request/too-large", format!("The body is larger than {limit}."))
        .hint("Send the records in several requests.")
}

fn malformed(reason: &str) -> Error {
    Error::bad_input("request/malformed-json", format!("The body is not valid JSON: {reason}."))
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
struct Keys(Vec<String>);

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Shape, A::Error> {
        keys(map).map(Shape::Object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        let mut first: Option<Keys> = None;
        let mut same_keys = true;
        while let Some(item) = items.next_element_seed(ItemSeed)? {
            match &first {
                None => first = Some(item),
                Some(first) => same_keys &= same(&first.0, &item.0),
            }
        }
        Ok(Shape::Array { keys: first, same_keys })
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

/// An object in an array.
struct ItemSeed;

impl<'de> serde::de::DeserializeSeed<'de> for ItemSeed {
    type Value = Keys;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Keys, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ItemSeed {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object in the array")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Keys, A::Error> {
        keys(map)
    }
}

fn keys<'de, A: MapAccess<'de>>(mut map: A) -> Result<Keys, A::Error> {
    let (mut keys, mut seen) = (Vec::new(), HashSet::new());
    while let Some(key) = map.next_key::<String>()? {
        map.next_value::<IgnoredAny>()?;
        if key.contains('\0') {
            return Err(A::Error::custom("a key holds the character NUL"));
        }
        if seen.insert(key.clone()) {
            keys.push(key);
        }
    }
    Ok(Keys(keys))
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
        objects(json.as_bytes()).unwrap_err().code
    }

    #[test]
    fn reads_keys_and_leaves_values_alone() {
        let body = objects(br#"{"a": 12345678901234567890123, "b": {"c": [1]}}"#).unwrap().unwrap();
        assert_eq!((body.keys, body.is_array), (vec!["a".to_owned(), "b".to_owned()], false));
        let body = objects(br#"[{"a":1,"b":2},{"b":1,"a":2}]"#).unwrap().unwrap();
        assert_eq!((body.keys.len(), body.is_array, number_of_objects(&objects(b"[{},{}]").unwrap().unwrap())), (2, true, 2));
        assert_eq!(objects(b" [] ").unwrap(), None);
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(code(r#"{"a":"#), "request/malformed-json");
        assert_eq!(code(""), "request/malformed-json");
        assert_eq!(code("{} {}"), "request/malformed-json");
        assert_eq!(code("[1]"), "request/malformed-json");
        assert_eq!(code("7"), "request/not-an-object");
        assert_eq!(code("null"), "request/not-an-object");
        assert_eq!(code(r#"[{"a":1},{"b":1}]"#), "PGRST102");
        assert_eq!(object(b"[{}]").unwrap_err().code, "request/not-an-object");
    }

    proptest! {
        #[test]
        fn nothing_panics(body in "[\\[\\]{}\":,a1\\\\ ]{0,30}") {
            let _ = objects(body.as_bytes());
        }
    }
}
