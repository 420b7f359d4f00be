//! `cloche`: the command line and, with `cloche serve`, the server, in one binary.

mod args;
mod ask;
mod client;
mod commands;
mod error;
mod folder;
mod logins;
mod model;
mod printer;
mod progress;
mod settings;
mod templates;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::args::Cli;
use crate::error::CliError;
use crate::printer::Printer;

/// Requests allocate small and often, on all threads at once, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let printer = Printer::new(cli.global.json);
    match commands::run(cli, printer) {
        Ok(exit) => exit.into(),
        Err(error) => {
            printer.error(&error);
            error.exit.into()
        }
    }
}

/// Help goes to stdout; a usage error goes to stderr, as JSON when `--json` stands anywhere.
fn usage(error: &clap::Error) -> ExitCode {
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if asked || !std::env::args_os().any(|argument| argument == "--json") {
        error.exit();
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return report(&CliError::usage("a command is missing").hint("add --help to see the commands"));
    }
    let text = error.to_string();
    let lines: Vec<_> = text.trim_start_matches("error: ").lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let message = lines.join(" ");
    report(&CliError::usage(message).hint("add --help to see how it is used"))
}

fn report(error: &CliError) -> ExitCode {
    Printer::new(true).error(error);
    error.exit.into()
}
