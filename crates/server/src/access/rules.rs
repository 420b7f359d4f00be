//! The environment's roles, laid out so that asking what an actor may do is a look-up.

use std::collections::{BTreeMap, HashMap};

use cloche_definitions::Access;
use cloche_definitions::role::{
    ANON, Effect, FieldMask, Masking, Operation, Resource as Named, Role as Definition, ScopeRule, USER,
};
use cloche_dialect::{Boolean, Node};
use cloche_wire::KeyKind;
use serde::Deserialize;
use serde_json::Value;

use super::actor::{condition, group, nothing};
use super::guard::{Guard, Mask};
use super::scopes;
use crate::postgres::schema::{Verb, Verbs};
use crate::postgres::scope::{DataActor, EndUser};

/// What is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource<'a> {
    Table(&'a str),
    View(&'a str),
    Function(&'a str),
}

/// A row of `cloche.access_rules`.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// `table`, with its `access` alone, or `role`.
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) spec: Value,
}

/// The rules of one environment. Without any, publishable keys may do nothing.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    roles: HashMap<String, Role>,
}

/// One role, by resource.
#[derive(Debug, Default)]
pub(super) struct Role {
    /// Its file.
    pub(super) definition: Definition,
    /// What tables give to it: `access` of `anon` and `user`.
    pub(super) given: BTreeMap<String, Verbs>,
    /// Written by a newer server, so that it cannot be read: whoever has it may do nothing.
    pub(super) is_unreadable: bool,
    tables: Shelf,
    views: Shelf,
    functions: Shelf,
}

/// What a role says of the resources of one kind.
#[derive(Debug, Default)]
struct Shelf {
    named: HashMap<String, Entry>,
    /// Of those that are not named.
    rest: Entry,
}

/// What a role says of one resource.
#[derive(Debug, Default, Clone)]
pub(super) struct Entry {
    pub(super) allow: Verbs,
    pub(super) deny: Verbs,
    scopes: Vec<(Verbs, ScopeRule)>,
    masks: BTreeMap<String, Masking>,
}

/// How far roles open a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    /// One of them reaches every row and shows every column.
    Whole,
    /// Each has conditions or masks.
    Part,
}

/// A role that allows what is asked, and the rows it reaches. None: all of them.
pub(super) struct Reach<'r> {
    pub(super) rows: Option<Node>,
    pub(super) masks: &'r BTreeMap<String, Masking>,
}

impl Rules {
    /// `columns` tells the columns of a table or view, for masks that list what is shown.
    pub(crate) fn new(stored: Vec<Stored>, columns: &dyn Fn(&str) -> Option<Vec<String>>) -> Self {
        let mut rules = Self::default();
        for Stored { kind, name, spec } in stored {
            if kind == "role" {
                let role = rules.roles.entry(name.clone()).or_default();
                match Definition::deserialize(&spec) {
                    Ok(definition) => role.definition = Definition { name, ..definition },
                    Err(_) => role.is_unreadable = true,
                }
            } else if kind == "table" {
                // What cannot be read gives nothing.
                let access: Access = serde_json::from_value(spec).unwrap_or_default();
                for (role, verbs) in [(ANON, access.anon), (USER, access.user)] {
                    let verbs: Vec<Verb> = verbs.into_iter().map(verb_of_table).collect();
                    if !verbs.is_empty() {
                        let role = rules.roles.entry(role.to_owned()).or_default();
                        role.given.insert(name.clone(), Verbs::of(&verbs));
                    }
                }
            }
        }
        for (name, role) in &mut rules.roles {
            name.clone_into(&mut role.definition.name);
            role.lay_out(columns);
        }
        rules
    }

    /// What the actor may do with the resource; None if nothing.
    pub(crate) fn guard(&self, actor: &DataActor, resource: Resource<'_>, verb: Verb) -> Option<Guard> {
        if actor.kind == KeyKind::Secret && scopes::covering(&actor.scopes, resource, verb).is_none() {
            return None;
        }
        let user = match (&actor.user, actor.kind) {
            (Some(user), _) => Some(&**user),
            (None, KeyKind::Publishable) => None,
            (None, KeyKind::Secret) => return Some(Guard::default()),
        };
        match self.opening(user, resource, verb)? {
            // What others say takes nothing from that.
            Opening::Whole => Some(Guard::default()),
            Opening::Part => Some(combined(self.reaches(user, resource, verb))),
        }
    }

    /// Whether the actor may do anything with the resource: whether there is a [`Rules::guard`].
    pub(crate) fn allows(&self, actor: &DataActor, resource: Resource<'_>, verb: Verb) -> bool {
        if actor.kind == KeyKind::Secret && scopes::covering(&actor.scopes, resource, verb).is_none() {
            return false;
        }
        match (&actor.user, actor.kind) {
            (None, KeyKind::Secret) => true,
            (user, _) => self.opening(user.as_deref(), resource, verb).is_some(),
        }
    }

    /// How far the roles open a resource, for who comes with a user or without; None if they do not.
    fn opening(&self, user: Option<&EndUser>, resource: Resource<'_>, verb: Verb) -> Option<Opening> {
        let (mut allows, mut open) = (0_usize, false);
        for role in self.roles_of(user) {
            let entry = role.entry(resource);
            if role.is_unreadable || entry.deny.contains(verb) {
                return None;
            }
            if entry.allow.contains(verb) {
                allows += 1;
                open |= entry.masks.is_empty() && !entry.scopes.iter().any(|(verbs, _)| verbs.contains(verb));
            }
        }
        match (allows, open) {
            (0, _) => None,
            (_, true) => Some(Opening::Whole),
            (_, false) => Some(Opening::Part),
        }
    }

    /// The roles somebody has. One that no rule is about says nothing.
    pub(super) fn roles_of<'r>(&'r self, user: Option<&'r EndUser>) -> impl Iterator<Item = &'r Role> + 'r {
        let first = if user.is_some() { USER } else { ANON };
        let own = user.map_or(&[][..], |user| user.roles.as_slice());
        std::iter::once(first).chain(own.iter().map(String::as_str)).filter_map(|name| self.roles.get(name))
    }

    /// The roles that allow it, each with what it reaches.
    pub(super) fn reaches<'r>(&'r self, user: Option<&'r EndUser>, resource: Resource<'_>, verb: Verb) -> Vec<Reach<'r>> {
        let allowing = self.roles_of(user).map(|role| role.entry(resource)).filter(|entry| entry.allow.contains(verb));
        allowing
            .map(|entry| {
                let rows = entry.scopes.iter().filter(|(verbs, _)| verbs.contains(verb)).map(|(_, rule)| condition(rule, user));
                let rows: Vec<Option<Node>> = rows.collect();
                let rows = match rows.into_iter().collect::<Option<Vec<Node>>>() {
                    Some(conditions) if conditions.is_empty() => None,
                    Some(conditions) => Some(group(Boolean::And, conditions)),
                    None => Some(nothing()),
                };
                Reach { rows, masks: &entry.masks }
            })
            .collect()
    }
}

/// What several roles leave together: any of their rows, and a column as it is where one that reaches the row shows it.
fn combined(mut reaches: Vec<Reach<'_>>) -> Guard {
    if let [only] = reaches.as_mut_slice() {
        let masks = only.masks.iter().map(|(column, masking)| (column.clone(), masked(masking)));
        return Guard { masks: masks.collect(), rows: only.rows.take() };
    }
    let none = nothing();
    let reaching: Vec<&Reach<'_>> = reaches.iter().filter(|reach| reach.rows.as_ref() != Some(&none)).collect();
    if reaching.is_empty() {
        // No row at all; what is hidden still looks as if it were not there.
        return Guard { rows: Some(none), masks: masks(&reaches.iter().collect::<Vec<_>>()) };
    }
    Guard { rows: any_of(reaching.iter().map(|reach| &reach.rows)), masks: masks(&reaching) }
}

/// None if one of them has no condition.
fn any_of<'n>(rows: impl Iterator<Item = &'n Option<Node>>) -> Option<Node> {
    let mut conditions: Vec<Node> = Vec::new();
    for rows in rows {
        let rows = rows.as_ref()?;
        if !conditions.contains(rows) {
            conditions.push(rows.clone());
        }
    }
    Some(group(Boolean::Or, conditions))
}

fn masks(reaches: &[&Reach<'_>]) -> BTreeMap<String, Mask> {
    let columns = reaches.iter().flat_map(|reach| reach.masks.keys());
    let masked = columns.filter_map(|column| {
        let (masking, showing): (Vec<&Reach<'_>>, Vec<&Reach<'_>>) =
            reaches.iter().copied().partition(|reach| reach.masks.contains_key(column));
        let shown = |reach: &Reach<'_>| showing.iter().any(|other| other.rows.is_none() || other.rows == reach.rows);
        // Whoever masks it reaches no row that another role does not show.
        if masking.iter().all(|reach| shown(reach)) {
            return None;
        }
        let text = strictest(masking.iter().filter_map(|reach| reach.masks.get(column)));
        let mask = match (showing.is_empty(), text) {
            (true, None) => Mask::Hide,
            (true, Some(text)) => Mask::Redact(text),
            (false, text) => Mask::Unless { rows: any_of(showing.iter().map(|reach| &reach.rows)).unwrap_or_else(nothing), text },
        };
        Some((column.clone(), mask))
    });
    masked.collect()
}

/// What becomes of a column that nobody shows.
fn masked(masking: &Masking) -> Mask {
    match masking {
        Masking::Hide => Mask::Hide,
        Masking::Redact(text) => Mask::Redact(text.clone()),
    }
}

/// None if one of them hides; else the text of the first.
fn strictest<'m>(maskings: impl Iterator<Item = &'m Masking>) -> Option<String> {
    let mut first = None;
    for masking in maskings {
        match masking {
            Masking::Hide => return None,
            Masking::Redact(text) => first = first.or_else(|| Some(text.clone())),
        }
    }
    first
}

pub(crate) fn verb_of(operation: Operation) -> Verb {
    match operation {
        Operation::Read => Verb::Read,
        Operation::Create => Verb::Create,
        Operation::Update => Verb::Update,
        Operation::Delete => Verb::Delete,
        Operation::Call => Verb::Call,
    }
}

fn verb_of_table(verb: cloche_definitions::Verb) -> Verb {
    match verb {
        cloche_definitions::Verb::Read => Verb::Read,
        cloche_definitions::Verb::Create => Verb::Create,
        cloche_definitions::Verb::Update => Verb::Update,
        cloche_definitions::Verb::Delete => Verb::Delete,
    }
}

fn verbs<'o>(operations: impl IntoIterator<Item = &'o Operation>) -> Verbs {
    Verbs::of(&operations.into_iter().map(|operation| verb_of(*operation)).collect::<Vec<_>>())
}

/// Whether a rule's words are about a resource.
pub(super) fn is_about(named: &Named, resource: Resource<'_>) -> bool {
    match (named, resource) {
        (Named::Any, _) | (Named::AnyView, Resource::View(_)) | (Named::AnyFunction, Resource::Function(_)) => true,
        (Named::Table(name), Resource::Table(asked))
        | (Named::View(name), Resource::View(asked))
        | (Named::Function(name), Resource::Function(asked)) => name == asked,
        _ => false,
    }
}

impl Role {
    pub(super) fn entry(&self, resource: Resource<'_>) -> &Entry {
        let (shelf, name) = match resource {
            Resource::Table(name) => (&self.tables, name),
            Resource::View(name) => (&self.views, name),
            Resource::Function(name) => (&self.functions, name),
        };
        shelf.named.get(name).unwrap_or(&shelf.rest)
    }

    /// Puts every rule where it is looked for.
    fn lay_out(&mut self, columns: &dyn Fn(&str) -> Option<Vec<String>>) {
        // No table, view or function has an empty name: what is said of it is said of all.
        self.tables.rest = self.entry_of(Resource::Table(""), columns);
        self.views.rest = self.entry_of(Resource::View(""), columns);
        self.functions.rest = self.entry_of(Resource::Function(""), columns);
        let mut named: Vec<Named> = self.given.keys().cloned().map(Named::Table).collect();
        named.extend(self.definition.policies.iter().map(|rule| rule.resource.clone()));
        named.extend(self.definition.scope_rules.iter().map(|rule| rule.resource.clone()));
        named.extend(self.definition.field_masks.iter().map(|rule| rule.resource.clone()));
        for resource in named {
            match resource {
                Named::Table(name) => {
                    let entry = self.entry_of(Resource::Table(&name), columns);
                    self.tables.named.insert(name, entry);
                }
                Named::View(name) => {
                    let entry = self.entry_of(Resource::View(&name), columns);
                    self.views.named.insert(name, entry);
                }
                Named::Function(name) => {
                    let entry = self.entry_of(Resource::Function(&name), columns);
                    self.functions.named.insert(name, entry);
                }
                Named::Any | Named::AnyView | Named::AnyFunction => {}
            }
        }
    }

    fn entry_of(&self, resource: Resource<'_>, columns: &dyn Fn(&str) -> Option<Vec<String>>) -> Entry {
        let mut entry = Entry::default();
        if let Resource::Table(name) = resource {
            entry.allow = self.given.get(name).copied().unwrap_or_default();
        }
        for policy in self.definition.policies.iter().filter(|policy| is_about(&policy.resource, resource)) {
            let set = if policy.effect == Effect::Allow { &mut entry.allow } else { &mut entry.deny };
            *set = set.with(verbs(&policy.actions));
        }
        for rule in self.definition.scope_rules.iter().filter(|rule| is_about(&rule.resource, resource)) {
            entry.scopes.push((verbs(&rule.actions), rule.clone()));
        }
        for mask in self.definition.field_masks.iter().filter(|mask| is_about(&mask.resource, resource)) {
            for (column, masking) in of_columns(mask, resource, columns) {
                let hides = masking == Masking::Hide;
                match entry.masks.get_mut(&column) {
                    Some(before) if hides => *before = masking,
                    Some(_) => {}
                    None => drop(entry.masks.insert(column, masking)),
                }
            }
        }
        entry
    }
}

/// What one rule masks, of the columns there are.
pub(super) fn of_columns(
    mask: &FieldMask,
    resource: Resource<'_>,
    columns: &dyn Fn(&str) -> Option<Vec<String>>,
) -> BTreeMap<String, Masking> {
    let mut masked = mask.fields.clone();
    if let (Some(allow), Resource::Table(name) | Resource::View(name)) = (&mask.allow, resource) {
        // No column has an empty name: with this the statement lists its columns, and shows none that was added since.
        let hidden = columns(name).unwrap_or_default().into_iter().chain([String::new()]);
        for column in hidden.filter(|column| !allow.contains(column)) {
            masked.entry(column).or_insert(Masking::Hide);
        }
    }
    masked
}
