//! Every argument of the command line, one file a noun. What they mean together is decided in `settings`.

mod access;
mod data;
mod env;
mod keys;
mod people;
mod project;
mod settings;
mod users;
mod value;
mod work;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use cloche_server::Network;

pub(crate) use access::{AccessAction, AccessActor, AccessCommand, ExplainArgs};
pub(crate) use data::{DataCommand, DataTarget};
pub(crate) use env::{BranchArgs, CreateArgs, EnvCommand};
pub(crate) use keys::{KeyKind, KeysCommand};
pub(crate) use people::{MembersCommand, OfOrganization, OrganizationRole, OrgsCommand, ProjectRole, TokensCommand};
pub(crate) use project::ProjectCommand;
pub(crate) use settings::{Change, LogsArgs, SettingsCommand, setting_names};
pub(crate) use users::UsersCommand;
pub(crate) use value::{Duration, Variable};
pub(crate) use work::{DevArgs, InitArgs, PullArgs, SqlArgs, StatusArgs, Template, VarsCommand};

/// Isolated environments for a whole backend: tables, data, keys and configuration, branched in about a second.
#[derive(Debug, Parser)]
#[command(
    name = "cloche",
    version,
    max_term_width = 110,
    after_help = "Start here:
  cloche serve                                  start a server on this machine
  cloche init --template blog --project demo    make a project folder and its project
  cloche dev                                    keep the dev environment in step with the folder
  cloche env branch staging --from dev          branch a live environment

Exit status: 0 ok, 1 failed, 2 wrong usage, 3 differences found (status --exit-code)."
)]
pub(crate) struct Cli {
    /// Options that mean the same in every command.
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that mean the same in every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// The project, by name or id [or CLOCHE_PROJECT, or `project:` in cloche.yaml]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// The environment, by name or type [or CLOCHE_ENV; otherwise dev]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) env: Option<String>,
    /// Print the result as JSON on stdout; stderr then holds an error, as JSON, or nothing
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Answer yes to every question
    #[arg(long, short = 'y', global = true)]
    pub(crate) yes: bool,
    /// The server [or CLOCHE_URL, or `server:` in cloche.yaml; otherwise http://127.0.0.1:7350]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The token [or CLOCHE_TOKEN, or the login of that server, or a local server's owner token]
    #[arg(long, global = true, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
}

/// All commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a server, with a PostgreSQL of its own unless told of another.
    Serve(ServeArgs),
    /// Check a token against a server and keep it for later commands.
    #[command(after_help = "Examples:
  cloche login --url https://cloche.example.com            asks for the token
  cloche login --url https://cloche.example.com < token    reads it from a file")]
    Login,
    /// Forget the token kept for a server.
    #[command(after_help = "Examples:
  cloche logout
  cloche logout --url https://cloche.example.com")]
    Logout,
    /// Show whom the token stands for.
    #[command(after_help = "Examples:
  cloche whoami
  cloche whoami --json")]
    Whoami,
    /// Write a project folder from a template, and create its project on the server.
    Init(InitArgs),
    /// Keep a development environment in step with the definitions in this folder.
    Dev(DevArgs),
    /// Show what differs between the definitions in this folder and an environment.
    Status(StatusArgs),
    /// Write what is deployed in an environment into this folder, as definition files.
    Pull(PullArgs),
    /// Create and look at projects.
    #[command(subcommand)]
    Project(ProjectCommand),
    /// Create, branch, change and delete environments.
    #[command(subcommand)]
    Env(EnvCommand),
    /// Create, rotate and revoke the API keys of an environment.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Set and list the variables of an environment.
    #[command(subcommand)]
    Vars(VarsCommand),
    /// Show and change which pages may call an environment, how often, and how much.
    #[command(subcommand)]
    Settings(SettingsCommand),
    /// Show the requests an environment has answered lately.
    Logs(LogsArgs),
    /// Look after the users of an environment's applications.
    #[command(subcommand)]
    Users(UsersCommand),
    /// Read and write an environment's records with an API key.
    #[command(subcommand)]
    Data(DataCommand),
    /// Open psql in an environment's database, with the environment's own SQL login.
    Sql(SqlArgs),
    /// Ask what the access rules of an environment allow.
    #[command(subcommand)]
    Access(AccessCommand),
    /// Create and look at organizations.
    #[command(subcommand)]
    Orgs(OrgsCommand),
    /// Invite people, give them roles, and take them out again.
    #[command(subcommand)]
    Members(MembersCommand),
    /// Create and revoke personal access tokens.
    #[command(subcommand)]
    Tokens(TokensCommand),
    /// Show who changed what, newest first.
    #[command(after_help = "Examples:
  cloche audit
  cloche audit --project demo --limit 500 --json")]
    Audit {
        /// How many entries to show
        #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Check server, token, versions and this folder, and say what to do about each problem.
    #[command(after_help = "Examples:
  cloche doctor
  cloche doctor --url https://cloche.example.com --json")]
    Doctor,
    /// Print a completion script for a shell.
    #[command(after_help = "Examples:
  cloche completions bash > /etc/bash_completion.d/cloche
  cloche completions zsh > ~/.zfunc/_cloche
  cloche completions fish > ~/.config/fish/completions/cloche.fish")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloche serve
  cloche serve --data-dir /var/lib/cloche --listen 0.0.0.0:7350 --log-format json
  cloche serve --database-url postgresql://admin@db.internal/postgres")]
pub(crate) struct ServeArgs {
    /// Where the server keeps everything it has; made when missing
    #[arg(long, value_name = "DIR", default_value = ".cloche/data", env = "CLOCHE_DATA_DIR", hide_env_values = true)]
    pub(crate) data_dir: PathBuf,
    /// The address to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7350", env = "CLOCHE_LISTEN", hide_env_values = true)]
    pub(crate) listen: SocketAddr,
    /// Use this PostgreSQL server instead of an own one; its role is a superuser
    #[arg(long, value_name = "URL", env = "CLOCHE_DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    /// The folder with PostgreSQL's programs (postgres, initdb, pg_dump, pg_restore); otherwise they are looked for
    #[arg(long, value_name = "DIR")]
    pub(crate) postgres_bin: Option<PathBuf>,
    /// The user PostgreSQL runs as when the server is started by root
    #[arg(long, value_name = "NAME", conflicts_with = "database_url")]
    pub(crate) postgres_user: Option<String>,
    /// The address under which clients reach the server, if a proxy stands before it
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// Believe what these proxies say in X-Forwarded-For: addresses or networks, with commas between them or given several times
    #[arg(
        long = "trusted-proxy",
        value_name = "CIDR",
        value_delimiter = ',',
        env = "CLOCHE_TRUSTED_PROXIES",
        hide_env_values = true
    )]
    pub(crate) trusted_proxies: Vec<Network>,
    /// The form of the log on stderr
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// What to log, such as `info` or `info,cloche_server=debug`
    #[arg(long = "log", value_name = "FILTER", default_value = "info")]
    pub(crate) log_filter: String,
}

/// The form of the server's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_stand_anywhere() {
        let cli =
            Cli::try_parse_from(["cloche", "keys", "rotate", "--env", "dev", "--project", "demo", "--yes", "--json"]).unwrap();
        assert_eq!(cli.global.env.as_deref(), Some("dev"));
        assert_eq!(cli.global.project.as_deref(), Some("demo"));
        assert!(cli.global.yes && cli.global.json);
        let cli = Cli::try_parse_from(["cloche", "--project", "demo", "env", "list"]).unwrap();
        assert_eq!(cli.global.project.as_deref(), Some("demo"));
    }

    /// clap fills an argument of a command from a global option that has the same id, without a word.
    #[test]
    fn no_argument_is_named_like_a_global_option() {
        fn check(command: &clap::Command, global: &[clap::Id]) {
            for sub in command.get_subcommands() {
                for argument in sub.get_arguments() {
                    assert!(!global.contains(argument.get_id()), "{} of {}", argument.get_id(), sub.get_name());
                }
                check(sub, global);
            }
        }
        let command = Cli::command();
        let global: Vec<_> = command.get_arguments().map(|argument| argument.get_id().clone()).collect();
        assert!(global.iter().any(|id| id == "token"));
        check(&command, &global);
    }

    #[test]
    fn every_command_has_a_sentence_and_examples() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{path} has no description");
            if command.get_subcommands().next().is_none() {
                assert!(command.get_after_help().is_some(), "{path} has no examples");
            }
            command.get_subcommands().filter(|sub| sub.get_name() != "help").for_each(|sub| check(sub, &path));
        }
        check(&Cli::command(), "");
    }
}
