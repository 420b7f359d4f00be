//! From files to definitions. Every mistake of every file is collected, so one run shows all of them.

pub(crate) mod code;
mod column;
mod enums;
mod fields;
mod indexes;
mod role;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::check;
use crate::diagnostic::{Diagnostic, Mark, Report, did_you_mean};
use crate::model::{Definitions, EnumType, Table};
use crate::{names, types, yaml};

/// Definition files of one project. More are a mistake of the caller (a folder with something else in it).
const MAX_FILES: usize = 5000;

/// The folders that are read, and what is in them.
const FOLDERS: [&str; 5] = ["tables", "enums", "views", "functions", "roles"];

/// A definition file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Relative to the project folder, with `/`: `tables/posts.yaml`.
    pub path: String,
    pub content: String,
}

/// A table read from one file, not yet checked against the others.
pub(crate) struct ParsedTable {
    pub(crate) table: Table,
    /// Where things stand: `column:title`, `primary_key`, and constraints and indexes by name (`constraint:…`, `index:…`).
    pub(crate) marks: BTreeMap<String, Mark>,
    pub(crate) report: Report,
}

impl ParsedTable {
    /// Reports a mistake at a place noted while reading.
    pub(crate) fn error(&mut self, place: &str, message: impl Into<String>, hint: Option<String>) {
        let mark = self.marks.get(place).copied();
        self.report.error(mark, message, hint);
    }
}

/// Reads definition files. `cloche.yaml` must not be among them.
pub fn parse(files: &[SourceFile]) -> Result<Definitions, Vec<Diagnostic>> {
    if files.len() > MAX_FILES {
        let mut report = Report::new(".");
        report.error(None, format!("{} definition files; at most {MAX_FILES} are read", files.len()), None);
        return Err(report.diagnostics);
    }
    let mut diagnostics = Vec::new();
    let sorted = sorted(files, &mut diagnostics);
    let mut enums: BTreeMap<String, EnumType> = BTreeMap::new();
    let (mut tables, mut views, mut functions, mut roles) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let rows = sorted.keys().filter(|(folder, _)| matches!(*folder, "tables" | "views")).map(|(_, name)| name.clone()).collect();
    for ((folder, name), file) in sorted {
        let mut report = Report::new(&file.path);
        let Some(node) = yaml::read(&file.content, &mut report) else {
            diagnostics.append(&mut report.diagnostics);
            if folder == "enums" {
                // Known, so that the columns of this type are not reported as well.
                enums.insert(name.clone(), EnumType { name, ..EnumType::default() });
            }
            continue;
        };
        if folder == "enums" {
            if types::is_built_in(&name) {
                report.error(None, format!("PostgreSQL has a type `{name}` already"), Some("give the enum another name".into()));
            }
            let type_ = enums::parse(&name, &node, &mut report);
            enums.insert(name, type_);
            diagnostics.append(&mut report.diagnostics);
        } else {
            let nodes = match folder {
                "views" => &mut views,
                "functions" => &mut functions,
                "roles" => &mut roles,
                _ => &mut tables,
            };
            nodes.push((name, node, report));
        }
    }
    // "enums" sorts before "tables", so every enum is known here.
    let complete = tables.len() == files.iter().filter(|file| file.path.starts_with("tables/")).count();
    let mut parsed: Vec<ParsedTable> =
        tables.into_iter().map(|(name, node, report)| table::parse(&name, &node, &enums, report)).collect();
    check::tables(&mut parsed, &enums, complete);
    let mut roles: Vec<_> = roles.into_iter().map(|(name, node, report)| role::parse(&name, &node, report)).collect();
    let has = |folder: &str, name: &str| files.iter().any(|file| is_of(file, folder, name));
    let unresolved = role::check(&mut roles, &parsed, |name| has("views", name), |name| has("functions", name));
    let mut definitions = code::definitions(views, functions, &parsed, &rows, &enums, &mut diagnostics);
    definitions.enums = enums;
    // A table whose file could not be read is not missing as well.
    definitions.unresolved = unresolved.into_iter().filter(|it| complete || !it.is_of_table()).collect();
    gather(&mut definitions, parsed, roles, &mut diagnostics);
    diagnostics.sort();
    if diagnostics.is_empty() { Ok(definitions) } else { Err(diagnostics) }
}

fn gather(
    definitions: &mut Definitions,
    tables: Vec<ParsedTable>,
    roles: Vec<role::ParsedRole>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for mut role in roles {
        diagnostics.append(&mut role.report.diagnostics);
        definitions.roles.insert(role.role.name.clone(), role.role);
    }
    for mut table in tables {
        diagnostics.append(&mut table.report.diagnostics);
        definitions.tables.insert(table.table.name.clone(), table.table);
    }
}

/// The files by folder and name, each thing once.
fn sorted<'f>(files: &'f [SourceFile], diagnostics: &mut Vec<Diagnostic>) -> BTreeMap<(&'static str, String), &'f SourceFile> {
    let mut sorted: BTreeMap<(&str, String), &SourceFile> = BTreeMap::new();
    for file in files {
        let mut report = Report::new(&file.path);
        if let Some(thing) = place(file, &mut report) {
            let first = sorted.entry(thing).or_insert(file);
            if !std::ptr::eq(*first, file) {
                let hint = Some("remove one of the two files".into());
                report.error(None, format!("`{}` defines the same thing", first.path), hint);
            }
        }
        diagnostics.append(&mut report.diagnostics);
    }
    sorted
}

fn is_of(file: &SourceFile, folder: &str, name: &str) -> bool {
    let rest = file.path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')).and_then(|rest| rest.strip_prefix(name));
    matches!(rest, Some(".yaml" | ".yml"))
}

/// The folder and the name of the thing a file defines.
fn place(file: &SourceFile, report: &mut Report) -> Option<(&'static str, String)> {
    let Some((folder, rest)) = file.path.split_once('/') else {
        report.error(None, "the file is in no folder", Some(format!("definitions belong in: {}", folders())));
        return None;
    };
    let Some(folder) = FOLDERS.into_iter().find(|known| *known == folder) else {
        report.error(None, format!("unknown folder `{folder}/`"), Some(did_you_mean(folder, &FOLDERS)));
        return None;
    };
    let Some(name) = rest.strip_suffix(".yaml").or_else(|| rest.strip_suffix(".yml")) else {
        report.error(None, "not a YAML file", Some("name it after what it defines: `posts.yaml`".into()));
        return None;
    };
    if name.contains('/') {
        report.error(None, format!("folders in `{folder}/` are not read"), Some(format!("move the file to `{folder}/`")));
        return None;
    }
    match names::check(name) {
        Ok(()) => Some((folder, name.to_owned())),
        Err(message) => {
            report.error(None, message, Some("the name of the file is the name in the database".into()));
            None
        }
    }
}

fn folders() -> String {
    FOLDERS.map(|folder| format!("`{folder}/`")).join(", ")
}
