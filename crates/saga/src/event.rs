//! The log: what happened so far, in order. Nothing is ever changed or removed in it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One entry of a saga's log. The store adds its number and its time.
///
/// As JSON: `{"event": "succeeded", "step": "clone_database", "detail": {...}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The step is about to run. From here on its effect may exist. Written again when it runs again.
    Started { step: String },
    /// The step's effect exists. `detail` is what the step wants to remember; never a secret.
    Succeeded {
        step: String,
        #[serde(default, skip_serializing_if = "Value::is_null")]
        detail: Value,
    },
    /// The step reported a failure. Its effect may exist, wholly or in part.
    Failed {
        step: String,
        code: String,
        message: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// The step's undo is about to run. Written again when it runs again.
    UndoStarted { step: String },
    /// The step's effect is gone.
    Undone { step: String },
    /// The undo reported a failure. The effect may still exist.
    UndoFailed {
        step: String,
        code: String,
        message: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// The saga was stuck at this step, and somebody asked for a new round of tries.
    Retried { step: String },
}

impl Event {
    /// The name of the step it is about.
    pub fn step(&self) -> &str {
        match self {
            Self::Started { step }
            | Self::Succeeded { step, .. }
            | Self::Failed { step, .. }
            | Self::UndoStarted { step }
            | Self::Undone { step }
            | Self::UndoFailed { step, .. }
            | Self::Retried { step } => step,
        }
    }
}

/// What a step can know of the saga so far: the log, and nothing that a crash would lose.
#[derive(Debug, Clone, Default)]
pub struct Past(Vec<Event>);

impl Past {
    /// The past these events tell of, oldest first.
    pub fn new(events: Vec<Event>) -> Self {
        Self(events)
    }

    /// What the step called `step` left in the log when it succeeded; `None` if it has not.
    ///
    /// It stays readable while the saga unwinds, also after the step was undone. A step's undo may ask for the detail of
    /// its own step: `None` then means that its effect may or may not exist.
    pub fn detail(&self, step: &str) -> Option<&Value> {
        self.0.iter().rev().find_map(|event| match event {
            Event::Succeeded { step: name, detail } if name == step => Some(detail),
            _ => None,
        })
    }

    /// The whole log so far, oldest first.
    pub fn events(&self) -> &[Event] {
        &self.0
    }

    pub(crate) fn push(&mut self, event: Event) {
        self.0.push(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_keep_their_form_in_the_log() {
        let step = || "clone".to_owned();
        let table = [
            (Event::Started { step: step() }, json!({"event": "started", "step": "clone"})),
            (Event::Succeeded { step: step(), detail: Value::Null }, json!({"event": "succeeded", "step": "clone"})),
            (Event::Succeeded { step: step(), detail: json!(7) }, json!({"event": "succeeded", "step": "clone", "detail": 7})),
            (
                Event::Failed { step: step(), code: "disk/full".into(), message: "m".into(), hint: Some("h".into()) },
                json!({"event": "failed", "step": "clone", "code": "disk/full", "message": "m", "hint": "h"}),
            ),
            (Event::UndoStarted { step: step() }, json!({"event": "undo_started", "step": "clone"})),
            (Event::Undone { step: step() }, json!({"event": "undone", "step": "clone"})),
            (
                Event::UndoFailed { step: step(), code: "disk/full".into(), message: "m".into(), hint: None },
                json!({"event": "undo_failed", "step": "clone", "code": "disk/full", "message": "m"}),
            ),
            (Event::Retried { step: step() }, json!({"event": "retried", "step": "clone"})),
        ];
        for (event, form) in table {
            assert_eq!(serde_json::to_value(&event).unwrap(), form);
            assert_eq!(serde_json::from_value::<Event>(form).unwrap(), event);
            assert_eq!(event.step(), "clone");
        }
    }

    #[test]
    fn the_past_knows_details_of_steps_that_succeeded() {
        let past = Past::new(vec![
            Event::Started { step: "a".into() },
            Event::Succeeded { step: "a".into(), detail: json!({"oid": 5}) },
            Event::Started { step: "b".into() },
        ]);
        assert_eq!(past.detail("a"), Some(&json!({"oid": 5})));
        assert_eq!(past.detail("b"), None);
    }
}
