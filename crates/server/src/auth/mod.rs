//! From credentials to what may be done: an API key becomes an [`EnvironmentScope`](crate::postgres::scope::EnvironmentScope), an
//! access token or a browser's session an [`Actor`], and an actor's role in a project a [`ProjectAccess`]. Nothing in `app/` is reachable without one.

mod access;
pub(crate) mod jwt;
mod keys;
pub(crate) mod oidc;
mod passwords;
mod recognised;
pub(crate) mod sessions;
mod throttle;
mod tokens;
mod uses;

pub(crate) use access::{Actor, OrganizationRole, ProjectAccess, Role, SignedIn, unknown, unknown_organization};
pub(crate) use keys::{Credentials, KeyCache};
pub(crate) use passwords::{Password, Passwords};
pub(crate) use recognised::Recognised;
pub(crate) use throttle::{Throttle, Try, network};
pub(crate) use tokens::authenticate;
pub(crate) use uses::Uses;

use std::time::Duration;

/// Keys, tokens and sessions note their use at most this often.
const NOTE_EVERY: Duration = Duration::from_secs(300);
