use clap::Subcommand;

use super::OfOrganization;

/// Verbs of `project`.
#[derive(Debug, Subcommand)]
pub(crate) enum ProjectCommand {
    /// Create a project with its root environment and a key pair.
    #[command(after_help = "Examples:
  cloche project create demo
  cloche project create demo --root-name master --json
  cloche project create demo --org Acme")]
    Create {
        /// The new project's name: letters, digits, hyphen and underscore
        name: String,
        /// The name of its root environment, which is of type dev
        #[arg(long, value_name = "NAME", default_value = "dev")]
        root_name: String,
        #[command(flatten)]
        of: OfOrganization,
    },
    /// List the projects you can see.
    #[command(after_help = "Examples:
  cloche project list
  cloche project list --json")]
    List,
    /// Show one project.
    #[command(after_help = "Examples:
  cloche project show demo
  cloche project show --json")]
    Show {
        /// The project's name or id; otherwise that of --project
        name: Option<String>,
    },
}
