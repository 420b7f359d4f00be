//! `enums/*.yaml`.

use super::fields;
use crate::diagnostic::Report;
use crate::model::EnumType;
use crate::yaml::{Node, Value};

/// Values of one enum. Each is a row of a catalog; nobody chooses from more.
const MAX_VALUES: usize = 1000;
/// PostgreSQL keeps a value in a name, which has 63 bytes.
const MAX_VALUE_BYTES: usize = 63;

/// A mapping with `values`, or a plain list.
pub(super) fn parse(name: &str, node: &Node, report: &mut Report) -> EnumType {
    let mut type_ = EnumType { name: name.to_owned(), ..EnumType::default() };
    let mut list = None;
    if let Value::Sequence(_) = node.value {
        list = Some(node);
    } else {
        for (key, value) in fields::mapping(node, "an enum", &["values", "comment"], report) {
            match key.name.as_str() {
                "values" => list = Some(value),
                _ => type_.comment = fields::text(value, "comment", report),
            }
        }
    }
    match list {
        Some(list) => type_.values = values(list, report),
        None => report.error(Some(node.mark), "the enum has no values", Some("write `values: [first, second]`".into())),
    }
    type_
}

fn values(list: &Node, report: &mut Report) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for (value, mark) in fields::texts(list, "values", report) {
        if value.len() > MAX_VALUE_BYTES || value.contains('\0') {
            report.error(Some(mark), format!("the value `{value}` is longer than {MAX_VALUE_BYTES} bytes"), None);
        } else if values.contains(&value) {
            report.error(Some(mark), format!("the value `{value}` is listed twice"), Some("keep one of the two".into()));
        } else {
            values.push(value);
        }
    }
    if values.len() > MAX_VALUES {
        report.error(Some(list.mark), format!("{} values; at most {MAX_VALUES} are accepted", values.len()), None);
    }
    if values.is_empty() {
        report.error(Some(list.mark), "the enum has no values", Some("write `values: [first, second]`".into()));
    }
    values
}
