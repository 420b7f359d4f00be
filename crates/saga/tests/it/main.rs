//! Tests of sagas through the crate's public face.

mod crash;
mod execute;
mod kill;
mod model;
mod transition;
