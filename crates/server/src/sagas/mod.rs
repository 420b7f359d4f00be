//! Multi-step work on environments. Each file shows its plan first; names and ids are fixed in the operation's input before the
//! first effect, and every step may be repeated.

mod branch_environment;
mod create_environment;
mod delete_environment;
mod held;
mod making;

use std::sync::Mutex;

use cloche_saga::{LogError, Outcome, Retry, Step, execute};

use crate::app::App;
use crate::error::Error;
use crate::store::keys::KeyPair;
use crate::store::operations::{LOST, Operation, OperationLog};

pub(crate) use branch_environment::BranchInput;
pub(crate) use delete_environment::DeleteInput;
pub(crate) use making::MakeInput;

/// The kinds of operation there are; all are on an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Create,
    Branch,
    Delete,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Create, Self::Branch, Self::Delete];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Create => "createEnvironment",
            Self::Branch => "branchEnvironment",
            Self::Delete => "deleteEnvironment",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Name and title of each step, in order: what progress is shown against.
    pub(crate) fn steps(self) -> Vec<(&'static str, &'static str)> {
        fn titles<C: Sync>(steps: &[Box<dyn Step<C>>]) -> Vec<(&'static str, &'static str)> {
            steps.iter().map(|step| (step.name(), step.title())).collect()
        }
        match self {
            Self::Create => titles(&create_environment::steps()),
            Self::Branch => titles(&branch_environment::steps()),
            Self::Delete => titles(&delete_environment::steps()),
        }
    }
}

/// Every kind of operation with the names of its steps.
pub(crate) fn steps() -> Vec<(&'static str, Vec<&'static str>)> {
    Kind::ALL.into_iter().map(|kind| (kind.as_str(), kind.steps().into_iter().map(|(name, _)| name).collect())).collect()
}

/// How an operation ended, and the keys it made, whose secret exists nowhere else.
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) keys: Option<KeyPair>,
}

/// Runs an operation to its end, from wherever its log says it is.
pub(crate) async fn run(app: &App, operation: &Operation, generation: i32) -> Result<Ended, LogError> {
    let log = OperationLog { store: &app.store, id: operation.id, generation };
    let retry = Retry::default();
    let faults = app.faults.of(&app.cluster, operation.id);
    let held = held::Held { app, operation: operation.id, generation };
    let input = || operation.input.clone();
    match Kind::parse(&operation.kind) {
        Some(Kind::Delete) => {
            let context = delete_environment::Deleting { app, held, input: read(input())? };
            let outcome = execute(&delete_environment::steps(), &context, &log, &faults, &retry).await?;
            Ok(Ended { outcome, keys: None })
        }
        Some(kind) => {
            let context = making::Making { app, held, input: read(input())?, keys: Mutex::new(None), source: Mutex::new(None) };
            let steps = if kind == Kind::Create { create_environment::steps() } else { branch_environment::steps() };
            let outcome = execute(&steps, &context, &log, &faults, &retry).await?;
            Ok(Ended { outcome, keys: context.take_keys() })
        }
        None => Err(LogError::Unavailable(format!("this version does not know operations of kind {}", operation.kind).into())),
    }
}

fn read<T: serde::de::DeserializeOwned>(input: serde_json::Value) -> Result<T, LogError> {
    serde_json::from_value(input).map_err(|error| LogError::Unavailable(error.into()))
}

/// What a step reports of a failure: users' mistakes in their own words, everything else as a fixed sentence.
fn step_error(error: impl Into<Error>) -> cloche_saga::StepError {
    let error: Error = error.into();
    if error.code == LOST {
        return cloche_saga::StepError::lost();
    }
    if error.kind == crate::error::Kind::Internal {
        return cloche_saga::StepError::internal(error);
    }
    let mut step = cloche_saga::StepError::new(error.code, error.message);
    step.hint = error.hint;
    step
}
