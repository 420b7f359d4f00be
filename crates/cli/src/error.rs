//! What a command ends with: an exit status, or an error that says what to do next.

use std::borrow::Cow;
use std::path::Path;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done.
    Ok,
    /// 1: refused or failed.
    Failed,
    /// 2: the arguments make no sense.
    Usage,
    /// 3: `status --exit-code` found differences.
    Differences,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Ok => Self::SUCCESS,
            Exit::Failed => Self::from(1),
            Exit::Usage => Self::from(2),
            Exit::Differences => Self::from(3),
        }
    }
}

/// The result of a command or a part of one.
pub(crate) type Result<T, E = CliError> = std::result::Result<T, E>;

/// Something wrong, in words for the person at the terminal.
#[derive(Debug)]
pub(crate) struct CliError {
    /// The status to exit with.
    pub(crate) exit: Exit,
    /// Stable and machine-readable: the server's `noun/reason`, or `cli/…`.
    pub(crate) code: Cow<'static, str>,
    /// What went wrong.
    pub(crate) message: String,
    /// What to do next.
    pub(crate) hint: Option<String>,
    /// What is wrong at which place of the definition files, if it is that.
    pub(crate) findings: Vec<Finding>,
}

/// One fault in a definition file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// The file, relative to the folder.
    pub(crate) path: String,
    /// Its line, from 1.
    pub(crate) line: Option<u32>,
    /// Its column, from 1.
    pub(crate) column: Option<u32>,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl CliError {
    /// A failure (exit status 1).
    pub(crate) fn failed(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, code: code.into(), message: message.into(), hint: None, findings: Vec::new() }
    }

    /// Wrong usage (exit status 2).
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::failed("cli/usage", message) }
    }

    /// A file that cannot be read or written.
    pub(crate) fn io(action: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::failed("cli/io", format!("cannot {action} {}: {error}", path.display()))
    }

    /// The same with what to do next.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The error as `--json` prints it on stderr.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let mut error = serde_json::json!({ "code": self.code, "message": self.message, "hint": self.hint });
        if !self.findings.is_empty() {
            error["errors"] = serde_json::json!(self.findings);
        }
        serde_json::json!({ "error": error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_as_json() {
        let error = CliError::failed("environment/not-found", "no environment x").hint("look at `cloche env list`");
        let expected =
            r#"{"error":{"code":"environment/not-found","message":"no environment x","hint":"look at `cloche env list`"}}"#;
        assert_eq!(error.to_json().to_string(), expected);
    }
}
