//! Bodies in other forms than JSON, as JSON: PostgreSQL reads every value from its text.

use serde_json::{Map, Value};

use crate::error::{Error, Result, nul_character};

/// An array with an object for every line under the first, which names the columns. `NULL` is null.
pub(super) fn csv(body: &[u8]) -> Result<Vec<u8>> {
    let refuse = |error: csv::Error| {
        Error::bad_input("PGRST102", format!("The body is not valid CSV: {error}."))
            .hint("Begin with a line of column names, and give every line as many values.")
    };
    let mut reader = csv::Reader::from_reader(body);
    let names = reader.headers().map_err(refuse)?.clone();
    let mut records = Vec::new();
    for line in reader.records() {
        let line = line.map_err(refuse)?;
        let value = |text: &str| if text == "NULL" { Value::Null } else { Value::from(text) };
        let record: Map<String, Value> = names.iter().zip(&line).map(|(name, text)| (name.to_owned(), value(text))).collect();
        records.push(Value::Object(record));
    }
    written(Value::Array(records), body)
}

/// An object of the form's fields.
pub(super) fn form(body: &[u8]) -> Result<Vec<u8>> {
    let fields: Map<String, Value> = fields(body).into_iter().map(|(name, text)| (name, Value::from(text))).collect();
    written(Value::Object(fields), body)
}

/// The form's fields in their order, some perhaps several times.
pub(super) fn fields(body: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(body).map(|(name, text)| (name.into_owned(), text.into_owned())).collect()
}

fn written(value: Value, body: &[u8]) -> Result<Vec<u8>> {
    if body.contains(&0) {
        return Err(nul_character());
    }
    serde_json::to_vec(&value).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_fields() {
        let json = csv(b"id,name\n1,\"a, \"\"b\"\"\"\n2,NULL\n3,\n").unwrap();
        assert_eq!(
            String::from_utf8(json).unwrap(),
            r#"[{"id":"1","name":"a, \"b\""},{"id":"2","name":null},{"id":"3","name":""}]"#
        );
        assert_eq!(String::from_utf8(form(b"a=1+2&b=%C3%A9").unwrap()).unwrap(), r#"{"a":"1 2","b":"é"}"#);
        assert_eq!(csv(b"id,name\n1\n").unwrap_err().code, "PGRST102");
    }
}
