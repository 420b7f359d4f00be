//! Passwords of members: what is accepted as one, and hashing them without stopping everything else.

use std::fmt;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};
use crate::secrets::{Secrets, random};

/// Characters of a password: shorter ones are guessed, longer ones are mistakes.
const LENGTH: std::ops::RangeInclusive<usize> = 10..=256;
/// Hashes at a time. Each takes 19 MiB and a processor for some 30 ms.
const AT_A_TIME: usize = 2;
/// Who waits for a turn: a second or two of work. More are sent away.
const WAITING: usize = 100;
/// OWASP's choice for Argon2id: 19 MiB, two passes, one lane.
static PARAMS: LazyLock<Params> =
    LazyLock::new(|| Params::new(19_456, 2, 1, None).expect("the parameters are within Argon2's limits"));

/// A password as it was typed. Never printed.
#[derive(Clone, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Password(String);

/// Hashes passwords, a few at a time and off the threads that answer requests.
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// What the password of somebody who is not there is compared with, so that the answer takes as long.
    nobody: String,
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Password {
    /// Refuses what is too short, too long or the member's own address.
    pub(crate) fn check(&self, field: &str, email: &str) -> Result<()> {
        self.check_from(*LENGTH.start(), field, email)
    }

    /// The same where a password may be shorter, or must be longer.
    pub(crate) fn check_from(&self, shortest: usize, field: &str, email: &str) -> Result<()> {
        let length = self.0.chars().count();
        if !(shortest..=*LENGTH.end()).contains(&length) {
            let message = format!("A password has {shortest} to {} characters.", LENGTH.end());
            let rule = format!("{shortest} to {} characters", LENGTH.end());
            return Err(Error::bad_input("password/length", message).field(field, "length", rule));
        }
        if self.0.trim().eq_ignore_ascii_case(email) {
            return Err(Error::bad_input("password/is-email", "The password is the e-mail address.")
                .hint("Choose one that nobody can guess.")
                .field(field, "not-email", "anything but the e-mail address"));
        }
        Ok(())
    }
}

impl Passwords {
    pub(crate) fn new() -> Self {
        // Of the form and cost of a real one; no password has this hash.
        let params = "m=19456,t=2,p=1";
        let nobody = format!("$argon2id$v=19${params}${}${}", "A".repeat(22), "A".repeat(43));
        Self { turns: Arc::new(Semaphore::new(AT_A_TIME)), waiting: AtomicUsize::new(0), nobody }
    }

    /// The Argon2id hash of a password in PHC form, with a salt of its own and the server's pepper.
    pub(crate) async fn hash(&self, secrets: &Arc<Secrets>, password: &Password) -> Result<String> {
        let (secrets, password) = (Arc::clone(secrets), password.clone());
        self.take_turn(move || {
            let salt = random::<16>()?;
            let hashed = argon2(&secrets)?.hash_password_with_salt(password.0.as_bytes(), &salt);
            hashed.map(|hash| hash.to_string()).map_err(|problem| anyhow::anyhow!("a password cannot be hashed: {problem}"))
        })
        .await
    }

    /// Whether the password is the one behind the hash. Without a hash it takes as long, and is not.
    pub(crate) async fn verify(&self, secrets: &Arc<Secrets>, password: &Password, hash: Option<&str>) -> Result<bool> {
        let (secrets, password, known) = (Arc::clone(secrets), password.clone(), hash.is_some());
        let hash = hash.unwrap_or(&self.nobody).to_owned();
        let same = self.take_turn(move || Ok(argon2(&secrets)?.verify_password(password.0.as_bytes(), hash.as_str()).is_ok()));
        Ok(same.await? && known)
    }

    async fn take_turn<T: Send + 'static>(&self, work: impl FnOnce() -> anyhow::Result<T> + Send + 'static) -> Result<T> {
        /// Counts out also who gives up waiting.
        struct Waiting<'a>(&'a AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = Waiting(&self.waiting);
        if before >= WAITING {
            let message = "Too many people are signing in at the moment.";
            return Err(Error::unavailable("session/busy", message, Duration::from_secs(3)).hint("Try again in a moment."));
        }
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(Error::internal)?;
        drop(waiting);
        let done = tokio::task::spawn_blocking(move || {
            // The turn is over when the work is, also if nobody waits for it any more.
            let _turn = turn;
            work()
        });
        Ok(done.await.map_err(Error::internal)??)
    }
}

fn argon2(secrets: &Secrets) -> anyhow::Result<Argon2<'_>> {
    Argon2::new_with_secret(secrets.password_pepper(), Algorithm::Argon2id, Version::V0x13, PARAMS.clone())
        .map_err(|problem| anyhow::anyhow!("Argon2 does not take the pepper: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Arc<Secrets> {
        Arc::new(Secrets::for_tests(7))
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_alone() {
        let (passwords, secrets) = (Passwords::new(), secrets());
        let (right, wrong) = (Password::from("correct horse".to_owned()), Password::from("correct hors".to_owned()));
        let hash = passwords.hash(&secrets, &right).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, passwords.hash(&secrets, &right).await.unwrap(), "each has a salt of its own");
        assert!(passwords.verify(&secrets, &right, Some(&hash)).await.unwrap());
        assert!(!passwords.verify(&secrets, &wrong, Some(&hash)).await.unwrap());
        assert!(!passwords.verify(&secrets, &right, None).await.unwrap());
        let other = Arc::new(Secrets::for_tests(8));
        assert!(!passwords.verify(&other, &right, Some(&hash)).await.unwrap(), "the pepper counts");
    }

    /// What is compared for nobody costs what is compared for somebody; a hash that cannot be read would cost nothing.
    #[test]
    fn the_hash_of_nobody_is_one() {
        let nobody = Passwords::new().nobody;
        let verified = argon2(&secrets()).unwrap().verify_password(b"anything", nobody.as_str());
        assert_eq!(verified, Err(argon2::password_hash::Error::PasswordInvalid));
    }

    #[test]
    fn what_is_a_password() {
        let code = |text: &str| {
            Password::from(text.to_owned()).check("password", "ada.lovelace@example.com").map_err(|error| error.code)
        };
        assert_eq!(code("ten letter"), Ok(()));
        assert_eq!(code(&"ä".repeat(256)), Ok(()));
        assert_eq!(code("nine char"), Err("password/length".into()));
        assert_eq!(code(&"a".repeat(257)), Err("password/length".into()));
        assert_eq!(code("Ada.Lovelace@example.com "), Err("password/is-email".into()));
        assert_eq!(format!("{:?}", Password::from("hunter2hunter2".to_owned())), "Password(…)");
    }
}
