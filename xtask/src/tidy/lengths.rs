//! A file stays under about 500 lines and a function under about 70; when one wants more, the design is asked first.

use super::{Tree, Violation};

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;

/// Functions that may be longer: `(path, name, why)`. One that became short again must leave the list.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    check_with(tree, LONG_FUNCTIONS)
}

fn check_with(tree: &Tree, allowed: &[(&str, &str, &str)]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut used = vec![false; allowed.len()];
    for file in tree.rust().map(|(file, _)| file).chain(tree.typescript()) {
        let lines = file.text.lines().count();
        if lines > FILE_LINES {
            violations.push(file.violation(1, format!("{lines} lines; split it by idea, {FILE_LINES} are the limit")));
        }
    }
    for (file, source) in tree.rust() {
        if file.is_test() {
            continue;
        }
        for function in source.functions() {
            if function.length <= FUNCTION_LINES || source.is_test_line(function.line) {
                continue;
            }
            match allowed.iter().position(|(path, name, _)| *path == file.path && *name == function.name) {
                Some(index) => used[index] = true,
                None => violations.push(file.violation(
                    function.line,
                    format!("fn {} has {} lines; {FUNCTION_LINES} are the limit", function.name, function.length),
                )),
            }
        }
    }
    for ((path, name, _), _) in allowed.iter().zip(used).filter(|(_, used)| !used) {
        let message = format!("the list of long functions names fn {name} of {path}, which is not long");
        violations.push(Violation { path: "xtask/src/tidy/lengths.rs".into(), line: 1, message });
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::super::{complaints, tree_of};
    use super::*;

    fn function(lines: usize) -> String {
        format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines - 2))
    }

    #[test]
    fn a_long_file_is_refused() {
        assert!(complaints(check, &[("a.rs", &"x();\n".repeat(500))]).is_empty());
        assert_eq!(
            complaints(check, &[("a.rs", &"x();\n".repeat(501))]),
            ["a.rs:1: 501 lines; split it by idea, 500 are the limit"]
        );
        let long = "x();\n".repeat(501);
        assert_eq!(complaints(check, &[("console/src/a.tsx", &long), ("console/src/a.generated.d.ts", &long)]).len(), 1);
    }

    #[test]
    fn a_long_function_is_refused() {
        assert!(complaints(check, &[("a.rs", &function(70))]).is_empty());
        assert_eq!(complaints(check, &[("a.rs", &function(71))]), ["a.rs:1: fn long has 71 lines; 70 are the limit"]);
    }

    #[test]
    fn a_long_test_is_not() {
        let module = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function(90));
        assert!(complaints(check, &[("a.rs", &module), ("crates/a/tests/it/b.rs", &function(90))]).is_empty());
    }

    #[test]
    fn the_list_of_long_functions_stays_true() {
        let tree = tree_of(&[("a.rs", &function(71))]);
        assert!(check_with(&tree, &[("a.rs", "long", "a table")]).is_empty());
        assert_eq!(check_with(&tree, &[("a.rs", "long", "a table"), ("b.rs", "gone", "a table")]).len(), 1);
    }
}
