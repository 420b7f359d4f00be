//! The one transition function: what to do next follows from the plan and the log, and from nothing else.
//!
//! No IO, no clock, no memory.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::event::Event;
use crate::step::Step;

/// What the transition function knows of a saga's steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The names of the steps, in the order they run; each once.
    pub steps: Vec<String>,
    /// The index of the first step from which on nothing is undone.
    pub point_of_no_return: Option<usize>,
    /// How often an undo, or a step with no way back, may fail in a row before the saga is stuck.
    pub tries: u32,
}

impl Plan {
    /// The plan of these steps.
    pub fn of<C: Sync>(steps: &[Box<dyn Step<C>>], tries: u32) -> Self {
        let plan = Self {
            steps: steps.iter().map(|step| step.name().to_owned()).collect(),
            point_of_no_return: steps.iter().position(|step| step.point_of_no_return()),
            tries,
        };
        debug_assert!(plan.steps.iter().collect::<BTreeSet<_>>().len() == steps.len(), "two steps of a saga have one name");
        plan
    }

    fn forward_only(&self, step: usize) -> bool {
        self.point_of_no_return.is_some_and(|point| step >= point)
    }
}

/// What to do next. Steps are given by their index in the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Run this step (perhaps again).
    Run(usize),
    /// Undo this step (perhaps again).
    Undo(usize),
    /// Nothing: every step succeeded.
    Done,
    /// Nothing: every step that was started is undone.
    RolledBack { failure: Failure },
    /// Nothing, until somebody asks for a new round of tries.
    Stuck {
        step: usize,
        /// Why its last try failed, for users.
        message: String,
        /// What a human can do about it.
        hint: Option<String>,
        /// Whether it is the undo of the step that fails.
        undoing: bool,
        /// What made the saga unwind if `undoing`, else the last failure of the step.
        failure: Failure,
    },
}

/// The failure of a step, as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The name of the step that failed.
    pub step: String,
    /// Stable and machine-readable: `noun/reason`.
    pub code: String,
    /// What went wrong, for users.
    pub message: String,
    /// What to do next, for users.
    pub hint: Option<String>,
}

impl Failure {
    fn new(step: &str, code: &str, message: &str, hint: &Option<String>) -> Self {
        Self { step: step.to_owned(), code: code.to_owned(), message: message.to_owned(), hint: hint.clone() }
    }
}

/// The log does not fit the plan: it is damaged, or another version of the program wrote it. A human must look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLog {
    /// The plan has no such step.
    #[error(
        "record {seq} of the log names the step {step:?}, which this version does not have; resume it with the version that wrote it"
    )]
    UnknownStep { seq: usize, step: String },
    /// The event cannot follow those before it.
    #[error("record {seq} of the log cannot follow those before it: {event:?}; expected {expected}")]
    OutOfOrder { seq: usize, event: Box<Event>, expected: String },
}

/// What to do next, given all events so far, oldest first. Pure; the rules of sagas are here and nowhere else:
///
/// - Steps run in order. One that was started and has no outcome in the log (a crash) runs again.
/// - A failure unwinds: every step that was *started* is undone, last first, the failed one included. A failed step may
///   have done half its work, which is why an undo accepts "already gone".
/// - Once the point of no return was started, nothing is undone: a step that failed is tried again.
/// - What fails [`Plan::tries`] times in a row is stuck. That is not final: [`Event::Retried`] opens a new round of tries.
pub fn next(plan: &Plan, events: &[Event]) -> Result<Next, InvalidLog> {
    replay(plan, events).map(|state| state.next(plan))
}

/// Where the events lead.
pub(crate) fn replay(plan: &Plan, events: &[Event]) -> Result<State, InvalidLog> {
    events.iter().enumerate().try_fold(State::default(), |state, (seq, event)| {
        let Some(step) = plan.steps.iter().position(|name| name == event.step()) else {
            return Err(InvalidLog::UnknownStep { seq, step: event.step().to_owned() });
        };
        if state.current(plan) == Some(step)
            && let Some(after) = state.after(plan, step, event)
        {
            return Ok(after);
        }
        Err(InvalidLog::OutOfOrder { seq, event: Box::new(event.clone()), expected: state.expected(plan) })
    })
}

/// Everything the log says about what is to come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// So many steps have succeeded; or, while unwinding, are still to be undone.
    steps: usize,
    /// Whether the current step, or its undo, was started and has no outcome yet.
    running: bool,
    /// How often in a row the current step, or its undo, has failed and is to be tried again.
    failures: u32,
    /// The last of these failures.
    last: Option<Failure>,
    /// Why the saga unwinds, if it does.
    unwinding: Option<Failure>,
}

impl State {
    /// How often what comes next has failed in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    pub(crate) fn next(&self, plan: &Plan) -> Next {
        match (self.current(plan), &self.last, self.unwinding.clone()) {
            (None, _, None) => Next::Done,
            (None, _, Some(failure)) => Next::RolledBack { failure },
            (Some(step), Some(last), unwinding) if !self.running && self.failures >= plan.tries => Next::Stuck {
                step,
                message: last.message.clone(),
                hint: last.hint.clone(),
                undoing: unwinding.is_some(),
                failure: unwinding.unwrap_or_else(|| last.clone()),
            },
            (Some(step), _, None) => Next::Run(step),
            (Some(step), _, Some(_)) => Next::Undo(step),
        }
    }

    /// The step to run or undo; `None` at the end.
    fn current(&self, plan: &Plan) -> Option<usize> {
        match self.unwinding {
            None => (self.steps < plan.steps.len()).then_some(self.steps),
            Some(_) => self.steps.checked_sub(1),
        }
    }

    /// The state after `event`, which is about the current step; `None` if it cannot happen here.
    ///
    /// Whether an event is valid does not depend on `tries`, so that changing it leaves old logs readable.
    fn after(&self, plan: &Plan, step: usize, event: &Event) -> Option<Self> {
        let unwinding = self.unwinding.clone();
        match (event, self.running, unwinding.is_some()) {
            (Event::Started { .. }, _, false) | (Event::UndoStarted { .. }, _, true) => {
                Some(Self { running: true, ..self.clone() })
            }
            (Event::Succeeded { .. }, true, false) => Some(Self { steps: step + 1, ..Self::default() }),
            (Event::Undone { .. }, true, true) => Some(Self { steps: step, unwinding, ..Self::default() }),
            (Event::Failed { step: name, code, message, hint }, true, false) => {
                let failure = Failure::new(name, code, message, hint);
                if plan.forward_only(step) {
                    return Some(self.failed(failure));
                }
                Some(Self { steps: step + 1, unwinding: Some(failure), ..Self::default() })
            }
            (Event::UndoFailed { step: name, code, message, hint }, true, true) => {
                Some(self.failed(Failure::new(name, code, message, hint)))
            }
            (Event::Retried { .. }, false, _) if self.failures > 0 => {
                Some(Self { steps: self.steps, unwinding, ..Self::default() })
            }
            _ => None,
        }
    }

    fn failed(&self, failure: Failure) -> Self {
        Self { running: false, failures: self.failures.saturating_add(1), last: Some(failure), ..self.clone() }
    }

    /// What may come next, for the message about what came instead.
    fn expected(&self, plan: &Plan) -> String {
        let Some(step) = self.current(plan) else {
            return "nothing, the saga had ended".to_owned();
        };
        let what = if self.running { "the outcome" } else { "the start" };
        let of = if self.unwinding.is_some() { "the undo of " } else { "" };
        format!("{what} of {of}{:?}", plan.steps[step])
    }
}
