//! What was asked and what came back, as one text to keep; with everything that changes from run to run replaced.

use std::fmt::Write as _;

use serde_json::Value;

use crate::client::Answer;

/// A conversation with the server.
#[derive(Default)]
pub(crate) struct Transcript(String);

impl Transcript {
    /// Headers that mean something to a caller; the others depend on the libraries.
    const HEADERS: [&'static str; 8] = [
        "content-type",
        "content-range",
        "location",
        "allow",
        "retry-after",
        "www-authenticate",
        "preference-applied",
        "x-request-id",
    ];

    /// Notes an answer with its telling headers.
    pub(crate) fn answer(&mut self, asked: &str, answer: &Answer) {
        writeln!(self.0, "### {asked}\n{}", answer.status).unwrap();
        for name in Self::HEADERS {
            if let Some(value) = answer.header(name) {
                writeln!(self.0, "{name}: {value}").unwrap();
            }
        }
        match serde_json::from_str::<Value>(&answer.text) {
            Ok(json) => writeln!(self.0, "{json:#}").unwrap(),
            Err(_) => writeln!(self.0, "{}", answer.text.trim_end()).unwrap(),
        }
        self.0.push('\n');
    }

    /// Notes a JSON value.
    pub(crate) fn json(&mut self, what: &str, value: &Value) {
        writeln!(self.0, "### {what}\n{value:#}\n").unwrap();
    }

    /// Notes a text.
    pub(crate) fn text(&mut self, what: &str, text: &str) {
        writeln!(self.0, "### {what}\n{}\n", text.trim_end()).unwrap();
    }

    /// Compares all of it with what is kept under this name.
    pub(crate) fn check(self, name: &str) {
        check(name, self.0.trim_end());
    }
}

/// Compares a text with what is kept under this name, times, ids, keys and places aside.
pub(crate) fn check(name: &str, text: &str) {
    let filters = [
        (r"\b(pk|sk)_(dev|stg|prod|eval|cus)_[0-9A-Za-z]{61}\b", "${1}_${2}_[key]"),
        (r"\b(pk|sk)_(dev|stg|prod|eval|cus)_[0-9A-Za-z]{12}\b", "${1}_${2}_[locator]"),
        (r"\b(pat|ses|lnk)_[0-9A-Za-z]{61}\b", "${1}_[token]"),
        (r"\b(pat|ses|lnk)_[0-9A-Za-z]{12}\b", "${1}_[locator]"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "[id]"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", "[time]"),
        (r"\b[0-9a-f]{64}\b", "[hash]"),
        (r"127\.0\.0\.1:\d{5}", "127.0.0.1:[port]"),
        (r"/[^\s]*/cloche-it-\w+", "[folder]"),
        (r#""(durationMs|pauseMs|copyMs)": [\d.]+"#, r#""$1": "[ms]""#),
        (r"\(\d+ MB\)", "([size])"),
        (r#""compared": \d+"#, r#""compared": "[number]""#),
        (r"\bce_[0-9a-z]+", "[database]"),
    ];
    insta::with_settings!({
        filters => filters,
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, text);
    });
}
