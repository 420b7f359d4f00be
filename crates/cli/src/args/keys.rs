use clap::{Subcommand, ValueEnum};

use super::value::Duration;

/// Verbs of `keys`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List an environment's keys by prefix.
    #[command(after_help = "Examples:
  cloche keys list --env dev
  cloche keys list --env prod --json")]
    List,
    /// Create one more key; a secret key is shown once.
    #[command(after_help = "Examples:
  cloche keys create worker --env dev
  cloche keys create reports --kind secret --scope data:read --expires 30d
  cloche keys create site --kind publishable --json")]
    Create {
        /// What the key is for
        name: String,
        /// Whether it may be seen in front-end code
        #[arg(long, value_name = "KIND", default_value = "secret")]
        kind: KeyKind,
        /// Allow only this, such as data:read or table:posts:read; may be repeated [default: full access of its kind]
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// Refuse it after this time, such as 2h or 30d
        #[arg(long, value_name = "DURATION")]
        expires: Option<Duration>,
    },
    /// Make a new default key pair; the old pair stops at once.
    #[command(after_help = "Examples:
  cloche keys rotate --env dev --project demo --yes --json
  cloche keys rotate --env prod --overlap 1h    the old pair works for one more hour")]
    Rotate {
        /// Let the old pair work for this time still, 24h at most
        #[arg(long, value_name = "DURATION")]
        overlap: Option<Duration>,
    },
    /// Revoke one key for good.
    #[command(after_help = "Examples:
  cloche keys revoke sk_dev_4fTq8xK2mNpZ --yes
  cloche keys revoke 01939e3c-7d5a-7c1e-8a55-0d2f6a3b9c10")]
    Revoke {
        /// The key's id or its prefix as `keys list` shows it
        key: String,
    },
}

/// The kind of an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyKind {
    /// For back ends only
    Secret,
    /// Safe in front-end code
    Publishable,
}

impl KeyKind {
    /// As the API spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "SECRET",
            Self::Publishable => "PUBLISHABLE",
        }
    }
}
