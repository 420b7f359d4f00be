//! The one error type of the server. It knows no HTTP: `http/error.rs` gives each kind its status.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use cloche_wire::FieldError;
use tokio_postgres::error::SqlState;

/// What kind of failure it is, from the caller's point of view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The input is wrong; sending it again will not help.
    BadInput,
    /// No valid credential came with the request.
    Unauthenticated,
    /// The credential is valid but may not do this.
    Forbidden,
    /// There is no such thing, or the caller may not know of it.
    NotFound,
    /// The request can mean several things.
    Several,
    /// The thing is in a state that does not allow it, or a name is taken.
    Conflict,
    /// Preconditions of the request (such as "exactly one row") do not hold.
    NotAcceptable,
    /// The path is there, but does not take this method.
    MethodNotAllowed,
    /// The body is larger than allowed.
    TooLarge,
    /// The body is in a format that is not taken here.
    UnsupportedMediaType,
    /// The page asked for lies after the last record.
    OutOfRange,
    /// Tried too often; worth trying again later.
    TooMany,
    /// Not now; worth trying again.
    Unavailable,
    /// A function of the environment's own has chosen this status: `RAISE SQLSTATE 'PT402'`.
    Raised(u16),
    /// A bug or a broken dependency. The source is logged, never shown.
    Internal,
}

/// A failure with a stable code, a sentence for the user, and what to do next.
///
/// `message`, `details` and `hint` are shown to users; `source` only ever reaches the log.
pub(crate) struct Error {
    pub(crate) kind: Kind,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) details: Option<String>,
    pub(crate) hint: Option<String>,
    pub(crate) fields: Vec<FieldError>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) source: Option<Box<dyn StdError + Send + Sync>>,
}

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    fn new(kind: Kind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: code.into(),
            message: message.into(),
            details: None,
            hint: None,
            fields: Vec::new(),
            retry_after: None,
            source: None,
        }
    }

    pub(crate) fn bad_input(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::BadInput, code, message)
    }

    pub(crate) fn unauthenticated(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::Unauthenticated, code, message)
    }

    pub(crate) fn forbidden(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, code, message)
    }

    pub(crate) fn not_found(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, code, message)
    }

    pub(crate) fn several(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::Several, code, message)
    }

    pub(crate) fn conflict(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, code, message)
    }

    pub(crate) fn not_acceptable(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::NotAcceptable, code, message)
    }

    pub(crate) fn too_large(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::TooLarge, code, message)
    }

    pub(crate) fn method_not_allowed(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::MethodNotAllowed, code, message)
    }

    pub(crate) fn unsupported_media_type(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::UnsupportedMediaType, code, message)
    }

    pub(crate) fn out_of_range(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::OutOfRange, code, message)
    }

    /// Tried too often: worth trying again after `retry_after`.
    pub(crate) fn too_many(code: impl Into<String>, message: impl Into<String>, retry_after: Duration) -> Self {
        let mut error = Self::new(Kind::TooMany, code, message);
        error.retry_after = Some(retry_after);
        error
    }

    /// Worth trying again after `retry_after`.
    pub(crate) fn unavailable(code: impl Into<String>, message: impl Into<String>, retry_after: Duration) -> Self {
        let mut error = Self::new(Kind::Unavailable, code, message);
        error.retry_after = Some(retry_after);
        error
    }

    /// What a function of the environment's own raised, with the status it chose.
    pub(crate) fn raised(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::Raised(status), code, message)
    }

    /// A bug or a broken dependency: the caller gets a fixed sentence, the log gets `source`.
    pub(crate) fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let mut error = Self::new(Kind::Internal, "server/internal", "Something went wrong on the server.");
        error.hint = Some("Try again; if it stays, look for the request id in the server's log.".into());
        error.source = Some(source.into());
        error
    }

    /// The database is starting, stopping or gone: worth trying again.
    pub(crate) fn unreachable_database(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let mut error =
            Self::unavailable("database/unavailable", "The database cannot answer at the moment.", Duration::from_secs(2));
        error.source = Some(source.into());
        error.hint("Try again in a moment.")
    }

    /// The connection ended before it was said what came of a write.
    pub(crate) fn unknown_outcome(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let message = "The connection to the database ended before it said whether this was written.";
        let mut error = Self::new(Kind::Unavailable, "database/outcome-unknown", message);
        // Without a time to come again: some clients would send it again by themselves.
        error.source = Some(source.into());
        error.hint("It may have been written or not: look before you send it again.")
    }

    /// Too many wait for the same: worth trying again.
    fn busy_database() -> Self {
        Self::unavailable("database/busy", "The database is busy with other requests of this kind.", Duration::from_secs(2))
            .hint("Try again in a moment.")
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }

    pub(crate) fn field(mut self, field: impl Into<String>, rule: &str, message: impl Into<String>) -> Self {
        self.fields.push(FieldError { field: field.into(), rule: rule.into(), message: message.into() });
        self
    }
}

/// No connection, or the server at its other end is starting or shutting down (SQLSTATE class 08, and 57P01 to 57P03).
pub(crate) fn is_unreachable(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => code.code().starts_with("08") || matches!(code.code(), "57P01" | "57P02" | "57P03"),
        None => error.is_closed() || error.source().is_some_and(|source| source.is::<std::io::Error>()),
    }
}

/// Somebody else holds what a statement needs, and its patience is at an end.
fn is_busy(error: &tokio_postgres::Error) -> bool {
    matches!(
        error.code(),
        Some(&SqlState::LOCK_NOT_AVAILABLE | &SqlState::QUERY_CANCELED | &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT)
    )
}

/// A value that PostgreSQL's text cannot hold is refused before it gets there.
pub(crate) fn nul_character() -> Error {
    Error::bad_input("request/nul-character", "The character NUL (U+0000) cannot be stored or looked for.")
        .hint("Leave the character out.")
}

impl From<cloche_dialect::DialectError> for Error {
    fn from(error: cloche_dialect::DialectError) -> Self {
        let answer = if error.code == "PGRST103" { Self::out_of_range } else { Self::bad_input };
        let answer = answer(error.code, error.message);
        Self { details: error.details, hint: error.hint, ..answer }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        match &self.source {
            Some(source) => write!(f, " ({source:?})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The server's own statements fail because the database does not answer, or of a bug; a tenant's go through `postgres::sqlstate`.
impl From<tokio_postgres::Error> for Error {
    fn from(source: tokio_postgres::Error) -> Self {
        if matches!(source.code(), Some(&SqlState::CHARACTER_NOT_IN_REPERTOIRE | &SqlState::UNTRANSLATABLE_CHARACTER)) {
            // Only a caller's text, by itself or in JSON, can hold what PostgreSQL's texts cannot.
            return nul_character();
        }
        if is_busy(&source) {
            return Self::busy_database();
        }
        if is_unreachable(&source) { Self::unreachable_database(source) } else { Self::internal(source) }
    }
}

impl From<anyhow::Error> for Error {
    fn from(source: anyhow::Error) -> Self {
        if source.chain().any(|cause| cause.downcast_ref().is_some_and(is_busy)) {
            return Self::busy_database();
        }
        let unreachable = source.chain().any(|cause| cause.downcast_ref().is_some_and(is_unreachable));
        if unreachable { Self::unreachable_database(source) } else { Self::internal(source) }
    }
}

impl From<deadpool_postgres::PoolError> for Error {
    fn from(source: deadpool_postgres::PoolError) -> Self {
        match source {
            deadpool_postgres::PoolError::Timeout(_) => Self::busy_database(),
            source => anyhow::Error::from(source).into(),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
