//! The house rules: one function a rule, each from the tree of files to its violations.

mod dead_files;
mod documents;
mod layers;
mod lengths;
mod lock_files;
mod words;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::source::Source;

/// Folders that hold no source: looked at neither here nor by git.
const NOT_SOURCE: &[&str] = &[".git", ".cloche", "target", "node_modules", "dist"];

/// The checkout in memory, so that rules are plain functions.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Every text file, sorted by path.
    pub(crate) files: Vec<File>,
}

/// One text file.
#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    /// Its whole text.
    pub(crate) text: String,
    /// For Rust files: the text taken apart.
    pub(crate) source: Option<Source>,
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    path: String,
    line: usize,
    message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Runs every rule.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let rules: [fn(&Tree) -> Vec<Violation>; 6] =
        [lengths::check, dead_files::check, documents::check, lock_files::check, layers::check, words::check];
    rules.iter().flat_map(|rule| rule(tree)).collect()
}

impl Tree {
    /// Reads the checkout; what is not UTF-8 is no text and left out.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
            for entry in entries {
                let entry = entry.with_context(|| format!("reading {}", folder.display()))?;
                let (path, kind) = (entry.path(), entry.file_type()?);
                if kind.is_dir() && is_source_folder(&path) {
                    folders.push(path);
                } else if kind.is_file()
                    && let Ok(text) = fs::read_to_string(&path)
                {
                    tree.add(&relative(root, &path), text);
                }
            }
        }
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    fn add(&mut self, path: &str, text: String) {
        let source = path.ends_with(".rs").then(|| Source::read(&text));
        self.files.push(File { path: path.to_owned(), text, source });
    }

    /// Whether there is a file, or a folder with files in it, at this path.
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        self.files.iter().any(|file| file.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }

    /// The console's own files: what is written by hand in TypeScript.
    pub(crate) fn typescript(&self) -> impl Iterator<Item = &File> {
        let ours = |path: &str| (path.ends_with(".ts") || path.ends_with(".tsx")) && !path.contains(".generated.");
        self.files.iter().filter(move |file| ours(&file.path))
    }

    /// Every Rust file with its source.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&File, &Source)> {
        self.files.iter().filter_map(|file| Some((file, file.source.as_ref()?)))
    }
}

impl File {
    /// Whether the whole file is test code: an integration test, or a module of tests in a file of its own,
    /// which is called `tests.rs` or `compile_tests.rs`.
    pub(crate) fn is_test(&self) -> bool {
        self.path.split('/').any(|part| part == "tests" || part == "tests.rs" || part.ends_with("_tests.rs"))
    }

    /// A violation in this file; lines count from 1.
    pub(crate) fn violation(&self, line: usize, message: impl Into<String>) -> Violation {
        Violation { path: self.path.clone(), line, message: message.into() }
    }
}

fn is_source_folder(path: &Path) -> bool {
    let named = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| NOT_SOURCE.contains(&name));
    // Cargo marks its target folders so, whatever they are called.
    !named && !path.join("CACHEDIR.TAG").exists()
}

fn relative(root: &Path, path: &Path) -> String {
    let path: PathBuf = path.strip_prefix(root).unwrap_or(path).to_path_buf();
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// For the tests of the rules: a tree of `(path, text)`.
#[cfg(test)]
pub(crate) fn tree_of(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::default();
    for (path, text) in files {
        tree.add(path, (*text).to_owned());
    }
    tree
}

/// For the tests of the rules: what a rule says about a tree.
#[cfg(test)]
pub(crate) fn complaints(rule: fn(&Tree) -> Vec<Violation>, files: &[(&str, &str)]) -> Vec<String> {
    rule(&tree_of(files)).iter().map(ToString::to_string).collect()
}
