//! Who may know what in the server: only `http/` knows HTTP, only `store/` and `postgres/` write SQL.

use super::{File, Tree, Violation};
use crate::source::{Source, words};

const SERVER: &str = "crates/server/src/";
const SQL_HOMES: &[&str] = &["store/", "postgres/"];
/// `auth/` turns a request's headers into an actor.
const HTTP_HOMES: &[&str] = &["http/", "auth/"];
const STATEMENTS: &[&str] =
    &["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "ALTER ", "CREATE ", "DROP ", "GRANT ", "REVOKE ", "TRUNCATE "];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (file, source) in tree.rust().filter(|(file, _)| !file.is_test()) {
        let Some(place) = file.path.strip_prefix(SERVER) else { continue };
        if !at_home(place, SQL_HOMES) {
            violations.extend(sql(file, source));
        }
        if !at_home(place, HTTP_HOMES) {
            violations.extend(http(file, source));
        }
    }
    violations
}

fn at_home(place: &str, homes: &[&str]) -> bool {
    homes
        .iter()
        .any(|home| place.starts_with(home) || place.strip_suffix(".rs").is_some_and(|name| home.strip_suffix('/') == Some(name)))
}

fn sql(file: &File, source: &Source) -> Vec<Violation> {
    let literals = source.strings.iter().filter(|(line, _)| !source.is_test_line(*line));
    let statements = literals.filter(|(_, text)| STATEMENTS.iter().any(|start| text.trim_start().starts_with(start)));
    statements.map(|(line, _)| file.violation(*line, "SQL belongs to store/ or postgres/")).collect()
}

fn http(file: &File, source: &Source) -> Vec<Violation> {
    let mut lines = Vec::new();
    for (index, line) in source.code.lines().enumerate() {
        // `crate::http::…` is our own module, `http::…` the library's types.
        let foreign =
            |word: &str| words(line, word).any(|at| line[at + word.len()..].starts_with("::") && !line[..at].ends_with("::"));
        if (foreign("axum") || foreign("http")) && !source.is_test_line(index + 1) {
            lines.push(index + 1);
        }
    }
    lines.into_iter().map(|line| file.violation(line, "only http/ (and the extractors of auth/) knows HTTP")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::complaints;
    use super::*;

    #[test]
    fn sql_outside_its_home_is_refused() {
        let text = "fn a() {\n    run(\"SELECT 1\");\n    say(\"Select a name\");\n}\n";
        assert_eq!(
            complaints(check, &[("crates/server/src/app/key.rs", text)]),
            ["crates/server/src/app/key.rs:2: SQL belongs to store/ or postgres/"]
        );
        let homes = ["crates/server/src/store/key.rs", "crates/server/src/postgres/gate.rs", "crates/definitions/src/sql.rs"];
        assert!(complaints(check, &homes.map(|path| (path, text))).is_empty());
        let test = "#[cfg(test)]\nmod tests {\n    const A: &str = \"DROP TABLE a\";\n}\n";
        assert!(complaints(check, &[("crates/server/src/app/key.rs", test)]).is_empty());
    }

    #[test]
    fn http_outside_its_home_is_refused() {
        let text = "use axum::Json;\nuse http::StatusCode;\nuse crate::http::router;\n";
        assert_eq!(complaints(check, &[("crates/server/src/app/key.rs", text)]).len(), 2);
        assert!(
            complaints(check, &[("crates/server/src/http/key.rs", text), ("crates/server/src/auth/key.rs", text)]).is_empty()
        );
    }
}
