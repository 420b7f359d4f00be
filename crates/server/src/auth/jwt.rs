//! Access tokens of an environment's users: ES256, signed and checked with a key of that environment.
//!
//! One algorithm, one curve, one form of header. What a token says of how to check it is believed in nothing but the id of the key, which
//! is looked up among the environment's own.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use cloche_wire::EnvironmentId;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::secrets::base64url;

/// Of whom every user's token speaks, as Supabase's clients expect; the environment's id stands beside it.
pub(crate) const AUDIENCE: &str = "authenticated";
/// Longer tokens are nobody's: what users and applications may put into one is less.
const MAX_TOKEN: usize = 32 * 1024;
/// How much another server's clock may be ahead.
const CLOCKS_DIFFER: i64 = 5;

/// A key pair that signs one environment's tokens.
pub(crate) struct SigningKey {
    kid: String,
    issuer: String,
    pair: EcdsaKeyPair,
}

/// All that a header may hold; a key or an address of one in it is refused unread.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    typ: Option<String>,
}

impl SigningKey {
    pub(crate) fn generate(issuer: &str) -> anyhow::Result<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        let pair = pair.map_err(|_| anyhow::anyhow!("a signing key cannot be made"))?;
        Ok(Self { kid: Uuid::new_v4().to_string(), issuer: issuer.to_owned(), pair })
    }

    /// From what [`SigningKey::private`] gave.
    pub(crate) fn of(kid: String, issuer: String, private: &str) -> anyhow::Result<Self> {
        let der = URL_SAFE_NO_PAD.decode(private).map_err(|_| anyhow::anyhow!("a signing key is not Base64"))?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der);
        Ok(Self { kid, issuer, pair: pair.map_err(|problem| anyhow::anyhow!("a signing key cannot be read: {problem}"))? })
    }

    /// The private key as text, to be sealed.
    pub(crate) fn private(&self) -> anyhow::Result<String> {
        let der = self.pair.to_pkcs8v1().map_err(|_| anyhow::anyhow!("a signing key cannot be written"))?;
        Ok(base64url(der.as_ref()))
    }

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The public part, as a member of a JWK set.
    pub(crate) fn jwk(&self) -> Value {
        // 0x04, then both coordinates.
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y), "kid": self.kid, "alg": "ES256", "use": "sig",
            "key_ops": ["verify"] })
    }

    /// Signs claims.
    pub(crate) fn sign(&self, claims: &Value) -> Result<String> {
        let header = json!({ "alg": "ES256", "kid": self.kid, "typ": "JWT" });
        let mut token = format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()));
        let signature = self.pair.sign(&SystemRandom::new(), token.as_bytes());
        let signature = signature.map_err(|_| Error::internal("a token cannot be signed"))?;
        token.push('.');
        token.push_str(&base64url(signature.as_ref()));
        if token.len() > MAX_TOKEN {
            return Err(Error::bad_input("token/too-large", "The user's metadata are too large for a token.")
                .hint("Keep what a token need not tell in a table of your own."));
        }
        Ok(token)
    }
}

/// The id of the key that a token says it was signed with. Nothing of it is proven yet.
pub(crate) fn key_id(token: &str) -> Result<String> {
    if token.len() > MAX_TOKEN {
        return Err(invalid());
    }
    let [header, _, signature] = parts(token)?;
    let header: Header = serde_json::from_slice(&decoded(header)?).map_err(|_| invalid())?;
    let typed = header.typ.is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
    if header.alg != "ES256" || !typed || signature.is_empty() {
        return Err(invalid());
    }
    Ok(header.kid)
}

/// The claims of a token, if one of these keys signed it for this environment and it is in force.
pub(crate) fn verify(token: &str, keys: &[SigningKey], environment: EnvironmentId) -> Result<Value> {
    let kid = key_id(token)?;
    let key = keys.iter().find(|key| key.kid == kid).ok_or_else(invalid)?;
    let [_, payload, signature] = parts(token)?;
    // Both parts and the dot between them.
    let signed = &token[..token.len() - signature.len() - 1];
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.pair.public_key());
    public.verify(signed.as_bytes(), &decoded(signature)?).map_err(|_| invalid())?;
    let claims: Value = serde_json::from_slice(&decoded(payload)?).map_err(|_| invalid())?;
    check(&claims, key, environment)?;
    Ok(claims)
}

fn check(claims: &Value, key: &SigningKey, environment: EnvironmentId) -> Result<()> {
    let audience = claims["aud"].as_array().ok_or_else(invalid)?;
    let here = environment.to_string();
    let for_us = |wanted: &str| audience.iter().any(|one| one == wanted);
    if claims["iss"] != key.issuer.as_str() || claims["role"] != AUDIENCE || !for_us(AUDIENCE) || !for_us(&here) {
        return Err(invalid());
    }
    let now = Utc::now().timestamp();
    let expires = claims["exp"].as_i64().ok_or_else(invalid)?;
    let begins = match &claims["nbf"] {
        Value::Null => now,
        begins => begins.as_i64().ok_or_else(invalid)?,
    };
    if begins > now + CLOCKS_DIFFER {
        return Err(Error::unauthenticated("PGRST303", "JWT not yet valid").hint("The clocks of two machines differ."));
    }
    if expires <= now {
        return Err(Error::unauthenticated("PGRST303", "JWT expired").hint("Get a new one with the refresh token."));
    }
    Ok(())
}

fn parts(token: &str) -> Result<[&str; 3]> {
    let mut parts = token.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(payload), Some(signature), None) => Ok([header, payload, signature]),
        _ => Err(invalid()),
    }
}

fn decoded(part: &str) -> Result<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| invalid())
}

/// One answer for every token that is not one of ours.
pub(crate) fn invalid() -> Error {
    Error::unauthenticated("PGRST301", "The access token is not valid here.")
        .hint("Sign in again. A token is good for the environment that made it, beside a key of that environment.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(environment: EnvironmentId) -> Value {
        let now = Utc::now().timestamp();
        json!({ "iss": "http://here/auth/v1", "sub": Uuid::nil(), "aud": [AUDIENCE, environment], "role": AUDIENCE, "iat": now,
            "nbf": now, "exp": now + 60 })
    }

    fn refusal(token: &str, keys: &[SigningKey], environment: EnvironmentId) -> String {
        let error = verify(token, keys, environment).unwrap_err();
        assert_eq!(error.kind, crate::error::Kind::Unauthenticated, "{token}");
        error.code
    }

    /// Signed by the environment's own key, and yet not to be believed.
    #[test]
    fn claims_must_be_right() {
        let (here, there) = (EnvironmentId::new(), EnvironmentId::new());
        let keys = [SigningKey::generate("http://here/auth/v1").unwrap()];
        let now = Utc::now().timestamp();
        let good = keys[0].sign(&claims(here)).unwrap();
        assert_eq!(verify(&good, &keys, here).unwrap()["aud"][0], AUDIENCE);
        assert_eq!(refusal(&good, &keys, there), "PGRST301");
        let none = json!(null);
        for (claim, value, code) in [
            ("exp", json!(now - 1), "PGRST303"),
            ("exp", json!(now), "PGRST303"),
            ("exp", json!("later"), "PGRST301"),
            ("exp", json!(1e20), "PGRST301"),
            ("exp", none.clone(), "PGRST301"),
            ("nbf", json!(now + 60), "PGRST303"),
            ("nbf", json!("never"), "PGRST301"),
            ("aud", json!([AUDIENCE, there]), "PGRST301"),
            ("aud", json!([here]), "PGRST301"),
            ("aud", json!([AUDIENCE]), "PGRST301"),
            ("aud", json!(AUDIENCE), "PGRST301"),
            ("aud", json!(format!("{AUDIENCE} {here}")), "PGRST301"),
            ("aud", none.clone(), "PGRST301"),
            ("iss", json!("http://there/auth/v1"), "PGRST301"),
            ("iss", none.clone(), "PGRST301"),
            ("role", json!("service_role"), "PGRST301"),
            ("role", none, "PGRST301"),
        ] {
            let mut claims = claims(here);
            claims[claim] = value.clone();
            assert_eq!(refusal(&keys[0].sign(&claims).unwrap(), &keys, here), code, "{claim}: {value}");
        }
        assert_eq!(refusal(&keys[0].sign(&json!([1])).unwrap(), &keys, here), "PGRST301");
        let another = SigningKey::generate("http://here/auth/v1").unwrap();
        assert_eq!(refusal(&another.sign(&claims(here)).unwrap(), &keys, here), "PGRST301");
    }

    #[test]
    fn a_key_is_the_same_after_being_stored() {
        let key = SigningKey::generate("http://here/auth/v1").unwrap();
        let again = SigningKey::of(key.kid.clone(), key.issuer.clone(), &key.private().unwrap()).unwrap();
        assert_eq!(key.jwk(), again.jwk());
        let environment = EnvironmentId::new();
        let token = key.sign(&claims(environment)).unwrap();
        assert!(verify(&token, &[again], environment).is_ok());
        assert!(SigningKey::of(String::new(), String::new(), "AAAA").is_err());
    }

    #[test]
    fn a_token_is_no_longer_than_what_is_read() {
        let key = SigningKey::generate("http://here/auth/v1").unwrap();
        let mut claims = claims(EnvironmentId::new());
        claims["user_metadata"] = json!("x".repeat(MAX_TOKEN));
        assert_eq!(key.sign(&claims).unwrap_err().code, "token/too-large");
    }
}
