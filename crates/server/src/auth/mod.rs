//! From credentials to what may be done: an API key becomes an [`EnvironmentScope`](crate::postgres::scope::EnvironmentScope), an
//! access token an [`Actor`], and an actor's role in a project a [`ProjectAccess`]. Nothing in `app/` is reachable without one.

mod access;
mod keys;
mod tokens;

pub(crate) use access::{Actor, ProjectAccess, Role};
pub(crate) use keys::{KeyCache, key_from_headers};
pub(crate) use tokens::TokenUse;

use std::time::Duration;

/// Keys and tokens note their use at most this often.
const NOTE_EVERY: Duration = Duration::from_secs(300);
