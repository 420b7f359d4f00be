//! From what is defined and what is deployed to the statements that lead from one to the other.
//!
//! The order makes every statement possible when its turn comes: enums; renames; what stands in the way comes off; functions that
//! tables call; tables without foreign keys; columns; keys and checks; indexes; foreign keys (so cycles work); functions and views;
//! comments; access; and, with `prune`, drops.

mod align;
mod code;
mod columns;
mod drops;
mod enums;
mod holding;
mod matching;
mod renames;
mod roles;
mod tables;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::deployed::Deployed;
use crate::diagnostic::Diagnostic;
use crate::model::Definitions;
use crate::role::Role;
use crate::{names, unresolved};

pub(crate) use code::is_of;
pub(crate) use matching::has_no_options;

/// How to plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// Drop what is in the database and not in the files. Without it, such things are only reported.
    pub prune: bool,
}

/// What a change does to its thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Create,
    Alter,
    Drop,
    Rename,
}

impl Action {
    /// `create`, `alter`, `drop`, `rename`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Alter => "alter",
            Self::Drop => "drop",
            Self::Rename => "rename",
        }
    }
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `table`, `column`, `enum`, `index`, `constraint`, `view`, `function`, `access` or `role`.
    pub kind: &'static str,
    /// `posts`, or `posts.title` for what belongs to a table.
    pub name: String,
    pub action: Action,
    /// One plain sentence.
    pub description: String,
    /// Whether data can be lost, existing rows can refuse it, or a client that works today can stop working.
    pub breaking: bool,
    /// Statements in order; none when only the stored definition changes.
    pub sql: Vec<String>,
}

/// Something in the database that no file defines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Extra {
    /// As in [`Change::kind`].
    pub kind: &'static str,
    /// As in [`Change::name`].
    pub name: String,
}

/// The way from what is deployed to what is defined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// In the order in which they must run.
    pub changes: Vec<Change>,
    /// In the database and not in the files; empty with [`PlanOptions::prune`], which makes drops of them.
    pub extra: Vec<Extra>,
}

impl Plan {
    /// Names the plan: 64 hexadecimal digits over its changes. Two plans with one hash do the same.
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        };
        for change in &self.changes {
            for text in [change.kind, &change.name, change.action.name(), &change.description] {
                add(text);
            }
            add(if change.breaking { "breaking" } else { "" });
            add(&change.sql.len().to_string());
            change.sql.iter().for_each(|statement| add(statement));
        }
        names::hex(&hash.finalize())
    }

    /// Whether there is nothing to do. Extra things do not count.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether any change is breaking.
    pub fn is_breaking(&self) -> bool {
        self.changes.iter().any(|change| change.breaking)
    }

    /// All statements in order.
    pub fn statements(&self) -> impl Iterator<Item = &str> {
        self.changes.iter().flat_map(|change| change.sql.iter().map(String::as_str))
    }

    /// The statements as transactions to run one after the other. It is one, except when a value added to an enum is used by a later
    /// statement: PostgreSQL allows that only after the value is committed. Such values come first; repeating them does no harm.
    pub fn transactions(&self) -> Vec<Vec<&str>> {
        let statements: Vec<&str> = self.statements().collect();
        let first = statements.iter().take_while(|statement| statement.starts_with("CREATE TYPE") || is_value(statement)).count();
        let (types, rest) = statements.split_at(first);
        let used = types.iter().filter(|statement| is_value(statement)).any(|statement| {
            let type_ = statement.split(' ').nth(2).unwrap_or_default();
            let value =
                statement.split_once("IF NOT EXISTS ").map_or("", |(_, rest)| rest.split(" BEFORE ").next().unwrap_or(rest));
            let value = value.split(" AFTER ").next().unwrap_or(value);
            rest.iter().any(|other| other.contains(type_) || other.contains(value))
        });
        if used {
            vec![types.to_vec(), rest.to_vec()]
        } else if statements.is_empty() {
            Vec::new()
        } else {
            vec![statements]
        }
    }

    fn push(&mut self, change: Change) {
        self.changes.push(change);
    }
}

fn is_value(statement: &str) -> bool {
    statement.starts_with("ALTER TYPE") && statement.contains(" ADD VALUE ")
}

/// Plans that one role goes, and nothing else.
pub fn plan_role_drop(role: &Role) -> Plan {
    Plan { changes: vec![roles::drop(role)], extra: Vec::new() }
}

/// Plans the way from `deployed` to `local`, or says what cannot be done.
pub fn plan(local: &Definitions, deployed: &Deployed, options: PlanOptions) -> Result<Plan, Vec<Diagnostic>> {
    let mut plan = Plan::default();
    let mut diagnostics = Vec::new();
    // What the database will look like as the plan goes on: renames and drops are done to it as they are planned.
    let mut view = deployed.clone();
    enums::plan(local, &view, &mut plan, &mut diagnostics);
    code::refuse(local, &view, &mut diagnostics);
    renames::plan(local, &mut view, &mut plan);
    code::renames(local, &mut view, &mut plan);
    code::take_off(local, &mut view, options, &mut plan);
    let refit = align::plan(local, &mut view, options, &mut plan);
    code::early(local, &mut view, &mut plan);
    tables::create(local, &view, &mut plan);
    columns::plan(local, &view, &mut plan);
    tables::keys_and_checks(local, &view, &mut plan);
    tables::indexes(local, &view, &mut plan);
    tables::foreign_keys(local, &view, deployed, &mut plan);
    plan.changes.extend(refit);
    code::create(local, &view, &mut plan);
    tables::comments(local, &view, &mut plan);
    code::comments(local, &view, &mut plan);
    tables::access(local, &view, &mut plan);
    roles::plan(local, &view, &mut plan);
    unresolved::check(local, &view, options.prune, &mut diagnostics);
    drops::plan(local, &view, options, &mut plan);
    if diagnostics.is_empty() { Ok(plan) } else { Err(diagnostics) }
}
