//! What is wrong with the files, said so that the author can mend it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One mistake in a definition file, or one thing a plan cannot do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Diagnostic {
    /// The file, relative to the project folder.
    pub path: String,
    /// The line, counted from 1; `None` when the mistake has no one place.
    pub line: Option<u32>,
    /// The column in characters, counted from 1.
    pub column: Option<u32>,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Diagnostic {
    /// `tables/posts.yaml:3:5: unknown key `typ` (did you mean `type`?)`
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.path)?;
        if let Some(line) = self.line {
            write!(out, ":{line}")?;
        }
        if let Some(column) = self.column {
            write!(out, ":{column}")?;
        }
        write!(out, ": {}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(out, " ({hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

/// A place in a file. Line and column count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// Collects the mistakes of one file.
#[derive(Debug)]
pub(crate) struct Report {
    path: String,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Report {
    pub(crate) fn new(path: &str) -> Self {
        Self { path: path.to_owned(), diagnostics: Vec::new() }
    }

    /// A place of the file, as a mistake without words.
    pub(crate) fn place(&self, mark: Mark) -> Diagnostic {
        let (line, column) = (Some(mark.line), Some(mark.column));
        Diagnostic { path: self.path.clone(), line, column, message: String::new(), hint: None }
    }

    pub(crate) fn error(&mut self, mark: Option<Mark>, message: impl Into<String>, hint: Option<String>) {
        self.diagnostics.push(Diagnostic {
            path: self.path.clone(),
            line: mark.map(|mark| mark.line),
            column: mark.map(|mark| mark.column),
            message: message.into(),
            hint,
        });
    }
}

/// The candidate nearest to `word`, if one is near enough to be what the author meant.
pub(crate) fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (edit_distance(&word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// "did you mean `x`?" for the nearest candidate, else the list of what is known.
pub(crate) fn did_you_mean(word: &str, candidates: &[&str]) -> String {
    match closest(word, candidates.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!("known here: {}", candidates.join(", ")),
    }
}

/// Edits (insert, remove, replace, swap neighbours) between two words.
fn edit_distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=right.len()).collect()];
    for i in 1..=left.len() {
        let mut row = vec![i];
        for j in 1..=right.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_is_near() {
        assert_eq!(closest("nulable", ["nullable", "name"]), Some("nullable"));
        assert_eq!(closest("tpye", ["type", "name"]), Some("type"));
        assert_eq!(closest("colour", ["type", "name"]), None);
        assert_eq!(did_you_mean("colour", &["type", "name"]), "known here: type, name");
    }

    #[test]
    fn prints_place_message_and_hint() {
        let diagnostic = Diagnostic {
            path: "tables/posts.yaml".into(),
            line: Some(3),
            column: Some(5),
            message: "unknown key `typ`".into(),
            hint: Some("did you mean `type`?".into()),
        };
        assert_eq!(diagnostic.to_string(), "tables/posts.yaml:3:5: unknown key `typ` (did you mean `type`?)");
    }
}
