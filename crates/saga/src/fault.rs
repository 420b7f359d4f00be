//! Fault injection: making a saga fail at a chosen point, to show that nothing is left behind.

use std::fmt;
use std::future;
use std::process::Command;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use crate::step::StepError;

/// A point in the life of a saga where something may go wrong. It prints as `clone_database:after-effect:forward`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// The name of the step.
    pub step: String,
    /// Whether it is running or being undone.
    pub direction: Direction,
    /// When, relative to its effect and the log.
    pub moment: Moment,
}

/// Whether a step is running or being undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// `forward`
    Forward,
    /// `undo`
    Undo,
}

/// When, relative to the effect of a step (or of its undo) and to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// `before-effect`: the log says that it starts; nothing has happened yet.
    BeforeEffect,
    /// `after-effect`: it has returned, the log does not say so yet. An error here stands for a lost reply.
    AfterEffect,
    /// `after-log`: its outcome is in the log. An error here stands for a lost reply of the log: the executor stops.
    AfterLog,
}

/// Asked at every [`Point`].
#[async_trait]
pub trait Faults: Sync {
    /// `Ok` to go on. An error takes the place of what the step answered; one with `lost` stops the executor.
    async fn at(&self, point: Point) -> Result<(), StepError>;
}

/// Nothing goes wrong that would not go wrong by itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFaults;

#[async_trait]
impl Faults for NoFaults {
    async fn at(&self, _point: Point) -> Result<(), StepError> {
        Ok(())
    }
}

/// Faults read from a text such as `clone_database:after-effect:forward:kill,drop_role:before-effect:undo:error:once`.
///
/// Each is `step:moment:direction:action`. Actions: `error`, `panic`, `kill` (this process, as by `kill -9`), `hang` (for ever),
/// `wait` (a second), `stop` (this process, until a SIGCONT) and `sever` (from the database, which only a caller of
/// [`ScriptedFaults::strike`] knows how to do). `:once` at the end limits it to the first time in this process.
#[derive(Debug, Default)]
pub struct ScriptedFaults(Vec<Fault>);

#[derive(Debug)]
struct Fault {
    point: Point,
    action: Action,
    once: bool,
    spent: AtomicBool,
}

/// What a fault does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The step answers with an error.
    Error,
    /// The step panics.
    Panic,
    /// This process dies as by `kill -9`.
    Kill,
    /// The step never answers.
    Hang,
    /// The step takes a second longer.
    Wait,
    /// This process stops as by `kill -STOP`, until somebody sends it a SIGCONT.
    Stop,
    /// The step's connections to its database are cut.
    Sever,
}

impl Action {
    /// Does it, for all but [`Action::Sever`], which is an error here.
    pub async fn perform(self, point: &Point) -> Result<(), StepError> {
        match self {
            Self::Error | Self::Sever => Err(StepError::new("fault/injected", format!("A fault was injected at {point}."))),
            Self::Panic => panic!("a fault was injected at {point}"),
            Self::Kill => {
                kill_this_process().await;
                Ok(())
            }
            Self::Hang => future::pending().await,
            Self::Wait => {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(())
            }
            Self::Stop => {
                send_to_this_process("-STOP");
                Ok(())
            }
        }
    }
}

/// A text that does not describe faults.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the fault {fault:?} cannot be read: {problem}; write step:moment:direction:action, such as clone_database:after-effect:forward:kill"
)]
pub struct FaultParseError {
    /// The fault that is wrong.
    pub fault: String,
    /// What is wrong with it.
    pub problem: String,
}

impl ScriptedFaults {
    /// Reads faults separated by commas. An empty text has none.
    pub fn parse(text: &str) -> Result<Self, FaultParseError> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::parse).collect::<Result<_, _>>().map(Self)
    }

    /// What goes wrong at a point, if anything; one that strikes once is spent by asking.
    pub fn strike(&self, point: &Point) -> Option<Action> {
        let mut faults = self.0.iter().filter(|fault| fault.point == *point);
        faults.find(|fault| !fault.once || !fault.spent.swap(true, Ordering::Relaxed)).map(|fault| fault.action)
    }
}

#[async_trait]
impl Faults for ScriptedFaults {
    async fn at(&self, point: Point) -> Result<(), StepError> {
        match self.strike(&point) {
            Some(action) => {
                tracing::warn!(%point, ?action, "fault injected");
                action.perform(&point).await
            }
            None => Ok(()),
        }
    }
}

fn send_to_this_process(signal: &str) -> bool {
    Command::new("kill").args([signal, &std::process::id().to_string()]).status().is_ok()
}

/// Dies as by `kill -9`: nothing is dropped, flushed or told.
async fn kill_this_process() {
    if !send_to_this_process("-9") {
        tracing::error!("cannot run `kill`; aborting instead");
        std::process::abort();
    }
    future::pending().await
}

impl FromStr for Fault {
    type Err = FaultParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |problem: String| FaultParseError { fault: text.to_owned(), problem };
        let parts: Vec<&str> = text.split(':').collect();
        let (step, moment, direction, action, once) = match parts[..] {
            [step, moment, direction, action] => (step, moment, direction, action, false),
            [step, moment, direction, action, "once"] => (step, moment, direction, action, true),
            [_, _, _, _, last] => return Err(wrong(format!("after the action only `once` may stand, not {last:?}"))),
            _ => return Err(wrong(format!("it has {} parts between colons, not 4 or 5", parts.len()))),
        };
        if step.is_empty() {
            return Err(wrong("the step has no name".to_owned()));
        }
        let moment = match moment {
            "before-effect" => Moment::BeforeEffect,
            "after-effect" => Moment::AfterEffect,
            "after-log" => Moment::AfterLog,
            _ => return Err(wrong(format!("the moment {moment:?} is none of before-effect, after-effect, after-log"))),
        };
        let direction = match direction {
            "forward" => Direction::Forward,
            "undo" => Direction::Undo,
            _ => return Err(wrong(format!("the direction {direction:?} is neither forward nor undo"))),
        };
        let action = match action {
            "error" => Action::Error,
            "panic" => Action::Panic,
            "kill" => Action::Kill,
            "hang" => Action::Hang,
            "wait" => Action::Wait,
            "stop" => Action::Stop,
            "sever" => Action::Sever,
            _ => return Err(wrong(format!("the action {action:?} is none of error, panic, kill, hang, wait, stop, sever"))),
        };
        let point = Point { step: step.to_owned(), direction, moment };
        Ok(Self { point, action, once, spent: AtomicBool::new(false) })
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = match self.moment {
            Moment::BeforeEffect => "before-effect",
            Moment::AfterEffect => "after-effect",
            Moment::AfterLog => "after-log",
        };
        let direction = match self.direction {
            Direction::Forward => "forward",
            Direction::Undo => "undo",
        };
        write!(f, "{}:{moment}:{direction}", self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point() -> Point {
        Point { step: "clone".into(), direction: Direction::Undo, moment: Moment::AfterLog }
    }

    #[test]
    fn a_point_prints_as_it_is_read() {
        for text in ["a:before-effect:forward", "b:after-effect:undo", "c:after-log:forward"] {
            let faults = ScriptedFaults::parse(&format!("{text}:error")).unwrap();
            assert_eq!(faults.0[0].point.to_string(), text);
        }
        assert_eq!(point().to_string(), "clone:after-log:undo");
    }

    #[tokio::test]
    async fn a_fault_strikes_at_its_point_only() {
        let faults = ScriptedFaults::parse("clone:after-log:undo:error").unwrap();
        for _ in 0..2 {
            assert_eq!(faults.at(point()).await.unwrap_err().code, "fault/injected");
        }
        for other in [
            Point { step: "copy".into(), ..point() },
            Point { direction: Direction::Forward, ..point() },
            Point { moment: Moment::AfterEffect, ..point() },
        ] {
            faults.at(other).await.unwrap();
        }
    }

    #[tokio::test]
    async fn once_is_once() {
        let faults = ScriptedFaults::parse(" , clone:after-log:undo:error:once, clone:after-log:undo:error:once ").unwrap();
        assert!(faults.at(point()).await.is_err());
        assert!(faults.at(point()).await.is_err(), "the second fault");
        assert!(faults.at(point()).await.is_ok());
        assert!(ScriptedFaults::parse("").unwrap().at(point()).await.is_ok());
    }

    #[test]
    fn what_cannot_be_read_is_explained() {
        let table = [
            ("a", "it has 1 parts between colons, not 4 or 5"),
            ("a:after-log:undo:error:once:more", "it has 6 parts between colons, not 4 or 5"),
            (":after-log:undo:error", "the step has no name"),
            ("a:later:undo:error", "the moment \"later\" is none of before-effect, after-effect, after-log"),
            ("a:after-log:up:error", "the direction \"up\" is neither forward nor undo"),
            ("a:after-log:undo:explode", "the action \"explode\" is none of error, panic, kill, hang, wait, stop, sever"),
            ("a:after-log:undo:error:twice", "after the action only `once` may stand, not \"twice\""),
        ];
        for (text, problem) in table {
            let error = ScriptedFaults::parse(&format!("b:after-log:undo:error,{text}")).unwrap_err();
            assert_eq!(error, FaultParseError { fault: text.into(), problem: problem.into() });
        }
    }
}
