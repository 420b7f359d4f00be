use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::error::{Exit, Result};
use crate::printer::Printer;

/// Prints the completion script.
pub(crate) fn run(printer: Printer, shell: Shell) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "cloche", &mut script);
    printer.raw(&script)?;
    Ok(Exit::Ok)
}
