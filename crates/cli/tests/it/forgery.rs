//! Forged access tokens: each beside a good key, at the data plane and at the user's own paths. All are refused with 401.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::harness::{Server, until};
use crate::users::{front, sign_up};
use crate::world::{Environment, blog, branch};

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// A good token of the environment, taken apart, and what an attacker has beside it.
struct Good {
    token: String,
    header: Value,
    claims: Value,
    signature: String,
    jwk: Value,
    own: EcdsaKeyPair,
}

impl Good {
    fn of(token: &str, jwk: Value) -> Self {
        let parts: Vec<&str> = token.split('.').collect();
        Self {
            token: token.to_owned(),
            header: decoded(parts[0]),
            claims: decoded(parts[1]),
            signature: parts[2].to_owned(),
            jwk,
            own: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
        }
    }

    fn header(&self, change: Value) -> Value {
        merged(&self.header, change)
    }

    fn claims(&self, change: Value) -> Value {
        merged(&self.claims, change)
    }

    /// Signed with a key of the attacker's own.
    fn own(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = self.own.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", encode(signature))
    }

    /// Signed with a secret that is public.
    fn hashed(&self, secret: &[u8]) -> String {
        let header = self.header(json!({ "alg": "HS256" }));
        let signed = format!("{}.{}", encode(header.to_string()), encode(self.claims.to_string()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
        format!("{signed}.{}", encode(tag))
    }

    /// The good signature under other words.
    fn kept(&self, header: &Value, claims: &Value) -> String {
        format!("{}.{}.{}", encode(header.to_string()), encode(claims.to_string()), self.signature)
    }

    fn jwk_of_own(&self) -> Value {
        let (x, y) = self.own.public_key().as_ref()[1..].split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y), "kid": self.jwk["kid"], "alg": "ES256" })
    }
}

fn merged(value: &Value, change: Value) -> Value {
    let mut value = value.clone();
    for (name, new) in change.as_object().unwrap() {
        match new {
            Value::Null => _ = value.as_object_mut().unwrap().remove(name),
            new => value[name] = new.clone(),
        }
    }
    value
}

fn forged(good: &Good, other: &str, publishable: &str) -> Vec<(&'static str, String)> {
    let (header, claims) = (&good.header, &good.claims);
    let [h, p, s]: [&str; 3] = good.token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(good.jwk[name].as_str().unwrap()).unwrap();
    let point = [&[4][..], &coordinate("x"), &coordinate("y")].concat();
    // What stands around a P-256 point in a PEM file.
    let spki = [&URL_SAFE_NO_PAD.decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE").unwrap()[..], &point[1..]].concat();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(&spki));
    let none = |alg: &str| format!("{}.{p}.", encode(good.header(json!({ "alg": alg })).to_string()));
    let mut raw = URL_SAFE_NO_PAD.decode(s).unwrap();
    raw[10] ^= 1;
    let der = [&[0x30, 0x44, 2, 32][..], &raw[..32], &[2, 32], &raw[32..]].concat();
    let other_kid = decoded(other.split('.').next().unwrap())["kid"].clone();
    vec![
        ("nothing", String::new()),
        ("two dots", "..".into()),
        ("a word", "token".into()),
        ("one part", h.to_owned()),
        ("two parts", format!("{h}.{p}")),
        ("four parts", format!("{}.{s}", good.token)),
        ("five parts, as if encrypted", format!("{h}.{p}.{s}.{p}.{s}")),
        ("alg none", none("none")),
        ("alg None", none("None")),
        ("alg NONE", none("NONE")),
        ("alg nOnE", none("nOnE")),
        ("alg none with the signature", format!("{}.{p}.{s}", encode(good.header(json!({ "alg": "none" })).to_string()))),
        ("no alg", good.kept(&good.header(json!({ "alg": null })), claims)),
        ("alg is a list", good.kept(&good.header(json!({ "alg": ["ES256"] })), claims)),
        ("alg in lower case", good.kept(&good.header(json!({ "alg": "es256" })), claims)),
        ("alg ES384", good.kept(&good.header(json!({ "alg": "ES384" })), claims)),
        ("alg RS256", good.kept(&good.header(json!({ "alg": "RS256" })), claims)),
        ("HS256 with the point", good.hashed(&point)),
        ("HS256 with the public key as DER", good.hashed(&spki)),
        ("HS256 with the public key as PEM", good.hashed(pem.as_bytes())),
        ("HS256 with the JWK", good.hashed(good.jwk.to_string().as_bytes())),
        ("HS256 with x", good.hashed(good.jwk["x"].as_str().unwrap().as_bytes())),
        ("HS256 with the publishable key", good.hashed(publishable.as_bytes())),
        ("HS256 with nothing", good.hashed(b"")),
        ("an empty signature", format!("{h}.{p}.")),
        ("a signature cut short", format!("{h}.{p}.{}", &s[..s.len() - 2])),
        ("a longer signature", format!("{h}.{p}.{s}AA")),
        ("a changed signature", format!("{h}.{p}.{}", encode(&raw))),
        ("a signature of zeros", format!("{h}.{p}.{}", encode([0; 64]))),
        ("a signature in DER", format!("{h}.{p}.{}", encode(der))),
        ("a padded signature", format!("{h}.{p}.{s}==")),
        ("the signature in another alphabet", format!("{h}.{p}.+/{}", &s[2..])),
        ("another user", good.kept(header, &good.claims(json!({ "sub": uuid::Uuid::new_v4() })))),
        ("more roles", good.kept(header, &good.claims(json!({ "app_metadata": { "roles": ["admin"] } })))),
        ("a later end", good.kept(header, &good.claims(json!({ "exp": 9_999_999_999_i64 })))),
        ("another claim", good.kept(header, &good.claims(json!({ "x": 1 })))),
        ("an own key under the kid", good.own(header, claims)),
        ("an own key without a kid", good.own(&good.header(json!({ "kid": null })), claims)),
        ("an own key with an own kid", good.own(&good.header(json!({ "kid": "mine" })), claims)),
        ("a kid that is a path", good.own(&good.header(json!({ "kid": "../../../../dev/null" })), claims)),
        ("a kid that is SQL", good.own(&good.header(json!({ "kid": "' OR '1'='1" })), claims)),
        ("a kid that is empty", good.own(&good.header(json!({ "kid": "" })), claims)),
        ("a kid that is an object", good.own(&good.header(json!({ "kid": { "$ne": "" } })), claims)),
        ("an own key in the header", good.own(&good.header(json!({ "jwk": good.jwk_of_own() })), claims)),
        ("the address of an own key", good.own(&good.header(json!({ "jku": "http://127.0.0.1:9/jwks.json" })), claims)),
        ("the address of an own certificate", good.own(&good.header(json!({ "x5u": "http://127.0.0.1:9/x" })), claims)),
        ("an own certificate", good.own(&good.header(json!({ "x5c": ["AAAA"] })), claims)),
        ("a critical extension", good.kept(&good.header(json!({ "crit": ["b64"], "b64": false })), claims)),
        ("another type", good.kept(&good.header(json!({ "typ": "at+jwt" })), claims)),
        ("another environment's token", other.to_owned()),
        ("another environment's kid", good.kept(&good.header(json!({ "kid": other_kid })), claims)),
        ("another environment's kid, signed by oneself", good.own(&good.header(json!({ "kid": other_kid })), claims)),
        ("a header that is no JSON", format!("{}.{p}.{s}", encode("{"))),
        ("a header that is no Base64", format!("{{}}.{p}.{s}")),
        ("claims that are no JSON", format!("{h}.{}.{s}", encode("{"))),
        ("claims swapped with the header", format!("{p}.{h}.{s}")),
        ("a space before", format!("%20{}", good.token)),
        ("the hash for the signature", format!("{h}.{p}.{}", encode(digest::digest(&digest::SHA256, p.as_bytes())))),
        ("a huge token", format!("{h}.{}.{s}", "A".repeat(40_000))),
        ("a huge header", format!("{}.{p}.{s}", encode(good.header(json!({ "x": "y".repeat(30_000) })).to_string()))),
        ("a deep header", format!("{}.{p}.{s}", encode("[".repeat(10_000)))),
        ("a personal token's shape", format!("pat_{}", "a".repeat(61))),
    ]
}

#[tokio::test]
async fn no_forged_token_is_taken() {
    let server = Server::start();
    let root = blog(&server).await;
    let sibling = Environment::of(&branch(&server.owner(), &root.project, "dev", "sibling", json!({})).await);
    let (api, there) = (front(&server, &root), front(&server, &sibling));
    let text = |session: &Value| session["access_token"].as_str().unwrap().to_owned();
    let token = text(&sign_up(&api, "ada@example.com").await);
    let other = text(&sign_up(&there, "ada@example.com").await);
    let jwks = api.get("/auth/v1/.well-known/jwks.json").await.json();
    let good = Good::of(&token, jwks["keys"][0].clone());
    assert_eq!(good.header["kid"], good.jwk["kid"]);

    let with = |token: &str| api.clone().header("authorization", &format!("Bearer {token}"));
    assert_eq!(with(&token).get("/auth/v1/user").await.status, 200, "the good one is taken");
    let forged = forged(&good, &other, &root.publishable);
    assert!(forged.len() >= 60, "{}", forged.len());
    for (what, token) in &forged {
        for path in ["/v1/data/posts", "/rest/v1/posts", "/auth/v1/user"] {
            let answer = with(token).get(path).await;
            assert_eq!(answer.status, 401, "{what} at {path}: {}", answer.text);
            assert!(["token/invalid", "key/invalid"].contains(&answer.problem().as_str()), "{what}: {}", answer.text);
        }
        // Nor beside a secret key, which it would make less of.
        let back = server.api(&root.secret).header("authorization", &format!("Bearer {token}"));
        assert_eq!(back.get("/v1/data/posts").await.status, 401, "{what} beside a secret key");
        // Nor in the place of a key.
        let alone = server.stranger().header("authorization", &format!("Bearer {token}"));
        assert_eq!(alone.get("/v1/data/posts").await.status, 401, "{what} for a key");
    }
    assert_eq!(with(&token).get("/auth/v1/user").await.status, 200, "and is still after all of this");

    // A real one that has run out.
    let minted = server.api(&root.secret).post("/v1/auth/token", &json!({ "userId": "brief", "ttl": 1 })).await.json();
    let minted = text(&minted);
    until("the token has expired", async || {
        let answer = with(&minted).get("/v1/data/posts").await;
        (answer.status == 401)
            .then(|| assert_eq!((answer.problem().as_str(), &answer.json()["message"]), ("token/expired", &json!("JWT expired"))))
    })
    .await;
}
