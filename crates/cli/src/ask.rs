//! Questions to the person at the terminal. Without a terminal nobody is asked: the command says which option answers.

use std::io::{BufRead, IsTerminal, Read, Write};

use crate::error::{CliError, Result};

/// Most that is read from stdin as one value.
const MAX_INPUT_BYTES: u64 = 64 * 1024 * 1024;

/// Asks a yes-no question; no is an error that ends the command. `yes` answers it beforehand.
pub(crate) fn confirm(yes: bool, question: &str) -> Result<()> {
    if yes || is_yes(&answer(&format!("{question} [y/N] "), "--yes")?) {
        return Ok(());
    }
    Err(declined())
}

/// Asks for a name to be typed; anything else is an error that ends the command.
pub(crate) fn typed(name: &str, question: &str) -> Result<()> {
    if answer(&format!("{question} "), &format!("--confirm {name}"))? == name {
        return Ok(());
    }
    Err(declined())
}

/// A secret: typed unseen on a terminal, else the first line of stdin.
pub(crate) fn secret(prompt: &str) -> Result<String> {
    let text = if std::io::stdin().is_terminal() {
        prompt_to_stderr(prompt);
        console::Term::stderr().read_secure_line()
    } else {
        read_line()
    };
    text.map(|text| text.trim().to_owned()).map_err(|error| unreadable(&error))
}

/// All of stdin as text, up to 64 MiB.
pub(crate) fn stdin_text() -> Result<String> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(MAX_INPUT_BYTES + 1).read_to_string(&mut text).map_err(|error| unreadable(&error))?;
    if read as u64 > MAX_INPUT_BYTES {
        return Err(CliError::usage(format!("stdin holds more than {MAX_INPUT_BYTES} bytes")).hint("send it in parts"));
    }
    Ok(text)
}

fn answer(question: &str, option: &str) -> Result<String> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::usage("this wants an answer, and there is no terminal to ask at").hint(format!("add {option}")));
    }
    prompt_to_stderr(question);
    read_line().map(|line| line.trim().to_owned()).map_err(|error| unreadable(&error))
}

fn read_line() -> std::io::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().take(MAX_INPUT_BYTES).read_line(&mut line).map(|_| line)
}

fn prompt_to_stderr(text: &str) {
    let mut out = std::io::stderr().lock();
    // A prompt nobody can see is no reason to stop: the answer may come all the same.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes")
}

fn declined() -> CliError {
    CliError::failed("cli/declined", "not confirmed: nothing was changed")
}

fn unreadable(error: &std::io::Error) -> CliError {
    CliError::failed("cli/io", format!("cannot read stdin: {error}"))
}
