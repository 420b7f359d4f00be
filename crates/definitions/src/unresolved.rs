//! What roles name and no file of the folder defines: it may be deployed already, or made by hand.

use crate::deployed::Deployed;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::model::Definitions;
use crate::role::Resource;

/// Something a role names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) resource: Resource,
    /// A column of it.
    pub(crate) field: Option<String>,
    /// Which must be an array.
    pub(crate) is_array: bool,
}

/// Something a role names that was not found in the files, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    pub(crate) wanted: Wanted,
    /// Path and place, without a message.
    pub(crate) place: Diagnostic,
}

type Mistake = (String, Option<String>);

impl Wanted {
    /// Whether the column is among these (name, type), where one is named.
    pub(crate) fn column_among<'a>(&self, columns: impl Iterator<Item = (&'a str, &'a str)>) -> Result<(), Mistake> {
        let Some(field) = &self.field else { return Ok(()) };
        let columns: Vec<(&str, &str)> = columns.collect();
        match columns.iter().find(|(name, _)| name == field) {
            Some((_, type_)) if self.is_array && !type_.is_empty() && !type_.ends_with("[]") => Err((
                format!("`contains` needs an array, but `{field}` of `{}` is {type_}", self.resource),
                Some("compare it with `eq` or `in`".into()),
            )),
            Some(_) => Ok(()),
            None => {
                let known: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
                Err((format!("`{}` has no column `{field}`", self.resource), Some(did_you_mean(field, &known))))
            }
        }
    }

    /// Whether it is deployed and, with `prune`, stays.
    fn is_in(&self, deployed: &Deployed, prune: bool, local: &Definitions) -> Result<(), Mistake> {
        let missing = |kind: &str, name: &str, known: Vec<&str>| {
            let hint = if known.is_empty() { "none are defined".to_owned() } else { did_you_mean(name, &known) };
            Err((format!("there is no {kind} `{name}`"), Some(hint)))
        };
        match &self.resource {
            Resource::Table(name) => match deployed.tables.get(name).filter(|_| !prune) {
                Some(table) => self.column_among(table.columns.iter().map(|it| (it.name.as_str(), it.type_.as_str()))),
                None if deployed.views.contains_key(name) && !prune => {
                    Err((format!("`{name}` is a view"), Some(format!("write `view:{name}`"))))
                }
                None => {
                    let there = deployed.tables.keys().filter(|_| !prune);
                    missing("table", name, local.tables.keys().chain(there).map(String::as_str).collect())
                }
            },
            Resource::View(name) => match deployed.views.get(name).filter(|_| !prune) {
                Some(view) => self.column_among(view.columns.iter().map(|(name, type_)| (name.as_str(), type_.as_str()))),
                None => {
                    let there = deployed.views.keys().filter(|_| !prune);
                    missing("view", name, local.views.keys().chain(there).map(String::as_str).collect())
                }
            },
            Resource::Function(name) if !prune && deployed.functions.iter().any(|it| it.name == *name) => Ok(()),
            Resource::Function(name) => {
                let there = deployed.functions.iter().map(|it| it.name.as_str()).filter(|_| !prune);
                missing("function", name, local.functions.keys().map(String::as_str).chain(there).collect())
            }
            Resource::Any | Resource::AnyView | Resource::AnyFunction => Ok(()),
        }
    }
}

impl Unresolved {
    pub(crate) fn is_of_table(&self) -> bool {
        matches!(self.wanted.resource, Resource::Table(_))
    }
}

/// Reports what is neither in the files nor deployed.
pub(crate) fn check(local: &Definitions, deployed: &Deployed, prune: bool, diagnostics: &mut Vec<Diagnostic>) {
    for Unresolved { wanted, place } in &local.unresolved {
        if let Err((message, hint)) = wanted.is_in(deployed, prune, local) {
            diagnostics.push(Diagnostic { message, hint, ..place.clone() });
        }
    }
}
