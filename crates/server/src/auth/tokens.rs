//! Personal access tokens: who sends a request to the management plane.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use axum::http::{HeaderMap, header};
use cloche_wire::{KeyText, TokenKind};
use uuid::Uuid;

use super::{Actor, NOTE_EVERY};
use crate::error::{Error, Result};
use crate::secrets::{PEPPER_VERSION, Secrets, same};
use crate::store::{Store, people};

/// When each token was last noted as used.
#[derive(Default)]
pub(crate) struct TokenUse(Mutex<HashMap<Uuid, (Instant, bool)>>);

impl TokenUse {
    /// The member behind `Authorization: Bearer pat_…`. One and the same error for every token that is not valid.
    pub(crate) async fn authenticate(&self, store: &Store, secrets: &Secrets, headers: &HeaderMap) -> Result<Actor> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            return Err(Error::unauthenticated("auth/required", "This needs an access token.")
                .hint("Send `Authorization: Bearer pat_…`; `cloche tokens create` makes one, and the server keeps its owner's in DIR/owner-token."));
        };
        if values.any(|other| other != value) {
            return Err(invalid());
        }
        let text = value.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")).ok_or_else(invalid)?;
        let key = KeyText::parse(text.trim()).map_err(|_| invalid())?;
        if key.kind() != TokenKind::Personal {
            return Err(Error::unauthenticated("auth/not-a-token", "An API key opens the data plane alone.")
                .hint("The management plane takes a personal access token, `pat_…`."));
        }
        let hash = secrets.hash_key(&key);
        let client = store.client().await?;
        let Some(found) = people::find_token(&client, key.locator()).await? else {
            let _ = same(&hash, &[0; 32]);
            return Err(invalid());
        };
        if found.pepper_version != PEPPER_VERSION || !same(&hash, &found.hash) || !found.usable {
            return Err(invalid());
        }
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = used.entry(found.id.0).or_insert_with(|| (Instant::now(), true));
        if entry.0.elapsed() > NOTE_EVERY {
            *entry = (Instant::now(), true);
        }
        Ok(Actor {
            member_id: found.member_id,
            email: found.member_email,
            name: found.member_name,
            owner: found.organization_owner,
        })
    }

    /// Writes down which tokens were used since the last call.
    pub(crate) async fn write_uses(&self, store: &Store) -> Result<()> {
        let due: Vec<Uuid> = {
            let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            used.iter_mut().filter(|(_, (_, due))| *due).map(|(id, entry)| (*id, std::mem::take(&mut entry.1)).0).collect()
        };
        if !due.is_empty() {
            people::touch_tokens(&*store.client().await?, &due).await?;
        }
        Ok(())
    }
}

fn invalid() -> Error {
    Error::unauthenticated("auth/invalid", "The access token is not valid.").hint("Sign in again with `cloche login`.")
}
