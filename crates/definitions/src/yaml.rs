//! YAML read into a small tree that remembers where everything stands.
//!
//! Only plain data is accepted: no anchors, aliases, merge keys or tags, so a file means what it shows and cannot unfold into more
//! than it holds. Scalars keep their text: `default: 1.50` is `1.50`, not a rounded number.

use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, Span, options};

use crate::diagnostic::{Mark, Report};

/// The size of one file in bytes. The largest table PostgreSQL allows (1,600 columns) needs less.
pub(crate) const MAX_FILE_BYTES: usize = 512 * 1024;
/// Definitions are five levels deep at most.
const MAX_DEPTH: usize = 16;
/// Scalars, sequences and mappings in one file.
const MAX_NODES: usize = 50_000;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) mark: Mark,
    pub(crate) value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    /// The text; quoted or plain.
    Scalar(String),
    Sequence(Vec<Node>),
    /// Keys in the order of the file, each once.
    Mapping(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) mark: Mark,
}

impl Value {
    /// "a list", for messages.
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar(_) => "a plain value",
            Self::Sequence(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }
}

/// A collection whose end has not been seen.
enum Open {
    Sequence(Mark, Vec<Node>),
    Mapping(Mark, Vec<(Key, Node)>, Option<Key>),
}

/// Reads one document. `None` after reporting why.
pub(crate) fn read(content: &str, report: &mut Report) -> Option<Node> {
    if content.len() > MAX_FILE_BYTES {
        let message = format!("the file has {} bytes; at most {MAX_FILE_BYTES} are read", content.len());
        report.error(None, message, None);
        return None;
    }
    let mut stack: Vec<Open> = Vec::new();
    let mut root: Option<Node> = None;
    let mut nodes = 0;
    let mistakes = report.diagnostics.len();
    for next in Parser::new_from_str_with_options(content, limits()) {
        let (event, span) = match next {
            Ok(next) => next,
            Err(error) => {
                let hint = "check the indentation, and quote values that contain `: `, ` #`, `,`, `[` or `{`";
                report.error(Some(mark_at(error.marker().line(), error.marker().col())), error.info(), Some(hint.into()));
                return None;
            }
        };
        let mark = mark_of(&span);
        nodes += 1;
        if nodes > MAX_NODES || stack.len() > MAX_DEPTH {
            report.error(Some(mark), "the file is nested too deeply or has too many values", None);
            return None;
        }
        refuse_references(&event, mark, report);
        let finished = match event {
            Event::Scalar(text, style, ..) => Some(Node { mark, value: scalar(text.into_owned(), style) }),
            Event::SequenceStart(..) => {
                stack.push(Open::Sequence(mark, Vec::new()));
                None
            }
            Event::MappingStart(..) => {
                stack.push(Open::Mapping(mark, Vec::new(), None));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => stack.pop().map(close),
            Event::Alias(_) => Some(Node { mark, value: Value::Null }),
            Event::DocumentStart(..) if root.is_some() => {
                report.error(Some(mark), "a second document begins here", Some("one file holds one definition".into()));
                return None;
            }
            _ => None,
        };
        if let Some(node) = finished
            && let Some(node) = place(node, &mut stack, report)
        {
            root = Some(node);
        }
    }
    if report.diagnostics.len() > mistakes {
        return None;
    }
    let empty = Node { mark: Mark { line: 1, column: 1 }, value: Value::Null };
    Some(root.unwrap_or(empty))
}

fn limits() -> Options {
    options! {
        emit_comments: false,
        disallow_directives: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    }
}

fn refuse_references(event: &Event<'_>, mark: Mark, report: &mut Report) {
    if event.is_alias() || event.anchor_id().is_some() {
        report.error(Some(mark), "anchors (`&name`) and aliases (`*name`) are not accepted", Some("write the value out".into()));
    } else if event.tag().is_some() {
        report.error(Some(mark), "tags (`!name`) are not accepted", Some("write the value without the tag".into()));
    }
}

fn scalar(text: String, style: ScalarStyle) -> Value {
    let null = matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
    if style == ScalarStyle::Plain && null { Value::Null } else { Value::Scalar(text) }
}

fn close(open: Open) -> Node {
    match open {
        Open::Sequence(mark, items) => Node { mark, value: Value::Sequence(items) },
        Open::Mapping(mark, entries, _) => Node { mark, value: Value::Mapping(entries) },
    }
}

/// Puts a finished node into the collection it belongs to; gives it back when it is the whole document.
fn place(node: Node, stack: &mut [Open], report: &mut Report) -> Option<Node> {
    match stack.last_mut() {
        None => return Some(node),
        Some(Open::Sequence(_, items)) => items.push(node),
        Some(Open::Mapping(_, entries, key)) => match key.take() {
            Some(key) => entries.push((key, node)),
            None => {
                let name = match node.value {
                    Value::Scalar(name) => name,
                    // A column may be called null; as a key it can mean nothing else.
                    Value::Null => "null".to_owned(),
                    Value::Sequence(_) | Value::Mapping(_) => {
                        report.error(
                            Some(node.mark),
                            "a key must be a plain word",
                            Some("quote values that begin with `[` or `{`".into()),
                        );
                        String::new()
                    }
                };
                if entries.iter().any(|(other, _)| other.name == name) {
                    report.error(Some(node.mark), format!("`{name}` is given twice"), Some("keep one of the two".into()));
                }
                *key = Some(Key { name, mark: node.mark });
            }
        },
    }
    None
}

fn mark_of(span: &Span) -> Mark {
    mark_at(span.start.line(), span.start.col())
}

/// The parser counts lines from 1 and columns from 0.
fn mark_at(line: usize, column: usize) -> Mark {
    Mark { line: u32::try_from(line).unwrap_or(u32::MAX), column: u32::try_from(column + 1).unwrap_or(u32::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(content: &str) -> Vec<String> {
        let mut report = Report::new("x");
        read(content, &mut report);
        report.diagnostics.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn keeps_text_and_places() {
        let mut report = Report::new("x");
        let node = read("a: 1.50\nb: [x, 'null', null]\n", &mut report).unwrap();
        let Value::Mapping(entries) = node.value else { panic!("a mapping") };
        assert!(matches!(&entries[0].1.value, Value::Scalar(text) if text == "1.50"));
        assert_eq!(entries[1].0.mark, Mark { line: 2, column: 1 });
        let Value::Sequence(items) = &entries[1].1.value else { panic!("a list") };
        assert_eq!(items[1].mark, Mark { line: 2, column: 8 });
        assert!(matches!(&items[1].value, Value::Scalar(text) if text == "null"));
        assert!(matches!(items[2].value, Value::Null));
    }

    #[test]
    fn refuses_what_could_unfold_or_hide() {
        assert!(mistakes("a: &x [1]\nb: *x\n")[0].starts_with("x:1:7: anchors"), "{:?}", mistakes("a: &x [1]\nb: *x\n"));
        assert!(mistakes("a: !!str 1\n")[0].contains("tags"));
        assert_eq!(mistakes("a: 1\na: 2\n"), ["x:2:1: `a` is given twice (keep one of the two)"]);
        assert!(mistakes("a: 1\n---\nb: 2\n")[0].contains("second document"));
        assert_eq!(mistakes(&"[".repeat(500)).len(), 1);
        assert_eq!(mistakes(&"x".repeat(MAX_FILE_BYTES + 1)).len(), 1);
        assert!(!mistakes("a: [1, 2\nb: {").is_empty());
        assert!(mistakes("").is_empty());
    }
}
