use clap::{Args, Subcommand, ValueEnum};

/// Verbs of `access`.
#[derive(Debug, Subcommand)]
pub(crate) enum AccessCommand {
    /// Show what somebody may do with a table, view or function, and which rule decides.
    #[command(after_help = "Examples:
  cloche access explain posts --action read --as anon
  cloche access explain posts --action update --as user --role author --user-id 01939e3c-7d5a-7c1e-8a55-0d2f6a3b9c10
  cloche access explain view:recent --action read --as user --claims '{\"team\": 7}' --env staging --json")]
    Explain(ExplainArgs),
}

/// Arguments of `access explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A table, view:NAME or function:NAME
    pub(crate) resource: String,
    /// What is done with it
    #[arg(long, value_name = "ACTION")]
    pub(crate) action: AccessAction,
    /// Who does it
    #[arg(long = "as", value_name = "WHO")]
    pub(crate) actor: AccessActor,
    /// A role of the user, beside `user`; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    pub(crate) roles: Vec<String>,
    /// The user's id [default: one that nobody has]
    #[arg(long, value_name = "ID")]
    pub(crate) user_id: Option<String>,
    /// The claims of the user's token, as JSON
    #[arg(long, value_name = "JSON")]
    pub(crate) claims: Option<String>,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AccessAction {
    /// Read records
    Read,
    /// Create records
    Create,
    /// Change records
    Update,
    /// Delete records
    Delete,
    /// Call a function
    Call,
}

/// Who does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AccessActor {
    /// A publishable key alone
    Anon,
    /// A signed-in user
    User,
}
