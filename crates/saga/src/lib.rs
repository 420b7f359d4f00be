//! Multi-step work that survives a crash.
//!
//! A saga is a list of [`Step`]s, each with a `run` and an `undo`. An append-only [`Log`] tells what happened; the pure
//! function [`next`] tells from it what to do; [`execute`] does it. Kill the process at any point and call [`execute`]
//! again: it goes on from the log. A saga ends with all of its effects, or with none. The rules stand at [`next`];
//! [`Faults`] are for showing that they hold.
//!
//! No transaction or lock is held across steps, and nothing is kept in memory that the log does not have.
//!
//! ```
//! use std::collections::BTreeSet;
//! use std::sync::Mutex;
//!
//! use async_trait::async_trait;
//! use cloche_saga::{Event, Log, LogError, NoFaults, Outcome, Past, Retry, Step, StepError, execute};
//! use serde_json::{Value, json};
//!
//! struct Town {
//!     houses: Mutex<BTreeSet<String>>,
//! }
//!
//! struct BuildHouse;
//!
//! #[async_trait]
//! impl Step<Town> for BuildHouse {
//!     fn name(&self) -> &'static str {
//!         "build_house"
//!     }
//!     fn title(&self) -> &'static str {
//!         "Build the house"
//!     }
//!     async fn run(&self, town: &Town, _past: &Past) -> Result<Value, StepError> {
//!         town.houses.lock().unwrap().insert("mill".into()); // a set: running twice builds one house
//!         Ok(json!({ "house": "mill" }))
//!     }
//!     async fn undo(&self, town: &Town, _past: &Past) -> Result<(), StepError> {
//!         town.houses.lock().unwrap().remove("mill"); // no house is fine too
//!         Ok(())
//!     }
//! }
//!
//! struct MoveIn;
//!
//! #[async_trait]
//! impl Step<Town> for MoveIn {
//!     fn name(&self) -> &'static str {
//!         "move_in"
//!     }
//!     fn title(&self) -> &'static str {
//!         "Move in"
//!     }
//!     async fn run(&self, _town: &Town, past: &Past) -> Result<Value, StepError> {
//!         assert_eq!(past.detail("build_house"), Some(&json!({ "house": "mill" })));
//!         Err(StepError::new("house/haunted", "The house is haunted.").with_hint("Choose another place."))
//!     }
//! }
//!
//! /// A log in memory; a real one keeps its events in a database.
//! struct Memory(Mutex<Vec<Event>>);
//!
//! #[async_trait]
//! impl Log for Memory {
//!     async fn load(&self) -> Result<Vec<Event>, LogError> {
//!         Ok(self.0.lock().unwrap().clone())
//!     }
//!     async fn append(&self, seq: u32, event: &Event) -> Result<(), LogError> {
//!         let mut events = self.0.lock().unwrap();
//!         if events.len() != seq as usize {
//!             return Err(LogError::Lost);
//!         }
//!         events.push(event.clone());
//!         Ok(())
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let steps: Vec<Box<dyn Step<Town>>> = vec![Box::new(BuildHouse), Box::new(MoveIn)];
//! let town = Town { houses: Mutex::default() };
//! let log = Memory(Mutex::default());
//! let outcome = execute(&steps, &town, &log, &NoFaults, &Retry::default()).await.unwrap();
//! assert!(matches!(outcome, Outcome::RolledBack { failure } if failure.code == "house/haunted"));
//! assert!(town.houses.lock().unwrap().is_empty());
//! # });
//! ```

mod event;
mod execute;
mod fault;
mod step;
mod transition;

pub use event::{Event, Past};
pub use execute::{Log, LogError, Outcome, Retry, execute};
pub use fault::{Action, Direction, FaultParseError, Faults, Moment, NoFaults, Point, ScriptedFaults};
pub use step::{Step, StepError};
pub use transition::{Failure, InvalidLog, Next, Plan, next};
