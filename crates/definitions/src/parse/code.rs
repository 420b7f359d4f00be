//! `views/*.yaml` and `functions/*.yaml`.

use std::collections::{BTreeMap, BTreeSet};

use super::{ParsedTable, fields};
use crate::check;
use crate::code::{self, Argument, Function, Language, Returns, View, Volatility};
use crate::diagnostic::{Diagnostic, Mark, Report, did_you_mean};
use crate::model::{Definitions, EnumType};
use crate::names;
use crate::types;
use crate::yaml::{Node, Value};

const VIEW_KEYS: [&str; 5] = ["query", "materialized", "security_invoker", "comment", "renamed_from"];
const FUNCTION_KEYS: [&str; 8] = ["arguments", "returns", "language", "volatility", "strict", "body", "comment", "renamed_from"];
/// The limit of PostgreSQL.
const MAX_ARGUMENTS: usize = 100;

/// The names that may stand for a type beside PostgreSQL's own.
struct Types<'a> {
    enums: &'a BTreeMap<String, EnumType>,
    /// Tables and views: their rows.
    rows: &'a BTreeSet<String>,
}

/// A view or function read from one file, not yet checked against the others.
pub(crate) struct Parsed<T> {
    pub(crate) thing: T,
    pub(crate) renamed_from: Option<Mark>,
    pub(crate) report: Report,
}

/// A file that could be read as YAML: its name, what is in it, and its mistakes so far.
pub(super) type Read = (String, Node, Report);

/// Reads all views and functions, and checks them against each other and the tables.
pub(super) fn definitions(
    views: Vec<Read>,
    functions: Vec<Read>,
    tables: &[ParsedTable],
    rows: &BTreeSet<String>,
    enums: &BTreeMap<String, EnumType>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Definitions {
    let types = Types { enums, rows };
    let mut views: Vec<_> = views.into_iter().map(|(name, node, report)| view(&name, &node, report)).collect();
    let mut functions: Vec<_> =
        functions.into_iter().map(|(name, node, report)| function(&name, &node, &types, report)).collect();
    check::views(&mut views, tables, enums);
    check::functions(&mut functions);
    let mut definitions = Definitions::default();
    for mut view in views {
        diagnostics.append(&mut view.report.diagnostics);
        definitions.views.insert(view.thing.name.clone(), view.thing);
    }
    for mut function in functions {
        diagnostics.append(&mut function.report.diagnostics);
        definitions.functions.insert(function.thing.name.clone(), function.thing);
    }
    definitions
}

/// A mapping, or just the query.
fn view(name: &str, node: &Node, mut report: Report) -> Parsed<View> {
    let mut view = View { name: name.to_owned(), ..View::default() };
    let (mut query, mut renamed_from) = (None, None);
    if let Value::Scalar(_) = node.value {
        query = Some(node);
    } else {
        for (key, value) in fields::mapping(node, "a view", &VIEW_KEYS, &mut report) {
            match key.name.as_str() {
                "query" => query = Some(value),
                "materialized" => view.materialized = fields::boolean(value, "materialized", &mut report),
                "security_invoker" => view.security_invoker = fields::boolean(value, "security_invoker", &mut report),
                "comment" => view.comment = fields::text(value, "comment", &mut report),
                _ => {
                    renamed_from = Some(value.mark);
                    view.renamed_from = fields::name(value, "renamed_from", &mut report);
                }
            }
        }
    }
    match query {
        Some(query) => view.query = sql(query, "query", code::normalise_query, &mut report).unwrap_or_default(),
        None => report.error(Some(node.mark), "the view has no query", Some("write `query: select … from …`".into())),
    }
    if view.materialized && view.security_invoker {
        let message = "a materialized view keeps rows, whoever reads it, so it cannot be `security_invoker`";
        report.error(Some(node.mark), message, Some("remove one of the two".into()));
    }
    Parsed { thing: view, renamed_from, report }
}

fn function(name: &str, node: &Node, types: &Types<'_>, mut report: Report) -> Parsed<Function> {
    let mut function = Function { name: name.to_owned(), ..Function::default() };
    let mut renamed_from = None;
    let mut missing = vec!["returns", "body"];
    for (key, value) in entries(node, &mut report) {
        missing.retain(|it| *it != key);
        let report = &mut report;
        match key {
            "arguments" => function.arguments = arguments(value, "arguments", true, types, report),
            "returns" => function.returns = returns(value, types, report),
            "language" => {
                let find = Language::from_name;
                function.language = choice(value, "language", find, &Language::NAMES, report).unwrap_or_default();
            }
            "volatility" => {
                let find = Volatility::from_name;
                function.volatility = choice(value, "volatility", find, &Volatility::NAMES, report).unwrap_or_default();
            }
            "strict" => function.strict = fields::boolean(value, "strict", report),
            "body" => function.body = sql(value, "body", code::normalise_body, report).unwrap_or_default(),
            "comment" => function.comment = fields::text(value, "comment", report),
            _ => {
                renamed_from = Some(value.mark);
                function.renamed_from = fields::name(value, "renamed_from", report);
            }
        }
    }
    for key in missing.into_iter().filter(|_| matches!(node.value, Value::Mapping(_))) {
        let example = if key == "returns" { "`returns: text`, or `returns: void`" } else { "`body: select …`" };
        report.error(Some(node.mark), format!("the function has no `{key}`"), Some(format!("write {example}")));
    }
    argument_names(&function, node.mark, &mut report);
    Parsed { thing: function, renamed_from, report }
}

/// The known entries; whoever asks for a definer's rights is told why not.
fn entries<'a>(node: &'a Node, report: &mut Report) -> Vec<(&'a str, &'a Node)> {
    let mut known = FUNCTION_KEYS.to_vec();
    known.extend(["security", "security_definer"]);
    if let Value::Mapping(entries) = &node.value
        && let Some((key, _)) = entries.iter().find(|(key, _)| key.name.starts_with("security"))
    {
        let message = "a function runs with the rights of who calls it: with those of its owner it could change the schema";
        report.error(Some(key.mark), message, Some(format!("remove `{}`", key.name)));
    }
    let entries = fields::mapping(node, "a function", &known, report);
    entries.into_iter().map(|(key, value)| (key.name.as_str(), value)).filter(|(key, _)| FUNCTION_KEYS.contains(key)).collect()
}

fn sql(node: &Node, key: &str, normalise: fn(&str) -> Result<String, String>, report: &mut Report) -> Option<String> {
    let written = fields::text(node, key, report)?;
    match normalise(&written) {
        Ok(text) => Some(text),
        Err(message) => {
            report.error(Some(node.mark), message, None);
            None
        }
    }
}

fn choice<T>(node: &Node, key: &str, find: fn(&str) -> Option<T>, known: &[&str], report: &mut Report) -> Option<T> {
    let word = fields::text(node, key, report)?.to_lowercase();
    let found = find(&word);
    if found.is_none() {
        report.error(Some(node.mark), format!("`{word}` is not accepted as `{key}`"), Some(did_you_mean(&word, known)));
    }
    found
}

/// `{ name: type }`, or `{ name: { type: …, default: … } }`, in their order.
fn arguments(node: &Node, what: &str, defaults: bool, types: &Types<'_>, report: &mut Report) -> Vec<Argument> {
    let mut found = Vec::new();
    let mut with_default = false;
    let entries = fields::free_mapping(node, &format!("`{what}`"), report);
    if entries.len() > MAX_ARGUMENTS {
        report.error(Some(node.mark), format!("{} of them; at most {MAX_ARGUMENTS} are accepted", entries.len()), None);
        return found;
    }
    for (key, value) in entries {
        if let Err(message) = names::check(&key.name) {
            report.error(Some(key.mark), message, None);
        }
        let mut argument = Argument { name: key.name.clone(), ..Argument::default() };
        if let (Value::Mapping(_), true) = (&value.value, defaults) {
            for (entry, value) in fields::mapping(value, "an argument", &["type", "default"], report) {
                match entry.name.as_str() {
                    "type" => argument.type_ = type_(value, types, report),
                    _ => argument.default = fields::expression(value, "default", report),
                }
            }
        } else {
            argument.type_ = type_(value, types, report);
        }
        if with_default && argument.default.is_none() {
            let message = format!("`{}` has no default, but an argument before it has", argument.name);
            report.error(Some(key.mark), message, Some("put arguments with a default last".into()));
        }
        with_default |= argument.default.is_some();
        found.push(argument);
    }
    found
}

/// The type of an argument or of an answer: a table's or view's name stands for its rows.
fn type_(node: &Node, types: &Types<'_>, report: &mut Report) -> String {
    let Some(written) = fields::text(node, "type", report) else { return String::new() };
    named_type(&written, node.mark, types, report)
}

fn named_type(written: &str, mark: Mark, types: &Types<'_>, report: &mut Report) -> String {
    let lower = written.trim().to_lowercase();
    let base = lower.strip_suffix("[]").unwrap_or(&lower);
    if types.rows.contains(base) && !types::is_built_in(base) {
        return lower;
    }
    match types::normalise(written, types.enums) {
        // Lengths are no part of a function's signature: PostgreSQL would forget them.
        Ok(type_) => types::without_modifier(&type_),
        Err(error) => {
            report.error(Some(mark), error.message, error.hint);
            String::new()
        }
    }
}

/// `void`, a type, `setof` a type, or the columns of rows.
fn returns(node: &Node, types: &Types<'_>, report: &mut Report) -> Returns {
    if let Value::Mapping(_) = node.value {
        let columns = arguments(node, "returns", false, types, report);
        if columns.is_empty() {
            report.error(Some(node.mark), "`returns` names no column", Some("write `returns: void` for no answer".into()));
        }
        return Returns::Table(columns);
    }
    let Some(written) = fields::text(node, "returns", report) else { return Returns::Void };
    if written.eq_ignore_ascii_case("void") {
        return Returns::Void;
    }
    match written.split_once(char::is_whitespace) {
        Some((word, rest)) if word.eq_ignore_ascii_case("setof") => Returns::SetOf(named_type(rest, node.mark, types, report)),
        _ => Returns::One(named_type(&written, node.mark, types, report)),
    }
}

/// Arguments and columns answered are variables of one space of names.
fn argument_names(function: &Function, mark: Mark, report: &mut Report) {
    if let Returns::Table(columns) = &function.returns {
        for column in columns.iter().filter(|column| function.arguments.iter().any(|it| it.name == column.name)) {
            let message = format!("`{}` is an argument and a column of the answer", column.name);
            report.error(Some(mark), message, Some("rename one of the two".into()));
        }
    }
}
