//! One function a verb: `<noun>/<verb>.rs`, or `<verb>.rs` where there is no noun.

mod access;
mod audit;
mod completions;
mod credential;
mod data;
mod dev;
mod doctor;
mod env;
mod init;
mod keys;
mod login;
mod logout;
mod logs;
mod lookup;
mod members;
mod orgs;
mod project;
mod pull;
mod serve;
mod settings;
mod sql;
mod status;
mod sync;
mod tokens;
mod users;
mod vars;
mod whoami;

use crate::args::{Cli, Command, GlobalArgs};
use crate::client::Client;
use crate::error::{CliError, Exit, Result};
use crate::printer::Printer;
use crate::settings::{Settings, Surroundings};

/// What a client command works with.
pub(crate) struct Context {
    /// Resolved arguments, variables and files.
    pub(crate) settings: Settings,
    /// The server.
    pub(crate) client: Client,
    /// The terminal.
    pub(crate) printer: Printer,
}

/// Runs the command.
pub(crate) fn run(cli: Cli, printer: Printer) -> Result<Exit> {
    let Cli { global, command } = cli;
    match command {
        Command::Serve(args) => serve::run(args),
        Command::Completions { shell } => completions::run(printer, shell),
        command => {
            let settings = resolve(&global)?;
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| CliError::failed("cli/runtime", format!("cannot start: {error}")))?;
            let result = runtime.block_on(run_client(settings, printer, command));
            // A question that nobody will answer any more must not keep the process.
            runtime.shutdown_background();
            result
        }
    }
}

fn resolve(global: &GlobalArgs) -> Result<Settings> {
    let directory = std::env::current_dir()
        .map_err(|error| CliError::failed("cli/io", format!("the current folder cannot be read: {error}")))?;
    Settings::resolve(global, &Surroundings { variable: &|name| std::env::var(name).ok(), directory })
}

async fn run_client(settings: Settings, printer: Printer, command: Command) -> Result<Exit> {
    // These two are for when the token at hand does not work.
    match command {
        Command::Login => return login::run(&settings, printer).await,
        Command::Logout => return logout::run(&settings, printer),
        _ => {}
    }
    let context = Context { client: Client::new(&settings)?, settings, printer };
    match command {
        Command::Init(args) => init::run(&context, args).await,
        Command::Dev(args) => dev::run(&context, args).await,
        Command::Pull(args) => pull::run(&context, args).await,
        Command::Status(args) => status::run(&context, args).await,
        Command::Project(verb) => project::run(&context, verb).await,
        Command::Env(verb) => env::run(&context, verb).await,
        Command::Keys(verb) => keys::run(&context, verb).await,
        Command::Vars(verb) => vars::run(&context, verb).await,
        Command::Settings(verb) => settings::run(&context, verb).await,
        Command::Logs(args) => logs::run(&context, args).await,
        Command::Users(verb) => users::run(&context, verb).await,
        Command::Data(verb) => data::run(&context, verb).await,
        Command::Access(verb) => access::run(&context, verb).await,
        Command::Orgs(verb) => orgs::run(&context, verb).await,
        Command::Members(verb) => members::run(&context, verb).await,
        Command::Tokens(verb) => tokens::run(&context, verb).await,
        Command::Sql(args) => sql::run(&context, args).await,
        Command::Audit { limit } => audit::run(&context, limit).await,
        Command::Doctor => doctor::run(&context).await,
        Command::Whoami => whoami::run(&context).await,
        Command::Login | Command::Logout | Command::Serve(_) | Command::Completions { .. } => {
            unreachable!("these need no client and were run before")
        }
    }
}
