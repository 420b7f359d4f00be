//! A model world in memory, which notices when its steps are run or undone out of order.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use cloche_saga::{Event, Faults, Log, LogError, Past, Point, Retry, Step, StepError};
use serde_json::{Value, json};

pub(crate) const NAMES: [&str; 5] = ["one", "two", "three", "four", "five"];

/// Two tries, and no pause between them.
pub(crate) const RETRY: Retry = Retry { tries: 2, first_pause: Duration::ZERO, longest_pause: Duration::ZERO };

/// What a call of a step's `run` or `undo` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Works,
    /// Fails and leaves the world as it was.
    FailsBefore,
    /// Has its effect, and fails.
    FailsAfter,
    PanicsBefore,
    PanicsAfter,
}

/// What the first calls of one step do; all later ones work.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    pub(crate) runs: VecDeque<Act>,
    pub(crate) undos: VecDeque<Act>,
}

#[derive(Debug, Default)]
pub(crate) struct World(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    scripts: Vec<Script>,
    point_of_no_return: Option<usize>,
    effects: BTreeSet<usize>,
    made: usize,
    removed: usize,
    no_way_back: bool,
    unwinding: bool,
    violations: Vec<String>,
}

impl World {
    pub(crate) fn new(scripts: Vec<Script>, point_of_no_return: Option<usize>) -> Self {
        Self(Mutex::new(Inner { scripts, point_of_no_return, ..Inner::default() }))
    }

    pub(crate) fn steps(&self) -> Vec<Box<dyn Step<World>>> {
        let inner = self.0.lock().unwrap();
        let step = |index| ModelStep { index, point_of_no_return: inner.point_of_no_return == Some(index) };
        (0..inner.scripts.len()).map(|index| Box::new(step(index)) as Box<dyn Step<World>>).collect()
    }

    pub(crate) fn effects(&self) -> BTreeSet<usize> {
        self.0.lock().unwrap().effects.clone()
    }

    /// How many effects came into being, and how many went.
    pub(crate) fn made_and_removed(&self) -> (usize, usize) {
        let inner = self.0.lock().unwrap();
        (inner.made, inner.removed)
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.0.lock().unwrap().violations.clone()
    }
}

impl Inner {
    fn check(&mut self, holds: bool, rule: &str, step: usize) {
        if !holds {
            self.violations.push(format!("{rule}: {}", NAMES[step]));
        }
    }

    fn check_past(&mut self, past: &Past, step: usize) {
        let known = (0..step).all(|earlier| past.detail(NAMES[earlier]) == Some(&json!(earlier)));
        self.check(known, "the details of earlier steps are known", step);
    }
}

struct ModelStep {
    index: usize,
    point_of_no_return: bool,
}

#[async_trait]
impl Step<World> for ModelStep {
    fn name(&self) -> &'static str {
        NAMES[self.index]
    }

    fn title(&self) -> &'static str {
        "A step of the model"
    }

    fn point_of_no_return(&self) -> bool {
        self.point_of_no_return
    }

    async fn run(&self, world: &World, past: &Past) -> Result<Value, StepError> {
        let act = {
            let mut world = world.0.lock().unwrap();
            let act = world.scripts[self.index].runs.pop_front().unwrap_or(Act::Works);
            let in_order = (0..self.index).all(|earlier| world.effects.contains(&earlier));
            world.check(in_order, "a step runs after those before it", self.index);
            let last = world.effects.range(self.index + 1..).next().is_none();
            world.check(last, "a step does not run after a later one", self.index);
            let forward = !world.unwinding;
            world.check(forward, "no step runs once the saga unwinds", self.index);
            world.check_past(past, self.index);
            world.no_way_back |= self.point_of_no_return;
            if !matches!(act, Act::FailsBefore | Act::PanicsBefore) && world.effects.insert(self.index) {
                world.made += 1;
            }
            act
        };
        answer(act).map(|()| json!(self.index))
    }

    async fn undo(&self, world: &World, past: &Past) -> Result<(), StepError> {
        let act = {
            let mut world = world.0.lock().unwrap();
            let act = world.scripts[self.index].undos.pop_front().unwrap_or(Act::Works);
            let last = world.effects.range(self.index + 1..).next().is_none();
            world.check(last, "a step is undone after the later ones", self.index);
            let allowed = !world.no_way_back;
            world.check(allowed, "nothing is undone after the point of no return", self.index);
            world.check_past(past, self.index);
            world.unwinding = true;
            if !matches!(act, Act::FailsBefore | Act::PanicsBefore) && world.effects.remove(&self.index) {
                world.removed += 1;
            }
            act
        };
        answer(act)
    }
}

fn answer(act: Act) -> Result<(), StepError> {
    match act {
        Act::Works => Ok(()),
        Act::FailsBefore | Act::FailsAfter => Err(StepError::new("model/failed", "The model failed.").with_hint("Go on.")),
        Act::PanicsBefore | Act::PanicsAfter => panic!("secret of the model"),
    }
}

/// Counts the moments at which the executor could die, and says at which it does.
#[derive(Debug, Default)]
pub(crate) struct Deaths {
    at: BTreeSet<u32>,
    moments: AtomicU32,
    dead: AtomicBool,
}

impl Deaths {
    pub(crate) fn at(at: BTreeSet<u32>) -> Self {
        Self { at, ..Self::default() }
    }

    /// How many moments there were so far.
    pub(crate) fn moments(&self) -> u32 {
        self.moments.load(Relaxed)
    }

    /// Starts a new executor.
    pub(crate) fn revive(&self) {
        self.dead.store(false, Relaxed);
    }

    fn now(&self) -> bool {
        let moment = self.moments.fetch_add(1, Relaxed) + 1;
        let dies = self.at.contains(&moment);
        assert!(!self.dead.fetch_or(dies, Relaxed), "the executor goes on after its death");
        dies
    }
}

#[async_trait]
impl Faults for Deaths {
    async fn at(&self, _point: Point) -> Result<(), StepError> {
        if self.now() { Err(StepError::lost()) } else { Ok(()) }
    }
}

/// A log in memory. It may die before it writes, or after.
#[derive(Debug, Default)]
pub(crate) struct Memory<'a> {
    pub(crate) events: Mutex<Vec<Event>>,
    pub(crate) deaths: Option<&'a Deaths>,
}

impl Memory<'_> {
    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    fn may_die(&self) -> Result<(), LogError> {
        match self.deaths {
            Some(deaths) if deaths.now() => Err(LogError::Unavailable("the connection is gone".into())),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Log for Memory<'_> {
    async fn load(&self) -> Result<Vec<Event>, LogError> {
        Ok(self.events())
    }

    async fn append(&self, seq: u32, event: &Event) -> Result<(), LogError> {
        self.may_die()?;
        {
            let mut events = self.events.lock().unwrap();
            if events.len() != seq as usize {
                return Err(LogError::Lost);
            }
            events.push(event.clone());
        }
        self.may_die()
    }
}
