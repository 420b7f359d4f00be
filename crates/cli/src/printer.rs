//! The one place that writes to the terminal: results to stdout, prose and errors to stderr.
//!
//! Colour appears on a terminal only and never with `NO_COLOR`: `console` decides that for each stream.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use chrono::{DateTime, Utc};
use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use console::style;
use serde::Serialize;

use crate::error::{CliError, Result};
use crate::model::KeyPair;

/// Columns of a terminal below which a fitted table would be letters one under another.
const MIN_FITTED_WIDTH: u16 = 60;

/// Writes results, prose and errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    json: bool,
}

impl Printer {
    /// A printer of JSON or of text for people.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether results are printed as JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// A command's result on stdout: the value as JSON with `--json`, else the text.
    pub(crate) fn result<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) -> Result<()> {
        let mut text = if self.json {
            serde_json::to_string_pretty(value)
                .map_err(|error| CliError::failed("cli/output", format!("the result cannot be written as JSON: {error}")))?
        } else {
            text()
        };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        self.raw(text.as_bytes())
    }

    /// One of a stream of results: an object on a line of its own with `--json`, else the text.
    pub(crate) fn line<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) -> Result<()> {
        let text = if self.json {
            serde_json::to_string(value)
                .map(|text| text + "\n")
                .map_err(|error| CliError::failed("cli/output", format!("the result cannot be written as JSON: {error}")))?
        } else {
            text()
        };
        self.raw(text.as_bytes())
    }

    /// Bytes for stdout as they are.
    pub(crate) fn raw(self, bytes: &[u8]) -> Result<()> {
        let mut out = std::io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            // The reader, such as `head`, has what it wants.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(CliError::failed("cli/output", format!("cannot write to stdout: {error}"))),
            Ok(()) => Ok(()),
        }
    }

    /// A sentence for people on stderr; nothing with `--json`.
    pub(crate) fn note(self, text: impl Display) {
        if !self.json {
            to_stderr(&format!("{text}\n"));
        }
    }

    /// A warning for people on stderr; nothing with `--json`.
    pub(crate) fn warn(self, text: impl Display) {
        self.note(format!("{} {text}", style("warning:").for_stderr().yellow().bold()));
    }

    /// An error on stderr, as JSON with `--json`.
    pub(crate) fn error(self, error: &CliError) {
        if self.json {
            return to_stderr(&format!("{}\n", error.to_json()));
        }
        let mut text = format!("{} {}\n", style("error:").for_stderr().red().bold(), error.message);
        for finding in &error.findings {
            let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
            let column = finding.column.map(|column| format!(":{column}")).unwrap_or_default();
            text += &format!("  {}{line}{column}: {}\n", style(&finding.path).for_stderr().bold(), finding.message);
            if let Some(hint) = &finding.hint {
                text += &format!("      {hint}\n");
            }
        }
        if let Some(hint) = &error.hint {
            text += &format!("{} {hint}\n", style("next:").for_stderr().cyan().bold());
        }
        to_stderr(&text);
    }
}

/// stderr has no reader when it is closed: nothing can be told to anybody then.
fn to_stderr(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// A table for people: a header and rows, columns two spaces apart. On a terminal wide enough it is fitted to the width.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    let fits = table.is_tty() && table.width().is_some_and(|width| width >= MIN_FITTED_WIDTH);
    table.set_content_arrangement(if fits { ContentArrangement::Dynamic } else { ContentArrangement::Disabled });
    let bold = |name| if console::colors_enabled() { Cell::new(name).add_attribute(Attribute::Bold) } else { Cell::new(name) };
    table.set_header(header.map(bold));
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let text = table.to_string();
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// Fields of one thing for people: names in a column, values beside them; fields without a value are left out.
pub(crate) fn fields<'a>(fields: impl IntoIterator<Item = (&'a str, Option<String>)>) -> String {
    let fields: Vec<_> = fields.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect();
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    fields.iter().map(|(name, value)| format!("{}  {value}\n", style(format!("{name:width$}")).bold())).collect()
}

/// A key pair for people, with the warning that goes with it.
pub(crate) fn key_pair(keys: &KeyPair) -> String {
    let lines = fields([("publishable key", Some(keys.publishable.clone())), ("secret key", Some(keys.secret.clone()))]);
    format!("{lines}The secret key is shown this once: keep it now.\n")
}

/// An RFC 3339 time for people: UTC, which the Z says, to the minute. A text that is none stays as it is.
pub(crate) fn time(text: &str) -> String {
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => time.with_timezone(&Utc).format("%Y-%m-%d %H:%MZ").to_string(),
        Err(_) => text.to_owned(),
    }
}

/// An optional time; a dash when there is none.
pub(crate) fn time_or_dash(text: Option<&String>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| time(text))
}

/// Milliseconds for people.
pub(crate) fn milliseconds(ms: f64) -> String {
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else if ms < 1_000.0 {
        format!("{ms:.0} ms")
    } else if ms < 60_000.0 {
        format!("{:.2} s", ms / 1_000.0)
    } else {
        format!("{} min {:.0} s", (ms / 60_000.0) as u64, (ms % 60_000.0) / 1_000.0)
    }
}

/// A number with its noun, which takes an s when it is not one.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_plain_and_aligned() {
        let text = table(["NAME", "TYPE"], [["dev".to_owned(), "dev".to_owned()], ["staging".to_owned(), "custom".to_owned()]]);
        assert_eq!(console::strip_ansi_codes(&text), "NAME     TYPE\ndev      dev\nstaging  custom\n");
    }

    #[test]
    fn times_and_spans() {
        assert_eq!(time("2026-11-21T06:35:49.123456Z"), "2026-11-21 06:35Z");
        assert_eq!(time("soon"), "soon");
        assert_eq!(milliseconds(1.25), "1.2 ms");
        assert_eq!(milliseconds(412.4), "412 ms");
        assert_eq!(milliseconds(1_412.0), "1.41 s");
        assert_eq!(milliseconds(61_000.0), "1 min 1 s");
    }
}
