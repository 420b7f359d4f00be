//! Views and functions in the database in memory. Their texts are what the tests make of them: names are plain words.

use super::interpreter::{found, taken};
use std::collections::BTreeSet;

use super::*;
use crate::code::{View, mentions, output_names};
use crate::deployed::{DeployedFunction, DeployedView};
use crate::expression;

/// Runs a statement about views or functions; `None` when it is about something else.
pub(super) fn run(database: &mut Deployed, statement: &str, names: &[String]) -> Option<Result<(), String>> {
    let statement = statement.replace("MATERIALIZED VIEW", "VIEW");
    let outcome = if statement.starts_with("CREATE VIEW ") {
        create_view(database, &statement, &names[0])
    } else if statement.starts_with("DROP VIEW ") {
        drop_view(database, &names[0])
    } else if statement.starts_with("ALTER VIEW ") {
        alter_view(database, &statement, names)
    } else if statement.starts_with("CREATE FUNCTION ") || statement.starts_with("CREATE OR REPLACE FUNCTION ") {
        create_function(database, &statement, names)
    } else if statement.starts_with("DROP FUNCTION ") {
        drop_function(database, &statement)
    } else if statement.starts_with("ALTER FUNCTION ") {
        rename_function(database, &statement, names)
    } else if statement.starts_with("SET LOCAL check_function_bodies") {
        Ok(())
    } else {
        return None;
    };
    Some(outcome)
}

fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned).collect()
}

/// A word such as `t1`, `v0` or `f2` is the name of something.
fn is_name(word: &str) -> bool {
    word.len() == 2 && word.starts_with(['t', 'v', 'f']) && word.ends_with(|c: char| c.is_ascii_digit())
}

fn all_there(database: &Deployed, text: &str) -> Result<(), String> {
    let known = |word: &str| {
        database.tables.contains_key(word)
            || database.views.contains_key(word)
            || database.functions.iter().any(|function| function.name == word)
    };
    match words(text).into_iter().find(|word| is_name(word) && !known(word)) {
        Some(word) => Err(format!("there is no {word} for {text}")),
        None => Ok(()),
    }
}

/// A view as the catalogs would tell of it.
pub(super) fn insert_view(database: &mut Deployed, view: &View) {
    let words = words(&view.query);
    let mut uses = BTreeSet::new();
    for table in database.tables.values().filter(|table| words.contains(&table.name)) {
        uses.insert(table.name.clone());
        let read = table.columns.iter().filter(|column| words.contains(&column.name));
        uses.extend(read.map(|column| format!("{}.{}", table.name, column.name)));
    }
    uses.extend(database.views.keys().filter(|name| words.contains(*name)).cloned());
    uses.extend(database.functions.iter().filter(|it| words.contains(&it.name)).map(|it| format!("{}()", it.name)));
    let columns = output_names(&view.query).unwrap_or_default();
    let there = DeployedView {
        name: view.name.clone(),
        materialized: view.materialized,
        security_invoker: view.security_invoker,
        columns: columns.into_iter().map(|name| (name, "text".into())).collect(),
        uses,
        query: view.query.clone(),
        comment: view.comment.clone(),
        definition: Some(view.clone()),
    };
    database.views.insert(view.name.clone(), there);
}

fn create_view(database: &mut Deployed, statement: &str, name: &str) -> Result<(), String> {
    taken(database.views.contains_key(name) || database.tables.contains_key(name), statement)?;
    let (head, query) = statement.split_once(" AS\n").ok_or("no query")?;
    all_there(database, query)?;
    let security_invoker = head.contains("security_invoker");
    let view = View { name: name.into(), query: query.into(), security_invoker, ..View::default() };
    insert_view(database, &view);
    let there = database.views.get_mut(name).ok_or("no view")?;
    let columns = words(query).into_iter().filter(|word| word.len() == 2 && word.starts_with('c'));
    for column in columns {
        found(there.uses.iter().any(|it| it.ends_with(&format!(".{column}"))), &format!("{column} for {statement}"))?;
    }
    there.definition = None;
    Ok(())
}

/// A view, or the rows a function takes or answers, need what goes.
pub(super) fn refuse_if_used(database: &Deployed, name: &str) -> Result<(), String> {
    if let Some(view) = database.views.values().find(|view| view.uses.contains(name)) {
        return Err(format!("the view {} uses {name}", view.name));
    }
    let types = |it: &DeployedFunction| format!("{} {:?}", it.returns, it.arguments);
    match database.functions.iter().find(|it| !name.contains(['.', '(']) && mentions(&types(it), name)) {
        Some(function) => Err(format!("the function {} has the type {name}", function.name)),
        None => Ok(()),
    }
}

fn drop_view(database: &mut Deployed, name: &str) -> Result<(), String> {
    refuse_if_used(database, name)?;
    found(database.views.remove(name).is_some(), name)
}

/// What stands for a table or view by its old name has its new one.
pub(super) fn follow(database: &mut Deployed, old: &str, new: &str) {
    for view in database.views.values_mut() {
        view.uses = view.uses.iter().map(|used| expression::rename(used, old, new)).collect();
    }
    for function in &mut database.functions {
        function.returns = expression::rename(&function.returns, old, new);
        function.arguments.iter_mut().for_each(|(_, type_)| *type_ = expression::rename(type_, old, new));
    }
}

fn alter_view(database: &mut Deployed, statement: &str, names: &[String]) -> Result<(), String> {
    let mut view = database.views.remove(&names[0]).ok_or("no such view")?;
    if statement.contains(" RENAME TO ") {
        view.name.clone_from(&names[1]);
        follow(database, &names[0], &names[1]);
    } else {
        view.security_invoker = statement.contains("= true");
    }
    taken(database.views.insert(view.name.clone(), view).is_some(), statement)
}

fn create_function(database: &mut Deployed, statement: &str, names: &[String]) -> Result<(), String> {
    let (head, rest) = statement.split_once(") RETURNS ").ok_or("no arguments")?;
    let (_, arguments) = head.split_once('(').ok_or("no arguments")?;
    let (returns, rest) = rest.split_once(" LANGUAGE ").ok_or("no language")?;
    let (language, rest) = rest.split_once(' ').ok_or("no volatility")?;
    let (traits, body) = rest.split_once("\nAS ").ok_or("no body")?;
    let bare = |text: &str| text.replace("public.", "").replace('"', "");
    let split = |text: &str| bare(text).split_once(' ').map(|(name, type_)| (name.to_owned(), type_.to_owned()));
    let written: Vec<&str> = arguments.split(", ").filter(|text| !text.is_empty()).collect();
    let typed = |text: &&str| split(text.split(" DEFAULT ").next().unwrap_or(text));
    let made = DeployedFunction {
        name: names[0].clone(),
        arguments: written.iter().filter_map(typed).collect(),
        returns: bare(returns).replace("TABLE (", "TABLE("),
        language: language.into(),
        volatility: traits.split(' ').next().unwrap_or("").to_lowercase(),
        strict: traits.ends_with(" STRICT"),
        defaults: written.iter().filter(|text| text.contains(" DEFAULT ")).count(),
        body: body.into(),
        ..DeployedFunction::default()
    };
    all_there(database, &format!("{} {:?}", made.returns, made.arguments))?;
    let types = |it: &DeployedFunction| it.signature();
    let there = database.functions.iter_mut().find(|it| types(it) == types(&made));
    match there {
        None => database.functions.push(made),
        Some(there) if statement.starts_with("CREATE OR REPLACE") => {
            let same = there.returns == made.returns && there.arguments == made.arguments && there.defaults <= made.defaults;
            found(same, &format!("a function that can be replaced: {statement}"))?;
            *there = made;
        }
        Some(_) => return Err(format!("the name is taken: {statement}")),
    }
    Ok(())
}

/// `FUNCTION public."f"(integer)` → `f(integer)`.
fn signature(statement: &str) -> String {
    let (_, rest) = statement.split_once(" FUNCTION ").unwrap_or_default();
    let end = rest.find(')').map_or(rest.len(), |at| at + 1);
    rest[..end].replace("public.", "").replace('"', "")
}

fn drop_function(database: &mut Deployed, statement: &str) -> Result<(), String> {
    let signature = signature(statement);
    let name = signature.split('(').next().unwrap_or_default().to_owned();
    refuse_if_used(database, &format!("{name}()"))?;
    let defaults = database.tables.values().flat_map(|table| &table.columns).filter_map(|column| column.default.as_deref());
    taken(defaults.into_iter().any(|default| mentions(default, &name)), &format!("a default calls {name}"))?;
    let before = database.functions.len();
    database.functions.retain(|it| it.signature() != signature);
    found(database.functions.len() < before, statement)
}

fn rename_function(database: &mut Deployed, statement: &str, names: &[String]) -> Result<(), String> {
    let signature = signature(statement);
    let new = names.last().ok_or("no name")?;
    let function = database.functions.iter_mut().find(|it| it.signature() == signature).ok_or("no such function")?;
    let old = std::mem::replace(&mut function.name, new.clone());
    for view in database.views.values_mut() {
        view.uses = view.uses.iter().map(|used| expression::rename(used, &old, new)).collect();
    }
    Ok(())
}

/// Remembers the definitions as the server does.
pub(super) fn remember(database: &mut Deployed, local: &Definitions) {
    for (name, view) in &mut database.views {
        view.definition = local.views.get(name).cloned();
    }
    for function in &mut database.functions {
        function.definition = local.functions.get(&function.name).cloned();
    }
}

/// Views and functions without their definitions, for comparisons.
pub(super) fn shape(database: &Deployed) -> (Vec<String>, Vec<String>) {
    let views = database.views.values().map(|it| format!("{} {:?} {}", it.name, it.uses, it.security_invoker)).collect();
    let mut functions: Vec<String> =
        database.functions.iter().map(|it| format!("{} {} {} {}", it.signature(), it.returns, it.defaults, it.body)).collect();
    functions.sort();
    (views, functions)
}
