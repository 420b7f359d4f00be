//! What is kept for later commands, in a file only its owner can read: the token of each server, which `cloche login` asked for,
//! and the SQL credential of each environment, which is shown once.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::error::{CliError, Result};

/// All kept logins.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Logins {
    /// Server address to token.
    #[serde(default)]
    logins: BTreeMap<String, String>,
    /// Server address and an environment's id, to the URL with its SQL password.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    credentials: BTreeMap<String, String>,
}

impl Logins {
    /// Reads the file; no file is no logins.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Self::default()),
            Err(error) => return Err(CliError::io("read", path, &error)),
        };
        serde_json::from_str(&text).map_err(|error| {
            CliError::failed("cli/logins", format!("{} cannot be read: {error}", path.display()))
                .hint("remove that file and run `cloche login` again")
        })
    }

    /// The token kept for a server.
    pub(crate) fn token(&self, url: &Url) -> Option<&str> {
        self.logins.get(key(url)).map(String::as_str)
    }

    /// Keeps a token for a server.
    pub(crate) fn insert(&mut self, url: &Url, token: &str) {
        self.logins.insert(key(url).to_owned(), token.to_owned());
    }

    /// Forgets a server's token; whether there was one.
    pub(crate) fn remove(&mut self, url: &Url) -> bool {
        self.logins.remove(key(url)).is_some()
    }

    /// The SQL credential kept for an environment of a server.
    pub(crate) fn credential(&self, url: &Url, environment: &str) -> Option<&str> {
        self.credentials.get(&format!("{} {environment}", key(url))).map(String::as_str)
    }

    /// Keeps the SQL credential of an environment.
    pub(crate) fn keep_credential(&mut self, url: &Url, environment: &str, credential: &str) {
        self.credentials.insert(format!("{} {environment}", key(url)), credential.to_owned());
    }

    /// Writes the file whole or not at all, readable by its owner alone from the first byte on.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let fail = |error: std::io::Error| CliError::io("write", path, &error);
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fail)?;
        }
        let draft = path.with_extension(format!("json.{}", std::process::id()));
        let text = serde_json::to_string_pretty(self).expect("a map of strings is always JSON");
        let written = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&draft, path));
        written.map_err(|error| {
            // A draft left behind would hold the token; if even this fails, the first error is the one to show.
            let _ = fs::remove_file(&draft);
            fail(error)
        })
    }
}

fn key(url: &Url) -> &str {
    url.as_str().trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_login_is_kept_private_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cloche/config.json");
        let url = Url::parse("https://a.example").unwrap();
        let mut logins = Logins::read(&path).unwrap();
        logins.insert(&url, "t");
        logins.write(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let mut logins = Logins::read(&path).unwrap();
        assert_eq!(logins.token(&Url::parse("https://a.example/").unwrap()), Some("t"));
        assert_eq!(logins.token(&Url::parse("https://b.example/").unwrap()), None);
        logins.keep_credential(&url, "one", "postgresql://a:b@/c");
        assert_eq!((logins.credential(&url, "one"), logins.credential(&url, "two")), (Some("postgresql://a:b@/c"), None));
        assert!(logins.remove(&url) && !logins.remove(&url));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
