//! How outcomes are told: payloads for what users can mend, GraphQL errors for what they may not do.

use std::sync::Arc;

use async_graphql::{Context, ErrorExtensions as _, SimpleObject};
use cloche_wire::{FieldError, KeyText};

use crate::app::App;
use crate::auth::Actor;
use crate::error::{Error, Kind};
use crate::http::error::log_internal;
use crate::http::request_id;
use crate::store::keys::KeyPair;

/// The pair an environment's applications use. The secret key is shown this once.
#[derive(SimpleObject)]
#[graphql(name = "KeyPair")]
pub(super) struct Keys {
    publishable: String,
    secret: String,
}

/// A field of the input that was refused.
#[derive(SimpleObject)]
#[graphql(name = "FieldError")]
pub(super) struct Refused {
    field: String,
    rule: String,
    message: String,
}

/// What every mutation says of its outcome.
#[derive(SimpleObject, Default)]
pub(super) struct Verdict {
    /// Whether it was done.
    success: bool,
    /// Stable and machine-readable (`noun/reason`), when it was not.
    code: Option<String>,
    /// One sentence.
    message: String,
    /// More about why it was not done.
    details: Option<String>,
    /// What to do next.
    hint: Option<String>,
    /// The fields of the input that were refused.
    field_errors: Vec<Refused>,
}

impl Verdict {
    pub(super) fn done(message: impl Into<String>) -> Self {
        Self { success: true, message: message.into(), ..Self::default() }
    }

    pub(super) fn failed(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: Some(code.into()), message: message.into(), ..Self::default() }
    }
}

impl From<&KeyPair> for Keys {
    fn from(pair: &KeyPair) -> Self {
        let text = |key: &KeyText| key.reveal().to_owned();
        Self { publishable: text(&pair.publishable), secret: text(&pair.secret) }
    }
}

/// The outcome of a mutation as a payload, unless the failure is one of authorization or of the server.
pub(super) fn settle<T, P>(
    outcome: Result<T, Error>,
    done: impl FnOnce(T) -> P,
    failed: impl FnOnce(Verdict) -> P,
) -> async_graphql::Result<P> {
    match outcome {
        Ok(value) => Ok(done(value)),
        Err(error) if matches!(error.kind, Kind::Unauthenticated | Kind::Forbidden | Kind::Internal) => Err(to_graphql(error)),
        Err(error) => Ok(failed(Verdict {
            success: false,
            code: Some(error.code),
            message: error.message,
            details: error.details,
            hint: error.hint,
            field_errors: error
                .fields
                .into_iter()
                .map(|FieldError { field, rule, message }| Refused { field, rule, message })
                .collect(),
        })),
    }
}

/// An error of a query, or of authorization.
pub(super) fn to_graphql(error: Error) -> async_graphql::Error {
    if error.kind == Kind::Internal {
        log_internal(&error);
    }
    async_graphql::Error::new(error.message.clone()).extend_with(|_, extensions| {
        extensions.set("code", error.code.clone());
        if let Some(hint) = &error.hint {
            extensions.set("hint", hint.clone());
        }
        extensions.set("requestId", request_id::current());
    })
}

/// The server's parts and who is asking.
pub(super) fn parts<'c>(context: &'c Context<'_>) -> async_graphql::Result<(&'c Arc<App>, &'c Actor)> {
    Ok((context.data::<Arc<App>>()?, context.data::<Actor>()?))
}

/// An id in the input.
pub(super) fn id<T: std::str::FromStr>(field: &str, text: &str) -> Result<T, Error> {
    text.parse().map_err(|_| {
        Error::bad_input("id/malformed", format!("{text:?} is not an id.")).hint("Ids are UUIDs.").field(field, "uuid", "a UUID")
    })
}
