use clap::{Args, Subcommand, ValueEnum};

use super::value::Duration;

/// Verbs of `env`.
#[derive(Debug, Subcommand)]
pub(crate) enum EnvCommand {
    /// List the project's environments.
    #[command(after_help = "Examples:
  cloche env list
  cloche env list --project demo --json")]
    List,
    /// Create an empty environment with a key pair.
    Create(CreateArgs),
    /// Branch a live environment: its database, at one instant, with new credentials and keys.
    Branch(BranchArgs),
    /// Show one environment.
    #[command(after_help = "Examples:
  cloche env show staging
  cloche env show prod --json")]
    Show {
        /// Its name or type; otherwise that of --env
        name: Option<String>,
    },
    /// Rename an environment; its id, data and keys stay.
    #[command(after_help = "Examples:
  cloche env rename staging rehearsal")]
    Rename {
        /// Its name or type now
        name: String,
        /// Its new name
        new_name: String,
    },
    /// Let an environment live longer, or without an end.
    #[command(after_help = "Examples:
  cloche env renew pr-12 --lease 7d
  cloche env renew pr-12 --no-expiry")]
    Renew {
        /// Its name or type; otherwise that of --env
        name: Option<String>,
        /// How long from now, such as 30m, 2h or 7d
        #[arg(long, value_name = "DURATION", required_unless_present = "no_expiry")]
        lease: Option<Duration>,
        /// Keep it until it is deleted
        #[arg(long, conflicts_with = "lease")]
        no_expiry: bool,
    },
    /// Stop an environment's data traffic; its data stays.
    #[command(after_help = "Examples:
  cloche env pause staging")]
    Pause {
        /// Its name or type; otherwise that of --env
        name: Option<String>,
    },
    /// Allow a paused environment's data traffic again.
    #[command(after_help = "Examples:
  cloche env resume staging")]
    Resume {
        /// Its name or type; otherwise that of --env
        name: Option<String>,
    },
    /// Delete an environment with its tables, data, users, files and keys.
    #[command(after_help = "Examples:
  cloche env delete pr-12 --yes
  cloche env delete pr-12 --purge --yes        erases the bytes at once, so that no undo is possible
  cloche env delete prod --confirm prod        a protected environment wants its name typed")]
    Delete {
        /// Its name or type
        name: String,
        /// Erase the bytes at once instead of keeping them for an undo within 24 hours
        #[arg(long)]
        purge: bool,
        /// The environment's name typed again, instead of the dialogue
        #[arg(long, value_name = "NAME")]
        confirm: Option<String>,
    },
    /// Bring a deleted environment back within 24 hours, with new keys.
    #[command(after_help = "Examples:
  cloche env undelete pr-12")]
    Undelete {
        /// The name it had, or its id
        name: String,
    },
    /// Show which environment was branched from which.
    #[command(after_help = "Examples:
  cloche env tree
  cloche env tree --json")]
    Tree,
    /// Print the connection URL of an environment's SQL login: the one kept on this machine, else with a new password.
    #[command(after_help = "Examples:
  cloche env url staging              makes a new password when none is kept here, after asking
  cloche env url staging --rotate     makes a new one in any case: the old one and its sessions end
  psql \"$(cloche env url staging --yes)\"")]
    Url {
        /// Its name or type; otherwise that of --env
        name: Option<String>,
        /// Make a new password, although one is kept; asks first
        #[arg(long)]
        rotate: bool,
    },
}

/// Arguments of `env create`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloche env create staging
  cloche env create pr-12 --type eval --lease 2h --json")]
pub(crate) struct CreateArgs {
    /// The new environment's name: letters, digits, hyphen and underscore
    pub(crate) name: String,
    /// Its type, for good; otherwise by its name, else custom
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<EnvironmentType>,
    /// Delete it after this time unless renewed, such as 30m, 2h or 7d
    #[arg(long, value_name = "DURATION")]
    pub(crate) lease: Option<Duration>,
}

/// Arguments of `env branch`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloche env branch staging --from dev --mode full
  cloche env branch pr-12 --from prod --mode system --lease 2h
  cloche env branch rehearsal --from dev --copy-variables --strategy instant --json")]
pub(crate) struct BranchArgs {
    /// The new environment's name: letters, digits, hyphen and underscore
    pub(crate) name: String,
    /// The environment to branch from, by name or type
    #[arg(long, value_name = "NAME")]
    pub(crate) from: String,
    /// What to copy
    #[arg(long, value_name = "MODE", default_value = "full")]
    pub(crate) mode: BranchMode,
    /// Its type, for good; otherwise by its name, else custom
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<EnvironmentType>,
    /// Delete it after this time unless renewed, such as 30m, 2h or 7d
    #[arg(long, value_name = "DURATION")]
    pub(crate) lease: Option<Duration>,
    /// Copy the file storage providers too; needs the owner role in the project
    #[arg(long)]
    pub(crate) copy_files: bool,
    /// Copy gateway routes and webhooks too; needs the owner role in the project
    #[arg(long)]
    pub(crate) copy_routes: bool,
    /// Copy allowed origins and rate limits too; needs the owner role in the project
    #[arg(long)]
    pub(crate) copy_security: bool,
    /// Copy the environment variables too; needs the owner role in the project
    #[arg(long)]
    pub(crate) copy_variables: bool,
    /// How to copy the bytes
    #[arg(long, value_name = "STRATEGY", default_value = "auto")]
    pub(crate) strategy: CopyStrategy,
}

/// What a branch takes from its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BranchMode {
    /// Schema and data
    Full,
    /// Schema only
    System,
}

impl BranchMode {
    /// As the API spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::System => "system",
        }
    }
}

/// How a branch's bytes are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CopyStrategy {
    /// The server chooses, and says why
    Auto,
    /// Clone the database files; the source waits a moment
    Instant,
    /// Read the source in one transaction; the source does not wait
    Snapshot,
}

impl CopyStrategy {
    /// As the API spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "AUTO",
            Self::Instant => "INSTANT",
            Self::Snapshot => "SNAPSHOT",
        }
    }
}

/// The type of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EnvironmentType {
    /// Development
    Dev,
    /// The step before production
    Staging,
    /// Production: protected, never touched by `dev`
    Prod,
    /// Evaluation
    Eval,
    /// Anything else, such as previews
    Custom,
}

impl EnvironmentType {
    /// As the API spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Staging => "staging",
            Self::Prod => "prod",
            Self::Eval => "eval",
            Self::Custom => "custom",
        }
    }
}
