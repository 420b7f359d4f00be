//! What is left of the rules once they are applied to one actor, one resource and one action: conditions that go into the statement.

use std::borrow::Cow;
use std::collections::BTreeMap;

use cloche_definitions::role::Comparison;
use cloche_dialect::Field;

/// What an actor may do with one resource by one action. The default lets everything through.
///
/// What the rules say is borrowed from them: a guard is made for every statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Guard<'r> {
    /// The records it reaches. None: all of them.
    pub(crate) rows: Option<Rows<'r>>,
    /// The columns that are not shown as they are. Others are.
    pub(crate) masks: Cow<'r, Masks<'r>>,
}

/// By column.
pub(crate) type Masks<'r> = BTreeMap<String, Mask<'r>>;

/// The records that meet every condition of one of the lists: no list, no record; an empty one, all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rows<'r>(pub(crate) Vec<Vec<Condition<'r>>>);

/// What a record's own columns must be like. Two that ask for the same are equal, wherever their values come from.
#[derive(Debug, Clone)]
pub(crate) struct Condition<'r> {
    pub(crate) field: &'r Field,
    pub(crate) operator: Comparison,
    pub(crate) value: Value<'r>,
    /// The value stands in the role's file: it is the same for whoever asks, and as much part of the schema as the field's name.
    pub(crate) is_fixed: bool,
}

impl Condition<'_> {
    /// With [`Comparison::IsNull`]: whether the column must be null, or must not.
    pub(crate) fn is_null(&self) -> bool {
        !matches!(&self.value, Value::One(text) if text == "false")
    }
}

impl PartialEq for Condition<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.field == other.field && self.operator == other.operator && self.value.texts().eq(other.value.texts())
    }
}

impl Eq for Condition<'_> {}

/// What is compared with, in PostgreSQL's text form.
#[derive(Debug, Clone)]
pub(crate) enum Value<'r> {
    One(Cow<'r, str>),
    /// For `in` and `contains`; never empty.
    Many(Cow<'r, [String]>),
}

impl Value<'_> {
    /// One text, or those of the list.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match self {
            Self::One(text) => (Some(&**text), &[][..]),
            Self::Many(texts) => (None, &**texts),
        };
        one.into_iter().chain(many.iter().map(String::as_str))
    }
}

/// What becomes of a column. A masked one can be neither written nor filtered, ordered, grouped or counted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mask<'r> {
    /// It is as if it were not there.
    Hide,
    /// It shows this text, or null where it holds no text.
    Redact(String),
    /// It is shown as it is in the records that meet the condition (one of the actor's roles shows it there); in others it is
    /// redacted by the text, or null.
    Unless { rows: Rows<'r>, text: Option<String> },
}
