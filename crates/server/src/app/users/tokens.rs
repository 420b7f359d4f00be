//! Access tokens: giving them out, and finding out whose they are.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::Utc;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_postgres::Transaction;
use uuid::Uuid;

use super::{App, Caller, checked_metadata, checked_roles, issuer, settings};
use crate::auth::jwt::{self, AUDIENCE};
use crate::error::{Error, Result};
use crate::postgres::environments::Handle;
use crate::postgres::realm::Realm;
use crate::postgres::scope::EndUser;
use crate::postgres::user_sessions::{self, NewSession, Refreshed};
use crate::postgres::users::{self, NewUser, User, UserChange};
use crate::secrets::random_text;

/// The longest a minted token may be in force: nothing ends it before.
const LONGEST: i64 = 7 * 24 * 3_600;
/// Characters of an application's own id of a user.
const MAX_EXTERNAL: usize = 200;

/// What a user who signs in is given.
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    pub(crate) expires_in: i64,
    pub(crate) expires_at: i64,
    /// None with a token that the application has minted, which belongs to no session.
    pub(crate) refresh_token: Option<String>,
    pub(crate) user: User,
}

/// A session that has begun, or goes on.
pub(crate) struct Begun {
    pub(crate) session: Uuid,
    pub(crate) method: String,
    pub(crate) refresh_token: String,
}

/// What an application says of a user whom it vouches for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Mint {
    /// A UUID is the user's id here; anything else is the application's own id of them.
    user_id: String,
    name: Option<String>,
    avatar: Option<String>,
    roles: Option<Vec<String>>,
    /// Seconds.
    ttl: Option<i64>,
}

/// Whose token it is, if it was checked before and is in force.
pub(crate) fn recognised(handle: &Handle, token: &[u8]) -> Option<Arc<EndUser>> {
    handle.recognised.find(token, now())
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Whose token it is, if it is one of this environment and in force. Without the database, once its key is known.
pub(crate) async fn verify(app: &App, realm: &Realm, bytes: &[u8]) -> Result<Arc<EndUser>> {
    let token = std::str::from_utf8(bytes).map_err(|_| jwt::invalid())?;
    let kid = jwt::key_id(token)?;
    let keys = realm.keys_with(&app.secrets, &kid).await?;
    let claims = jwt::verify(token, &keys, realm.environment)?;
    let id = claims["sub"].as_str().and_then(|id| id.parse().ok()).ok_or_else(jwt::invalid)?;
    let roles = claims["app_metadata"]["roles"].as_array().map(Vec::as_slice).unwrap_or_default();
    let roles = roles.iter().filter_map(|role| role.as_str().map(str::to_owned)).collect();
    let expires = claims["exp"].as_i64().ok_or_else(jwt::invalid)?;
    let user = Arc::new(EndUser { id, roles, claims });
    realm.handle().recognised.remember(bytes, &user, expires, now());
    Ok(user)
}

/// The public keys, as a JWK set.
pub(crate) async fn public_keys(app: &App, realm: &Realm) -> Result<Value> {
    let keys = realm.keys(&app.secrets, &issuer(app)).await?;
    Ok(json!({ "keys": keys.iter().map(jwt::SigningKey::jwk).collect::<Vec<_>>() }))
}

/// Begins a session of a user in the transaction that has checked them.
pub(crate) async fn begin(
    app: &App,
    realm: &Realm,
    tx: &Transaction<'_>,
    user: &User,
    method: &str,
    caller: &Caller,
) -> Result<Begun> {
    if user.is_banned() {
        return Err(banned());
    }
    let refresh_token = random_text()?;
    let hash = app.secrets.hash_for_user(realm.environment, "refresh", &refresh_token);
    let new =
        NewSession { user: user.id, method, address: caller.address.to_string(), user_agent: &caller.user_agent, hash: &hash };
    let session = user_sessions::begin(tx, &new).await?;
    Ok(Begun { session, method: method.to_owned(), refresh_token })
}

/// What the user is given for a session.
pub(crate) async fn give(app: &App, realm: &Realm, user: User, begun: Begun) -> Result<Tokens> {
    let ttl = settings(realm).await?.token_ttl;
    let mut tokens = sign(app, realm, user, Some(&begun), ttl).await?;
    tokens.refresh_token = Some(begun.refresh_token);
    Ok(tokens)
}

/// The next tokens of a session. A refresh token works once; one that is used again ends its session.
pub(crate) async fn refresh(app: &App, realm: &Realm, token: &str) -> Result<Tokens> {
    let next = app.secrets.next_token(realm.environment, token);
    let hash_of = |token: &str| app.secrets.hash_for_user(realm.environment, "refresh", token);
    let mut platform = realm.platform().await?;
    let tx = platform.client_mut()?.transaction().await?;
    let (session, user) = match user_sessions::refresh(&tx, &hash_of(token), &hash_of(&next)).await? {
        Refreshed::Carried { session, user } => (session, user),
        Refreshed::Reused => {
            // With it the end of the family.
            tx.commit().await?;
            return Err(Error::bad_input("refresh/used", "Invalid Refresh Token: Already Used").hint("Sign in again."));
        }
        Refreshed::Unknown => {
            return Err(
                Error::bad_input("refresh/unknown", "Invalid Refresh Token: Refresh Token Not Found").hint("Sign in again.")
            );
        }
    };
    let user = users::find(&tx, user).await?.ok_or_else(super::unknown)?;
    if user.is_banned() {
        return Err(banned());
    }
    let method = user_sessions::method(&tx, session).await?;
    tx.commit().await?;
    drop(platform);
    give(app, realm, user, Begun { session, method, refresh_token: next }).await
}

/// A token for whom the application has made sure of by itself. The user is made if new.
pub(crate) async fn mint(app: &App, realm: &Realm, mint: &Mint) -> Result<Tokens> {
    let ttl = match mint.ttl {
        None => settings(realm).await?.token_ttl,
        Some(ttl) if (1..=LONGEST).contains(&ttl) => ttl,
        Some(_) => {
            return Err(Error::bad_input("token/ttl", "A token is in force for 1 second to 7 days.").field(
                "ttl",
                "range",
                format!("1 to {LONGEST} seconds"),
            ));
        }
    };
    let id: Option<Uuid> = mint.user_id.parse().ok();
    if id.is_none() && (mint.user_id.is_empty() || mint.user_id.chars().count() > MAX_EXTERNAL) {
        return Err(Error::bad_input("user/id", "userId must have 1 to 200 characters.").field("userId", "length", "1 to 200"));
    }
    let roles = mint.roles.as_deref().map(checked_roles).transpose()?;
    let mut metadata = json!({});
    for (member, value) in [("name", &mint.name), ("avatar_url", &mint.avatar)] {
        if let Some(value) = value {
            metadata[member] = json!(value);
        }
    }
    checked_metadata("name and avatar", Some(&metadata))?;
    let mut platform = realm.platform().await?;
    let tx = platform.client_mut()?.transaction().await?;
    // Two mints of one new user at once: the second finds the first one's.
    users::take_turn(&tx, &format!("cloche/user/{}", mint.user_id)).await?;
    let known = match id {
        Some(id) => users::find(&tx, id).await?,
        None => users::find_external(&tx, &mint.user_id).await?,
    };
    let user = match known {
        Some(user) if user.is_banned() => return Err(banned()),
        Some(user) => {
            let change = UserChange { roles: roles.as_deref(), user_metadata: Some(&metadata), ..UserChange::default() };
            users::update(&tx, user.id, &change).await?.ok_or_else(super::unknown)?
        }
        None => {
            let external_id = id.is_none().then_some(mint.user_id.as_str());
            let roles = roles.as_deref().unwrap_or_default();
            let new = NewUser { id, external_id, roles, user_metadata: Some(&metadata), ..NewUser::default() };
            users::insert(&tx, &new).await?
        }
    };
    tx.commit().await?;
    drop(platform);
    sign(app, realm, user, None, ttl).await
}

async fn sign(app: &App, realm: &Realm, user: User, begun: Option<&Begun>, ttl: i64) -> Result<Tokens> {
    let keys = realm.keys(&app.secrets, &issuer(app)).await?;
    let key = keys.first().ok_or_else(|| Error::internal("there is no signing key"))?;
    let now = Utc::now().timestamp();
    let expires_at = now + ttl;
    let mut claims = json!({
        "iss": key.issuer(),
        "sub": user.id,
        "aud": [AUDIENCE, realm.environment],
        "exp": expires_at,
        "iat": now,
        "nbf": now,
        "email": user.email.as_deref().unwrap_or_default(),
        "email_verified": user.email_proven,
        "phone": "",
        "app_metadata": app_metadata(&user),
        "user_metadata": user.user_metadata,
        "role": AUDIENCE,
        "aal": "aal1",
        "is_anonymous": user.is_anonymous,
    });
    if let Some(begun) = begun {
        claims["session_id"] = json!(begun.session);
        claims["amr"] = json!([{ "method": begun.method, "timestamp": now }]);
    }
    if let Some(external_id) = &user.external_id {
        claims["external_id"] = json!(external_id);
    }
    Ok(Tokens { access_token: key.sign(&claims)?, expires_in: ttl, expires_at, refresh_token: None, user })
}

/// What the application knows of a user, with what we add to it.
pub(crate) fn app_metadata(user: &User) -> Value {
    let mut metadata = user.app_metadata.clone();
    let own = user.email.is_some().then_some("email");
    let others = user.identities.iter().filter_map(|identity| identity["provider"].as_str());
    let providers: Vec<&str> = own.into_iter().chain(others).collect();
    if let Some(provider) = providers.first() {
        metadata["provider"] = json!(provider);
    }
    metadata["providers"] = json!(providers);
    metadata["roles"] = json!(user.roles);
    metadata
}

pub(crate) fn banned() -> Error {
    Error::forbidden("user/banned", "User is banned")
}
