//! Users and sessions in the shapes that Supabase's clients read.

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::app::users::tokens::{Tokens, app_metadata};
use crate::auth::jwt::AUDIENCE;
use crate::postgres::users::User;

/// A user.
pub(super) fn user(user: &User) -> Value {
    let mut view = json!({
        "id": user.id,
        "aud": AUDIENCE,
        "role": AUDIENCE,
        "email": user.email.as_deref().unwrap_or_default(),
        "phone": "",
        "app_metadata": app_metadata(user),
        "user_metadata": user.user_metadata,
        "identities": identities(user),
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "is_anonymous": user.is_anonymous,
    });
    let times = [
        ("email_confirmed_at", user.email_confirmed_at),
        ("confirmed_at", user.email_confirmed_at),
        ("confirmation_sent_at", user.confirmation_sent_at),
        ("recovery_sent_at", user.recovery_sent_at),
        ("email_change_sent_at", user.email_change_sent_at),
        ("invited_at", user.invited_at),
        ("last_sign_in_at", user.last_sign_in_at),
        ("banned_until", user.banned_until),
    ];
    for (name, time) in times.into_iter().filter_map(|(name, time)| time.map(|time| (name, time))) {
        view[name] = json!(time);
    }
    for (name, text) in [("new_email", &user.new_email), ("external_id", &user.external_id)] {
        if let Some(text) = text {
            view[name] = json!(text);
        }
    }
    view
}

/// With the one that an address is.
fn identities(user: &User) -> Vec<Value> {
    let own = user.email.as_ref().map(|email| {
        json!({
            "identity_id": user.id,
            "id": user.id,
            "user_id": user.id,
            "identity_data": { "sub": user.id, "email": email, "email_verified": user.email_confirmed_at.is_some(),
                "phone_verified": false },
            "provider": "email",
            "last_sign_in_at": user.last_sign_in_at,
            "created_at": user.created_at,
            "updated_at": user.updated_at,
            "email": email,
        })
    });
    let others = user.identities.iter().map(|row| {
        json!({
            "identity_id": row["id"],
            "id": row["subject"],
            "user_id": row["user_id"],
            "identity_data": row["data"],
            "provider": row["provider"],
            "last_sign_in_at": row["last_sign_in_at"],
            "created_at": row["created_at"],
            "updated_at": row["last_sign_in_at"],
            "email": row["data"]["email"],
        })
    });
    own.into_iter().chain(others).collect()
}

/// A session with its user.
pub(super) fn session(tokens: &Tokens) -> Value {
    let mut view = Map::new();
    view.insert("access_token".into(), json!(tokens.access_token));
    view.insert("token_type".into(), json!("bearer"));
    view.insert("expires_in".into(), json!(tokens.expires_in));
    view.insert("expires_at".into(), json!(tokens.expires_at));
    if let Some(refresh_token) = &tokens.refresh_token {
        view.insert("refresh_token".into(), json!(refresh_token));
    }
    view.insert("user".into(), user(&tokens.user));
    Value::Object(view)
}

/// An answer that nobody keeps: it holds secrets, or who somebody is.
pub(super) fn private(body: Value) -> Response {
    let mut response = Json(body).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
