//! API keys: from a request's headers to the environment the key belongs to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, header};
use chrono::Utc;
use cloche_wire::{EnvironmentId, KeyText, TokenKind};

use super::NOTE_EVERY;
use crate::error::{Error, Result};
use crate::fence::Lease;
use crate::map::Map;
use crate::postgres::database::DatabaseName;
use crate::postgres::scope::DataActor;
use crate::secrets::{PEPPER_VERSION, Secrets, same};
use crate::store::Store;
use crate::store::environments::Status;
use crate::store::keys::{self, KeyCheck};

/// Keys remembered at most; more than a server sees in an hour, and a bound on its memory.
const REMEMBERED: usize = 20_000;
/// How long a request waits for a key to be read: a cut link must not keep it for ever.
const PATIENCE: Duration = Duration::from_secs(10);

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const APIKEY: HeaderName = HeaderName::from_static("apikey");

/// Keys this server remembers, for as long as its lease holds.
///
/// Whatever ends a key's use (revoke, rotate, pause, delete) has every server forget the environment's keys before its call returns
/// ([`crate::fence`]), and what was being read meanwhile is not remembered. So no request that begins after that call finds an old entry.
pub(crate) struct KeyCache {
    remembered: RwLock<Remembered>,
    lease: Arc<Lease>,
    started: Instant,
    used: Mutex<Vec<uuid::Uuid>>,
}

#[derive(Default)]
struct Remembered {
    by_locator: Map<String, Arc<Entry>>,
    /// Counts the changes heard of.
    changes: u64,
}

struct Entry {
    key: KeyCheck,
    /// Milliseconds after the cache started; 0 if never.
    noted: AtomicU64,
}

/// A checked key.
pub(crate) struct Verified(Arc<Entry>);

impl Verified {
    /// Who the key stands for.
    pub(crate) fn actor(&self) -> DataActor {
        let KeyCheck { id, environment_id, kind, scopes, .. } = &self.0.key;
        DataActor { environment_id: *environment_id, key_id: id.0, kind: *kind, scopes: scopes.clone(), user: None }
    }

    /// The database of its environment.
    pub(crate) fn database(&self) -> &DatabaseName {
        &self.0.key.database
    }

    /// How many migrations that had at least when the key was read.
    pub(crate) fn schema_version(&self) -> i32 {
        self.0.key.schema_version
    }
}

impl KeyCache {
    pub(crate) fn new(lease: Arc<Lease>) -> Self {
        Self { remembered: RwLock::default(), lease, started: Instant::now(), used: Mutex::default() }
    }

    /// Forgets the keys of an environment, or all.
    pub(crate) fn forget(&self, environment: Option<EnvironmentId>) {
        let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        remembered.changes += 1;
        remembered.by_locator.retain(|_, entry| environment.is_some_and(|id| entry.key.environment_id != id));
    }

    /// Shape, checksum, locator, hash, then revoked and expired. One and the same error for each.
    pub(crate) async fn verify(&self, store: &Store, secrets: &Secrets, text: &str) -> Result<Verified> {
        let key = KeyText::parse(text).map_err(|_| invalid())?;
        if !matches!(key.kind(), TokenKind::Api(..)) {
            return Err(invalid());
        }
        let hash = secrets.hash_key(&key);
        let entry = match self.remembered(key.locator()) {
            Ok(entry) => Some(entry),
            // Rare, and with much to keep meanwhile: what every request passes through stays small.
            Err(changes) => Box::pin(self.read(store, key.locator(), changes)).await?,
        };
        let Some(entry) = entry else {
            // As long as a hit takes.
            let _ = same(&hash, &[0; 32]);
            return Err(invalid());
        };
        let found = &entry.key;
        let ended = found.revoked_at.is_some() || found.expires_at.is_some_and(|at| at <= Utc::now());
        if found.pepper_version != PEPPER_VERSION || !same(&hash, &found.hash) || ended {
            return Err(invalid());
        }
        self.note(&entry);
        match found.status {
            Status::Active => {}
            Status::Paused => {
                return Err(Error::unavailable("environment/paused", "This environment is paused.", Duration::from_secs(30))
                    .hint("Resume it with `cloche env resume`."));
            }
            _ => return Err(invalid()),
        }
        Ok(Verified(entry))
    }

    /// The key of that locator, if it is remembered; how many changes were heard of so far, if not.
    fn remembered(&self, locator: &str) -> Result<Arc<Entry>, u64> {
        let remembered = self.remembered.read().unwrap_or_else(PoisonError::into_inner);
        let known = remembered.by_locator.get(locator).filter(|_| self.lease.holds());
        known.map(Arc::clone).ok_or(remembered.changes)
    }

    async fn read(&self, store: &Store, locator: &str, changes: u64) -> Result<Option<Arc<Entry>>> {
        let read = async { keys::check(&store.client().await?, locator).await };
        let read =
            tokio::time::timeout(PATIENCE, read).await.unwrap_or_else(|_| Err(Error::unreachable_database("no answer in time")));
        let Some(key) = read? else { return Ok(None) };
        let entry = Arc::new(Entry { key, noted: AtomicU64::new(0) });
        let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        if remembered.changes == changes {
            if remembered.by_locator.len() >= REMEMBERED {
                remembered.by_locator.clear();
            }
            remembered.by_locator.insert(locator.to_owned(), Arc::clone(&entry));
        }
        Ok(Some(entry))
    }

    fn note(&self, entry: &Entry) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        let noted = entry.noted.load(Ordering::Relaxed);
        let due = noted == 0 || now - noted.min(now) > NOTE_EVERY.as_millis() as u64;
        if due && entry.noted.compare_exchange(noted, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.used.lock().unwrap_or_else(PoisonError::into_inner).push(entry.key.id.0);
        }
    }

    /// Writes down which keys were used since the last call.
    pub(crate) async fn write_uses(&self, store: &Store) -> Result<()> {
        let used = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        if !used.is_empty() {
            keys::touch(&*store.client().await?, &used).await?;
        }
        Ok(())
    }
}

/// What a request says of who sends it: one key, and beside it perhaps the access token of a user.
pub(crate) struct Credentials<'h> {
    pub(crate) key: &'h str,
    /// As it came: one that was checked a moment ago is found without being read.
    pub(crate) token: Option<&'h [u8]>,
}

impl<'h> Credentials<'h> {
    /// The key in `X-API-Key`, `apikey` or `Authorization: Bearer`; the same in several is fine. Beside a key in one of the first two, the
    /// last may hold a token.
    pub(crate) fn of(headers: &'h HeaderMap) -> Result<Self> {
        Self::with_named(headers, None)
    }

    /// The same where the key may also stand elsewhere, such as in the address a browser is sent to.
    pub(crate) fn with_named(headers: &'h HeaderMap, elsewhere: Option<&'h str>) -> Result<Self> {
        // All values of each: a proxy may have looked at another one than the first.
        let named = [X_API_KEY, APIKEY].into_iter().flat_map(|name| headers.get_all(name)).map(|value| value.to_str().ok());
        let mut key: Option<&str> = None;
        for text in named.chain(elsewhere.map(Some)) {
            let text = text.ok_or_else(invalid)?.trim_ascii();
            if key.is_some_and(|other| other != text) {
                return Err(conflicting());
            }
            key = Some(text);
        }
        let bearer = headers.get_all(header::AUTHORIZATION).iter();
        let bearer = bearer.map(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let mut token: Option<&[u8]> = None;
        for text in bearer {
            let text = text.ok_or_else(invalid)?.trim_ascii();
            match key {
                Some(key) if key.as_bytes() == text => {}
                Some(_) if !is_key(text) && token.is_none_or(|other| other == text) => token = Some(text),
                Some(_) => return Err(conflicting()),
                None => key = Some(std::str::from_utf8(text).map_err(|_| invalid())?),
            }
        }
        key.map(|key| Self { key, token }).ok_or_else(|| {
            Error::unauthenticated("key/missing", "This request carries no API key.").hint(
                "Send one as `X-API-Key: pk_…`, or as `Authorization: Bearer sk_…`. `cloche keys list` shows those there are.",
            )
        })
    }
}

/// Whether a text is meant to be a key, right or wrong.
fn is_key(text: &[u8]) -> bool {
    [b"pk_", b"sk_"].iter().any(|start| text.starts_with(*start))
}

fn conflicting() -> Error {
    Error::bad_input("key/conflicting", "The request carries two different keys.")
        .hint("Send one key, in X-API-Key, apikey or Authorization: Bearer.")
}

fn invalid() -> Error {
    Error::unauthenticated("key/invalid", "The API key is not valid.")
        .hint("`cloche keys list` shows the keys of an environment.")
}
