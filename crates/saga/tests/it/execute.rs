//! The executor and what it tells.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cloche_saga::{
    Direction, Event, Faults, LogError, Moment, NoFaults, Outcome, Past, Point, Retry, ScriptedFaults, Step, StepError, execute,
};
use serde_json::Value;
use tokio::sync::Notify;

use crate::model::{Act, Memory, NAMES, RETRY, Script, World};

fn world(steps: usize, point_of_no_return: Option<usize>, runs: &[(usize, &[Act])], undos: &[(usize, &[Act])]) -> World {
    let mut scripts = vec![Script::default(); steps];
    for (step, acts) in runs {
        scripts[*step].runs = VecDeque::from(acts.to_vec());
    }
    for (step, acts) in undos {
        scripts[*step].undos = VecDeque::from(acts.to_vec());
    }
    World::new(scripts, point_of_no_return)
}

/// The log in the signs of the transition table, without the steps' names.
fn signs(log: &Memory<'_>) -> String {
    let sign = |event: &Event| match event {
        Event::Started { .. } => '>',
        Event::Succeeded { .. } => '=',
        Event::Failed { .. } => '!',
        Event::UndoStarted { .. } => '<',
        Event::Undone { .. } => '0',
        Event::UndoFailed { .. } => '?',
        Event::Retried { .. } => '*',
    };
    log.events().iter().map(sign).collect()
}

#[tokio::test]
async fn it_can_be_spawned() {
    let world = Arc::new(world(2, None, &[], &[]));
    let task = tokio::spawn({
        let world = Arc::clone(&world);
        async move { execute(&world.steps(), &*world, &Memory::default(), &NoFaults, &RETRY).await }
    });
    assert_eq!(task.await.unwrap().unwrap(), Outcome::Done);
    assert_eq!(world.effects(), BTreeSet::from([0, 1]));
}

#[tokio::test]
async fn a_failure_tells_what_to_do_and_is_told_again_after_a_restart() {
    let world = world(3, None, &[(1, &[Act::FailsAfter])], &[]);
    let log = Memory::default();
    let outcome = execute(&world.steps(), &world, &log, &NoFaults, &RETRY).await.unwrap();
    let Outcome::RolledBack { failure } = &outcome else { panic!("{outcome:?}") };
    assert_eq!((failure.step.as_str(), failure.code.as_str()), (NAMES[1], "model/failed"));
    assert_eq!((failure.message.as_str(), failure.hint.as_deref()), ("The model failed.", Some("Go on.")));
    assert_eq!(signs(&log), ">=>!<0<0");
    assert_eq!(execute(&world.steps(), &world, &log, &NoFaults, &RETRY).await.unwrap(), outcome);
}

#[tokio::test]
async fn the_text_of_a_panic_is_not_told() {
    let world = world(1, None, &[(0, &[Act::PanicsAfter])], &[(0, &[Act::PanicsBefore])]);
    let log = Memory::default();
    let outcome = execute(&world.steps(), &world, &log, &NoFaults, &RETRY).await.unwrap();
    assert!(matches!(&outcome, Outcome::RolledBack { failure } if failure.code == "operation/internal"), "{outcome:?}");
    assert_eq!(signs(&log), ">!<?<0");
    assert!(!serde_json::to_string(&log.events()).unwrap().contains("secret"));
}

#[tokio::test]
async fn an_undo_that_keeps_failing_is_stuck_until_it_is_asked_again() {
    let world = world(2, None, &[(1, &[Act::FailsBefore])], &[(0, &[Act::FailsBefore; 3])]);
    let log = Memory::default();
    let outcome = execute(&world.steps(), &world, &log, &NoFaults, &RETRY).await.unwrap();
    let Outcome::Stuck { step, message, hint, undoing, failure } = outcome else { panic!("{outcome:?}") };
    assert_eq!(
        (step.as_str(), message.as_str(), hint.as_deref(), undoing),
        (NAMES[0], "The model failed.", Some("Go on."), true)
    );
    assert_eq!(failure.step, NAMES[1]);
    assert_eq!(world.effects(), BTreeSet::from([0]));
    assert_eq!(signs(&log), ">=>!<0<?<?");

    let outcome = execute(&world.steps(), &world, &log, &NoFaults, &RETRY).await.unwrap();
    assert!(matches!(outcome, Outcome::RolledBack { .. }));
    assert_eq!(signs(&log), ">=>!<0<?<?*<?<0");
    assert_eq!(world.effects(), BTreeSet::new());
}

#[tokio::test]
async fn after_the_point_of_no_return_it_only_goes_forward() {
    let world = world(2, Some(0), &[(0, &[Act::FailsAfter]), (1, &[Act::FailsBefore; 3])], &[]);
    let log = Memory::default();
    let outcome = execute(&world.steps(), &world, &log, &NoFaults, &RETRY).await.unwrap();
    assert!(
        matches!(&outcome, Outcome::Stuck { step, undoing: false, failure, .. } if step == NAMES[1] && failure.step == *step)
    );
    assert_eq!(signs(&log), ">!>=>!>!");
    assert_eq!(execute(&world.steps(), &world, &log, &NoFaults, &RETRY).await.unwrap(), Outcome::Done);
    assert_eq!(signs(&log), ">!>=>!>!*>!>=");
}

#[tokio::test]
async fn a_log_of_other_steps_is_refused_and_left_alone() {
    let world = world(1, None, &[], &[]);
    let log = Memory::default();
    log.events.lock().unwrap().push(Event::Started { step: "unheard_of".into() });
    let error = execute(&world.steps(), &world, &log, &NoFaults, &RETRY).await.unwrap_err();
    assert!(matches!(error, LogError::Invalid(_)), "{error}");
    assert_eq!(log.events().len(), 1);
    assert_eq!(world.effects(), BTreeSet::new());
}

struct Dispossessed;

#[async_trait]
impl Step<()> for Dispossessed {
    fn name(&self) -> &'static str {
        "dispossessed"
    }
    fn title(&self) -> &'static str {
        "Notice that another node took over"
    }
    async fn run(&self, _: &(), _: &Past) -> Result<Value, StepError> {
        Err(StepError::lost())
    }
}

#[tokio::test]
async fn a_step_that_lost_ownership_stops_the_executor() {
    let log = Memory::default();
    let steps: Vec<Box<dyn Step<()>>> = vec![Box::new(Dispossessed)];
    assert!(matches!(execute(&steps, &(), &log, &NoFaults, &RETRY).await, Err(LogError::Lost)));
    assert_eq!(signs(&log), ">");
}

#[tokio::test]
async fn it_pauses_before_it_tries_again() {
    let world = world(1, Some(0), &[(0, &[Act::FailsBefore; 2])], &[]);
    let retry = Retry { tries: 3, first_pause: Duration::from_millis(20), longest_pause: Duration::MAX };
    let start = Instant::now();
    let outcome = execute(&world.steps(), &world, &Memory::default(), &NoFaults, &retry).await.unwrap();
    assert_eq!(outcome, Outcome::Done);
    assert!(start.elapsed() >= Duration::from_millis(20 + 40), "{:?}", start.elapsed());
}

/// Holds the executor at one point until it is let go.
struct Hold {
    point: Point,
    reached: Notify,
    go: Notify,
}

#[async_trait]
impl Faults for Hold {
    async fn at(&self, point: Point) -> Result<(), StepError> {
        if point == self.point {
            self.reached.notify_one();
            self.go.notified().await;
        }
        Ok(())
    }
}

#[tokio::test]
async fn of_two_executors_the_slower_stops_without_a_trace() {
    let world = world(3, None, &[], &[]);
    let log = Memory::default();
    let steps = world.steps();
    let point = Point { step: NAMES[1].into(), direction: Direction::Forward, moment: Moment::AfterEffect };
    let hold = Hold { point, reached: Notify::new(), go: Notify::new() };
    let slow = execute(&steps, &world, &log, &hold, &RETRY);
    let fast = async {
        hold.reached.notified().await;
        let outcome = execute(&steps, &world, &log, &NoFaults, &RETRY).await;
        hold.go.notify_one();
        outcome
    };
    let both = async { tokio::join!(slow, fast) };
    let (slow, fast) = tokio::time::timeout(Duration::from_secs(10), both).await.expect("the slow one is held at its point");
    assert!(matches!(slow, Err(LogError::Lost)), "{slow:?}");
    assert_eq!(fast.unwrap(), Outcome::Done);
    assert_eq!(signs(&log), ">=>>=>=");
    assert_eq!(world.effects(), BTreeSet::from([0, 1, 2]));
}

/// Every step × direction × moment × {error, panic, hang}, once, then on to the end.
#[tokio::test]
async fn a_fault_at_every_point_leaves_nothing_behind() {
    for step in &NAMES[..3] {
        for direction in ["forward", "undo"] {
            for moment in ["before-effect", "after-effect", "after-log"] {
                for action in ["error", "panic", "hang"] {
                    let spec = format!("{step}:{moment}:{direction}:{action}:once");
                    let fails: &[(usize, &[Act])] = if direction == "undo" { &[(2, &[Act::FailsAfter])] } else { &[] };
                    let world = world(3, None, fails, &[]);
                    let log = Memory::default();
                    let steps = world.steps();
                    let faults = ScriptedFaults::parse(&spec).unwrap();
                    let first = execute(&steps, &world, &log, &faults, &RETRY);
                    let first = tokio::time::timeout(Duration::from_millis(10), first).await;
                    assert_eq!(first.is_err(), action == "hang", "{spec}");
                    if let Ok(answer) = first {
                        let stopped = matches!(answer, Err(LogError::Unavailable(_)));
                        assert_eq!(stopped, moment == "after-log", "{spec}: {answer:?}");
                    }
                    let outcome = execute(&steps, &world, &log, &NoFaults, &RETRY).await.unwrap();
                    let undone = direction == "undo" || (action != "hang" && moment != "after-log");
                    assert_eq!(world.effects().len(), if undone { 0 } else { 3 }, "{spec}: {outcome:?}");
                    assert_eq!(outcome == Outcome::Done, !undone, "{spec}");
                    assert_eq!(world.violations(), Vec::<String>::new(), "{spec}");
                }
            }
        }
    }
}
