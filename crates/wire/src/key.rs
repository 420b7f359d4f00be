//! The text of API keys, personal access tokens, browser sessions and links.
//!
//! `{pk|sk}_{dev|stg|prod|eval|cus}_{locator:12}{secret:43}{checksum:6}` and `{pat|ses|lnk}_{locator:12}{secret:43}{checksum:6}`,
//! in base62. The locator is public and finds the row; the secret is 256 bits; the checksum (CRC-32 of all before it)
//! lets typos be told from revoked keys offline and gives no security.

use std::fmt;

use thiserror::Error;

use crate::base62;

const LOCATOR: usize = 12;
const SECRET: usize = 43;
const CHECKSUM: usize = 6;

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// `pk_`: safe in front-end code, acts as `anon` or the signed-in user.
    Publishable,
    /// `sk_`: back-end only, full access or its scopes.
    Secret,
}

impl KeyKind {
    /// As stored and shown: `publishable` or `secret`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Publishable => "publishable",
            Self::Secret => "secret",
        }
    }
}

/// The type of the environment a key belongs to, as its text says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyEnvironment {
    /// `dev`
    Dev,
    /// `stg`
    Staging,
    /// `prod`
    Prod,
    /// `eval`
    Eval,
    /// `cus`
    Custom,
}

impl KeyEnvironment {
    fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Staging => "stg",
            Self::Prod => "prod",
            Self::Eval => "eval",
            Self::Custom => "cus",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Dev, Self::Staging, Self::Prod, Self::Eval, Self::Custom].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What a key text opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// An API key: one environment's data plane.
    Api(KeyKind, KeyEnvironment),
    /// A personal access token: the management plane, as its member.
    Personal,
    /// A browser's session, kept in its cookie: the management plane, as its member.
    Session,
    /// A link that works once: set-up, invitation, new password.
    Link,
}

/// Why a text is no key. Told to nobody but the person who typed it: the server answers one and the same 401.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// Not of the form of a key at all.
    #[error("this is not of the form of a key")]
    Shape,
    /// Of the right form, but the checksum does not fit: mistyped or cut short.
    #[error("the key is mistyped: its checksum does not fit")]
    Checksum,
}

/// The whole text of a key, secret included. Debug and Display show the prefix alone; [`KeyText::reveal`] shows all.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyText {
    text: String,
    kind: TokenKind,
}

impl KeyText {
    /// A new key with 256 bits from the operating system. Fails only when the system has no randomness.
    pub fn generate(kind: TokenKind) -> Result<Self, getrandom::Error> {
        let head = match kind {
            TokenKind::Api(KeyKind::Publishable, environment) => format!("pk_{}_", environment.as_str()),
            TokenKind::Api(KeyKind::Secret, environment) => format!("sk_{}_", environment.as_str()),
            TokenKind::Personal => "pat_".to_owned(),
            TokenKind::Session => "ses_".to_owned(),
            TokenKind::Link => "lnk_".to_owned(),
        };
        let body = format!("{head}{}{}", base62::random(LOCATOR)?, base62::random(SECRET)?);
        let checksum = base62::number(crc32fast::hash(body.as_bytes()), CHECKSUM);
        Ok(Self { text: body + &checksum, kind })
    }

    /// Reads a key; checks shape and checksum, never whether it exists.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.splitn(3, '_');
        let (head, rest) = (parts.next().unwrap_or(""), parts.next().ok_or(KeyError::Shape)?);
        let (kind, tail) = match head {
            "pat" => (TokenKind::Personal, rest),
            "ses" => (TokenKind::Session, rest),
            "lnk" => (TokenKind::Link, rest),
            "pk" | "sk" => {
                let kind = if head == "pk" { KeyKind::Publishable } else { KeyKind::Secret };
                let environment = KeyEnvironment::parse(rest).ok_or(KeyError::Shape)?;
                (TokenKind::Api(kind, environment), parts.next().ok_or(KeyError::Shape)?)
            }
            _ => return Err(KeyError::Shape),
        };
        if tail.len() != LOCATOR + SECRET + CHECKSUM || !tail.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(KeyError::Shape);
        }
        if parts.next().is_some() {
            return Err(KeyError::Shape);
        }
        let (body, checksum) = text.split_at(text.len() - CHECKSUM);
        if base62::number(crc32fast::hash(body.as_bytes()), CHECKSUM) != checksum {
            return Err(KeyError::Checksum);
        }
        Ok(Self { text: text.to_owned(), kind })
    }

    /// What it opens.
    pub fn kind(&self) -> TokenKind {
        self.kind
    }

    /// The twelve public characters that find the row.
    pub fn locator(&self) -> &str {
        let end = self.text.len() - CHECKSUM - SECRET;
        &self.text[end - LOCATOR..end]
    }

    /// Everything before the secret: what key lists show.
    pub fn prefix(&self) -> &str {
        &self.text[..self.text.len() - CHECKSUM - SECRET]
    }

    /// The whole text. Only for hashing it and for handing it to its owner.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyText({}…)", self.prefix())
    }
}

impl fmt::Display for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", self.prefix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kinds() -> impl Strategy<Value = TokenKind> {
        prop_oneof![
            Just(TokenKind::Personal),
            Just(TokenKind::Session),
            Just(TokenKind::Link),
            Just(TokenKind::Api(KeyKind::Publishable, KeyEnvironment::Dev)),
            Just(TokenKind::Api(KeyKind::Secret, KeyEnvironment::Staging)),
            Just(TokenKind::Api(KeyKind::Secret, KeyEnvironment::Prod)),
            Just(TokenKind::Api(KeyKind::Publishable, KeyEnvironment::Eval)),
            Just(TokenKind::Api(KeyKind::Secret, KeyEnvironment::Custom)),
        ]
    }

    proptest! {
        #[test]
        fn a_generated_key_reads_back(kind in kinds()) {
            let key = KeyText::generate(kind).unwrap();
            let read = KeyText::parse(key.reveal()).unwrap();
            prop_assert_eq!(read.kind(), kind);
            prop_assert_eq!(read.locator().len(), LOCATOR);
            prop_assert!(read.prefix().ends_with(read.locator()));
            let shown = format!("{key:?} {key}");
            prop_assert!(!shown.contains(&key.reveal()[key.prefix().len()..]));
        }

        #[test]
        fn one_changed_character_is_seen(kind in kinds(), at in 0usize..61, by in 1usize..62) {
            let text = KeyText::generate(kind).unwrap().reveal().to_owned();
            let at = text.len() - 1 - at;
            let old = base62::ALPHABET.iter().position(|&c| c == text.as_bytes()[at]).unwrap();
            let mut bytes = text.into_bytes();
            bytes[at] = base62::ALPHABET[(old + by) % 62];
            prop_assert_eq!(KeyText::parse(std::str::from_utf8(&bytes).unwrap()), Err(KeyError::Checksum));
        }

        #[test]
        fn nonsense_is_refused_without_a_panic(text in "\\PC{0,90}") {
            prop_assert!(KeyText::parse(&text).is_err());
        }
    }
}
