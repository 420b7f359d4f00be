//! The objects of a large insert as one array for each column, which PostgreSQL reads in three quarters of the time that JSON takes it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::given::takes_text;
use super::write::{Body, Target};
use crate::json::Text;
use crate::postgres::schema::Column;

/// Bytes of a body that is sent as arrays, at most: PostgreSQL holds those in memory several times.
const MOST: usize = 16 << 20;

/// An array in PostgreSQL's text form for each of the columns, of the values that the objects have there. None unless all objects have
/// just the body's keys, in that order, with texts, numbers, booleans or null, which the columns take by their text alone. Of
/// several wrong values PostgreSQL may name another one first than it would in JSON.
pub(super) fn lists(body: &Body<'_>, columns: &[&Column], target: Target<'_>) -> Option<Vec<String>> {
    let fits = body.is_array
        && body.json.len() <= MOST
        && !body.missing_default
        && matches!(target, Target::Filtered)
        && !columns.is_empty();
    if !fits || !columns.iter().all(|column| takes_text(column)) {
        return None;
    }
    let mut lists = vec!["{".to_owned(); columns.len()];
    let mut reader = serde_json::Deserializer::from_str(body.json);
    Objects { keys: &body.keys, lists: &mut lists }.deserialize(&mut reader).ok()?;
    lists.iter_mut().for_each(|list| list.push('}'));
    Some(lists)
}

/// Takes the values out of all objects.
struct Objects<'l> {
    keys: &'l [String],
    lists: &'l mut [String],
}

impl<'de> DeserializeSeed<'de> for Objects<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Objects<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Object(&mut self))?.is_some() {}
        Ok(())
    }
}

/// Takes the values out of the next object.
struct Object<'o, 'l>(&'o mut Objects<'l>);

impl<'de> DeserializeSeed<'de> for Object<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let different = || A::Error::custom("not an object as the others are");
        for (key, list) in self.0.keys.iter().zip(self.0.lists.iter_mut()) {
            let Some((Text(found), value)) = map.next_entry::<Text<'_>, &RawValue>()? else { return Err(different()) };
            if found != key.as_str() || !append(list, value.get()) {
                return Err(different());
            }
        }
        match map.next_key::<IgnoredAny>()? {
            Some(_) => Err(different()),
            None => Ok(()),
        }
    }
}

/// Adds a JSON value to an array. False if it is none that has a text.
fn append(list: &mut String, value: &str) -> bool {
    if list.len() > 1 {
        list.push(',');
    }
    match value.as_bytes() {
        [b'{' | b'[', ..] => return false,
        [b'n', ..] => list.push_str("NULL"),
        [b'"', ..] if value.contains('\\') => {
            let Ok(Text(text)) = serde_json::from_str(value) else { return false };
            if text.contains('\0') {
                return false;
            }
            list.push('"');
            for piece in text.split_inclusive(['"', '\\']) {
                // What was split behind stands at the end of the piece.
                let (plain, special) = piece.split_at(piece.trim_end_matches(['"', '\\']).len());
                list.push_str(plain);
                special.chars().for_each(|special| list.extend(['\\', special]));
            }
            list.push('"');
        }
        // Without escapes, a text stands in JSON as it stands in an array.
        _ => list.push_str(value),
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists_of(json: &str, keys: &[&str]) -> Option<Vec<String>> {
        let keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
        let mut lists = vec!["{".to_owned(); keys.len()];
        let mut reader = serde_json::Deserializer::from_str(json);
        Objects { keys: &keys, lists: &mut lists }.deserialize(&mut reader).ok()?;
        Some(lists)
    }

    #[test]
    fn values_are_gathered_by_column() {
        let json = r#"[{"id": 1.50,"text":"a \"b\" \\ c"},{"id":null,"text":"NULL"},{"i\u0064":true,"text":"{é,}\n\\\\\"x"}]"#;
        let expected = ["{1.50,NULL,true", "{\"a \\\"b\\\" \\\\ c\",\"NULL\",\"{é,}\n\\\\\\\\\\\"x\""];
        assert_eq!(lists_of(json, &["id", "text"]).unwrap(), expected);
    }

    #[test]
    fn other_objects_are_left_to_postgresql() {
        for json in [
            r#"[{"a":1,"b":2},{"b":1,"a":2}]"#,
            r#"[{"a":1,"b":2},{"a":1}]"#,
            r#"[{"a":1,"b":2},{"a":1,"b":2,"c":3}]"#,
            r#"[{"a":1,"b":2},{"a":1,"a":2,"b":2}]"#,
            r#"[{"a":1,"b":2},{"a":1,"b":[]}]"#,
            r#"[{"a":1,"b":2},{"a":{},"b":1}]"#,
            r#"[{"a":1,"b":"\u0000"}]"#,
            r#"[{"a":1,"b":"\ud800"}]"#,
        ] {
            assert_eq!(lists_of(json, &["a", "b"]), None, "{json}");
        }
    }
}
