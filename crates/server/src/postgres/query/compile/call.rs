//! Calls of functions.

use cloche_definitions::quote_identifier;
use cloche_dialect::Query;

use super::level::Level;
use super::{Context, List, Wanted, Writer};
use crate::access::Guard;
use crate::error::{Error, Result};
use crate::postgres::query::closest;
use crate::postgres::schema::{Argument, Function, Returns, Schema, Table};
use crate::postgres::sqlstate::UNDEFINED_COLUMN;

/// What a function is called with.
#[derive(Debug, Clone)]
pub(crate) enum Arguments<'a> {
    /// The keys of a JSON object.
    Json { json: &'a str, keys: Vec<String> },
    /// Names and texts, a name several times for a variadic argument.
    Texts(Vec<(String, String)>),
    /// The whole body, for a function with one argument that has no name.
    Whole(&'a str),
}

impl Arguments<'_> {
    fn names(&self) -> Vec<&str> {
        match self {
            Arguments::Json { keys, .. } => keys.iter().map(String::as_str).collect(),
            Arguments::Texts(pairs) => {
                let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
                names.dedup();
                names
            }
            Arguments::Whole(_) => Vec::new(),
        }
    }
}

/// The one function of that name that takes these arguments, and the arguments as it takes them.
pub(crate) fn choose<'s, 'a>(
    schema: &'s Schema,
    visible: bool,
    name: &str,
    arguments: Arguments<'a>,
    body: Option<&'a str>,
) -> Result<(&'s Function, Arguments<'a>)> {
    let all = if visible { schema.functions(name) } else { &[] };
    let names = arguments.names();
    let takes = |function: &&Function| {
        let given = names.iter().all(|name| function.arguments.iter().any(|argument| argument.name == *name));
        let needs = |argument: &&Argument| !argument.has_default && !argument.is_variadic;
        let complete = function.arguments.iter().filter(needs).all(|argument| names.contains(&argument.name.as_str()));
        given && complete
    };
    let found: Vec<&Function> = all.iter().filter(takes).collect();
    match (found.as_slice(), body) {
        ([one], _) => Ok((one, arguments)),
        ([], Some(body)) => {
            let whole = all.iter().find(|function| matches!(function.arguments.as_slice(), [only] if only.name.is_empty()));
            whole.map(|function| (function, Arguments::Whole(body))).ok_or_else(|| not_found(schema, visible, name, &names))
        }
        ([], None) => Err(not_found(schema, visible, name, &names)),
        _ => Err(Error::several(
            "PGRST203",
            format!("Could not choose the best candidate function between several named '{name}'"),
        )
        .hint("Try renaming the parameters or the function itself in the database so function overloading can be resolved.")),
    }
}

fn not_found(schema: &Schema, visible: bool, name: &str, names: &[&str]) -> Error {
    let with = if names.is_empty() { "without parameters".to_owned() } else { format!("with parameters {}", names.join(", ")) };
    let message = format!("Could not find the function {name} {with} in the schema cache");
    let known = if visible { schema.functions(name) } else { &[] };
    let hint = match known.first() {
        Some(function) => {
            let names: Vec<&str> = function.arguments.iter().map(|argument| argument.name.as_str()).collect();
            format!("Its parameters: {}.", if names.is_empty() { "none".to_owned() } else { names.join(", ") })
        }
        None => match closest(name, schema.all_functions().map(|function| function.name.as_str())).filter(|_| visible) {
            Some(near) => format!("Perhaps you meant to call the function {near}"),
            None => "Check the name; functions are closed to publishable keys unless a role opens them.".to_owned(),
        },
    };
    Error::not_found("PGRST202", message).hint(hint)
}

/// One row: the number of records and their text. The text is that of the one value, where the function answers no set of records.
pub(crate) fn call<'a, 'p>(
    context: &'a Context<'a>,
    function: &'a Function,
    arguments: &Arguments<'p>,
    query: &Query,
    wanted: Wanted,
) -> Result<List<'p>> {
    if wanted.max_affected.is_some() && !function.is_set {
        return Err(Error::bad_input(
            "PGRST128",
            "Function must return SETOF or TABLE when max-affected preference is used with handling=strict",
        )
        .hint("Leave max-affected out, or have the function return its records as a set."));
    }
    let has_records = matches!(function.returns, Returns::Table(_) | Returns::Records(_));
    if !(has_records || query.filters.is_empty() && query.order.is_empty()) {
        let message =
            format!("The function '{}' answers no records, so there is no column to filter or order by.", function.name);
        return Err(Error::bad_input(UNDEFINED_COLUMN, message).hint("Leave filters and order out."));
    }
    let mut writer = Writer::new(context);
    writer.is_plain = false;
    let (values, call) = writer.invocation(function, arguments)?;
    let beside = |values: &Option<String>| values.as_ref().map(|values| format!("{values}, LATERAL ")).unwrap_or_default();
    let table: &'a Table = match &function.returns {
        Returns::Table(name) => {
            let table = context.schema.table(name);
            table.ok_or_else(|| Error::internal("a function of a table that is not there"))?
        }
        Returns::Records(table) => table,
        Returns::Void => {
            let from = values.map(|values| format!(" FROM {values}")).unwrap_or_default();
            let sql = format!("SELECT count(*), NULL::text FROM (SELECT {call}{from}) AS r");
            return Ok(List { statement: writer.finish(sql), keyset: None, is_flat: false });
        }
        Returns::Scalar { .. } if function.is_set => {
            let limit = query.limit.unwrap_or(u64::MAX).min(context.max_rows);
            let offset = query.offset.map(|offset| format!(" OFFSET {}", writer.bind(offset.to_string()))).unwrap_or_default();
            let from = values.map(|values| format!(" FROM {values}")).unwrap_or_default();
            // Called beside FROM, where records need not say what their columns are.
            let records = format!("SELECT {call} AS v{from} LIMIT {limit}{offset}");
            let refusal = refusal(wanted);
            let sql = format!("SELECT count(*), coalesce(pg_catalog.json_agg(r.v), '[]')::text{refusal} FROM ({records}) AS r");
            return Ok(List { statement: writer.finish(sql), keyset: None, is_flat: false });
        }
        Returns::Scalar { .. } => {
            let from = values.map(|values| format!(" FROM {values}")).unwrap_or_default();
            let sql = format!("SELECT 1::bigint, coalesce(pg_catalog.to_json({call})::text, 'null'){from}");
            return Ok(List { statement: writer.finish(sql), keyset: None, is_flat: false });
        }
    };
    let mut level = writer.level(table, Guard::default());
    level.source = format!("{}{call} AS {}", beside(&values), level.alias);
    level.is_table = matches!(function.returns, Returns::Table(_));
    let mut before = String::new();
    if wanted.count {
        // Called once, though its records are looked at twice.
        before = format!("WITH f AS MATERIALIZED (SELECT {0}.* FROM {1}) ", level.alias, level.source);
        level = Level { source: format!("f AS {}", level.alias), is_table: false, ..level };
    }
    let from = writer.from(&level, query, None)?;
    let rows = writer.rows(&level, query, &from, wanted)?;
    Ok(List { statement: writer.finish(format!("{before}{}", rows.sql)), keyset: rows.keyset, is_flat: false })
}

/// An output more, which refuses the whole call if it answers too many records.
pub(super) fn refusal(wanted: Wanted) -> String {
    let most = |most| format!(", CASE WHEN count(*) > {most} THEN cloche.refuse('affected', count(*)) END");
    wanted.max_affected.map(most).unwrap_or_default()
}

impl<'a, 'p> Writer<'a, 'p> {
    /// What the values come from, where it is a relation, and the call.
    fn invocation(&mut self, function: &Function, arguments: &Arguments<'p>) -> Result<(Option<String>, String)> {
        let name = &function.sql_name;
        let given = |name: &str| function.arguments.iter().find(|argument| argument.name == name);
        let pass = |argument: &Argument, value: String| {
            let variadic = if argument.is_variadic { "VARIADIC " } else { "" };
            format!("{variadic}{} := {value}", quote_identifier(&argument.name))
        };
        match arguments {
            Arguments::Whole(body) => {
                let sql_type = function.arguments.first().map_or("text", |argument| argument.sql_type.as_str());
                Ok((None, format!("{name}(CAST({} AS {sql_type}))", self.bind(*body))))
            }
            Arguments::Json { keys, .. } if keys.is_empty() => Ok((None, format!("{name}()"))),
            Arguments::Json { json, keys } => {
                let taken: Vec<&Argument> = keys.iter().filter_map(|key| given(key)).collect();
                let typed: Vec<String> =
                    taken.iter().map(|argument| format!("{} {}", quote_identifier(&argument.name), argument.sql_type)).collect();
                let values = format!("pg_catalog.json_to_record({}) AS b({})", self.bind(*json), typed.join(", "));
                let passed: Vec<String> =
                    taken.iter().map(|argument| pass(argument, format!("b.{}", quote_identifier(&argument.name)))).collect();
                Ok((Some(values), format!("{name}({})", passed.join(", "))))
            }
            Arguments::Texts(pairs) => {
                let mut passed = Vec::new();
                for argument in &function.arguments {
                    let texts: Vec<String> =
                        pairs.iter().filter(|(name, _)| *name == argument.name).map(|(_, text)| text.clone()).collect();
                    let text = match texts.as_slice() {
                        [] => continue,
                        [one] if argument.is_variadic && !one.starts_with('{') => super::filter::array_literal(&texts),
                        [.., last] if !argument.is_variadic => last.clone(),
                        [one] => one.clone(),
                        several => super::filter::array_literal(several),
                    };
                    let value = format!("CAST({} AS {})", self.bind(text), argument.sql_type);
                    passed.push(pass(argument, value));
                }
                Ok((None, format!("{name}({})", passed.join(", "))))
            }
        }
    }
}
