//! What a step is, and how it fails.

use std::error::Error as StdError;
use std::fmt;

use async_trait::async_trait;
use serde_json::Value;

use crate::event::Past;

/// One step of a saga over a context `C`: the things it works with, and the saga's input.
///
/// The context is built anew after a crash, so whatever a step must find again (names, ids) is fixed in the saga's input
/// before the first step runs, or is in the log (see [`Past::detail`]).
#[async_trait]
pub trait Step<C: Sync>: Send + Sync {
    /// Stands in the log, so it never changes: `clone_database`. Unique within a saga.
    fn name(&self) -> &'static str;

    /// For people: `Clone the database`.
    fn title(&self) -> &'static str;

    /// Makes the effect. Idempotent: it may run again after a crash, whether or not the effect happened before.
    ///
    /// The answer is kept in the log (`Value::Null` for nothing): no secrets.
    async fn run(&self, context: &C, past: &Past) -> Result<Value, StepError>;

    /// Takes the effect back. Idempotent; "already gone" is success.
    ///
    /// Called whenever the step was started, even if it failed or its reply was lost. Does nothing unless overridden.
    async fn undo(&self, _context: &C, _past: &Past) -> Result<(), StepError> {
        Ok(())
    }

    /// Once this step has started there is no way back: a failure of it or of a later one is retried, never unwound.
    fn point_of_no_return(&self) -> bool {
        false
    }
}

/// Why a step did not succeed.
///
/// `code`, `message` and `hint` are told to users; `source` only reaches the server's log.
pub struct StepError {
    /// Stable and machine-readable: `noun/reason`.
    pub code: String,
    /// What went wrong, in a sentence.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// What it comes from.
    pub source: Option<Box<dyn StdError + Send + Sync>>,
    /// This node no longer owns the saga: the executor stops, writes nothing and undoes nothing.
    pub lost: bool,
}

impl StepError {
    /// A failure that is told to users.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), hint: None, source: None, lost: false }
    }

    /// A bug or a broken dependency: users get a fixed sentence, the server's log gets `source`.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new("operation/internal", "Something went wrong on the server.")
            .with_hint("Try again; if it stays, look for the operation's id in the server's log.")
            .with_source(source)
    }

    /// This node no longer owns the saga; another one may be working on it already.
    pub fn lost() -> Self {
        Self { lost: true, ..Self::new("operation/lost", "Another node has taken over this operation.") }
    }

    /// Adds what to do next.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what it comes from, for the server's log.
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.code)
    }
}

impl fmt::Debug for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl StdError for StepError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
