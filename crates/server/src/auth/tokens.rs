//! Personal access tokens: who sends a request to the management plane.

use axum::http::{HeaderMap, HeaderValue, header};
use cloche_wire::{KeyText, TokenKind};

use super::{Actor, Uses, sessions};
use crate::error::{Error, Result};
use crate::secrets::{PEPPER_VERSION, Secrets, same};
use crate::store::{Store, people};

/// The member behind a request: `Authorization: Bearer pat_…`, or the cookie of a browser's session with all that protects it.
pub(crate) async fn authenticate(
    store: &Store,
    secrets: &Secrets,
    uses: &Uses,
    public_url: Option<&str>,
    headers: &HeaderMap,
) -> Result<Actor> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    if let Some(value) = values.next() {
        if values.any(|other| other != value) {
            return Err(invalid());
        }
        return by_token(store, secrets, uses, value).await;
    }
    let Some(session) = sessions::from_cookie(headers) else {
        return Err(Error::unauthenticated("auth/required", "This needs an access token.")
            .hint("Send `Authorization: Bearer pat_…`; `cloche tokens create` makes one, and the server keeps its owner's in DIR/owner-token."));
    };
    sessions::check_place(headers, public_url)?;
    let session = sessions::authenticate(store, secrets, uses, session?).await?;
    sessions::check_forgery(headers, public_url, secrets, &session.text)?;
    Ok(session.actor)
}

/// One and the same error for every token that is not valid.
async fn by_token(store: &Store, secrets: &Secrets, uses: &Uses, value: &HeaderValue) -> Result<Actor> {
    let text = value.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")).ok_or_else(invalid)?;
    let key = KeyText::parse(text.trim()).map_err(|_| invalid())?;
    if matches!(key.kind(), TokenKind::Api(..)) {
        return Err(Error::unauthenticated("auth/not-a-token", "An API key opens the data plane alone.")
            .hint("The management plane takes a personal access token, `pat_…`."));
    }
    if key.kind() != TokenKind::Personal {
        return Err(invalid());
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
    uses.tokens.note(found.id.0);
    Ok(found.actor)
}

fn invalid() -> Error {
    Error::unauthenticated("auth/invalid", "The access token is not valid.").hint("Sign in again with `cloche login`.")
}
