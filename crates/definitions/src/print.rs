//! Definitions written as the files that say them: [`crate::parse()`] of what is printed is what was printed.

use std::collections::BTreeSet;

mod roles;

use std::collections::BTreeSet;

use crate::code::{Argument, Function, Returns, View};
use crate::model::{Access, Column, Definitions, EnumType, ForeignKey, Index, IndexColumn, IndexKey, Nulls, Table, Verb};
use crate::names;
use crate::parse::SourceFile;

/// One file a thing, sorted by path.
pub fn print(definitions: &Definitions) -> Vec<SourceFile> {
    let file = |folder: &str, name: &str, content: String| SourceFile { path: format!("{folder}/{name}.yaml"), content };
    let mut files: Vec<SourceFile> = Vec::new();
    files.extend(definitions.enums.values().map(|it| file("enums", &it.name, enumeration(it))));
    files.extend(definitions.functions.values().map(|it| file("functions", &it.name, function(it))));
    files.extend(definitions.roles.values().map(|it| file("roles", &it.name, roles::role(it))));
    files.extend(definitions.tables.values().map(|it| file("tables", &it.name, table(it))));
    files.extend(definitions.views.values().map(|it| file("views", &it.name, view(it))));
    files
}

/// A text as a YAML scalar that means just this text, inside of brackets as well.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ' ' | '(' | ')' | '.' | '-'))
        && !text.ends_with(' ')
        && !text.eq_ignore_ascii_case("null");
    if plain {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            _ if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                out.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}

fn scalars<S: AsRef<str>>(texts: &[S]) -> String {
    format!("[{}]", texts.iter().map(|text| scalar(text.as_ref())).collect::<Vec<_>>().join(", "))
}

/// `{ a: b, c: d }`.
fn braces(entries: &[(&str, String)]) -> String {
    let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    format!("{{ {} }}", entries.join(", "))
}

/// A text of several lines as lines, where YAML leaves them as they are.
fn block(key: &str, text: &str) -> String {
    let as_lines = text.contains('\n')
        && !text.starts_with(char::is_whitespace)
        && text.chars().all(|c| c == '\n' || !(c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')));
    if !as_lines {
        return format!("{key}: {}\n", scalar(text));
    }
    let lines: String = text.lines().map(|line| if line.is_empty() { "\n".into() } else { format!("  {line}\n") }).collect();
    format!("{key}: |\n{lines}")
}

fn tail(comment: Option<&String>, renamed_from: Option<&String>) -> String {
    let line = |key: &str, text: Option<&String>| text.map_or_else(String::new, |text| format!("{key}: {}\n", scalar(text)));
    line("comment", comment) + &line("renamed_from", renamed_from)
}

fn enumeration(type_: &EnumType) -> String {
    format!("values: {}\n", scalars(&type_.values)) + &tail(type_.comment.as_ref(), None)
}

fn view(view: &View) -> String {
    let mut out = block("query", &view.query);
    if view.materialized {
        out.push_str("materialized: true\n");
    }
    if view.security_invoker {
        out.push_str("security_invoker: true\n");
    }
    out + &tail(view.comment.as_ref(), view.renamed_from.as_ref())
}

fn function(function: &Function) -> String {
    let mut out = String::new();
    if !function.arguments.is_empty() {
        out.push_str(&format!("arguments:\n{}", arguments(&function.arguments)));
    }
    match &function.returns {
        Returns::Void => out.push_str("returns: void\n"),
        Returns::One(type_) => out.push_str(&format!("returns: {}\n", scalar(type_))),
        Returns::SetOf(type_) => out.push_str(&format!("returns: {}\n", scalar(&format!("setof {type_}")))),
        Returns::Table(columns) => out.push_str(&format!("returns:\n{}", arguments(columns))),
    }
    out.push_str(&format!("language: {}\n", function.language.name()));
    if function.volatility != crate::code::Volatility::Volatile {
        out.push_str(&format!("volatility: {}\n", function.volatility.name()));
    }
    if function.strict {
        out.push_str("strict: true\n");
    }
    out + &block("body", &function.body) + &tail(function.comment.as_ref(), function.renamed_from.as_ref())
}

fn arguments(arguments: &[Argument]) -> String {
    let line = |it: &Argument| match &it.default {
        None => format!("  {}: {}\n", scalar(&it.name), scalar(&it.type_)),
        Some(text) => {
            format!("  {}: {}\n", scalar(&it.name), braces(&[("type", scalar(&it.type_)), ("default", scalar(text))]))
        }
    };
    arguments.iter().map(line).collect()
}

/// What of a table's lists can stand on its columns: all of it, in their order and by the names it would get there; or nothing,
/// because the lists would come back in another order.
struct OnColumns {
    key: bool,
    uniques: usize,
    foreign_keys: usize,
    checks: usize,
}

impl OnColumns {
    fn of(table: &Table) -> Self {
        let one = |columns: &[String], name: &str, suffix: &str| {
            let [column] = columns else { return None };
            let at = table.columns.iter().position(|it| it.name == *column)?;
            (name.is_empty() || name == names::generate(&table.name, columns, suffix)).then_some(at)
        };
        let check = |name: &str| table.columns.iter().position(|it| name == names::generate(&table.name, &[&it.name], "check"));
        Self {
            key: table.primary_key.len() == 1 && table.column(&table.primary_key[0]).is_some(),
            uniques: rising(table.uniques.iter().map(|it| one(&it.columns, &it.name, "key"))),
            foreign_keys: rising(table.foreign_keys.iter().map(|it| one(&it.columns, &it.name, "fkey"))),
            checks: rising(table.checks.iter().map(|it| check(&it.name))),
        }
    }
}

/// How many at the beginning have a column, each one further on than the one before.
fn rising(places: impl Iterator<Item = Option<usize>>) -> usize {
    let mut last = None;
    places
        .take_while(|place| {
            let rises = place.is_some() && *place > last;
            last = *place;
            rises
        })
        .count()
}

fn table(table: &Table) -> String {
    let on = OnColumns::of(table);
    let mut out = String::from("columns:\n");
    for it in &table.columns {
        out.push_str(&format!("  {}: {}\n", scalar(&it.name), column(table, it, &on)));
    }
    if !on.key && !table.primary_key.is_empty() {
        out.push_str(&format!("primary_key: {}\n", scalars(&table.primary_key)));
    }
    let mut list = |key: &str, items: Vec<String>| {
        if !items.is_empty() {
            out.push_str(&format!("{key}:\n{}", items.iter().map(|item| format!("  {item}\n")).collect::<String>()));
        }
    };
    list("indexes", table.indexes.iter().map(|it| format!("- {}", index(table, it))).collect());
    let unique = |it: &crate::model::Unique| {
        if it.name.is_empty() || it.name == names::generate(&table.name, &it.columns, "key") {
            return format!("- {}", scalars(&it.columns));
        }
        format!("- {}", braces(&[("columns", scalars(&it.columns)), ("name", scalar(&it.name))]))
    };
    list("uniques", table.uniques[on.uniques..].iter().map(unique).collect());
    list(
        "foreign_keys",
        table.foreign_keys[on.foreign_keys..].iter().map(|it| format!("- {}", foreign_key(table, it))).collect(),
    );
    let check = |it: &crate::model::Check| format!("{}: {}", scalar(&it.name), scalar(&it.expression));
    list("checks", table.checks[on.checks..].iter().map(check).collect());
    out + &access(&table.access) + &tail(table.comment.as_ref(), table.renamed_from.as_ref())
}

fn column(table: &Table, column: &Column, on: &OnColumns) -> String {
    let mut entries = vec![("type", scalar(&column.type_))];
    let mut flag = |key: &'static str, is: bool| {
        if is {
            entries.push((key, "true".into()));
        }
    };
    let own = |columns: &[String]| columns[0] == column.name;
    flag("primary_key", on.key && own(&table.primary_key));
    flag("identity", column.identity);
    flag("nullable", column.nullable);
    flag("unique", table.uniques[..on.uniques].iter().any(|it| own(&it.columns)));
    entries.extend(column.default.as_deref().map(|text| ("default", scalar(text))));
    if let Some(key) = table.foreign_keys[..on.foreign_keys].iter().find(|it| own(&it.columns)) {
        let target = match key.referenced_columns.first() {
            Some(column) => format!("{}.{column}", key.referenced_table),
            None => key.referenced_table.clone(),
        };
        entries.push(("references", scalar(&target)));
        entries.extend(actions(key));
    }
    let check = names::generate(&table.name, &[&column.name], "check");
    let check = table.checks[..on.checks].iter().find(|it| it.name == check);
    entries.extend(check.map(|it| ("check", scalar(&it.expression))));
    entries.extend(column.comment.as_deref().map(|text| ("comment", scalar(text))));
    entries.extend(column.renamed_from.as_deref().map(|text| ("renamed_from", scalar(text))));
    if entries.len() == 1 { entries.remove(0).1 } else { braces(&entries) }
}

fn actions(key: &ForeignKey) -> impl Iterator<Item = (&'static str, String)> {
    let pairs = [("on_delete", key.on_delete), ("on_update", key.on_update)];
    let said = pairs.into_iter().filter(|(_, action)| *action != crate::model::ReferentialAction::NoAction);
    said.map(|(entry, action)| (entry, action.sql().to_lowercase().replace(' ', "_")))
}

fn foreign_key(table: &Table, key: &ForeignKey) -> String {
    let mut entries = vec![("columns", scalars(&key.columns)), ("references", scalar(&key.referenced_table))];
    if !key.referenced_columns.is_empty() {
        entries.push(("referenced_columns", scalars(&key.referenced_columns)));
    }
    entries.extend(actions(key));
    if !key.name.is_empty() && key.name != names::generate(&table.name, &key.columns, "fkey") {
        entries.push(("name", scalar(&key.name)));
    }
    braces(&entries)
}

fn index(table: &Table, index: &Index) -> String {
    let columns: Vec<String> = index.columns.iter().map(index_column).collect();
    let bare = index.columns.iter().all(|it| matches!(it.key, IndexKey::Column(_)));
    let parts: Vec<&str> = index
        .columns
        .iter()
        .filter_map(|it| if let IndexKey::Column(name) = &it.key { Some(name.as_str()) } else { None })
        .collect();
    let generated = bare && index.name == names::generate(&table.name, &parts, "idx");
    let named = !(index.name.is_empty() || generated);
    let mut entries = vec![("columns", scalars(&columns))];
    if named {
        entries.push(("name", scalar(&index.name)));
    }
    if index.unique {
        entries.push(("unique", "true".into()));
    }
    entries.extend(index.predicate.as_deref().map(|text| ("where", scalar(text))));
    if index.method != "btree" {
        entries.push(("method", scalar(&index.method)));
    }
    if entries.len() == 1 { entries.remove(0).1 } else { braces(&entries) }
}

fn index_column(column: &IndexColumn) -> String {
    let mut out = match &column.key {
        IndexKey::Column(text) | IndexKey::Expression(text) => text.clone(),
    };
    if let Some(class) = &column.operator_class {
        out.push_str(&format!(" {class}"));
    }
    if column.descending {
        out.push_str(" desc");
    }
    match column.nulls {
        Some(Nulls::First) => out.push_str(" nulls first"),
        Some(Nulls::Last) => out.push_str(" nulls last"),
        None => {}
    }
    out
}

fn access(access: &Access) -> String {
    let list = |verbs: &BTreeSet<Verb>| format!("[{}]", verbs.iter().map(|verb| verb.name()).collect::<Vec<_>>().join(", "));
    let roles = [("anon", &access.anon), ("user", &access.user)].into_iter().filter(|(_, verbs)| !verbs.is_empty());
    let entries: Vec<(&str, String)> = roles.map(|(role, verbs)| (role, list(verbs))).collect();
    if entries.is_empty() { String::new() } else { format!("access: {}\n", braces(&entries)) }
}
