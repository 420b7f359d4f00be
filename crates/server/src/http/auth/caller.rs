//! Who calls `/v1/auth`: a key, perhaps a user's token beside it, and where from.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Query};
use axum::http::header;
use axum::http::request::Parts;
use cloche_wire::KeyKind;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::app::users::Caller;
use crate::auth::Credentials;
use crate::error::{Error, Result};
use crate::http::address;
use crate::http::data::guardrails;
use crate::http::scope::admit;
use crate::postgres::realm::Realm;
use crate::postgres::scope::{DataActor, EndUser};

/// Of a client's description, which people see in the list of their sessions, this much is kept.
const USER_AGENT: usize = 300;
/// The right of a key that may look after users.
const USERS: &str = "users";

/// An application, which may have a user signed in.
pub(super) struct AuthCaller {
    pub(super) actor: DataActor,
    pub(super) realm: Realm,
    pub(super) caller: Caller,
}

/// An application with a secret key that may look after users.
pub(super) struct Admin(pub(super) AuthCaller);

/// A key in the address: where a browser is sent, nothing can put it into a header.
#[derive(Deserialize)]
struct InAddress {
    apikey: Option<String>,
}

impl FromRequestParts<Arc<App>> for AuthCaller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let in_address = Query::<InAddress>::try_from_uri(&parts.uri).ok().and_then(|Query(query)| query.apikey);
        // A publishable key alone: addresses are written into logs and histories.
        let in_address = in_address.filter(|key| key.starts_with("pk_"));
        let credentials = Credentials::with_named(&parts.headers, in_address.as_deref())?;
        let (actor, realm) = admit(app, &credentials).await?;
        guardrails::admit(app, parts, &actor, realm.handle()).await?;
        Ok(Self { actor, realm, caller: caller(parts, app)? })
    }
}

impl FromRequestParts<Arc<App>> for Admin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let caller = AuthCaller::from_request_parts(parts, app).await?;
        caller.require_admin()?;
        Ok(Self(caller))
    }
}

impl AuthCaller {
    /// Refuses all but a secret key, full or for users, that acts for itself.
    pub(super) fn require_admin(&self) -> Result<()> {
        let DataActor { kind, scopes, user, .. } = &self.actor;
        if *kind == KeyKind::Secret && user.is_none() && (scopes.is_empty() || scopes.iter().any(|scope| scope == USERS)) {
            return Ok(());
        }
        Err(Error::forbidden("key/not-secret", "User not allowed")
            .hint("Looking after users needs a secret key, full or with the scope `users`, and no user's token beside it."))
    }

    /// The user whose token came along.
    pub(super) fn user(&self) -> Result<&EndUser> {
        self.actor.user.as_deref().ok_or_else(|| {
            Error::unauthenticated("token/missing", "This endpoint requires a Bearer token")
                .hint("Send the user's access token as `Authorization: Bearer …`, and the key as `apikey`.")
        })
    }
}

/// Where a request comes from.
pub(super) fn caller(parts: &Parts, app: &App) -> Result<Caller> {
    let address = address::of(&parts.extensions, &parts.headers, &app.settings);
    let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Ok(Caller {
        address: address.ok_or_else(|| Error::internal("a connection without an address"))?,
        user_agent: user_agent.chars().take(USER_AGENT).collect(),
    })
}

/// The members of the query.
pub(super) struct QueryOf<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for QueryOf<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        let Query(query) = query.map_err(|_| Error::bad_input("request/malformed-query", "The query is not understood."))?;
        Ok(Self(query))
    }
}
