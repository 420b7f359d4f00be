//! `tables/*.yaml`.

use std::collections::BTreeMap;

use super::{ParsedTable, column, fields, indexes};
use crate::diagnostic::{Mark, Report, did_you_mean};
use crate::model::{Access, Check, EnumType, ForeignKey, ReferentialAction, Table, Unique, Verb};
use crate::names;
use crate::yaml::{Node, Value};

const KEYS: [&str; 9] =
    ["columns", "primary_key", "indexes", "foreign_keys", "uniques", "checks", "access", "comment", "renamed_from"];
/// The limit of PostgreSQL.
const MAX_COLUMNS: usize = 1600;

/// What is gathered while one file is read.
pub(super) struct Draft<'a> {
    pub(super) table: Table,
    pub(super) enums: &'a BTreeMap<String, EnumType>,
    pub(super) marks: BTreeMap<String, Mark>,
    pub(super) report: Report,
}

/// Reads one table. What only other files can tell (does the table it points to exist) is checked later.
pub(super) fn parse(name: &str, node: &Node, enums: &BTreeMap<String, EnumType>, report: Report) -> ParsedTable {
    let table = Table { name: name.to_owned(), ..Table::default() };
    let mut draft = Draft { table, enums, marks: BTreeMap::new(), report };
    let empty = matches!(node.value, Value::Null);
    let entries = if empty { Vec::new() } else { fields::mapping(node, "a table", &KEYS, &mut draft.report) };
    // Columns first, wherever they stand: names given to indexes depend on them.
    match entries.iter().find(|(key, _)| key.name == "columns") {
        Some((_, columns)) => draft.columns(columns),
        None if empty || matches!(node.value, Value::Mapping(_)) => {
            let hint = Some("write `columns:` with one line a column: `title: text`".into());
            draft.report.error(Some(node.mark), "the table has no columns", hint);
        }
        None => {}
    }
    for (key, value) in entries {
        match key.name.as_str() {
            "primary_key" => draft.primary_key(value),
            "indexes" => draft.indexes(value),
            "foreign_keys" => draft.foreign_keys(value),
            "uniques" => draft.uniques(value),
            "checks" => draft.checks(value),
            "access" => draft.table.access = access(value, &mut draft.report),
            "comment" => draft.table.comment = fields::text(value, "comment", &mut draft.report),
            "renamed_from" => {
                draft.marks.insert("renamed_from".into(), value.mark);
                draft.table.renamed_from = fields::name(value, "renamed_from", &mut draft.report);
            }
            _ => {}
        }
    }
    ParsedTable { table: draft.table, marks: draft.marks, report: draft.report }
}

impl Draft<'_> {
    fn columns(&mut self, node: &Node) {
        let entries = fields::free_mapping(node, "`columns`", &mut self.report);
        if entries.len() > MAX_COLUMNS {
            self.report.error(Some(node.mark), format!("{} columns; PostgreSQL allows {MAX_COLUMNS}", entries.len()), None);
            return;
        }
        for (key, value) in entries {
            if let Err(message) = names::check_column(&key.name) {
                self.report.error(Some(key.mark), message, None);
            }
            self.marks.insert(format!("column:{}", key.name), key.mark);
            column::parse(self, &key.name, value);
        }
    }

    fn primary_key(&mut self, node: &Node) {
        self.marks.insert("primary_key".into(), node.mark);
        let columns = fields::column_names(node, "primary_key", &mut self.report);
        if !self.table.primary_key.is_empty() {
            let hint = Some("keep `primary_key` of the table and remove it from the column".into());
            self.report.error(Some(node.mark), "the primary key is given twice", hint);
        }
        self.table.primary_key = columns;
    }

    fn indexes(&mut self, node: &Node) {
        for item in items(node, "indexes", &mut self.report) {
            if let Some(index) = indexes::parse(self, item) {
                self.marks.insert(format!("index:{}", index.name), item.mark);
                self.table.indexes.push(index);
            }
        }
    }

    fn uniques(&mut self, node: &Node) {
        for item in items(node, "uniques", &mut self.report) {
            let (mut columns, mut name) = (Vec::new(), None);
            if let Value::Mapping(_) = item.value {
                for (key, value) in fields::mapping(item, "a unique constraint", &["columns", "name"], &mut self.report) {
                    match key.name.as_str() {
                        "columns" => columns = fields::column_names(value, "columns", &mut self.report),
                        _ => name = fields::name(value, "name", &mut self.report),
                    }
                }
            } else {
                columns = fields::column_names(item, "uniques", &mut self.report);
            }
            if columns.is_empty() {
                self.report.error(Some(item.mark), "the unique constraint lists no column", Some("write `- [slug]`".into()));
                continue;
            }
            self.add_unique(columns, name, item.mark);
        }
    }

    pub(super) fn add_unique(&mut self, columns: Vec<String>, name: Option<String>, mark: Mark) {
        let name = name.unwrap_or_else(|| names::generate(&self.table.name, &columns, "key"));
        self.note_constraint(&name, mark);
        self.table.uniques.push(Unique { name, columns });
    }

    fn checks(&mut self, node: &Node) {
        for (key, value) in fields::free_mapping(node, "`checks`", &mut self.report) {
            if let Err(message) = names::check(&key.name) {
                self.report.error(Some(key.mark), message, None);
            }
            if let Some(expression) = fields::expression(value, &key.name, &mut self.report) {
                self.add_check(key.name.clone(), expression, key.mark);
            }
        }
    }

    pub(super) fn add_check(&mut self, name: String, expression: String, mark: Mark) {
        self.note_constraint(&name, mark);
        self.table.checks.push(Check { name, expression });
    }

    fn foreign_keys(&mut self, node: &Node) {
        const KNOWN: [&str; 6] = ["columns", "references", "referenced_columns", "on_delete", "on_update", "name"];
        for item in items(node, "foreign_keys", &mut self.report) {
            let mut name = None;
            let mut key = empty_foreign_key();
            for (entry, value) in fields::mapping(item, "a foreign key", &KNOWN, &mut self.report) {
                let report = &mut self.report;
                match entry.name.as_str() {
                    "columns" => key.columns = fields::column_names(value, "columns", report),
                    "references" => key.referenced_table = fields::name(value, "references", report).unwrap_or_default(),
                    "referenced_columns" => key.referenced_columns = fields::column_names(value, "referenced_columns", report),
                    "on_delete" => key.on_delete = action(value, "on_delete", report),
                    "on_update" => key.on_update = action(value, "on_update", report),
                    _ => name = fields::name(value, "name", report),
                }
            }
            if key.columns.is_empty() || key.referenced_table.is_empty() {
                let hint = "write `- { columns: [a, b], references: other, referenced_columns: [a, b] }`";
                self.report.error(Some(item.mark), "a foreign key needs `columns` and `references`", Some(hint.into()));
                continue;
            }
            self.add_foreign_key(key, name, item.mark);
        }
    }

    pub(super) fn add_foreign_key(&mut self, mut key: ForeignKey, name: Option<String>, mark: Mark) {
        key.name = name.unwrap_or_else(|| names::generate(&self.table.name, &key.columns, "fkey"));
        self.note_constraint(&key.name, mark);
        self.table.foreign_keys.push(key);
    }

    fn note_constraint(&mut self, name: &str, mark: Mark) {
        if self.marks.insert(format!("constraint:{name}"), mark).is_some() {
            let hint = Some("remove one of the two, or give it another `name`".into());
            self.report.error(Some(mark), format!("the table has two constraints named `{name}`"), hint);
        }
    }
}

pub(super) fn empty_foreign_key() -> ForeignKey {
    ForeignKey {
        name: String::new(),
        columns: Vec::new(),
        referenced_table: String::new(),
        referenced_columns: Vec::new(),
        on_delete: ReferentialAction::NoAction,
        on_update: ReferentialAction::NoAction,
    }
}

/// The items of a list; anything else is reported.
fn items<'a>(node: &'a Node, key: &str, report: &mut Report) -> &'a [Node] {
    if let Value::Sequence(items) = &node.value {
        return items;
    }
    report.error(
        Some(node.mark),
        format!("`{key}` must be a list, not {}", node.value.noun()),
        Some("begin each item with `- `".into()),
    );
    &[]
}

/// What happens when the row pointed to goes or changes.
pub(super) fn action(node: &Node, key: &str, report: &mut Report) -> ReferentialAction {
    let Some(name) = fields::text(node, key, report) else { return ReferentialAction::NoAction };
    ReferentialAction::from_name(&name).unwrap_or_else(|| {
        let hint = Some(did_you_mean(&name, &ReferentialAction::NAMES));
        report.error(Some(node.mark), format!("`{name}` is not something `{key}` can do"), hint);
        ReferentialAction::NoAction
    })
}

fn access(node: &Node, report: &mut Report) -> Access {
    let mut access = Access::default();
    for (key, value) in fields::mapping(node, "`access`", &["anon", "user"], report) {
        let verbs = if key.name == "anon" { &mut access.anon } else { &mut access.user };
        for (name, mark) in fields::texts(value, &key.name, report) {
            match Verb::from_name(&name) {
                Some(verb) => {
                    verbs.insert(verb);
                }
                None => report.error(Some(mark), format!("unknown verb `{name}`"), Some(did_you_mean(&name, &Verb::NAMES))),
            }
        }
    }
    access
}
