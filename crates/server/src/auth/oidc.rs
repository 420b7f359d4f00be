//! What we say to an OpenID provider as its client: discovery, the exchange of a code, and whether to believe its ID token.
//!
//! Addresses of providers are set by who manages an environment. Still nothing but HTTPS is spoken, but for providers on this machine;
//! redirects are not followed, no proxy is asked, and answers are read up to a limit.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::Utc;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, RequestBuilder, Url, redirect};
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};

/// How long a provider may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const MAX_ANSWER: usize = 512 * 1024;
/// How much a provider's clock may be behind ours.
const CLOCKS_DIFFER: i64 = 60;

/// The connections to providers; made when first needed.
#[derive(Default)]
pub(crate) struct Providers(OnceLock<Client>);

/// Where a provider does what.
#[derive(Deserialize)]
pub(crate) struct Discovery {
    issuer: String,
    pub(crate) authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// Who we are to a provider.
pub(crate) struct Registration<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) secret: &'a str,
    pub(crate) redirect_uri: &'a str,
}

#[derive(Deserialize)]
struct Granted {
    id_token: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Providers {
    fn client(&self) -> Result<&Client> {
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().timeout(PATIENCE).build();
        let client = client.map_err(Error::internal)?;
        Ok(self.0.get_or_init(|| client))
    }

    /// What a provider says of itself.
    pub(crate) async fn discover(&self, issuer: &str) -> Result<Discovery> {
        let address = checked(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')))?;
        let answer = ask(self.client()?.get(address)).await?;
        let discovery: Discovery =
            serde_json::from_slice(&answer).map_err(|_| refused("What it says of itself is not understood."))?;
        if discovery.issuer.trim_end_matches('/') != issuer.trim_end_matches('/') {
            return Err(refused("It says that it is another one."));
        }
        let elsewhere = [&discovery.authorization_endpoint, &discovery.token_endpoint, &discovery.jwks_uri];
        if !is_here(&checked(issuer)?) && elsewhere.iter().any(|address| address.starts_with("http:")) {
            // Nobody but a provider on this machine leads us to what else is on it.
            return Err(bad_address());
        }
        checked(&discovery.authorization_endpoint)?;
        Ok(discovery)
    }

    /// Exchanges a code for claims that the provider has signed for us and for this sign-in.
    pub(crate) async fn exchange(
        &self,
        discovery: &Discovery,
        us: &Registration<'_>,
        code: &str,
        verifier: &str,
        nonce: &str,
    ) -> Result<Value> {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let methods = discovery.token_endpoint_auth_methods_supported.as_deref();
        let basic = methods.is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"));
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", us.redirect_uri),
            ("code_verifier", verifier),
        ];
        if !basic {
            form.extend([("client_id", us.client_id), ("client_secret", us.secret)]);
        }
        let body: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let mut request = self.client()?.post(checked(&discovery.token_endpoint)?);
        request = request.header("content-type", "application/x-www-form-urlencoded").body(body.join("&"));
        if basic {
            let pair = STANDARD.encode(format!("{}:{}", encode(us.client_id), encode(us.secret)));
            request = request.header("authorization", format!("Basic {pair}"));
        }
        let answer = ask(request.header("accept", "application/json")).await?;
        let granted: Granted = serde_json::from_slice(&answer).map_err(|_| refused("It gave no ID token."))?;
        let keys = ask(self.client()?.get(checked(&discovery.jwks_uri)?)).await?;
        let keys: KeySet = serde_json::from_slice(&keys).map_err(|_| refused("Its keys are not understood."))?;
        let claims = verify(&granted.id_token, &keys.keys)?;
        check(&claims, discovery, us.client_id, nonce)?;
        Ok(claims)
    }
}

/// An address we may speak to.
pub(crate) fn checked(address: &str) -> Result<Url> {
    let url = Url::parse(address).map_err(|_| bad_address())?;
    let allowed = url.scheme() == "https" || url.scheme() == "http" && is_here(&url);
    if !allowed || !url.username().is_empty() || url.password().is_some() {
        return Err(bad_address());
    }
    Ok(url)
}

fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let ip: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
    host == "localhost" || ip.is_some_and(|ip| ip.is_loopback())
}

fn bad_address() -> Error {
    Error::bad_input("provider/address", "The address of a provider begins with https://.")
        .hint("http:// is allowed for providers on the server's own machine.")
        .field("input.issuer", "url", "an address that begins with https://")
}

async fn ask(request: RequestBuilder) -> Result<Vec<u8>> {
    let unreachable = |problem: reqwest::Error| Error { source: Some(Box::new(problem)), ..refused("It does not answer.") };
    let mut response = request.send().await.map_err(unreachable)?;
    if !response.status().is_success() {
        return Err(refused(&format!("It answers with the status {}.", response.status().as_u16())));
    }
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        answer.extend_from_slice(&chunk);
        if answer.len() > MAX_ANSWER {
            return Err(refused("Its answer is too long."));
        }
    }
    Ok(answer)
}

/// The claims of a token that one of these keys signed, with one of the two algorithms that are taken.
fn verify(token: &str, keys: &[Key]) -> Result<Value> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { return Err(unbelievable()) };
    let signed = format!("{header}.{payload}");
    let (header, signature) = (decoded(header)?, decoded(signature)?);
    let header: Header = serde_json::from_slice(&header).map_err(|_| unbelievable())?;
    let kty = match header.alg.as_str() {
        "RS256" => "RSA",
        "ES256" => "EC",
        _ => return Err(unbelievable()),
    };
    let mut fitting = keys.iter().filter(|key| {
        let signs = key.usage.as_deref().is_none_or(|usage| usage == "sig");
        key.kty == kty && signs && (header.kid.is_none() || key.kid == header.kid)
    });
    if !fitting.any(|key| key.has_signed(signed.as_bytes(), &signature)) {
        return Err(unbelievable());
    }
    serde_json::from_slice(&decoded(payload)?).map_err(|_| unbelievable())
}

impl Key {
    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let part = |part: &Option<String>| part.as_deref().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        if self.kty == "RSA" {
            let (Some(n), Some(e)) = (part(&self.n), part(&self.e)) else { return false };
            return RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok();
        }
        let (Some(x), Some(y)) = (part(&self.x), part(&self.y)) else { return false };
        let point = [&[4][..], &x, &y].concat();
        let right = self.crv.as_deref() == Some("P-256") && x.len() == 32 && y.len() == 32;
        right && UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
    }
}

fn check(claims: &Value, discovery: &Discovery, client_id: &str, nonce: &str) -> Result<()> {
    let audience = match &claims["aud"] {
        Value::String(one) => one == client_id,
        // Among several, the one it was given to is named.
        Value::Array(all) => all.iter().any(|one| one == client_id) && (all.len() == 1 || claims["azp"] == client_id),
        _ => false,
    };
    let subject = claims["sub"].as_str().is_some_and(|subject| !subject.is_empty() && subject.len() <= 255);
    let in_time = claims["exp"].as_i64().is_some_and(|exp| exp > Utc::now().timestamp() - CLOCKS_DIFFER);
    if claims["iss"] == discovery.issuer.as_str() && audience && subject && in_time && claims["nonce"] == nonce {
        return Ok(());
    }
    Err(unbelievable())
}

fn decoded(part: &str) -> Result<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| unbelievable())
}

fn unbelievable() -> Error {
    refused("Its ID token is not to be believed.")
}

fn refused(why: &str) -> Error {
    Error::bad_input("flow/refused", format!("Signing in with the provider failed. {why}")).hint("Try again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_addresses_are_spoken_to() {
        for good in ["https://accounts.example.com", "http://127.0.0.1:3000/x", "http://localhost:3000", "http://[::1]:1"] {
            assert!(checked(good).is_ok(), "{good}");
        }
        for bad in [
            "http://example.com",
            "http://10.0.0.1",
            "http://169.254.169.254/latest",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "ftp://example.com",
            "file:///etc/passwd",
            "https://me:secret@example.com",
            "example.com",
            "",
        ] {
            assert_eq!(checked(bad).unwrap_err().code, "provider/address", "{bad}");
        }
    }

    #[test]
    fn claims_are_for_us_and_for_this_sign_in() {
        let discovery = Discovery {
            issuer: "https://id.example".into(),
            authorization_endpoint: String::new(),
            token_endpoint: String::new(),
            jwks_uri: String::new(),
            token_endpoint_auth_methods_supported: None,
        };
        let now = Utc::now().timestamp();
        let good = serde_json::json!({ "iss": "https://id.example", "aud": "us", "sub": "1", "exp": now + 60, "nonce": "n" });
        assert!(check(&good, &discovery, "us", "n").is_ok());
        for (claim, value) in [
            ("iss", serde_json::json!("https://other.example")),
            ("aud", serde_json::json!("them")),
            ("aud", serde_json::json!(["us", "them"])),
            ("aud", Value::Null),
            ("sub", serde_json::json!("")),
            ("sub", Value::Null),
            ("exp", serde_json::json!(now - 120)),
            ("exp", Value::Null),
            ("nonce", serde_json::json!("m")),
            ("nonce", Value::Null),
        ] {
            let mut claims = good.clone();
            claims[claim] = value.clone();
            assert!(check(&claims, &discovery, "us", "n").is_err(), "{claim}: {value}");
        }
    }
}
