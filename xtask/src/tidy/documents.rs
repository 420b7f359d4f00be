//! Documents describe today's tree: a path or a `make` command named in backticks exists.

use super::{File, Tree, Violation};

const DOCUMENTS: &[&str] = &["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "STYLE.md"];

/// Where a path in a document may start; prose about the server says `http/router.rs`, not the whole path.
const BASES: &[&str] =
    &["", "crates/", "crates/server/", "crates/server/src/", "crates/cli/src/", "crates/cli/tests/", "examples/blog/"];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let documents = tree.files.iter().filter(|file| DOCUMENTS.contains(&file.path.as_str()));
    documents.flat_map(|file| check_document(tree, file)).collect()
}

fn check_document(tree: &Tree, file: &File) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut fenced = false;
    for (index, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        // Every second piece between backticks stands inside them.
        for quoted in line.split('`').skip(1).step_by(2) {
            if let Some(target) = quoted.strip_prefix("make ").and_then(|rest| rest.split_whitespace().next())
                && !has_make_target(tree, target)
            {
                violations.push(file.violation(index + 1, format!("the Makefile has no `{target}`")));
            } else if names_a_path(tree, quoted) && !exists(tree, quoted) {
                violations.push(file.violation(index + 1, format!("`{quoted}` does not exist")));
            }
        }
    }
    violations
}

/// Whether backticked text means a path of this repository, rather than a URL, a media type or an error code.
fn names_a_path(tree: &Tree, text: &str) -> bool {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    // `.cloche` is made by running things, and an absolute path is not ours.
    if !plain || text.starts_with('/') || text.starts_with("./") || text.starts_with(".cloche") || text.starts_with("target/") {
        return false;
    }
    let has_extension = |extensions: &[&str]| extensions.iter().any(|extension| text.ends_with(extension));
    match text.split_once('/') {
        Some((first, _)) => text.ends_with('/') || has_extension(&[".rs", ".md", ".toml", ".sql", ".yaml"]) || tree.has(first),
        None => has_extension(&[".rs", ".md", ".toml"]),
    }
}

fn exists(tree: &Tree, path: &str) -> bool {
    let somewhere = !path.contains('/') && tree.files.iter().any(|file| file.path.ends_with(&format!("/{path}")));
    somewhere || BASES.iter().any(|base| tree.has(&format!("{base}{path}")))
}

fn has_make_target(tree: &Tree, target: &str) -> bool {
    let makefile = tree.files.iter().find(|file| file.path == "Makefile");
    makefile.is_some_and(|file| file.text.lines().any(|line| line.strip_prefix(target).is_some_and(|rest| rest.starts_with(':'))))
}

#[cfg(test)]
mod tests {
    use super::super::complaints;
    use super::*;

    const TREE: [(&str, &str); 2] = [("crates/server/src/http/router.rs", ""), ("Makefile", "run: setup\n\techo\n")];

    fn about(document: &str) -> Vec<String> {
        complaints(check, &[TREE[0], TREE[1], ("README.md", document)])
    }

    #[test]
    fn a_stale_path_is_refused() {
        assert_eq!(
            about("first\nsee `crates/gone/src` and `http/gone.rs`\n"),
            ["README.md:2: `crates/gone/src` does not exist", "README.md:2: `http/gone.rs` does not exist",]
        );
        assert_eq!(about("`GONE.md`, `old/`\n").len(), 2);
        assert_eq!(about("`make gone`\n"), ["README.md:1: the Makefile has no `gone`"]);
    }

    #[test]
    fn what_exists_or_is_no_path_passes() {
        assert!(
            about("`crates/server/src/http/router.rs`, `http/router.rs`, `router.rs`, `http/`, `crates/`, `README.md`\n")
                .is_empty()
        );
        assert!(
            about("`/v1/data`, `application/json`, `environment/paused`, `.cloche/data`, `make run LISTEN=x`, `tables/*.yaml`\n")
                .is_empty()
        );
        assert!(about("```\nold/tree.rs `old/tree.rs`\n```\n").is_empty());
    }
}
