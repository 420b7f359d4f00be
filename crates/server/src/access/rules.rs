//! The environment's roles, laid out so that asking what an actor may do is a look-up.

use std::borrow::Cow;
use std::collections::BTreeMap;

use cloche_definitions::Access;
use cloche_definitions::role::{
    ANON, Comparison, Effect, FieldMask, Masking, Operand, Operation, Resource as Named, Role as Definition, USER,
};
use cloche_dialect::Field;
use cloche_wire::KeyKind;
use serde::Deserialize;
use serde_json::Value;

use super::actor::condition;
use super::guard::{Guard, Mask, Masks, Rows};
use super::scopes;
use crate::map::Map;
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
    roles: BTreeMap<String, Role>,
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
    named: Map<String, Entry>,
    /// Of those that are not named.
    rest: Entry,
}

/// What a role says of one resource.
#[derive(Debug, Default, Clone)]
pub(super) struct Entry {
    pub(super) allow: Verbs,
    pub(super) deny: Verbs,
    scopes: Vec<Scope>,
    masks: Masks<'static>,
}

/// A rule about rows: what each must be like.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    verbs: Verbs,
    pub(super) field: Field,
    pub(super) operator: Comparison,
    pub(super) value: Operand,
}

/// What one role that allows what is asked leaves of the resource.
struct Reach<'r> {
    /// None: all of them.
    rows: Option<Rows<'r>>,
    masks: &'r Masks<'r>,
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
    pub(crate) fn guard<'r>(&'r self, actor: &'r DataActor, resource: Resource<'_>, verb: Verb) -> Option<Guard<'r>> {
        if actor.kind == KeyKind::Secret && scopes::covering(&actor.scopes, resource, verb).is_none() {
            return None;
        }
        let user = match (&actor.user, actor.kind) {
            (Some(user), _) => Some(&**user),
            (None, KeyKind::Publishable) => None,
            (None, KeyKind::Secret) => return Some(Guard::default()),
        };
        let mut allowing = Vec::new();
        let mut is_whole = false;
        for role in self.roles_of(user) {
            let entry = role.entry(resource);
            if role.denies(entry, verb) {
                return None;
            }
            if entry.allow.contains(verb) {
                is_whole |= entry.is_whole(verb);
                allowing.push(entry);
            }
        }
        match allowing.as_slice() {
            [] => None,
            // What others say takes nothing from that.
            _ if is_whole => Some(Guard::default()),
            [only] => {
                let Reach { rows, masks } = only.reach(user, verb);
                Some(Guard { rows, masks: Cow::Borrowed(masks) })
            }
            several => Some(combined(&several.iter().map(|entry| entry.reach(user, verb)).collect::<Vec<_>>())),
        }
    }

    /// Whether the actor may do anything with the resource: whether there is a [`Rules::guard`].
    pub(crate) fn allows(&self, actor: &DataActor, resource: Resource<'_>, verb: Verb) -> bool {
        if actor.kind == KeyKind::Secret && scopes::covering(&actor.scopes, resource, verb).is_none() {
            return false;
        }
        if actor.kind == KeyKind::Secret && actor.user.is_none() {
            return true;
        }
        let mut allows = false;
        for role in self.roles_of(actor.user.as_deref()) {
            let entry = role.entry(resource);
            if role.denies(entry, verb) {
                return false;
            }
            allows |= entry.allow.contains(verb);
        }
        allows
    }

    /// The roles somebody has. One that no rule is about says nothing.
    pub(super) fn roles_of<'r>(&'r self, user: Option<&'r EndUser>) -> impl Iterator<Item = &'r Role> + 'r {
        let first = if user.is_some() { USER } else { ANON };
        let own = user.map_or(&[][..], |user| user.roles.as_slice());
        std::iter::once(first).chain(own.iter().map(String::as_str)).filter_map(|name| self.roles.get(name))
    }
}

impl Entry {
    /// It reaches every row and shows every column.
    fn is_whole(&self, verb: Verb) -> bool {
        self.masks.is_empty() && !self.scopes.iter().any(|scope| scope.verbs.contains(verb))
    }

    fn reach<'r>(&'r self, user: Option<&'r EndUser>, verb: Verb) -> Reach<'r> {
        let mut scopes = self.scopes.iter().filter(|scope| scope.verbs.contains(verb)).peekable();
        let rows = scopes.peek().is_some().then(|| {
            let all: Option<Vec<_>> = scopes.map(|scope| condition(scope, user)).collect();
            Rows(all.into_iter().collect())
        });
        Reach { rows, masks: &self.masks }
    }
}

/// What several roles leave together: any of their rows, and a column as it is where one that reaches the row shows it.
fn combined<'r>(reaches: &[Reach<'r>]) -> Guard<'r> {
    let none = Rows::default();
    let reaching: Vec<&Reach<'r>> = reaches.iter().filter(|reach| reach.rows.as_ref() != Some(&none)).collect();
    if reaching.is_empty() {
        // No row at all; what is hidden still looks as if it were not there.
        return Guard { rows: Some(none), masks: Cow::Owned(masks(&reaches.iter().collect::<Vec<_>>())) };
    }
    Guard { rows: any_of(reaching.iter().map(|reach| &reach.rows)), masks: Cow::Owned(masks(&reaching)) }
}

/// None if one of them has no condition.
fn any_of<'n, 'r: 'n>(rows: impl Iterator<Item = &'n Option<Rows<'r>>>) -> Option<Rows<'r>> {
    let mut any = Rows::default();
    for rows in rows {
        for conditions in &rows.as_ref()?.0 {
            if !any.0.contains(conditions) {
                any.0.push(conditions.clone());
            }
        }
    }
    Some(any)
}

fn masks<'r>(reaches: &[&Reach<'r>]) -> Masks<'r> {
    let columns = reaches.iter().flat_map(|reach| reach.masks.keys());
    let masked = columns.filter_map(|column| {
        let (masking, showing): (Vec<&Reach<'r>>, Vec<&Reach<'r>>) =
            reaches.iter().copied().partition(|reach| reach.masks.contains_key(column));
        let shown = |reach: &Reach<'r>| showing.iter().any(|other| other.rows.is_none() || other.rows == reach.rows);
        // Whoever masks it reaches no row that another role does not show.
        if masking.iter().all(|reach| shown(reach)) {
            return None;
        }
        let text = strictest(masking.iter().filter_map(|reach| reach.masks.get(column)));
        let mask = match (showing.is_empty(), text) {
            (true, None) => Mask::Hide,
            (true, Some(text)) => Mask::Redact(text),
            (false, text) => Mask::Unless { rows: any_of(showing.iter().map(|reach| &reach.rows)).unwrap_or_default(), text },
        };
        Some((column.clone(), mask))
    });
    masked.collect()
}

/// The text of the first, if all of them redact.
fn strictest<'m, 'r: 'm>(masks: impl Iterator<Item = &'m Mask<'r>>) -> Option<String> {
    let texts: Option<Vec<&String>> = masks.map(|mask| if let Mask::Redact(text) = mask { Some(text) } else { None }).collect();
    texts?.first().map(|text| (*text).clone())
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
    /// One that cannot be read may deny anything.
    fn denies(&self, entry: &Entry, verb: Verb) -> bool {
        self.is_unreadable || entry.deny.contains(verb)
    }

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
            let field = Field { column: rule.field.clone(), path: Vec::new() };
            let (verbs, operator, value) = (verbs(&rule.actions), rule.operator, rule.value.clone());
            entry.scopes.push(Scope { verbs, field, operator, value });
        }
        for mask in self.definition.field_masks.iter().filter(|mask| is_about(&mask.resource, resource)) {
            for (column, masking) in of_columns(mask, resource, columns) {
                match masking {
                    Masking::Hide => drop(entry.masks.insert(column, Mask::Hide)),
                    Masking::Redact(text) => drop(entry.masks.entry(column).or_insert(Mask::Redact(text))),
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
