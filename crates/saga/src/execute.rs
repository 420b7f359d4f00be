//! The executor: asks the transition function what to do, does it, writes the outcome to the log, and asks again.

use std::any::Any;
use std::error::Error as StdError;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use serde_json::Value;

use crate::event::{Event, Past};
use crate::fault::{Direction, Faults, Moment, Point};
use crate::step::{Step, StepError};
use crate::transition::{Failure, InvalidLog, Next, Plan, replay};

/// Where the log of one saga is kept. What `append` accepted is never lost or changed.
#[async_trait]
pub trait Log: Send + Sync {
    /// All events so far, oldest first.
    async fn load(&self) -> Result<Vec<Event>, LogError>;

    /// Adds an event as number `seq`: the first is 0, and there are no gaps.
    ///
    /// Answers [`LogError::Lost`], and writes nothing, if this node no longer owns the saga or the log already has an
    /// event of that number. The second keeps two executors of the same saga apart, whoever started them.
    async fn append(&self, seq: u32, event: &Event) -> Result<(), LogError>;
}

/// Why the executor stopped before the saga came to an end. Executing it again goes on from the log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// This node no longer owns the saga; another one may be working on it already.
    #[error("another node has taken over this operation")]
    Lost,
    /// The log does not fit the steps.
    #[error("the operation's log is not valid")]
    Invalid(#[from] InvalidLog),
    /// The log could not be read or written; whether an event was written is not known.
    #[error("the operation's log cannot be reached")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
}

/// How often, and at what distance, what must not be given up is tried again: an undo, and a step with no way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How many failures in a row make the saga stuck.
    pub tries: u32,
    /// The pause after the first failure. It doubles with each further one.
    pub first_pause: Duration,
    /// No pause is longer.
    pub longest_pause: Duration,
}

impl Default for Retry {
    /// Five tries; the pauses between them add up to 3.75 seconds.
    fn default() -> Self {
        Self { tries: 5, first_pause: Duration::from_millis(250), longest_pause: Duration::from_secs(5) }
    }
}

impl Retry {
    fn pause(&self, failures: u32) -> Duration {
        match failures.checked_sub(1) {
            Some(doublings) => self.first_pause.saturating_mul(2u32.saturating_pow(doublings)).min(self.longest_pause),
            None => Duration::ZERO,
        }
    }
}

/// How the saga ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every step succeeded.
    Done,
    /// A step failed, and everything is as it was before.
    RolledBack { failure: Failure },
    /// A step with no way back, or an undo, failed too often. A human should look; executing it again tries again.
    Stuck {
        /// The name of the step.
        step: String,
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

/// Runs a saga to its end, from wherever its log says it is.
///
/// It is the same call for a new saga, for one whose process died, and for one that is stuck (which then gets a new round
/// of tries, noted as [`Event::Retried`]). For one that has ended it does nothing and tells the outcome. Dropping the
/// future is like a crash: safe at any point. Only one executor may be at work on a saga; see [`Log::append`].
pub async fn execute<C: Sync>(
    steps: &[Box<dyn Step<C>>],
    context: &C,
    log: &dyn Log,
    faults: &dyn Faults,
    retry: &Retry,
) -> Result<Outcome, LogError> {
    let plan = Plan::of(steps, retry.tries);
    let past = Past::new(log.load().await?);
    let mut executor = Executor { steps, context, log, faults, past };
    if let Next::Stuck { step, .. } = replay(&plan, executor.past.events())?.next(&plan) {
        executor.append(Event::Retried { step: plan.steps[step].clone() }).await?;
    }
    loop {
        let state = replay(&plan, executor.past.events())?;
        let next = state.next(&plan);
        if matches!(next, Next::Run(_) | Next::Undo(_)) && state.failures() > 0 {
            tokio::time::sleep(retry.pause(state.failures())).await;
        }
        match next {
            Next::Run(step) => executor.run(step).await?,
            Next::Undo(step) => executor.undo(step).await?,
            Next::Done => return Ok(Outcome::Done),
            Next::RolledBack { failure } => return Ok(Outcome::RolledBack { failure }),
            Next::Stuck { step, message, hint, undoing, failure } => {
                let step = plan.steps[step].clone();
                tracing::error!(step, undoing, message, "a saga is stuck");
                return Ok(Outcome::Stuck { step, message, hint, undoing, failure });
            }
        }
    }
}

struct Executor<'a, C: Sync> {
    steps: &'a [Box<dyn Step<C>>],
    context: &'a C,
    log: &'a dyn Log,
    faults: &'a dyn Faults,
    past: Past,
}

impl<C: Sync> Executor<'_, C> {
    async fn run(&mut self, step: usize) -> Result<(), LogError> {
        let step = &self.steps[step];
        let name = || step.name().to_owned();
        self.append(Event::Started { step: name() }).await?;
        let outcome = self.guard(step.name(), Direction::Forward, step.run(self.context, &self.past)).await;
        let event = match outcome {
            Ok(detail) => Event::Succeeded { step: name(), detail },
            Err(error) if error.lost => return Err(LogError::Lost),
            Err(StepError { code, message, hint, .. }) => Event::Failed { step: name(), code, message, hint },
        };
        self.append(event).await?;
        self.after_log(step.name(), Direction::Forward).await
    }

    async fn undo(&mut self, step: usize) -> Result<(), LogError> {
        let step = &self.steps[step];
        let name = || step.name().to_owned();
        self.append(Event::UndoStarted { step: name() }).await?;
        let undo = async { step.undo(self.context, &self.past).await.map(|()| Value::Null) };
        let event = match self.guard(step.name(), Direction::Undo, undo).await {
            Ok(_) => Event::Undone { step: name() },
            Err(error) if error.lost => return Err(LogError::Lost),
            Err(StepError { code, message, hint, .. }) => Event::UndoFailed { step: name(), code, message, hint },
        };
        self.append(event).await?;
        self.after_log(step.name(), Direction::Undo).await
    }

    /// The effect with the faults around it. A panic in any of them becomes an error.
    async fn guard(
        &self,
        step: &'static str,
        direction: Direction,
        effect: impl Future<Output = Result<Value, StepError>> + Send,
    ) -> Result<Value, StepError> {
        let point = |moment| Point { step: step.to_owned(), direction, moment };
        let guarded = async {
            self.faults.at(point(Moment::BeforeEffect)).await?;
            let outcome = effect.await;
            self.faults.at(point(Moment::AfterEffect)).await?;
            outcome
        };
        let outcome = catch(guarded).await;
        if let Err(error) = &outcome {
            tracing::warn!(step, ?direction, ?error, lost = error.lost, "a step failed");
        }
        outcome
    }

    async fn after_log(&self, step: &'static str, direction: Direction) -> Result<(), LogError> {
        let point = Point { step: step.to_owned(), direction, moment: Moment::AfterLog };
        match catch(self.faults.at(point)).await {
            Ok(()) => Ok(()),
            Err(error) if error.lost => Err(LogError::Lost),
            Err(error) => Err(LogError::Unavailable(error.into())),
        }
    }

    async fn append(&mut self, event: Event) -> Result<(), LogError> {
        let seq = u32::try_from(self.past.events().len()).map_err(|error| LogError::Unavailable(error.into()))?;
        self.log.append(seq, &event).await?;
        self.past.push(event);
        Ok(())
    }
}

/// A panic becomes an error; its text is for the server's log only.
async fn catch<T>(future: impl Future<Output = Result<T, StepError>>) -> Result<T, StepError> {
    AssertUnwindSafe(future)
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| Err(StepError::internal(format!("panicked: {}", panic_text(panic.as_ref())))))
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("(no text)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let retry = Retry { tries: 9, first_pause: Duration::from_millis(100), longest_pause: Duration::from_millis(450) };
        let pauses: Vec<u128> = (0..5).map(|failures| retry.pause(failures).as_millis()).collect();
        assert_eq!(pauses, [0, 100, 200, 400, 450]);
        assert_eq!(retry.pause(u32::MAX).as_millis(), 450);
    }
}
