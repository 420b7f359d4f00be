//! What reading JSON needs beside what serde_json has.

use std::borrow::Cow;

use serde::Deserialize;

/// A text without its quotes, borrowed where nothing in it is escaped.
#[derive(Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);
