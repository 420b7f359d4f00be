//! In which order views and functions are made and dropped.

use super::{Names, call, is_type};
use crate::code::{self, Function, View};
use crate::deployed::{Deployed, DeployedFunction, DeployedView};

/// A view or a function.
#[derive(Clone, Copy)]
pub(super) enum Thing<'a> {
    View(&'a View),
    Function(&'a Function),
}

impl Thing<'_> {
    fn name(&self) -> &str {
        match self {
            Self::View(it) => &it.name,
            Self::Function(it) => &it.name,
        }
    }

    fn mentions(&self, name: &str) -> bool {
        match self {
            Self::View(it) => code::mentions(&it.query, name),
            Self::Function(it) => it.mentions(name),
        }
    }
}

/// Whether a function takes or answers rows of a view or table.
pub(super) fn has_type(function: &DeployedFunction, name: &str) -> bool {
    function.arguments.iter().any(|(_, type_)| type_.trim_end_matches("[]") == name)
        || function.returns.trim_start_matches("SETOF ").trim_end_matches("[]") == name
        || (function.returns.starts_with("TABLE(") && is_type(&function.returns, name))
}

/// Each after what its text mentions. Things that mention each other stand as their names are sorted.
pub(super) fn needed_first<'a>(views: Vec<&'a View>, functions: Vec<&'a Function>) -> Vec<Thing<'a>> {
    let functions = functions.into_iter().map(Thing::Function);
    let mut left: Vec<Thing<'a>> = functions.chain(views.into_iter().map(Thing::View)).collect();
    let mut sorted = Vec::new();
    while !left.is_empty() {
        let ready = |thing: &Thing<'_>| !left.iter().any(|other| !is_same(thing, other) && thing.mentions(other.name()));
        let at = left.iter().position(ready).unwrap_or(0);
        sorted.push(left.remove(at));
    }
    sorted
}

fn is_same(left: &Thing<'_>, right: &Thing<'_>) -> bool {
    matches!((left, right), (Thing::View(_), Thing::View(_)) | (Thing::Function(_), Thing::Function(_)))
        && left.name() == right.name()
}

/// Functions, each after those it calls.
pub(super) fn callees_first(functions: Vec<&Function>) -> Vec<&Function> {
    let functions = needed_first(Vec::new(), functions).into_iter();
    functions.filter_map(|thing| if let Thing::Function(it) = thing { Some(it) } else { None }).collect()
}

/// Whether a view uses one of these views and functions.
pub(super) fn uses_any(view: &DeployedView, names: &Names) -> bool {
    names.iter().any(|name| uses(view, name))
}

fn uses(view: &DeployedView, name: &str) -> bool {
    match name.split_once('(') {
        Some((function, _)) => view.uses.contains(&call(function)),
        None => view.uses.contains(name),
    }
}

/// Deployed things, each before what it is made of.
pub(super) fn dependents_first(names: &Names, view: &Deployed) -> Vec<String> {
    let depends = |one: &str, other: &str| match view.views.get(one) {
        Some(it) => uses(it, other),
        None => view.functions.iter().any(|it| it.signature() == one && has_type(it, other)),
    };
    let mut left: Vec<&String> = names.iter().collect();
    let mut sorted = Vec::new();
    while !left.is_empty() {
        let free = |name: &&String| !left.iter().any(|other| other != name && depends(other, name));
        let at = left.iter().position(free).unwrap_or(0);
        sorted.push(left.remove(at).clone());
    }
    sorted
}
