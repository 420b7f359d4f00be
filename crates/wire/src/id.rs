//! Ids are UUIDv7: unique everywhere and sorted by the time they were made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id, later than every id made before it on this machine.
            #[allow(clippy::new_without_default, reason = "a default id would hide that it is random")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

ids! {
    /// An organization: people and the projects they own.
    OrganizationId
    /// A person who may use the management plane.
    MemberId
    /// A project: a tree of environments.
    ProjectId
    /// An environment: one complete backend in one database.
    EnvironmentId
    /// An API key of an environment.
    KeyId
    /// A personal access token of a member.
    TokenId
    /// A browser's session of a member.
    SessionId
    /// An invitation into an organization.
    InvitationId
    /// A running server, from its start to its end.
    NodeId
    /// A multi-step operation and its event log.
    OperationId
    /// A PostgreSQL server on which environments are placed.
    ClusterId
}
