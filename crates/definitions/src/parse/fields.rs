//! Reading keys and values of a mapping, with an error for everything that is not known.

use crate::diagnostic::{Mark, Report, did_you_mean};
use crate::yaml::{Key, Node, Value};
use crate::{expression, names};

/// The entries of a mapping; reports keys not in `known` and anything that is not a mapping.
pub(super) fn mapping<'a>(node: &'a Node, what: &str, known: &[&str], report: &mut Report) -> Vec<(&'a Key, &'a Node)> {
    let entries = free_mapping(node, what, report);
    entries
        .into_iter()
        .filter(|(key, _)| {
            let found = known.contains(&key.name.as_str());
            if !found {
                report.error(
                    Some(key.mark),
                    format!("unknown key `{}` in {what}", key.name),
                    Some(did_you_mean(&key.name, known)),
                );
            }
            found
        })
        .collect()
}

/// The entries of a mapping whose keys are names the author chooses.
pub(super) fn free_mapping<'a>(node: &'a Node, what: &str, report: &mut Report) -> Vec<(&'a Key, &'a Node)> {
    match &node.value {
        Value::Mapping(entries) => entries.iter().map(|(key, node)| (key, node)).collect(),
        other => {
            report.error(Some(node.mark), format!("{what} must be a mapping (`key: value`), not {}", other.noun()), None);
            Vec::new()
        }
    }
}

/// A text that is not empty.
pub(super) fn text(node: &Node, key: &str, report: &mut Report) -> Option<String> {
    match &node.value {
        Value::Scalar(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Scalar(_) | Value::Null => {
            report.error(Some(node.mark), format!("`{key}` is empty"), Some(format!("give it a value or remove `{key}`")));
            None
        }
        other => {
            report.error(
                Some(node.mark),
                format!("`{key}` must be a text, not {}", other.noun()),
                Some("quote it: `\"…\"`".into()),
            );
            None
        }
    }
}

/// `true` or `false`.
pub(super) fn boolean(node: &Node, key: &str, report: &mut Report) -> bool {
    match &node.value {
        Value::Scalar(text) if text == "true" => return true,
        Value::Scalar(text) if text == "false" => return false,
        _ => {}
    }
    report.error(Some(node.mark), format!("`{key}` must be `true` or `false`"), None);
    false
}

/// A list of texts; a single text counts as a list of one.
pub(super) fn texts(node: &Node, key: &str, report: &mut Report) -> Vec<(String, Mark)> {
    match &node.value {
        Value::Sequence(items) => items.iter().filter_map(|item| Some((text(item, key, report)?, item.mark))).collect(),
        _ => text(node, key, report).map(|text| (text, node.mark)).into_iter().collect(),
    }
}

/// A list of names, each once; a single name counts as a list of one.
pub(super) fn column_names(node: &Node, key: &str, report: &mut Report) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (name, mark) in texts(node, key, report) {
        if found.contains(&name) {
            report.error(Some(mark), format!("`{name}` is listed twice in `{key}`"), None);
        } else {
            found.push(name);
        }
    }
    if found.is_empty() && matches!(&node.value, Value::Sequence(items) if items.is_empty()) {
        report.error(Some(node.mark), format!("`{key}` lists no column"), None);
    }
    found
}

/// A name of a thing in the database.
pub(super) fn name(node: &Node, key: &str, report: &mut Report) -> Option<String> {
    let name = text(node, key, report)?;
    match names::check(&name) {
        Ok(()) => Some(name),
        Err(message) => {
            report.error(Some(node.mark), message, None);
            None
        }
    }
}

/// A SQL expression, with its white space folded.
pub(super) fn expression(node: &Node, key: &str, report: &mut Report) -> Option<String> {
    let written = text(node, key, report)?;
    match expression::normalise(&written) {
        Ok(expression) => Some(expression),
        Err(message) => {
            report.error(Some(node.mark), format!("`{key}`: {message}"), None);
            None
        }
    }
}
