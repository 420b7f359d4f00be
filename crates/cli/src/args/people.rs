use clap::{Args, Subcommand, ValueEnum};

use super::value::Duration;

/// Verbs of `orgs`.
#[derive(Debug, Subcommand)]
pub(crate) enum OrgsCommand {
    /// List the organizations you belong to.
    #[command(after_help = "Examples:
  cloche orgs list
  cloche orgs list --json")]
    List,
    /// Create an organization, which you own; for owners of the server.
    #[command(after_help = "Examples:
  cloche orgs create Acme
  cloche orgs create 'Acme Labs' --json")]
    Create {
        /// The new organization's name
        name: String,
    },
    /// Give an organization another name.
    #[command(after_help = "Examples:
  cloche orgs rename default Acme
  cloche orgs rename Acme 'Acme Labs'")]
    Rename {
        /// The organization's name or id
        organization: String,
        /// Its new name
        name: String,
    },
}

/// Verbs of `members`.
#[derive(Debug, Subcommand)]
pub(crate) enum MembersCommand {
    /// List an organization's members.
    #[command(after_help = "Examples:
  cloche members list
  cloche members list --org Acme --json")]
    List {
        #[command(flatten)]
        of: OfOrganization,
    },
    /// Invite a person: prints a link to send them, good for 7 days.
    #[command(after_help = "Examples:
  cloche members invite ada@example.com
  cloche members invite ada@example.com --role developer --project blog
  cloche members invite grace@example.com --org-role owner --org Acme")]
    Invite {
        /// The person's e-mail address
        email: String,
        /// The role in the project of --project, from the moment the invitation is accepted
        #[arg(long, value_name = "ROLE", value_parser = clap::builder::PossibleValuesParser::new(["owner", "admin", "developer", "viewer"]))]
        role: Option<String>,
        /// The role in the organization
        #[arg(long, value_name = "ROLE", default_value = "member")]
        org_role: OrganizationRole,
        #[command(flatten)]
        of: OfOrganization,
    },
    /// List invitations, newest first.
    #[command(after_help = "Examples:
  cloche members invitations
  cloche members invitations --org Acme --json")]
    Invitations {
        #[command(flatten)]
        of: OfOrganization,
    },
    /// End an invitation that was not accepted yet; its link stops at once.
    #[command(after_help = "Examples:
  cloche members revoke-invitation ada@example.com
  cloche members revoke-invitation ada@example.com --org Acme --yes")]
    RevokeInvitation {
        /// The invitation's e-mail address or id
        invitation: String,
        #[command(flatten)]
        of: OfOrganization,
    },
    /// Add a machine, which uses tokens and has no password; invite people.
    #[command(after_help = "Examples:
  cloche members add ci@example.com --name CI
  cloche members add deploy@example.com --org Acme")]
    Add {
        /// Its e-mail address
        email: String,
        /// Its name
        #[arg(long)]
        name: Option<String>,
        /// Its role in the organization
        #[arg(long, value_name = "ROLE", default_value = "member")]
        role: OrganizationRole,
        #[command(flatten)]
        of: OfOrganization,
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
    /// Make a member an owner of the organization, or an owner a member.
    #[command(after_help = "Examples:
  cloche members org-role grace@example.com owner
  cloche members org-role grace@example.com member --org Acme")]
    OrgRole {
        /// The member's e-mail address or id
        member: String,
        /// The role in the organization
        role: OrganizationRole,
        #[command(flatten)]
        of: OfOrganization,
    },
    /// Make another member the owner, and yourself a member.
    #[command(after_help = "Examples:
  cloche members transfer grace@example.com
  cloche members transfer grace@example.com --org Acme --yes")]
    Transfer {
        /// The new owner's e-mail address or id
        member: String,
        #[command(flatten)]
        of: OfOrganization,
    },
    /// Take a member out of the organization; roles, tokens and sessions end at once.
    #[command(after_help = "Examples:
  cloche members remove ada@example.com
  cloche members remove ada@example.com --org Acme --yes")]
    Remove {
        /// The member's e-mail address or id
        member: String,
        #[command(flatten)]
        of: OfOrganization,
    },
    /// Print a link with which a member chooses a new password, good for 24 hours.
    #[command(after_help = "Examples:
  cloche members password-link ada@example.com
  cloche members password-link ada@example.com --json")]
    PasswordLink {
        /// The member's e-mail address or id
        member: String,
        #[command(flatten)]
        of: OfOrganization,
    },
}

/// Which organization is meant.
#[derive(Debug, Args)]
pub(crate) struct OfOrganization {
    /// The organization, by name or id; otherwise your only or oldest one
    #[arg(long = "org", value_name = "NAME")]
    pub(crate) organization: Option<String>,
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
