//! Clients by role: a person at the management plane, an application at the data plane.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::secrecy::{assert_no_secret, assert_no_secret_in_answer};

/// What is read of an environment.
pub(crate) const CARD: &str = "id projectId name type status provider region cluster parentId parentName branchMode branchedAt expiresAt \
                               protected holdsProductionData deletedAt eraseAt createdAt updatedAt";
const VERDICT: &str = "success code message details hint fieldErrors { field rule message }";
const KEY: &str = "id prefix kind name scopes default createdAt lastUsedAt expiresAt revokedAt publishable";

/// Somebody with an access token.
#[derive(Clone)]
pub(crate) struct Person {
    api: Api,
    pub(crate) token: String,
}

impl Person {
    pub(crate) fn new(url: &str, token: &str) -> Self {
        Self { api: Api::new(url).header("authorization", &format!("Bearer {token}")), token: token.to_owned() }
    }

    /// Somebody with whatever credential these headers are.
    pub(crate) fn with(api: Api) -> Self {
        Self { api, token: String::new() }
    }

    /// Sends a document; the whole body.
    pub(crate) async fn ask(&self, document: &str, variables: Value) -> Value {
        let answer = self.api.post("/graphql", &json!({ "query": document, "variables": variables })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// 200 for a credential that is in force, 401 for one that is not.
    pub(crate) async fn status(&self) -> u16 {
        self.api.post("/graphql", &json!({ "query": "{ viewer { id } }" })).await.status
    }

    /// The data of a query that must work.
    pub(crate) async fn query(&self, document: &str, variables: Value) -> Value {
        let mut body = self.ask(document, variables).await;
        assert!(body.get("errors").is_none(), "{body:#}");
        body["data"].take()
    }

    /// A mutation with all of its payload; the whole body.
    pub(crate) async fn send(&self, mutation: &str, input: Value) -> Value {
        self.ask(&Self::document(mutation), json!({ "input": input })).await
    }

    /// Sends a mutation to a server that may die of it, and does not wait.
    pub(crate) fn begin(&self, mutation: &str, input: Value) -> JoinHandle<reqwest::Result<Answer>> {
        let (api, body) = (self.api.clone(), json!({ "query": Self::document(mutation), "variables": { "input": input } }));
        tokio::spawn(async move { api.try_send("POST", "/graphql", Some(body.to_string())).await })
    }

    /// The mutation with all of its payload, as `send` sends it.
    pub(crate) fn document(mutation: &str) -> String {
        let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        format!("mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {VERDICT} {} }} }}", selection(mutation))
    }

    /// The payload of a mutation, whether it was done or refused as a user's mistake.
    pub(crate) async fn try_to(&self, mutation: &str, input: Value) -> Value {
        let mut body = self.send(mutation, input).await;
        assert!(body.get("errors").is_none(), "{mutation}: {body:#}");
        body["data"][mutation].take()
    }

    /// The payload of a mutation that must work.
    pub(crate) async fn must(&self, mutation: &str, input: Value) -> Value {
        let payload = self.try_to(mutation, input).await;
        assert_eq!(payload["success"], true, "{mutation}: {payload:#}");
        payload
    }

    /// The code with which a mutation is refused as a user's mistake.
    pub(crate) async fn refused(&self, mutation: &str, input: Value) -> String {
        let payload = self.try_to(mutation, input).await;
        assert_eq!(payload["success"], false, "{mutation}: {payload:#}");
        payload["code"].as_str().unwrap().to_owned()
    }

    /// The `extensions.code` with which a mutation is refused for want of a right.
    pub(crate) async fn forbidden(&self, mutation: &str, input: Value) -> String {
        error_code(&self.send(mutation, input).await)
    }
}

/// The `extensions.code` of a body's first GraphQL error.
pub(crate) fn error_code(body: &Value) -> String {
    let code = body["errors"][0]["extensions"]["code"].as_str();
    code.unwrap_or_else(|| panic!("no error with a code: {body:#}")).to_owned()
}

fn selection(mutation: &str) -> String {
    let keys = "keys { publishable secret }";
    let operation = "operation { id kind status strategy strategyReason pauseMs durationMs error steps { name status } }";
    match mutation {
        "createProject" => format!("project {{ id name environmentCount }} environment {{ {CARD} }} {keys}"),
        "createApiKey" | "revokeApiKey" => format!("apiKey {{ {KEY} }} secret"),
        "rotateApiKeys" => format!("{keys} others {{ {KEY} }}"),
        "updateEnvironmentSettings" => {
            "settings { corsOrigins ratePerKey ratePerAddress maxBodyBytes statementTimeoutSeconds maxRows aggregates maxDatabaseMib \
             logRequests logAddresses }"
                .to_owned()
        }
        "setVariables" => "variables { name value }".to_owned(),
        "setRole" | "deleteRole" => "role { name description spec }".to_owned(),
        "applyDefinitions" | "applySchema" => {
            "plan { hash empty changes { kind name action description breaking sql } extra { kind name } } \
                               errors { path line column message hint }"
                .to_owned()
        }
        "rotateDatabaseCredential" => "url".to_owned(),
        "createUser" | "updateUser" | "deleteUser" => "user { id email roles bannedUntil }".to_owned(),
        "setAuthProvider" | "removeAuthProvider" => "authProviders { name issuer clientId scopes }".to_owned(),
        "updateAuthSettings" => "authSettings { siteUrl tokenTtl }".to_owned(),
        "addMember" | "setProjectRole" | "setOrganizationRole" | "transferOwnership" | "removeMember" => {
            "member { id email name organizationRole }".to_owned()
        }
        "createOrganization" | "updateOrganization" => "organization { id name role memberCount }".to_owned(),
        "inviteMember" | "revokeInvitation" => "invitation { id email organizationRole revokedAt } link".to_owned(),
        "createPasswordLink" => "link".to_owned(),
        "changePassword" | "updateViewer" => "viewer { id email name hasPassword }".to_owned(),
        "revokeSession" => "session { id current }".to_owned(),
        "createAccessToken" | "revokeAccessToken" => "accessToken { id name prefix memberEmail revokedAt } token".to_owned(),
        _ => format!("environment {{ {CARD} }} {keys} {operation}"),
    }
}

/// A browser somebody is signed in with.
#[derive(Clone)]
pub(crate) struct Browser {
    url: String,
    /// As the browser sends it.
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

impl Browser {
    /// The session an answer has begun.
    pub(crate) fn of(url: &str, answer: &Answer) -> Self {
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
        let cookie = answer.header("set-cookie").expect("the answer begins no session").split(';').next().unwrap();
        let csrf = answer.json()["csrfToken"].as_str().unwrap().to_owned();
        Self { url: url.to_owned(), cookie: cookie.to_owned(), csrf }
    }

    /// Signs in; it must work.
    pub(crate) async fn sign_in(url: &str, email: &str, password: &str) -> Self {
        Self::of(url, &Api::new(url).post("/session", &json!({ "email": email, "password": password })).await)
    }

    /// With the cookie alone, as another page would send it.
    pub(crate) fn bare(&self) -> Api {
        Api::new(&self.url).header("cookie", &self.cookie)
    }

    /// With all that our own pages send.
    pub(crate) fn api(&self) -> Api {
        self.bare().header("origin", &self.url).header("x-csrf-token", &self.csrf)
    }

    /// Who is signed in, at the management plane.
    pub(crate) fn person(&self) -> Person {
        Person::with(self.api())
    }
}

/// Somebody with an API key, or with whatever headers a test wants.
#[derive(Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    url: String,
    headers: HeaderMap,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Api {
    pub(crate) fn new(url: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
        Self { http, url: url.to_owned(), headers: HeaderMap::new() }
    }

    /// The same with one more header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
        self
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(body.to_string())).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, Some(body.to_string())).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<String>) -> Answer {
        self.try_send(method, path, body).await.unwrap_or_else(|error| panic!("{method} {path}: {error:?}"))
    }

    /// As `send`, where the server may be gone.
    pub(crate) async fn try_send(&self, method: &str, path: &str, body: Option<String>) -> reqwest::Result<Answer> {
        let mut request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.url)).headers(self.headers.clone());
        if let Some(body) = body {
            if !self.headers.contains_key("content-type") {
                request = request.header("content-type", "application/json");
            }
            request = request.body(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let told: Vec<_> = headers.iter().filter(|(name, _)| **name != SET_COOKIE).collect();
        assert_no_secret(&format!("a header of {path}"), &format!("{told:?}"));
        assert_no_secret_in_answer(path, &text);
        Ok(Answer { status, headers, text })
    }

    /// The records of a table, all columns or those selected, in a fixed order.
    pub(crate) async fn rows(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    }

    /// Makes records; it must work. Answers what was made.
    pub(crate) async fn make(&self, table: &str, body: &Value) -> Value {
        let answer = self.clone().header("prefer", "return=representation").post(&format!("/v1/data/{table}"), body).await;
        assert_eq!(answer.status, 201, "{table}: {}", answer.text);
        answer.json()
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The `type` of a problem, which is its name in the API's own words.
    pub(crate) fn problem(&self) -> String {
        self.json()["type"].as_str().unwrap_or_else(|| panic!("not a problem: {}", self.text)).to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}
