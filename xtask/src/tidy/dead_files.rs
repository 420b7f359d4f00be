//! Every Rust file is part of a crate: reachable from a crate's roots by `mod` declarations.

use std::collections::BTreeSet;

use super::{File, Tree, Violation};

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&File> = tree.files.iter().filter(|file| is_root(tree, &file.path)).collect();
    while let Some(file) = open.pop() {
        if !reached.insert(file.path.as_str()) {
            continue;
        }
        let Some(source) = &file.source else { continue };
        let folder = children_folder(&file.path, is_root(tree, &file.path));
        for name in source.declared_modules() {
            let candidates = [format!("{folder}{name}.rs"), format!("{folder}{name}/mod.rs")];
            open.extend(tree.files.iter().filter(|file| candidates.contains(&file.path)));
        }
    }
    let dead = tree.rust().map(|(file, _)| file).filter(|file| !reached.contains(file.path.as_str()));
    dead.map(|file| file.violation(1, "no `mod` declaration leads here; declare it or delete it")).collect()
}

/// Files that cargo compiles without being told to.
fn is_root(tree: &Tree, path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let in_crate = |depth: usize| {
        let folder = parts[..parts.len() - depth].join("/");
        tree.has(&if folder.is_empty() { "Cargo.toml".to_owned() } else { format!("{folder}/Cargo.toml") })
    };
    match parts.as_slice() {
        [.., "build.rs"] => in_crate(1),
        [.., "src", "lib.rs" | "main.rs"] => in_crate(2),
        [.., "src", "bin", file] | [.., "tests" | "benches" | "examples", file] if file.ends_with(".rs") => {
            in_crate(if parts.contains(&"bin") { 3 } else { 2 })
        }
        [.., "src", "bin", _, "main.rs"] => in_crate(4),
        [.., "tests" | "benches" | "examples", _, "main.rs"] => in_crate(3),
        _ => false,
    }
}

/// Where the modules a file declares lie, with a slash at the end.
fn children_folder(path: &str, root: bool) -> String {
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    if root || name == "mod.rs" { folder } else { format!("{folder}{}/", name.trim_end_matches(".rs")) }
}

#[cfg(test)]
mod tests {
    use super::super::complaints;
    use super::*;

    #[test]
    fn a_file_nobody_declares_is_refused() {
        let files = [
            ("crates/a/Cargo.toml", ""),
            ("crates/a/src/lib.rs", "mod b;\nmod c;\n"),
            ("crates/a/src/b.rs", "mod d;\n"),
            ("crates/a/src/b/d.rs", ""),
            ("crates/a/src/c/mod.rs", "mod e;\n"),
            ("crates/a/src/c/e.rs", ""),
            ("crates/a/src/b/lost.rs", ""),
            ("crates/a/tests/it/main.rs", "mod noun;\n"),
            ("crates/a/tests/it/noun.rs", ""),
            ("crates/a/tests/it/gone.rs", ""),
        ];
        assert_eq!(
            complaints(check, &files),
            [
                "crates/a/src/b/lost.rs:1: no `mod` declaration leads here; declare it or delete it",
                "crates/a/tests/it/gone.rs:1: no `mod` declaration leads here; declare it or delete it",
            ]
        );
    }
}
