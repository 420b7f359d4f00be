//! Whatever fails and whenever the executor dies, a saga ends with all of its effects or with none.

use std::collections::{BTreeSet, VecDeque};

use cloche_saga::{Event, LogError, NoFaults, Outcome, Plan, execute, next};
use proptest::collection::{btree_set, vec, vec_deque};
use proptest::prelude::*;

use crate::model::{Act, Deaths, Memory, NAMES, RETRY, Script, World};

/// Runs the saga until it ends, starting again after each death and each time it is stuck. Checks everything, and tells
/// how it ended and at how many moments the executor could have died.
fn drive(scripts: &[Script], point_of_no_return: Option<usize>, deaths: BTreeSet<u32>) -> (Outcome, u32) {
    let world = World::new(scripts.to_vec(), point_of_no_return);
    let deaths = Deaths::at(deaths);
    let log = Memory { deaths: Some(&deaths), ..Memory::default() };
    let steps = world.steps();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let outcome = runtime.block_on(async {
        for _ in 0..500 {
            deaths.revive();
            match execute(&steps, &world, &log, &deaths, &RETRY).await {
                Ok(Outcome::Stuck { .. }) | Err(LogError::Lost | LogError::Unavailable(_)) => {}
                Ok(outcome) => return outcome,
                Err(LogError::Invalid(error)) => panic!("{error}"),
            }
        }
        panic!("the saga does not end: {:?}", log.events());
    });
    let (events, moments) = (log.events(), deaths.moments());
    deaths.revive();
    let again = runtime.block_on(execute(&steps, &world, &log, &NoFaults, &RETRY)).unwrap();
    assert_eq!(again, outcome, "a saga that has ended stays as it is");
    assert_eq!(log.events(), events, "a saga that has ended writes nothing");
    check_log(&Plan::of(&steps, RETRY.tries), &events);
    check_world(&world, steps.len(), &outcome);
    (outcome, moments)
}

/// The log is valid at every length, and keeps the order of undoing by itself, without the transition function's word.
fn check_log(plan: &Plan, events: &[Event]) {
    for length in 0..=events.len() {
        next(plan, &events[..length]).unwrap();
    }
    let mut standing = BTreeSet::new();
    let mut no_way_back = false;
    for event in events {
        let step = plan.steps.iter().position(|name| name == event.step()).unwrap();
        match event {
            Event::Started { .. } => {
                standing.insert(step);
                no_way_back |= plan.point_of_no_return == Some(step);
            }
            Event::UndoStarted { .. } => {
                assert_eq!(standing.last(), Some(&step), "the last started step is undone first: {events:?}");
                assert!(!no_way_back, "undone after the point of no return: {events:?}");
            }
            Event::Undone { .. } => {
                standing.remove(&step);
            }
            _ => {}
        }
    }
}

fn check_world(world: &World, steps: usize, outcome: &Outcome) {
    assert_eq!(world.violations(), Vec::<String>::new());
    let (made, removed) = world.made_and_removed();
    match outcome {
        Outcome::Done => {
            assert_eq!(world.effects(), (0..steps).collect(), "done means all effects");
            assert_eq!((made, removed), (steps, 0), "each exactly once");
        }
        Outcome::RolledBack { .. } => {
            assert_eq!(world.effects(), BTreeSet::new(), "rolled back means no effect");
            assert_eq!(made, removed);
        }
        Outcome::Stuck { .. } => panic!("not an end"),
    }
}

fn acts() -> impl Strategy<Value = VecDeque<Act>> {
    let act = prop_oneof![
        6 => Just(Act::Works),
        1 => Just(Act::FailsBefore),
        1 => Just(Act::FailsAfter),
        1 => Just(Act::PanicsBefore),
        1 => Just(Act::PanicsAfter),
    ];
    vec_deque(act, 0..5)
}

fn scripts() -> impl Strategy<Value = Vec<Script>> {
    vec((acts(), acts()).prop_map(|(runs, undos)| Script { runs, undos }), 0..=NAMES.len())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_saga_ends_with_all_effects_or_none(
        scripts in scripts(),
        point_of_no_return in proptest::option::of(0..NAMES.len()),
        deaths in btree_set(1..80u32, 0..12),
    ) {
        drive(&scripts, point_of_no_return, deaths);
    }
}

/// Every single moment of death, in every saga of three steps that succeeds, or fails at one step.
#[test]
fn one_death_at_every_moment() {
    for point_of_no_return in [None, Some(0), Some(1), Some(2)] {
        for failing in [None, Some(0), Some(1), Some(2)] {
            for act in [Act::FailsBefore, Act::FailsAfter, Act::PanicsBefore, Act::PanicsAfter] {
                let mut scripts = vec![Script::default(); 3];
                if let Some(step) = failing {
                    scripts[step].runs.push_back(act);
                }
                let (undisturbed, moments) = drive(&scripts, point_of_no_return, BTreeSet::new());
                for moment in 1..=moments {
                    let (outcome, _) = drive(&scripts, point_of_no_return, BTreeSet::from([moment]));
                    // A failure that died with the executor is forgotten: the step runs again, and works.
                    let forgotten = failing.is_some() && outcome == Outcome::Done;
                    assert!(outcome == undisturbed || forgotten, "{outcome:?} instead of {undisturbed:?}");
                }
            }
        }
    }
}
