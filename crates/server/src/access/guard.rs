//! What is left of the rules once they are applied to one actor, one resource and one action: conditions that go into the statement.

use std::collections::BTreeMap;

use cloche_dialect::Node;

/// What an actor may do with one resource by one action. The default lets everything through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Guard {
    /// The records it reaches, as a condition on the resource's own columns with the actor's values filled in. None: all of them.
    pub(crate) rows: Option<Node>,
    /// The columns that are not shown as they are. Others are.
    pub(crate) masks: BTreeMap<String, Mask>,
}

/// What becomes of a column. A masked one can be neither written nor filtered, ordered, grouped or counted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mask {
    /// It is as if it were not there.
    Hide,
    /// It shows this text, or null where it holds no text.
    Redact(String),
    /// It is shown as it is in the records that meet the condition (one of the actor's roles shows it there); in others it is
    /// redacted by the text, or null.
    Unless { rows: Node, text: Option<String> },
}
