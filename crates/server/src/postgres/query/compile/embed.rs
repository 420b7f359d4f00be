//! Embedding: which way leads to another resource, and which of its records belong to one here.

use cloche_definitions::quote_identifier;
use cloche_dialect::Embed;

use super::Writer;
use super::filter::equal;
use super::level::Level;
use crate::access::Guard;
use crate::error::{Error, Result};
use crate::postgres::query::closest;
use crate::postgres::schema::{Link, Relationship, Table, Verb};

/// A relationship with what the caller may see at its ends.
pub(super) struct Way<'a> {
    relationship: &'a Relationship,
    foreign: &'a Table,
    guard: Guard<'a>,
    /// The table between, and what the caller may see of it.
    junction: Option<(&'a Table, Guard<'a>)>,
    pub(super) to_one: bool,
}

impl Way<'_> {
    pub(super) fn is_function(&self) -> bool {
        matches!(self.relationship.link, Link::Function(_))
    }
}

impl<'a, 'p> Writer<'a, 'p> {
    /// The one relationship that `embed` means.
    pub(super) fn way(&self, level: &Level<'a>, embed: &Embed) -> Result<Way<'a>> {
        let all = self.context.schema.relationships(&level.table.name);
        let named: Vec<&'a Relationship> = all.iter().filter(|way| is_meant(way, embed)).collect();
        // What the caller may not see is not there.
        let mut ways: Vec<Way<'a>> = named.into_iter().filter_map(|way| self.open(level, way)).collect();
        // A function made for this stands before what the keys say.
        if let Some(at) = ways.iter().position(Way::is_function) {
            return Ok(ways.swap_remove(at));
        }
        match ways.len() {
            1 => Ok(ways.swap_remove(0)),
            0 => Err(self.no_way(level, embed)),
            _ => Err(ambiguous(level, embed, &ways)),
        }
    }

    /// None for what the caller may not see: neither the table at the other end, nor columns whose values the way would tell.
    fn open(&self, level: &Level<'a>, relationship: &'a Relationship) -> Option<Way<'a>> {
        let foreign = self.context.schema.table(&relationship.foreign)?;
        let guard = self.context.access.table(foreign, Verb::Read)?;
        let junction = match &relationship.link {
            Link::Junction { table, .. } => {
                let junction = self.context.schema.table(table)?;
                Some((&**junction, self.context.access.table(junction, Verb::Read)?))
            }
            Link::Function(name) if !self.context.access.function(name) => return None,
            _ => None,
        };
        let shown = |guard: &Guard<'_>, column: &str| !guard.masks.contains_key(column);
        let is_shown = match (&relationship.link, &junction) {
            (Link::Key { columns, .. }, _) => {
                columns.iter().all(|(here, there)| shown(&level.guard, here) && shown(&guard, there))
            }
            (Link::Junction { near, far, .. }, Some((_, between))) => {
                near.iter().all(|(column, here)| shown(between, column) && shown(&level.guard, here))
                    && far.iter().all(|(column, there)| shown(between, column) && shown(&guard, there))
            }
            _ => true,
        };
        is_shown.then_some(Way { relationship, foreign, guard, junction, to_one: relationship.to_one })
    }

    fn no_way(&self, level: &Level<'a>, embed: &Embed) -> Error {
        let (from, to) = (&level.table.name, &embed.target);
        let message = format!("Could not find a relationship between '{from}' and '{to}' in the schema cache");
        let open = self.context.schema.relationships(from).iter().filter(|way| self.open(level, way).is_some());
        let near = closest(to, open.map(|way| way.foreign.as_str()));
        let hint = match near {
            Some(near) if near != to => format!("Perhaps you meant '{near}' instead of '{to}'."),
            _ => "Tables are embedded along foreign keys: check the names, and the hint after '!'.".to_owned(),
        };
        let details = match &embed.hint {
            Some(hint) => format!(
                "Searched for a foreign key relationship between '{from}' and '{to}' using the hint '{hint}', but no matches were found."
            ),
            None => format!("Searched for a foreign key relationship between '{from}' and '{to}', but no matches were found."),
        };
        Error::bad_input("PGRST200", message).details(details).hint(hint)
    }

    /// The level of the embedded resource.
    pub(super) fn child(&mut self, level: &Level<'a>, way: &Way<'a>) -> Level<'a> {
        let mut child = self.level(way.foreign, way.guard.clone());
        self.embeds = true;
        if let Link::Function(name) = &way.relationship.link {
            self.is_plain = false;
            child.source = format!("public.{}({}) AS {}", quote_identifier(name), level.record(), child.alias);
        }
        child
    }

    /// Which records of `child` belong to one of `level`.
    pub(super) fn correlation(&mut self, level: &Level<'a>, child: &Level<'a>, way: &Way<'a>) -> Result<String> {
        match &way.relationship.link {
            Link::Key { columns, .. } => {
                let pairs: Vec<String> =
                    columns.iter().map(|(here, there)| equal(&child.alias, there, &level.alias, here)).collect();
                Ok(pairs.join(" AND "))
            }
            Link::Junction { near, far, .. } => {
                let Some((junction, guard)) = &way.junction else {
                    return Err(Error::internal("a way through a junction without one"));
                };
                let between = self.level(junction, guard.clone());
                let mut conditions: Vec<String> =
                    far.iter().map(|(column, there)| equal(&between.alias, column, &child.alias, there)).collect();
                conditions.extend(near.iter().map(|(column, here)| equal(&between.alias, column, &level.alias, here)));
                if let Some(rule) = &between.guard.rows {
                    conditions.push(self.rule(&between, rule)?);
                }
                Ok(format!("EXISTS (SELECT FROM {} WHERE {})", between.source, conditions.join(" AND ")))
            }
            Link::Function(_) => Ok("true".to_owned()),
        }
    }

    /// Whether there is anything to embed.
    pub(super) fn exists(&mut self, level: &Level<'a>, embed: &Embed) -> Result<String> {
        let way = self.way(level, embed)?;
        let child = self.child(level, &way);
        let correlation = self.correlation(level, &child, &way)?;
        let from = self.from(&child, &embed.query, Some(correlation))?;
        Ok(format!("EXISTS (SELECT{})", from.sql("", None)))
    }
}

/// By the name of the table at the other end, of the key, of its only column, or of the function; with a hint that fits.
fn is_meant(way: &Relationship, embed: &Embed) -> bool {
    let target = embed.target.as_str();
    match &way.link {
        Link::Function(name) => name == target,
        Link::Key { constraint, columns, from_here, named } => {
            let only = match columns.as_slice() {
                [(here, there)] => Some((here.as_str(), there.as_str())),
                _ => None,
            };
            // Of a table that refers to itself, its name means those that refer to it.
            let own_name = way.foreign == target && (way.table != way.foreign || !from_here);
            let by_constraint = constraint == target && (*from_here || way.table != way.foreign);
            let by_column = *from_here && only.is_some_and(|(here, _)| here == target);
            let by_key = *named && (by_constraint || by_column);
            let column = only.map(|(here, there)| if *from_here { here } else { there });
            match embed.hint.as_deref() {
                None => own_name || by_key,
                Some(hint) => own_name && (constraint == hint || column == Some(hint)),
            }
        }
        Link::Junction { table, constraints, near, far } => {
            let fits = |hint: &str| {
                table == hint
                    || constraints.0 == hint
                    || constraints.1 == hint
                    || matches!(near.as_slice(), [(column, _)] if column == hint)
                    || matches!(far.as_slice(), [(column, _)] if column == hint)
            };
            way.foreign == target && embed.hint.as_deref().is_none_or(fits)
        }
    }
}

fn ambiguous(level: &Level<'_>, embed: &Embed, ways: &[Way<'_>]) -> Error {
    let (from, to) = (&level.table.name, &embed.target);
    let hints: Vec<String> = ways
        .iter()
        .filter_map(|way| match &way.relationship.link {
            Link::Key { constraint, .. } => Some(format!("'{to}!{constraint}'")),
            Link::Junction { table, .. } => Some(format!("'{to}!{table}'")),
            Link::Function(_) => None,
        })
        .collect();
    let message = format!("Could not embed because more than one relationship was found for '{from}' and '{to}'");
    let hint = format!("Try changing '{to}' to one of the following: {}.", hints.join(", "));
    Error::several("PGRST201", message).hint(hint)
}
