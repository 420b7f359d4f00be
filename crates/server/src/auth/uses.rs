//! When tokens and sessions were last used: noted in memory, written down outside the request path.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use uuid::Uuid;

use super::NOTE_EVERY;
use crate::error::Result;
use crate::store::{Store, people, sessions};

/// Uses of the management plane's credentials.
#[derive(Default)]
pub(crate) struct Uses {
    pub(super) tokens: Noted,
    pub(super) sessions: Noted,
}

/// When each was last noted, and whether that is still to be written down. Forgotten when it could be noted again.
#[derive(Default)]
pub(super) struct Noted(Mutex<HashMap<Uuid, (Instant, bool)>>);

impl Uses {
    /// Writes down what was used since the last call.
    pub(crate) async fn write_uses(&self, store: &Store) -> Result<()> {
        let (tokens, sessions) = (self.tokens.take_due(), self.sessions.take_due());
        if !tokens.is_empty() {
            people::touch_tokens(&*store.client().await?, &tokens).await?;
        }
        if !sessions.is_empty() {
            sessions::touch(&*store.client().await?, &sessions).await?;
        }
        Ok(())
    }
}

impl Noted {
    pub(super) fn note(&self, id: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_insert_with(|| (Instant::now(), true));
    }

    fn take_due(&self) -> Vec<Uuid> {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.retain(|_, (at, due)| *due || at.elapsed() <= NOTE_EVERY);
        noted.iter_mut().filter(|(_, (_, due))| *due).map(|(id, entry)| (*id, std::mem::take(&mut entry.1)).0).collect()
    }
}
