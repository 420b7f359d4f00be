//! What a secret key is limited to.

use super::rules::Resource;
use crate::postgres::schema::Verb;

/// As scopes write it. Nothing but a key without scopes calls functions.
pub(crate) fn right(verb: Verb) -> &'static str {
    match verb {
        Verb::Read => "read",
        Verb::Create | Verb::Update | Verb::Delete => "write",
        Verb::Call => "call",
    }
}

/// The scope that covers it. No scope at all is full access.
pub(super) fn covering<'s>(scopes: &'s [String], resource: Resource<'_>, verb: Verb) -> Option<&'s str> {
    if scopes.is_empty() {
        return Some("");
    }
    let (Resource::Table(name) | Resource::View(name)) = resource else { return None };
    let right = right(verb);
    let covers = |scope: &&String| match scope.strip_prefix("table:").and_then(|rest| rest.rsplit_once(':')) {
        Some((of, of_table)) => of == name && of_table == right,
        None => scope.strip_prefix("data:") == Some(right),
    };
    scopes.iter().find(covers).map(String::as_str)
}
