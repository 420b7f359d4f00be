//! PostgREST's dialect over a real server: the examples of its documentation, and what they leave open, as tables of requests and answers.

mod aggregates;
mod calls;
mod corners;
mod embedding;
mod errors;
mod filters;
mod pages;
mod shapes;
mod writes;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_postgres::Client;

use crate::client::{Answer, Api};
use crate::harness::Server;
use crate::world::{customer, project};

/// Until when a change must have been seen.
const SOON: Duration = Duration::from_secs(10);

/// A server with an environment that has the tables of `fixture.sql`, made by its customer's own SQL.
struct Cinema {
    // Ends with the test.
    server: Server,
    environment: String,
    sql: Client,
    api: Api,
}

impl Cinema {
    async fn open() -> Self {
        let server = Server::start();
        let root = project(&server.owner(), "cinema").await;
        let sql = customer(&server.owner(), &root.id).await;
        sql.batch_execute(include_str!("dialect/fixture.sql")).await.unwrap();
        let api = server.api(&root.secret);
        Self { server, environment: root.id, sql, api }
    }

    fn checks(&self) -> Checks {
        Checks { api: self.api.clone(), failures: Vec::new(), done: 0 }
    }
}

/// Requests with what they should answer. All are made before any failure is told, so that one run shows the whole list.
struct Checks {
    api: Api,
    failures: Vec<String>,
    done: usize,
}

/// A request; GET where nothing else is said.
struct Ask<'a> {
    method: &'a str,
    path: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: Option<&'a str>,
}

impl Checks {
    /// GET that answers 200 and this body. The order of records counts.
    async fn get(&mut self, path: &str, expected: Value) {
        let answer = self.ask("GET", path, &[], None).await;
        self.compare("GET", path, &answer, 200, Some(&expected));
    }

    /// The same for a table of them.
    async fn gets<const N: usize>(&mut self, cases: [(&str, Value); N]) {
        for (path, expected) in cases {
            self.get(path, expected).await;
        }
    }

    /// GET that answers so soon: what the customer's own SQL has changed is looked for at most once a second.
    async fn eventually(&mut self, path: &str, expected: Value) {
        let deadline = Instant::now() + SOON;
        loop {
            let answer = self.ask("GET", path, &[], None).await;
            let there = answer.status == 200 && answer.json() == expected;
            if there || Instant::now() > deadline {
                return self.compare("GET", path, &answer, 200, Some(&expected));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// GET that is refused so soon.
    async fn refused_eventually(&mut self, path: &str, status: u16, code: &str) {
        let deadline = Instant::now() + SOON;
        loop {
            let answer = self.ask("GET", path, &[], None).await;
            if answer.status == status || Instant::now() > deadline {
                return self.refusal("GET", path, &answer, status, code);
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// GET whose records have these ids, in this order.
    async fn ids(&mut self, path: &str, expected: &[i64]) {
        let between = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{between}select=id&order=id");
        let expected = expected.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>();
        self.get(&path, json!(expected)).await;
    }

    /// GET that is refused with this status and code.
    async fn refused(&mut self, path: &str, status: u16, code: &str) {
        let answer = self.ask("GET", path, &[], None).await;
        self.refusal("GET", path, &answer, status, code);
    }

    /// Any request, with the body it answers; no body for an empty one.
    async fn send(&mut self, ask: Ask<'_>, status: u16, expected: impl Into<Option<Value>>) -> Answer {
        let answer = self.ask(ask.method, ask.path, ask.headers, ask.body).await;
        self.compare(ask.method, ask.path, &answer, status, expected.into().as_ref());
        answer
    }

    /// Any request that is refused.
    async fn send_refused(&mut self, ask: Ask<'_>, status: u16, code: &str) {
        let answer = self.ask(ask.method, ask.path, ask.headers, ask.body).await;
        self.refusal(ask.method, ask.path, &answer, status, code);
    }

    /// A header of an answer.
    fn header(&mut self, of: &str, answer: &Answer, name: &str, expected: Option<&str>) {
        self.done += 1;
        if answer.header(name) != expected {
            self.failures.push(format!("{of}: {name} is {:?}, not {expected:?}", answer.header(name)));
        }
    }

    /// The whole text of an answer.
    fn text(&mut self, of: &str, answer: &Answer, status: u16, expected: &str) {
        self.done += 1;
        if (answer.status, answer.text.as_str()) != (status, expected) {
            self.failures.push(format!("{of}\n  got  {} {}\n  want {status} {expected}", answer.status, answer.text));
        }
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Answer {
        let mut api = self.api.clone();
        for (name, value) in headers {
            api = api.header(name, value);
        }
        api.send(method, &format!("/rest/v1{}", encoded(path)), body.map(ToOwned::to_owned)).await
    }

    fn compare(&mut self, method: &str, path: &str, answer: &Answer, status: u16, expected: Option<&Value>) {
        self.done += 1;
        let same = match expected {
            Some(expected) => serde_json::from_str::<Value>(&answer.text).is_ok_and(|found| found == *expected),
            None => answer.text.is_empty(),
        };
        if answer.status != status || !same {
            let expected = expected.map(ToString::to_string).unwrap_or_default();
            self.failures.push(format!("{method} {path}\n  got  {} {}\n  want {status} {expected}", answer.status, answer.text));
        }
    }

    fn refusal(&mut self, method: &str, path: &str, answer: &Answer, status: u16, code: &str) {
        self.done += 1;
        let found: Value = serde_json::from_str(&answer.text).unwrap_or_default();
        let complete = found["message"].is_string() && found.get("hint").is_some() && found.get("details").is_some();
        if answer.status != status || found["code"] != code || !complete {
            self.failures.push(format!("{method} {path}\n  got  {} {}\n  want {status} {code}", answer.status, answer.text));
        }
    }

    fn end(self) {
        assert!(self.done > 0, "nothing was checked");
        let failed = self.failures.len();
        assert!(failed == 0, "{failed} of {} are wrong:\n\n{}\n", self.done, self.failures.join("\n\n"));
    }
}

/// The path as a client sends it: what a URL cannot hold is percent-encoded.
fn encoded(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut text = path.replace(' ', "%20");
    if !query.is_empty() {
        text.push('?');
        for byte in query.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => text.push(char::from(byte)),
                // `%` is written encoded already, where a test means one; the rest is as people type it.
                b'%' | b'&' | b'=' | b'.' | b'-' | b'_' | b'*' | b'(' | b')' | b',' | b':' | b'!' | b'\'' => {
                    text.push(char::from(byte))
                }
                _ => text.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    text
}
