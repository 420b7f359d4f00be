//! API keys: from a request's headers to the environment the key belongs to.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};
use chrono::Utc;
use cloche_wire::{KeyText, TokenKind};

use super::NOTE_EVERY;
use crate::error::{Error, Result};
use crate::postgres::database::DatabaseName;
use crate::postgres::scope::DataActor;
use crate::secrets::{PEPPER_VERSION, Secrets, same};
use crate::store::Store;
use crate::store::environments::Status;
use crate::store::keys::{self, KeyCheck};

/// Keys remembered at most; more than a server sees in an hour, and a bound on its memory.
const REMEMBERED: usize = 20_000;

/// Keys this server has seen, as they were at an epoch.
///
/// Whatever ends a key's use (revoke, rotate, pause, delete) raises the epoch before its call returns, and an entry counts only
/// with the epoch that was current *before* it was read. So no request that begins after that call can find an old entry.
pub(crate) struct KeyCache {
    entries: RwLock<HashMap<String, Arc<Entry>>>,
    epoch: AtomicU64,
    started: Instant,
    used: Mutex<Vec<uuid::Uuid>>,
}

struct Entry {
    epoch: u64,
    key: KeyCheck,
    /// Milliseconds after the cache started; 0 if never.
    noted: AtomicU64,
}

/// A checked key.
pub(crate) struct Verified(Arc<Entry>);

impl Verified {
    /// Who the key stands for.
    pub(crate) fn actor(&self) -> DataActor {
        let KeyCheck { environment_id, kind, scopes, .. } = &self.0.key;
        DataActor { environment_id: *environment_id, kind: *kind, scopes: scopes.clone() }
    }

    /// The database of its environment.
    pub(crate) fn database(&self) -> &DatabaseName {
        &self.0.key.database
    }
}

impl KeyCache {
    pub(crate) fn new() -> Self {
        Self { entries: RwLock::default(), epoch: AtomicU64::new(1), started: Instant::now(), used: Mutex::default() }
    }

    /// Makes every entry read so far useless. Called after the change is committed and before its caller is answered.
    pub(crate) fn fence(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }

    /// Shape, checksum, locator, hash, then revoked and expired. One and the same error for each.
    pub(crate) async fn verify(&self, store: &Store, secrets: &Secrets, text: &str) -> Result<Verified> {
        let key = KeyText::parse(text).map_err(|_| invalid())?;
        if !matches!(key.kind(), TokenKind::Api(..)) {
            return Err(invalid());
        }
        let hash = secrets.hash_key(&key);
        let entry = self.find(store, key.locator()).await?;
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

    async fn find(&self, store: &Store, locator: &str) -> Result<Option<Arc<Entry>>> {
        let epoch = self.epoch.load(Ordering::SeqCst);
        let known = self.entries.read().unwrap_or_else(PoisonError::into_inner).get(locator).cloned();
        if let Some(entry) = known.filter(|entry| entry.epoch == epoch) {
            return Ok(Some(entry));
        }
        let client = store.client().await?;
        let Some(key) = keys::check(&client, locator).await? else { return Ok(None) };
        let entry = Arc::new(Entry { epoch, key, noted: AtomicU64::new(0) });
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= REMEMBERED {
            entries.clear();
        }
        entries.insert(locator.to_owned(), Arc::clone(&entry));
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

/// The one key of a request: `X-API-Key`, `apikey` or `Authorization: Bearer`. The same key in several is fine.
pub(crate) fn key_from_headers(headers: &HeaderMap) -> Result<&str> {
    let bearer =
        headers.get(header::AUTHORIZATION).map(|value| value.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")));
    let named = ["x-api-key", "apikey"].into_iter().filter_map(|name| headers.get(name)).map(|value| value.to_str().ok());
    let mut found: Option<&str> = None;
    for text in named.chain(bearer) {
        let text = text.ok_or_else(invalid)?.trim();
        if found.is_some_and(|other| other != text) {
            return Err(Error::bad_input("key/conflicting", "The request carries two different keys.")
                .hint("Send one key, in X-API-Key, apikey or Authorization: Bearer."));
        }
        found = Some(text);
    }
    found.ok_or_else(|| {
        Error::unauthenticated("key/missing", "This request carries no API key.")
            .hint("Send one as `X-API-Key: pk_…`, or as `Authorization: Bearer sk_…`. `cloche keys list` shows those there are.")
    })
}

fn invalid() -> Error {
    Error::unauthenticated("key/invalid", "The API key is not valid.")
        .hint("`cloche keys list` shows the keys of an environment.")
}
