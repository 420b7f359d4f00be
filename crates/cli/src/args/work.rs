use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::value::Variable;

/// Arguments of `init`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloche init --template blog --project demo
  cloche init shop --template blog --project shop")]
pub(crate) struct InitArgs {
    /// The folder to write to; made when missing
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) directory: PathBuf,
    /// What to start from
    #[arg(long, value_name = "TEMPLATE", default_value = "blog")]
    pub(crate) template: Template,
}

/// A set of files to start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Template {
    /// Authors, posts and comments
    Blog,
}

/// Arguments of `dev`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloche dev                   sync now and at every change, until Ctrl-C
  cloche dev --once            sync now
  cloche dev --once --prune    also drop what is no longer in the folder, after asking")]
pub(crate) struct DevArgs {
    /// Sync once instead of watching the folder
    #[arg(long)]
    pub(crate) once: bool,
    /// Drop what is in the environment but not in the folder; asks first
    #[arg(long)]
    pub(crate) prune: bool,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloche status
  cloche status --env staging --exit-code    exits with 3 when something differs
  cloche status --json")]
pub(crate) struct StatusArgs {
    /// Exit with 3 when something differs
    #[arg(long)]
    pub(crate) exit_code: bool,
}

/// Arguments of `pull`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloche pull                    after the schema was edited elsewhere; asks before it replaces files
  cloche pull --env staging --yes
  cloche pull --prune            also removes files of what the environment does not have, after asking

Files that say the same in other words stay as they are, with their comments. Tables, enums, views and functions are written;
what files cannot say, such as triggers, is not.")]
pub(crate) struct PullArgs {
    /// Remove the files of things that the environment does not have
    #[arg(long)]
    pub(crate) prune: bool,
}

/// Arguments of `sql`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloche sql                                        a session in dev
  cloche sql --env staging -c 'select count(*) from posts'
  cloche sql -c 'table posts' -- --csv              what follows -- goes to psql as it is
  cloche sql --yes < changes.sql

The login's password is shown once by the server, so it is kept on this machine, in a file that only you can read. When none is
kept, or the kept one is refused, a new one is made, after asking: the old one and its sessions end. The server hands out an
address as it sees it: a server that runs its own PostgreSQL listens on this machine alone.")]
pub(crate) struct SqlArgs {
    /// Run one command, or several with ; between them, and leave
    #[arg(long, short = 'c', value_name = "SQL")]
    pub(crate) command: Option<String>,
    /// The psql to run; otherwise the one beside the server's PostgreSQL, or that of the system
    #[arg(long, value_name = "FILE")]
    pub(crate) psql: Option<PathBuf>,
    /// Arguments for psql
    #[arg(last = true, value_name = "PSQL ARGUMENT")]
    pub(crate) arguments: Vec<String>,
}

/// Verbs of `vars`.
#[derive(Debug, Subcommand)]
pub(crate) enum VarsCommand {
    /// List an environment's variables.
    #[command(after_help = "Examples:
  cloche vars list --env dev
  cloche vars list --env dev --reveal --json")]
    List {
        /// Show the values too; needs the admin role in the project
        #[arg(long)]
        reveal: bool,
    },
    /// Set variables.
    #[command(after_help = "Examples:
  cloche vars set GREETING=hello MODE=test --env dev
  cloche vars set STRIPE_KEY --env dev < key.txt    the value from stdin stays out of the shell's history")]
    Set {
        /// NAME=VALUE; or one NAME, whose value is read from stdin
        #[arg(required = true, value_name = "NAME=VALUE")]
        variables: Vec<Variable>,
    },
    /// Remove variables.
    #[command(after_help = "Examples:
  cloche vars unset GREETING MODE --env dev")]
    Unset {
        /// Their names
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
}
