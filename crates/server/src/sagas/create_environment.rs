//! A new, empty environment.

use cloche_saga::Step;

use super::making::{Activate, CreateDatabase, CreateLogins, Making, Reserve};

pub(crate) fn steps<'a>() -> Vec<Box<dyn Step<Making<'a>>>> {
    vec![Box::new(Reserve), Box::new(CreateLogins), Box::new(CreateDatabase), Box::new(Activate)]
}
