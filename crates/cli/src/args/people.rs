use clap::{Subcommand, ValueEnum};

use super::value::Duration;

/// Verbs of `members`.
#[derive(Debug, Subcommand)]
pub(crate) enum MembersCommand {
    /// List the organization's members.
    #[command(after_help = "Examples:
  cloche members list
  cloche members list --json")]
    List,
    /// Add a person to the organization.
    #[command(after_help = "Examples:
  cloche members add ada@example.com --name Ada
  cloche members add grace@example.com --role owner")]
    Add {
        /// The person's e-mail address
        email: String,
        /// The person's name
        #[arg(long)]
        name: Option<String>,
        /// The person's role in the organization
        #[arg(long, value_name = "ROLE", default_value = "member")]
        role: OrganizationRole,
    },
    /// Give a member a role in the project, or take it away.
    #[command(after_help = "Examples:
  cloche members role ada@example.com developer --project demo
  cloche members role ada@example.com none --project demo")]
    Role {
        /// The member's e-mail address or id
        member: String,
        /// The role in the project
        role: ProjectRole,
    },
}

/// A member's role in the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OrganizationRole {
    /// Everything in every project
    Owner,
    /// What each project's roles give
    Member,
}

impl OrganizationRole {
    /// As the API spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "OWNER",
            Self::Member => "MEMBER",
        }
    }
}

/// A member's role in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProjectRole {
    /// Everything, production and copies of configuration included
    Owner,
    /// Members, keys and variables
    Admin,
    /// Environments and definitions
    Developer,
    /// Reads definitions, never production data
    Viewer,
    /// No role: the member leaves the project
    None,
}

impl ProjectRole {
    /// As the API spells it; null takes the role away.
    pub(crate) fn as_api(self) -> Option<&'static str> {
        match self {
            Self::Owner => Some("OWNER"),
            Self::Admin => Some("ADMIN"),
            Self::Developer => Some("DEVELOPER"),
            Self::Viewer => Some("VIEWER"),
            Self::None => None,
        }
    }
}

/// Verbs of `tokens`.
#[derive(Debug, Subcommand)]
pub(crate) enum TokensCommand {
    /// List your personal access tokens.
    #[command(after_help = "Examples:
  cloche tokens list
  cloche tokens list --json")]
    List,
    /// Create a personal access token; it is shown once.
    #[command(after_help = "Examples:
  cloche tokens create laptop
  cloche tokens create ci --member ada@example.com --expires 90d --json")]
    Create {
        /// What the token is for
        name: String,
        /// The member it stands for, by e-mail address or id; otherwise you
        #[arg(long, value_name = "EMAIL")]
        member: Option<String>,
        /// Refuse it after this time, such as 8h or 90d
        #[arg(long, value_name = "DURATION")]
        expires: Option<Duration>,
    },
    /// Revoke a token for good.
    #[command(after_help = "Examples:
  cloche tokens revoke laptop
  cloche tokens revoke pat_4fTq8xK2mNpZ --yes")]
    Revoke {
        /// The token's id, prefix or name
        #[arg(value_name = "TOKEN")]
        which: String,
    },
}
