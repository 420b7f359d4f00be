//! What server and CLI say to each other: ids, keys, names and the error envelope.
//!
//! No IO except random bytes from the operating system when a key is made.

mod base62;
mod id;
mod key;
mod name;
mod problem;

pub use id::{
    ClusterId, EnvironmentId, InvitationId, KeyId, MemberId, NodeId, OperationId, OrganizationId, ProjectId, SessionId, TokenId,
};
pub use key::{KeyEnvironment, KeyError, KeyKind, KeyText, TokenKind};
pub use name::{NameError, check_name};
pub use problem::{FieldError, Problem};
