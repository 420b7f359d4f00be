//! The management plane's client: GraphQL documents in, models out, every refusal a [`CliError`] with what to do next.

use std::time::Duration;

use reqwest::{StatusCode, Url, redirect};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::error::{CliError, Finding, Result};
use crate::model::FRAGMENTS;
use crate::settings::{Settings, Token, TokenSource, is_loopback};

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a query may take. Mutations have no limit: a branch lasts as long as its bytes need.
const QUERY_TIMEOUT: Duration = Duration::from_secs(60);
/// Rows asked for at once: the most the server gives.
const PAGE_SIZE: u32 = 200;

/// Talks to one server with one token.
pub(crate) struct Client {
    http: reqwest::Client,
    url: Url,
    token: Option<Token>,
}

impl Client {
    /// A client for the resolved server and token.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        check_token(settings.token.as_ref())?;
        Ok(Self { http: http_client(&settings.url)?, url: settings.url.clone(), token: settings.token.clone() })
    }

    /// The server's address.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Asks a question and answers with its one root field.
    pub(crate) async fn query<T: DeserializeOwned>(&self, document: &str, variables: Value) -> Result<T> {
        decode(self.execute(document, variables, Some(QUERY_TIMEOUT)).await?)
    }

    /// All nodes of a list, page by page, at most `limit`. The document takes `$first: Int` and `$after: String`.
    pub(crate) async fn list<T: DeserializeOwned>(&self, document: &str, variables: Value, limit: usize) -> Result<Vec<T>> {
        let mut nodes = Vec::new();
        let mut after = Value::Null;
        loop {
            let mut variables = variables.clone();
            variables["first"] = json!((limit - nodes.len()).min(PAGE_SIZE as usize));
            variables["after"] = after;
            let page: Page<T> = self.query(document, variables).await?;
            let got = page.nodes.len();
            nodes.extend(page.nodes);
            // An empty page that promises more would go round for ever.
            if nodes.len() >= limit || !page.page_info.has_next_page || page.page_info.end_cursor.is_none() || got == 0 {
                nodes.truncate(limit);
                return Ok(nodes);
            }
            after = json!(page.page_info.end_cursor);
        }
    }

    /// Changes something. A payload that says `success: false` is an error.
    pub(crate) async fn mutate<T: DeserializeOwned>(&self, document: &str, variables: Value) -> Result<T> {
        let payload = self.execute(document, variables, None).await?;
        if payload.get("success").and_then(Value::as_bool) == Some(false) {
            return Err(refusal(&payload));
        }
        decode(payload)
    }

    /// The plain text of an unauthenticated path, with its status.
    pub(crate) async fn probe(&self, path: &str) -> Result<(StatusCode, String)> {
        let request = self.http.get(below(&self.url, path)).timeout(CONNECT_TIMEOUT);
        let response = request.send().await.map_err(|error| unreachable(&self.url, &error))?;
        let status = response.status();
        Ok((status, response.text().await.map_err(|error| broken(&self.url, &error))?))
    }

    async fn execute(&self, document: &str, variables: Value, timeout: Option<Duration>) -> Result<Value> {
        let mut request = self.http.post(below(&self.url, "graphql"));
        if let Some(token) = &self.token {
            request = request.bearer_auth(&token.text);
        }
        if let Some(timeout) = timeout {
            request = request.timeout(timeout);
        }
        let body = json!({ "query": with_fragments(document), "variables": variables });
        let response = request.json(&body).send().await.map_err(|error| unreachable(&self.url, &error))?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(|error| broken(&self.url, &error))?;
        if status == StatusCode::UNAUTHORIZED {
            return Err(self.unauthorized());
        }
        match serde_json::from_slice::<Value>(&bytes) {
            Ok(answer) if answer.get("data").is_some() || answer.get("errors").is_some() => self.root_field(answer),
            Ok(problem) if !status.is_success() && problem.get("message").is_some() => Err(refusal(&problem)),
            _ => Err(CliError::failed("cli/not-cloche", format!("{} answered {status}, not as a Cloche server does", self.url))
                .hint("check --url, CLOCHE_URL and `server:` in cloche.yaml")),
        }
    }

    fn root_field(&self, mut answer: Value) -> Result<Value> {
        if let Some(error) = answer["errors"].as_array().and_then(|errors| errors.first()) {
            let extensions = &error["extensions"];
            if extensions["code"] == "auth/required" {
                return Err(self.unauthorized());
            }
            let known = json!({ "code": extensions["code"], "hint": extensions["hint"], "message": error["message"] });
            return Err(refusal(&known));
        }
        let data = answer["data"].take();
        let field = if let Value::Object(fields) = data { fields.into_iter().next().map(|(_, value)| value) } else { None };
        field.ok_or_else(|| CliError::failed("cli/answer", "the server answered without data").hint(VERSION_HINT))
    }

    fn unauthorized(&self) -> CliError {
        let url = self.url.as_str().trim_end_matches('/');
        let login = format!("run `cloche login --url {url}`, or set CLOCHE_TOKEN");
        let Some(token) = &self.token else {
            let here = "run this where `cloche serve` was started, or name its folder in CLOCHE_DATA_DIR, or give --token";
            let hint = if is_loopback(&self.url) { here.to_owned() } else { login };
            return CliError::failed("auth/required", format!("{url} wants a token and none was found")).hint(hint);
        };
        let message = format!("{url} does not accept the token from {}", token.source);
        let hint = match &token.source {
            TokenSource::OwnerFile(_) => {
                "another server may listen there: give its address with --url, or its data folder in CLOCHE_DATA_DIR".to_owned()
            }
            _ => format!("it is wrong, expired or revoked: {login}"),
        };
        CliError::failed("auth/required", message).hint(hint)
    }
}

const VERSION_HINT: &str = "server and command line may be of different versions: `cloche doctor` compares them";

/// A connection pool that follows no redirects, so that a token goes nowhere else.
pub(crate) fn http_client(url: &Url) -> Result<reqwest::Client> {
    let builder = || {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("cloche/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirect::Policy::none());
        if is_loopback(url) { builder.no_proxy() } else { builder }
    };
    let client = match builder().build() {
        // A machine without root certificates can still speak plain HTTP.
        Err(_) if url.scheme() == "http" => builder().tls_certs_only([]).build(),
        other => other,
    };
    client.map_err(|error| {
        CliError::failed("cli/tls", format!("cannot prepare connections: {}", chain(&error)))
            .hint("install root certificates (the package ca-certificates)")
    })
}

/// The address of a path below the server's own.
pub(crate) fn below(url: &Url, path: &str) -> Url {
    let mut url = url.clone();
    url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
    url
}

/// What a request that got no answer means.
pub(crate) fn unreachable(url: &Url, error: &reqwest::Error) -> CliError {
    let shown = url.as_str().trim_end_matches('/');
    if error.is_connect() {
        let hint = if is_loopback(url) {
            "start one with `cloche serve`, or set CLOCHE_URL"
        } else {
            "check the address: --url, CLOCHE_URL or `server:` in cloche.yaml"
        };
        let cause = chain(error);
        let why = if cause.contains("refused") { String::new() } else { format!(" ({cause})") };
        return CliError::failed("server/unreachable", format!("no server at {shown}{why}")).hint(hint);
    }
    if error.is_timeout() {
        return CliError::failed("server/timeout", format!("{shown} did not answer in time"))
            .hint("`cloche doctor` shows whether it is well");
    }
    broken(url, error)
}

fn broken(url: &Url, error: &reqwest::Error) -> CliError {
    let message = format!("the connection to {} broke: {}", url.as_str().trim_end_matches('/'), chain(error));
    CliError::failed("server/connection", message)
        .hint("the server finishes or undoes what it had begun: look before you try again")
}

/// An error with all its causes; reqwest's own text leaves them out.
fn chain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    if text.is_empty() { error.to_string() } else { text }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<T> {
    nodes: Vec<T>,
    page_info: PageInfo,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    end_cursor: Option<String>,
    has_next_page: bool,
}

fn decode<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| {
        CliError::failed("cli/answer", format!("the server's answer is not as expected: {error}")).hint(VERSION_HINT)
    })
}

/// Appends the fragments a document names, and those they name, each once.
fn with_fragments(document: &str) -> String {
    let mut whole = document.to_owned();
    loop {
        let missing = FRAGMENTS
            .iter()
            .find(|(name, _)| whole.contains(&format!("...{name}")) && !whole.contains(&format!("fragment {name} ")));
        let Some((name, fields)) = missing else { return whole };
        whole += &format!(" fragment {name} on {fields}");
    }
}

/// An error from anything that has `code`, `message` and perhaps `hint` and `errors`.
fn refusal(payload: &Value) -> CliError {
    let text = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
    let code = text("code").unwrap_or_else(|| "server/refused".to_owned());
    let hint = text("hint").or_else(|| hint_for(&code).map(str::to_owned));
    let findings = payload.get("errors").and_then(|errors| serde_json::from_value::<Vec<Finding>>(errors.clone()).ok());
    let message = text("message").unwrap_or_else(|| "the server refused this without a reason".to_owned());
    CliError { hint, findings: findings.unwrap_or_default(), ..CliError::failed(code, message) }
}

/// What to do about the refusals people meet most, when the server says nothing about it.
fn hint_for(code: &str) -> Option<&'static str> {
    Some(match code {
        "auth/forbidden" => "ask an owner of the project for a role that may do this: `cloche members role`",
        "project/not-found" => "`cloche project list` shows the projects you can see",
        "environment/not-found" => "`cloche env list` shows the project's environments",
        "environment/has-children" => "delete its branches first: `cloche env tree` shows them",
        "key/not-found" => "`cloche keys list` shows the environment's keys",
        "definitions/plan-changed" => "something else changed the environment meanwhile: run the command again",
        _ => return None,
    })
}

fn check_token(token: Option<&Token>) -> Result<()> {
    let Some(token) = token else { return Ok(()) };
    let refuse = |why: &str| CliError::usage(format!("the token from {} {why}", token.source)).hint("copy it again, whole");
    if token.text.is_empty() {
        return Err(refuse("is empty"));
    }
    if !token.text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(refuse("has characters no token has"));
    }
    match cloche_wire::KeyText::parse(&token.text) {
        Ok(key) if matches!(key.kind(), cloche_wire::TokenKind::Api(..)) => Err(refuse("is an API key, which opens data only")
            .hint("use it with `cloche data --key`, and a token of `cloche tokens create` here")),
        Err(error) if token.text.starts_with("pat_") => Err(refuse(&format!("is wrong: {error}"))),
        _ => Ok(()),
    }
}

/// An object of variables, for documents that are called with one input.
pub(crate) fn input(fields: Value) -> Value {
    Value::Object(Map::from_iter([("input".to_owned(), fields)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_are_added_once_and_with_what_they_need() {
        let document = with_fragments("{ projects { nodes { ...ProjectFields } } a { ...EnvironmentFields } }");
        assert_eq!(document.matches("fragment ProjectFields on Project {").count(), 1);
        assert_eq!(document.matches("fragment EnvironmentFields on Environment {").count(), 1);
        assert!(!document.contains("fragment ApiKeyFields"));
        assert_eq!(with_fragments("{ viewer { id } }"), "{ viewer { id } }");
    }

    #[test]
    fn refusals_keep_the_servers_words() {
        let error = refusal(&json!({
            "success": false, "code": "definitions/invalid", "message": "2 faults", "plan": null,
            "errors": [{ "path": "tables/a.yaml", "line": 3, "column": null, "message": "no such type", "hint": null }]
        }));
        assert_eq!((error.code.as_ref(), error.message.as_str()), ("definitions/invalid", "2 faults"));
        assert_eq!(error.findings.len(), 1);
        let error = refusal(&json!({ "code": "environment/not-found", "message": "no environment x" }));
        assert!(error.hint.is_some_and(|hint| hint.contains("cloche env list")));
    }

    #[test]
    fn tokens_that_cannot_work_are_refused_before_they_are_sent() {
        let check = |text: &str| check_token(Some(&Token { text: text.into(), source: TokenSource::Flag })).is_ok();
        assert!(check("some-owner-token"));
        assert!(!check("") && !check("a b") && !check("pat_tooshort"));
    }

    #[test]
    fn a_path_below_the_server_is_kept() {
        let url = Url::parse("https://a.example/cloche/").unwrap();
        assert_eq!(below(&url, "graphql").as_str(), "https://a.example/cloche/graphql");
        assert_eq!(below(&Url::parse("http://127.0.0.1:7350").unwrap(), "graphql").as_str(), "http://127.0.0.1:7350/graphql");
    }
}
