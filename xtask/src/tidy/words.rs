//! Words that do not stay: panics on the way, and promises nobody explained.

use super::{Tree, Violation};

/// The marks people leave for later, in pieces so that this file passes its own check.
const MARKS: &[&[&str]] = &[&["TO", "DO"], &["FIX", "ME"], &["XX", "X"]];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let marks: Vec<String> = MARKS.iter().map(|pieces| pieces.concat()).collect();
    let mut violations = Vec::new();
    for (file, source) in tree.rust() {
        if !file.is_test() {
            let lines = source.lines_with(".unwrap()").map(|(line, _)| line).filter(|line| !source.is_test_line(*line));
            violations.extend(
                lines.map(|line| {
                    file.violation(line, "unwrap() outside tests; return the error, or expect(\"why it cannot be\")")
                }),
            );
        }
        for (line, comment) in &source.comments {
            if let Some(mark) = marks.iter().find(|mark| has_bare_mark(comment, mark)) {
                violations.push(
                    file.violation(*line, format!("{mark} without a reason; do it, drop it, or write {mark}(reason): what")),
                );
            }
        }
    }
    violations
}

fn has_bare_mark(comment: &str, mark: &str) -> bool {
    crate::source::words(comment, mark).any(|at| {
        let reason = comment[at + mark.len()..].strip_prefix('(').and_then(|rest| rest.split_once(')')).map(|(reason, _)| reason);
        reason.is_none_or(|reason| reason.trim().is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::super::complaints;
    use super::*;

    #[test]
    fn unwrap_is_for_tests() {
        let text = "fn a() {\n    b().unwrap();\n}\n#[cfg(test)]\nmod tests {\n    fn c() { d().unwrap(); }\n}\n";
        assert_eq!(
            complaints(check, &[("a.rs", text), ("crates/a/tests/b.rs", text)]),
            ["a.rs:2: unwrap() outside tests; return the error, or expect(\"why it cannot be\")"]
        );
    }

    #[test]
    fn a_promise_needs_a_reason() {
        let mark = MARKS[0].concat();
        let bare = format!("// {mark}: later\n// {mark}() later\n// {mark}(needs PostgreSQL 19): later\n");
        assert_eq!(complaints(check, &[("a.rs", &bare)]).len(), 2);
        assert!(complaints(check, &[("a.rs", &format!("const A: &str = \"{mark}\";\n"))]).is_empty());
    }
}
