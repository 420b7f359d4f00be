//! `/v1/auth`, and the same under the path that Supabase's clients use: users of an environment, in the shapes those clients read.

mod admin;
mod caller;
pub(super) mod codes;
mod oidc;
mod session;
mod user;
mod users;
mod verify;
mod view;

use std::sync::Arc;

use super::routes::{Credential, Routes, get, post};
use crate::app::App;

/// What an application does for its users, with either kind of key.
pub(super) fn routes() -> Routes<Arc<App>> {
    Routes::opened_by(Credential::AnyKey)
        .at("/v1/auth/signup", post(session::sign_up))
        .at("/auth/v1/signup", post(session::sign_up))
        .at("/v1/auth/token", post(session::token))
        .at("/auth/v1/token", post(session::token))
        .at("/v1/auth/logout", post(session::sign_out))
        .at("/auth/v1/logout", post(session::sign_out))
        .at("/v1/auth/user", get(user::show).put(user::change))
        .at("/auth/v1/user", get(user::show).put(user::change))
        .at("/v1/auth/sessions", get(user::sessions))
        .at("/v1/auth/sessions/{id}", super::routes::delete(user::revoke))
        .at("/v1/auth/recover", post(verify::recover))
        .at("/auth/v1/recover", post(verify::recover))
        .at("/v1/auth/resend", post(verify::resend))
        .at("/auth/v1/resend", post(verify::resend))
        .at("/v1/auth/otp", post(verify::magic_link))
        .at("/auth/v1/otp", post(verify::magic_link))
        .at("/v1/auth/settings", get(session::settings))
        .at("/auth/v1/settings", get(session::settings))
        .at("/v1/auth/health", get(session::health))
        .at("/auth/v1/health", get(session::health))
        .at("/v1/auth/authorize", get(oidc::authorize))
        .at("/auth/v1/authorize", get(oidc::authorize))
        .at("/v1/auth/.well-known/jwks.json", get(session::public_keys))
        .at("/auth/v1/.well-known/jwks.json", get(session::public_keys))
}

/// What only a secret key opens.
pub(super) fn admin_routes() -> Routes<Arc<App>> {
    Routes::opened_by(Credential::Key)
        .at("/v1/auth/admin/users", get(admin::list).post(admin::create))
        .at("/auth/v1/admin/users", get(admin::list).post(admin::create))
        .at("/v1/auth/admin/users/{id}", get(admin::show).put(admin::change).delete(admin::delete))
        .at("/auth/v1/admin/users/{id}", get(admin::show).put(admin::change).delete(admin::delete))
        .at("/v1/auth/admin/generate_link", post(admin::generate_link))
        .at("/auth/v1/admin/generate_link", post(admin::generate_link))
        .at("/v1/auth/invite", post(admin::invite))
        .at("/auth/v1/invite", post(admin::invite))
        .at("/v1/users", get(users::list))
        .at("/v1/users/{id}", get(users::show).patch(users::change).delete(users::delete))
        .at("/v1/users/{id}/sessions", get(users::sessions).delete(users::end_sessions))
        .at("/v1/users/{id}/sessions/{session}", super::routes::delete(users::end_session))
}

/// What a browser opens by a link of ours, which carries its own secret. Application and link use the same address.
pub(super) fn link_routes() -> Routes<Arc<App>> {
    Routes::opened_by(Credential::Link)
        .at("/v1/auth/verify", get(verify::open).post(verify::verify))
        .at("/auth/v1/verify", get(verify::open).post(verify::verify))
        .at("/auth/v1/callback", get(oidc::callback))
}
