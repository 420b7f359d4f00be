//! The server's own secrets: one master key outside the database, and what is derived from it.
//!
//! `DIR/secrets/master.key` holds 32 random bytes in hex (0600). Everything else is HMAC-SHA-256 of it with a label, so a dump of
//! the databases yields nothing usable: API keys, tokens, sessions and links are stored as HMACs, people's
//! passwords as peppered Argon2id hashes, database passwords not at all, variables sealed.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloche_wire::{EnvironmentId, KeyText};

/// The version of the pepper that new key hashes are made with; stored beside each hash.
pub(crate) const PEPPER_VERSION: i16 = 1;

/// The master key and what is derived from it. Never printed.
pub(crate) struct Secrets {
    master: hmac::Key,
    pepper: hmac::Key,
    csrf: hmac::Key,
    users: hmac::Key,
    password_pepper: [u8; 32],
    sealing: RandomizedNonceKey,
}

impl Secrets {
    /// Reads the master key of a data directory, or makes one where there is none.
    pub(crate) fn load(data_dir: &Path) -> anyhow::Result<Self> {
        let folder = data_dir.join("secrets");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let path = folder.join("master.key");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let text = hex(&random::<32>()?);
                write_private(&path, &text)?;
                text
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let Some(bytes) = unhex(text.trim()).filter(|bytes| bytes.len() == 32) else {
            bail!(
                "{} does not hold 64 hex digits: restore it from your backup, stored keys cannot be checked without it",
                path.display()
            );
        };
        Self::from_master(&bytes)
    }

    #[cfg(test)]
    pub(crate) fn for_tests(byte: u8) -> Self {
        Self::from_master(&[byte; 32]).unwrap()
    }

    fn from_master(bytes: &[u8]) -> anyhow::Result<Self> {
        let master = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let derive = |label: &str| hmac::sign(&master, label.as_bytes());
        let pepper = hmac::Key::new(hmac::HMAC_SHA256, derive("key-pepper/1").as_ref());
        let csrf = hmac::Key::new(hmac::HMAC_SHA256, derive("csrf/1").as_ref());
        let users = hmac::Key::new(hmac::HMAC_SHA256, derive("users/1").as_ref());
        let mut password_pepper = [0; 32];
        password_pepper.copy_from_slice(derive("password-pepper/1").as_ref());
        let sealing =
            RandomizedNonceKey::new(&AES_256_GCM, derive("sealing/1").as_ref()).context("the sealing key is unusable")?;
        Ok(Self { master, pepper, csrf, users, password_pepper, sealing })
    }

    /// A value that tells whether a control database was made with this master key, and nothing else.
    pub(crate) fn fingerprint(&self) -> String {
        hex(&hmac::sign(&self.master, b"fingerprint/1").as_ref()[..16])
    }

    /// What is stored of a key: HMAC-SHA-256 of its whole text with the pepper.
    pub(crate) fn hash_key(&self, key: &KeyText) -> Vec<u8> {
        hmac::sign(&self.pepper, key.reveal().as_bytes()).as_ref().to_vec()
    }

    /// The CSRF token of a browser's session: who knows it has read an answer to that session.
    pub(crate) fn csrf_token(&self, session: &KeyText) -> String {
        hex(hmac::sign(&self.csrf, session.reveal().as_bytes()).as_ref())
    }

    /// Part of every password's hash, so that a stolen control database cannot be tried against a list of passwords.
    pub(crate) fn password_pepper(&self) -> &[u8; 32] {
        &self.password_pepper
    }

    /// The password of a database login. Derived, so it is stored nowhere; `role` is unique and never used again.
    pub(crate) fn database_password(&self, role: &str) -> String {
        hex(hmac::sign(&self.master, format!("database-password/1/{role}").as_bytes()).as_ref())
    }

    /// What is stored of a text that one environment's users are given, such as a refresh token: good for that environment and use alone.
    pub(crate) fn hash_for_user(&self, environment: EnvironmentId, usage: &str, text: &str) -> Vec<u8> {
        hmac::sign(&self.users, format!("{environment}/{usage}/{text}").as_bytes()).as_ref().to_vec()
    }

    /// The token that follows a used one: the same for all who show that one, and not to be guessed from it.
    pub(crate) fn next_token(&self, environment: EnvironmentId, token: &str) -> String {
        base64url(&self.hash_for_user(environment, "next", token))
    }

    /// Seals a value for one environment and name: it opens nowhere else.
    pub(crate) fn seal(&self, environment: EnvironmentId, name: &str, value: &str) -> anyhow::Result<Vec<u8>> {
        let mut sealed = value.as_bytes().to_vec();
        let nonce = self
            .sealing
            .seal_in_place_append_tag(Aad::from(seal_context(environment, name)), &mut sealed)
            .map_err(|_| anyhow::anyhow!("sealing failed"))?;
        let mut out = nonce.as_ref().to_vec();
        out.append(&mut sealed);
        Ok(out)
    }

    /// Opens what [`Secrets::seal`] made for the same environment and name; anything else fails.
    pub(crate) fn open(&self, environment: EnvironmentId, name: &str, sealed: &[u8]) -> anyhow::Result<String> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN).context("a sealed value is cut short")?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| anyhow::anyhow!("a sealed value is cut short"))?;
        let mut body = body.to_vec();
        let plain = self.sealing.open_in_place(nonce, Aad::from(seal_context(environment, name)), &mut body).map_err(|_| {
            anyhow::anyhow!("the sealed value {name:?} does not open: it was sealed for another environment, name or key")
        })?;
        String::from_utf8(plain.to_vec()).context("a sealed value is not text")
    }
}

/// Equal without telling by its duration where two hashes differ.
pub(crate) fn same(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// `N` bytes from the operating system.
pub(crate) fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0u8; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("the system has no randomness"))?;
    Ok(bytes)
}

/// Base64 for URLs, without padding.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A text of 256 random bits.
pub(crate) fn random_text() -> anyhow::Result<String> {
    Ok(base64url(&random::<32>()?))
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a file only its owner can read, whole or not at all.
pub(crate) fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let fresh = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let _ = fs::remove_file(&fresh);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        // The rename itself must outlive a power cut: what is made with this file would be lost without it.
        path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

fn seal_context(environment: EnvironmentId, name: &str) -> Vec<u8> {
    format!("{environment}/{name}").into_bytes()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_for_its_environment_and_name_only() {
        let secrets = Secrets::from_master(&[7; 32]).unwrap();
        let (here, there) = (EnvironmentId::new(), EnvironmentId::new());
        let sealed = secrets.seal(here, "SMTP_PASSWORD", "hunter2").unwrap();
        assert_eq!(secrets.open(here, "SMTP_PASSWORD", &sealed).unwrap(), "hunter2");
        assert!(secrets.open(there, "SMTP_PASSWORD", &sealed).is_err());
        assert!(secrets.open(here, "OTHER", &sealed).is_err());
        assert!(Secrets::from_master(&[8; 32]).unwrap().open(here, "SMTP_PASSWORD", &sealed).is_err());
        assert!(secrets.open(here, "SMTP_PASSWORD", &sealed[..5]).is_err());
    }
}
