//! Everything said to PostgreSQL about environments: the embedded server, clusters, databases, copies, connections, queries.

pub(crate) mod auth_settings;
pub(crate) mod cluster;
pub(crate) mod copy;
pub(crate) mod database;
pub(crate) mod embedded;
pub(crate) mod encode;
pub(crate) mod environments;
pub(crate) mod fingerprint;
pub(crate) mod gate;
pub(crate) mod introspect;
pub(crate) mod lane;
pub(crate) mod migrate;
pub(crate) mod param;
pub(crate) mod query;
pub(crate) mod realm;
pub(crate) mod schema;
pub(crate) mod scope;
pub(crate) mod sever;
pub(crate) mod signing;
pub(crate) mod sqlstate;
pub(crate) mod template;
pub(crate) mod travel;
pub(crate) mod user_sessions;
pub(crate) mod users;
pub(crate) mod variables;
