//! `indexes:` of a table.

use super::fields;
use super::table::Draft;
use crate::diagnostic::{Mark, did_you_mean};
use crate::expression;
use crate::model::{Index, IndexColumn, IndexKey, Nulls};
use crate::names;
use crate::yaml::{Node, Value};

/// Access methods of PostgreSQL and pgvector.
const METHODS: [&str; 8] = ["btree", "hash", "gin", "gist", "spgist", "brin", "hnsw", "ivfflat"];
const KEYS: [&str; 5] = ["columns", "name", "unique", "where", "method"];

/// Reads `[author_id]`, `created_at desc` or a mapping.
pub(super) fn parse(draft: &mut Draft<'_>, node: &Node) -> Option<Index> {
    let mut index = Index { name: String::new(), columns: Vec::new(), unique: false, method: "btree".into(), predicate: None };
    let mut columns = Vec::new();
    if let Value::Mapping(_) = node.value {
        for (key, value) in fields::mapping(node, "an index", &KEYS, &mut draft.report) {
            let report = &mut draft.report;
            match key.name.as_str() {
                "columns" => columns = fields::texts(value, "columns", report),
                "name" => index.name = fields::name(value, "name", report).unwrap_or_default(),
                "unique" => index.unique = fields::boolean(value, "unique", report),
                "where" => index.predicate = fields::expression(value, "where", report),
                _ => index.method = fields::text(value, "method", report).unwrap_or_default().to_lowercase(),
            }
        }
    } else {
        columns = fields::texts(node, "indexes", &mut draft.report);
    }
    if !METHODS.contains(&index.method.as_str()) {
        let hint = Some(did_you_mean(&index.method, &METHODS));
        draft.report.error(Some(node.mark), format!("unknown index method `{}`", index.method), hint);
        return None;
    }
    if columns.is_empty() {
        draft.report.error(Some(node.mark), "the index lists no column", Some("write `- [author_id, created_at desc]`".into()));
        return None;
    }
    index.columns = columns.into_iter().filter_map(|(text, mark)| column(draft, &text, mark)).collect();
    if index.method != "btree" && (index.unique || index.columns.iter().any(|it| it.descending || it.nulls.is_some())) {
        let hint = Some("remove `method`, or remove `unique`, `desc` and `nulls`".into());
        draft.report.error(Some(node.mark), "only a btree index can be unique or ordered", hint);
    }
    if index.name.is_empty() {
        index.name = free_name(draft, &index);
    } else if draft.marks.contains_key(&format!("index:{}", index.name)) {
        draft.report.error(Some(node.mark), format!("the table has two indexes named `{}`", index.name), None);
    }
    Some(index)
}

/// `created_at desc nulls last`, `embedding vector_cosine_ops`, `lower(email)`.
fn column(draft: &mut Draft<'_>, text: &str, mark: Mark) -> Option<IndexColumn> {
    let folded = match expression::normalise(text) {
        Ok(folded) => folded,
        Err(message) => {
            draft.report.error(Some(mark), message, None);
            return None;
        }
    };
    let mut column = IndexColumn { key: IndexKey::Column(String::new()), operator_class: None, descending: false, nulls: None };
    let mut rest = folded.as_str();
    let mut lower = folded.to_lowercase();
    let mut take = |rest: &mut &str, suffix: &str| {
        let found = lower.ends_with(suffix);
        if found {
            *rest = rest[..rest.len() - suffix.len()].trim_end();
            lower = rest.to_lowercase();
        }
        found
    };
    if take(&mut rest, " nulls first") {
        column.nulls = Some(Nulls::First);
    } else if take(&mut rest, " nulls last") {
        column.nulls = Some(Nulls::Last);
    }
    if take(&mut rest, " desc") {
        column.descending = true;
    } else {
        take(&mut rest, " asc");
    }
    // What PostgreSQL does anyway is not kept, so that both spellings are one definition.
    if column.nulls == Some(if column.descending { Nulls::First } else { Nulls::Last }) {
        column.nulls = None;
    }
    if let Some((head, class)) = rest.rsplit_once(' ')
        && class.ends_with("_ops")
        && names::check(class).is_ok()
    {
        column.operator_class = Some(class.to_owned());
        rest = head;
    }
    column.key = if rest.contains('(') {
        IndexKey::Expression(rest.to_owned())
    } else if names::check(rest).is_ok() {
        IndexKey::Column(rest.to_owned())
    } else {
        let hint = Some("write `name`, `name desc`, or an expression with parentheses: `lower(name)`".into());
        draft.report.error(Some(mark), format!("`{text}` is not a column of an index"), hint);
        return None;
    };
    Some(column)
}

/// The name PostgreSQL would give, numbered when the table has one of that name.
fn free_name(draft: &Draft<'_>, index: &Index) -> String {
    let parts: Vec<&str> = index
        .columns
        .iter()
        .map(|column| match &column.key {
            IndexKey::Column(name) => name.as_str(),
            IndexKey::Expression(text) => text.split('(').next().filter(|head| names::check(head).is_ok()).unwrap_or("expr"),
        })
        .collect();
    let taken = |name: &String| draft.marks.contains_key(&format!("index:{name}"));
    let numbered = (1..).map(|number| names::generate(&draft.table.name, &parts, &format!("idx{number}")));
    std::iter::once(names::generate(&draft.table.name, &parts, "idx"))
        .chain(numbered)
        .find(|name| !taken(name))
        .expect("the numbers do not end before the names do")
}
