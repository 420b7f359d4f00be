//! Views and functions: what hangs on what changes comes off before it, and is made anew in an order in which each thing finds
//! what it needs. PostgreSQL keeps a view's columns for ever, so a view with another query is dropped and made again.

mod follow;
mod order;

use std::collections::BTreeSet;

use super::{Action, Change, Plan, PlanOptions};
use crate::code::{self, Function, Language, Returns, View};
use crate::deployed::{Deployed, DeployedFunction, DeployedView};
use crate::diagnostic::Diagnostic;
use crate::expression;
use crate::model::{Definitions, IndexKey};
use crate::sql;
use crate::types;

pub(super) use follow::{column_renamed, plan as renames, table_renamed};

/// Whether a type is one of schema `public`.
fn is_public<'a>(local: &'a Definitions, view: &'a Deployed) -> impl Fn(&str) -> bool + Copy + 'a {
    |name| {
        local.enums.contains_key(name)
            || local.tables.contains_key(name)
            || local.views.contains_key(name)
            || view.tables.contains_key(name)
            || view.enums.contains_key(name)
            || view.views.contains_key(name)
    }
}

/// What stands for a function when dependencies are told.
fn call(name: &str) -> String {
    format!("{name}()")
}

/// A view where a table is, or a table where a view is, cannot become the other by itself.
pub(super) fn refuse(local: &Definitions, view: &Deployed, diagnostics: &mut Vec<Diagnostic>) {
    let mut error = |path: String, message: String| {
        let hint = Some("give it another name, or drop what is there first".into());
        diagnostics.push(Diagnostic { path, line: None, column: None, message, hint });
    };
    for name in local.views.keys().filter(|name| view.tables.contains_key(*name)) {
        error(format!("views/{name}.yaml"), format!("the database has a table `{name}`"));
    }
    for name in local.tables.keys().filter(|name| view.views.contains_key(*name)) {
        error(format!("tables/{name}.yaml"), format!("the database has a view `{name}`"));
    }
}

/// The deployed function a defined one becomes: of the same arguments, or else the one made by its former definition.
fn deployed_of<'a>(function: &Function, view: &'a Deployed) -> Option<&'a DeployedFunction> {
    let of_name = || view.functions.iter().filter(|it| it.name == function.name);
    of_name()
        .find(|it| has_types(it, function))
        .or_else(|| of_name().find(|it| it.definition.as_ref().is_some_and(|former| has_types(it, former))))
}

/// Whether a function is the one a definition makes.
pub(crate) fn is_of(deployed: &DeployedFunction, function: &Function) -> bool {
    has_types(deployed, function)
}

fn has_types(deployed: &DeployedFunction, function: &Function) -> bool {
    deployed.arguments.iter().map(|(_, type_)| type_).eq(function.arguments.iter().map(|it| &it.type_))
}

/// Whether `CREATE OR REPLACE` can make one of the other.
fn is_replaceable(deployed: &DeployedFunction, function: &Function) -> bool {
    let names = || deployed.arguments.iter().map(|(name, _)| name).eq(function.arguments.iter().map(|it| &it.name));
    let defaults = function.arguments.iter().filter(|it| it.default.is_some()).count();
    has_types(deployed, function) && names() && deployed.returns == function.result() && defaults >= deployed.defaults
}

/// Whether a function that can be replaced says something else than the one deployed.
fn is_changed(deployed: &DeployedFunction, function: &Function) -> bool {
    let bare = |it: &Function| Function { comment: None, renamed_from: None, ..it.clone() };
    let in_catalog = deployed.language == function.language.name()
        && deployed.volatility == function.volatility.name()
        && deployed.strict == function.strict
        && !deployed.security_definer;
    !in_catalog || deployed.definition.as_ref().map(bare) != Some(bare(function))
}

fn is_view_changed(deployed: &DeployedView, view: &View) -> bool {
    deployed.materialized != view.materialized || deployed.definition.as_ref().map(|it| &it.query) != Some(&view.query)
}

/// Whether the view reads a column that gets another type.
fn reads_retyped(deployed: &DeployedView, local: &Definitions, view: &Deployed) -> bool {
    deployed.uses.iter().filter_map(|used| used.split_once('.')).any(|(table, column)| {
        let old = view.tables.get(table).and_then(|it| it.column(column));
        let new = local.tables.get(table).and_then(|it| it.column(column));
        old.zip(new).is_some_and(|(old, new)| types::normalise_printed(&old.type_) != new.type_)
    })
}

/// Names of views, and of functions as their signatures.
type Names = BTreeSet<String>;

/// Takes off what is in the way or hangs on what is, and with `prune` what no file defines: the view no longer has them.
pub(super) fn take_off(local: &Definitions, view: &mut Deployed, options: PlanOptions, plan: &mut Plan) {
    let mut off: Names = BTreeSet::new();
    for wanted in local.views.values() {
        if let Some(there) = view.views.get(&wanted.name)
            && (is_view_changed(there, wanted) || reads_retyped(there, local, view))
        {
            off.insert(wanted.name.clone());
        }
    }
    let functions: Vec<(&Function, DeployedFunction)> =
        local.functions.values().filter_map(|it| Some((it, deployed_of(it, view)?.clone()))).collect();
    let changed = functions.iter().filter(|(wanted, there)| !is_replaceable(there, wanted));
    let changed: Names = changed.map(|(_, there)| there.signature()).collect();
    off.extend(changed.iter().cloned());
    let dropped = if options.prune { drops(local, view).0 } else { Vec::new() };
    let gone: Names = dropped.iter().map(|change| change.name.clone()).collect();
    // Whoever is made of something that comes off comes off with it.
    loop {
        let from: Names = off.union(&gone).cloned().collect();
        let views = local.views.keys().filter(|name| view.views.get(*name).is_some_and(|it| order::uses_any(it, &from)));
        let with_rows = functions.iter().filter(|(_, there)| from.iter().any(|name| order::has_type(there, name)));
        let more: Names = views.cloned().chain(with_rows.map(|(_, there)| there.signature())).collect();
        if more.is_subset(&off) {
            break;
        }
        off.extend(more);
    }
    for name in order::dependents_first(&off.union(&gone).cloned().collect(), view) {
        if let Some(change) = dropped.iter().find(|change| change.name == name) {
            plan.push(change.clone());
        } else if let Some(there) = view.views.get(&name) {
            plan.push(view_off(there, &local.views[&name]));
        } else if let Some((_, there)) = functions.iter().find(|(_, there)| there.signature() == name) {
            plan.push(function_off(there, changed.contains(&name), sql_of(there, local, view)));
        }
        view.views.remove(&name);
        view.functions.retain(|it| it.signature() != name);
    }
}

fn sql_of(function: &DeployedFunction, local: &Definitions, view: &Deployed) -> String {
    sql::function(&function.name, function.arguments.iter().map(|(_, type_)| type_.as_str()), is_public(local, view))
}

fn view_off(there: &DeployedView, wanted: &View) -> Change {
    let missing = lost_columns(there, wanted);
    let mut description = format!("Take the view `{}` off, to be created anew below", there.name);
    match &missing {
        None => description.push_str("; its columns may change"),
        Some(names) if !names.is_empty() => description.push_str(&format!(" without the columns {}", names.join(", "))),
        Some(_) => {}
    }
    Change {
        kind: "view",
        name: there.name.clone(),
        action: Action::Drop,
        description: format!("{description}."),
        breaking: missing.is_none_or(|names| !names.is_empty()),
        sql: vec![format!("DROP {}", sql::view(&there.name, there.materialized))],
    }
}

/// The columns a new query no longer answers with; `None` when its text does not tell.
fn lost_columns(there: &DeployedView, wanted: &View) -> Option<Vec<String>> {
    if there.definition.as_ref().is_some_and(|applied| applied.query == wanted.query) {
        return Some(Vec::new());
    }
    let new = code::output_names(&wanted.query)?;
    Some(there.columns.iter().map(|(name, _)| name.clone()).filter(|name| !new.contains(name)).collect())
}

fn function_off(there: &DeployedFunction, changed: bool, target: String) -> Change {
    let why = if changed { "with another signature" } else { "below" };
    Change {
        kind: "function",
        name: there.signature(),
        action: Action::Drop,
        description: format!("Take the function `{}` off, to be created anew {why}.", there.signature()),
        breaking: changed,
        sql: vec![format!("DROP {target}")],
    }
}

/// Functions that defaults, checks or indexes call, before these are made.
pub(super) fn early(local: &Definitions, view: &mut Deployed, plan: &mut Plan) {
    let new = |function: &&Function| deployed_of(function, view).is_none();
    let rows = |type_: &str| {
        let base = type_.trim_end_matches("[]");
        (local.tables.contains_key(base) || local.views.contains_key(base)) && !view.tables.contains_key(base)
    };
    let candidates: Vec<&Function> =
        local.functions.values().filter(new).filter(|function| !function.types().any(rows)).collect();
    let mut names: BTreeSet<&str> =
        candidates.iter().filter(|it| called_by_tables(local, &it.name)).map(|it| it.name.as_str()).collect();
    loop {
        let callers: Vec<&&Function> = candidates.iter().filter(|it| names.contains(it.name.as_str())).collect();
        let more: BTreeSet<&str> = candidates
            .iter()
            .filter(|it| callers.iter().any(|caller| code::mentions(&caller.body, &it.name)))
            .map(|it| it.name.as_str())
            .collect();
        if more.is_subset(&names) {
            break;
        }
        names.extend(more);
    }
    let functions = candidates.into_iter().filter(|it| names.contains(it.name.as_str()));
    for function in order::callees_first(functions.collect()) {
        plan.push(create_function(function, local, view, true));
        view.functions.push(as_deployed(function));
    }
}

fn called_by_tables(local: &Definitions, name: &str) -> bool {
    local.tables.values().any(|table| {
        let defaults = table.columns.iter().filter_map(|column| column.default.as_deref());
        let checks = table.checks.iter().map(|check| check.expression.as_str());
        let predicates = table.indexes.iter().filter_map(|index| index.predicate.as_deref());
        let keys = table.indexes.iter().flat_map(|index| &index.columns).filter_map(|column| match &column.key {
            IndexKey::Expression(text) => Some(text.as_str()),
            IndexKey::Column(_) => None,
        });
        defaults.chain(checks).chain(predicates).chain(keys).any(|text| code::mentions(text, name))
    })
}

/// What the catalogs will say of a function that was just made, as far as plans look at it.
pub(super) fn as_deployed(function: &Function) -> DeployedFunction {
    DeployedFunction {
        name: function.name.clone(),
        arguments: function.arguments.iter().map(|it| (it.name.clone(), it.type_.clone())).collect(),
        returns: function.result(),
        language: function.language.name().into(),
        volatility: function.volatility.name().into(),
        strict: function.strict,
        defaults: function.arguments.iter().filter(|it| it.default.is_some()).count(),
        body: function.body.clone(),
        comment: function.comment.clone(),
        definition: Some(function.clone()),
        ..DeployedFunction::default()
    }
}

fn create_function(function: &Function, local: &Definitions, view: &Deployed, early: bool) -> Change {
    let arguments: Vec<String> = function.arguments.iter().map(|it| format!("{} {}", it.name, it.type_)).collect();
    let is_public = is_public(local, view);
    let mut statements = vec![sql::create_function(function, false, is_public)];
    // PostgreSQL looks through the body of a SQL function as it is made, when what it reads may not be there yet.
    let mut names =
        local.tables.keys().chain(local.views.keys()).chain(local.functions.keys().filter(|it| **it != function.name));
    if early && function.language == Language::Sql && names.any(|name| code::mentions(&function.body, name)) {
        statements.insert(0, "SET LOCAL check_function_bodies = off".into());
        statements.push("SET LOCAL check_function_bodies = on".into());
    }
    if let Some(text) = &function.comment {
        let target = sql::function(&function.name, function.arguments.iter().map(|it| it.type_.as_str()), is_public);
        statements.push(sql::comment(&target, Some(text)));
    }
    Change {
        kind: "function",
        name: function.name.clone(),
        action: Action::Create,
        description: format!("Create the function `{}({})`.", function.name, arguments.join(", ")),
        breaking: false,
        sql: statements,
    }
}

/// Makes or replaces the functions and views that are not as defined, each after what it mentions.
pub(super) fn create(local: &Definitions, view: &Deployed, plan: &mut Plan) {
    let functions = local.functions.values().filter(|it| deployed_of(it, view).is_none_or(|there| is_changed(there, it)));
    let views = local.views.values().filter(|it| !view.views.contains_key(&it.name));
    for thing in order::needed_first(views.collect(), functions.collect()) {
        match thing {
            order::Thing::View(it) => plan.push(create_view(it)),
            order::Thing::Function(it) => plan.push(match deployed_of(it, view) {
                None => create_function(it, local, view, false),
                Some(there) => replace_function(it, there, local, view),
            }),
        }
    }
    for wanted in local.views.values() {
        if let Some(there) = view.views.get(&wanted.name)
            && there.security_invoker != wanted.security_invoker
        {
            let whose = if wanted.security_invoker { "who reads it" } else { "its owner" };
            plan.push(Change {
                kind: "view",
                name: wanted.name.clone(),
                action: Action::Alter,
                description: format!("Let the view `{}` read with the rights of {whose}.", wanted.name),
                breaking: wanted.security_invoker,
                sql: vec![format!(
                    "ALTER {} SET (security_invoker = {})",
                    sql::view(&wanted.name, false),
                    wanted.security_invoker
                )],
            });
        }
    }
}

fn create_view(view: &View) -> Change {
    let mut statements = vec![sql::create_view(view)];
    let target = sql::view(&view.name, view.materialized);
    statements.extend(view.comment.as_deref().map(|text| sql::comment(&target, Some(text))));
    let materialized = if view.materialized { "materialized " } else { "" };
    Change {
        kind: "view",
        name: view.name.clone(),
        action: Action::Create,
        description: format!("Create the {materialized}view `{}`.", view.name),
        breaking: false,
        sql: statements,
    }
}

fn replace_function(function: &Function, there: &DeployedFunction, local: &Definitions, view: &Deployed) -> Change {
    let by_hand = if there.definition.is_none() { ", which was made by hand" } else { "" };
    Change {
        kind: "function",
        name: function.name.clone(),
        action: Action::Alter,
        description: format!("Replace the function `{}`{by_hand}.", function.name),
        breaking: false,
        sql: vec![sql::create_function(function, true, is_public(local, view))],
    }
}

/// Comments of views and functions that stay. One that no definition ever set is left alone.
pub(super) fn comments(local: &Definitions, view: &Deployed, plan: &mut Plan) {
    let mut push = |kind: &'static str, name: &str, target: String, text: Option<&str>| {
        plan.push(Change {
            kind,
            name: name.to_owned(),
            action: Action::Alter,
            description: format!("Change the comment of the {kind} `{name}`."),
            breaking: false,
            sql: vec![sql::comment(&target, text)],
        });
    };
    for wanted in local.views.values() {
        let Some(there) = view.views.get(&wanted.name) else { continue };
        if super::tables::comment_differs(&wanted.comment, &there.comment, there.definition.as_ref().map(|it| &it.comment)) {
            push("view", &wanted.name, sql::view(&wanted.name, there.materialized), wanted.comment.as_deref());
        }
    }
    for wanted in local.functions.values() {
        let Some(there) = deployed_of(wanted, view) else { continue };
        if super::tables::comment_differs(&wanted.comment, &there.comment, there.definition.as_ref().map(|it| &it.comment)) {
            push("function", &wanted.name, sql_of(there, local, view), wanted.comment.as_deref());
        }
    }
}

/// Views and functions no file defines: those that must go before tables change, and those that tables may need to the end.
pub(super) fn drops(local: &Definitions, view: &Deployed) -> (Vec<Change>, Vec<Change>) {
    let kept: Vec<&DeployedFunction> = local.functions.values().filter_map(|it| deployed_of(it, view)).collect();
    let drop = |kind: &'static str, name: String, target: String| Change {
        kind,
        description: format!("Drop the {kind} `{name}`."),
        name,
        action: Action::Drop,
        breaking: true,
        sql: vec![format!("DROP {target}")],
    };
    let views = view.views.values().filter(|it| !local.views.contains_key(&it.name));
    let mut first: Vec<Change> = views.map(|it| drop("view", it.name.clone(), sql::view(&it.name, it.materialized))).collect();
    let mut functions: Vec<&DeployedFunction> = view.functions.iter().filter(|it| !kept.contains(it)).collect();
    functions.sort_by_key(|it| it.signature());
    let rows = || view.tables.keys().chain(view.views.keys());
    let (of_rows, others): (Vec<_>, Vec<_>) = functions.into_iter().partition(|it| rows().any(|name| order::has_type(it, name)));
    let drop = |it: &DeployedFunction| drop("function", it.signature(), sql_of(it, local, view));
    first.extend(of_rows.into_iter().map(drop));
    (first, others.into_iter().map(drop).collect())
}

/// Whether what a function answers or takes has this type.
fn is_type(printed: &str, name: &str) -> bool {
    expression::mentions(printed, name)
}

impl Returns {
    /// Renames a type wherever it stands.
    pub(crate) fn rename_type(&mut self, old: &str, new: &str) {
        match self {
            Self::Void => {}
            Self::One(type_) | Self::SetOf(type_) => *type_ = expression::rename(type_, old, new),
            Self::Table(columns) => columns.iter_mut().for_each(|it| it.type_ = expression::rename(&it.type_, old, new)),
        }
    }
}
