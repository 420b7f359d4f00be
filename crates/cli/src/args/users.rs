use clap::Subcommand;

/// Verbs of `users`.
#[derive(Debug, Subcommand)]
pub(crate) enum UsersCommand {
    /// List the users of an environment's applications.
    #[command(after_help = "Examples:
  cloche users list --env dev
  cloche users list --search example.com --role editor --json")]
    List {
        /// Only those whose address or own id has this in it
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// Only those with this role
        #[arg(long, value_name = "ROLE")]
        role: Option<String>,
        /// How many to show
        #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=200))]
        limit: i32,
        /// How many to leave out before
        #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = clap::value_parser!(i32).range(0..))]
        offset: i32,
    },
    /// Create a user whose address counts as confirmed.
    #[command(after_help = "Examples:
  cloche users create ada@example.com --env dev                   signs in by links and codes
  cloche users create ada@example.com --password < password.txt   reads the password from stdin
  cloche users create ada@example.com --role editor --role staff")]
    Create {
        /// Their e-mail address
        email: String,
        /// Ask for a password, or read it from stdin
        #[arg(long)]
        password: bool,
        /// A role of theirs; may be repeated
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
    },
    /// Delete a user with their sessions, for good.
    #[command(after_help = "Examples:
  cloche users delete ada@example.com --env dev --yes
  cloche users delete 01939e3c-7d5a-7c1e-8a55-0d2f6a3b9c10")]
    Delete {
        /// Their e-mail address or id
        user: String,
    },
    /// Give a user these roles in the place of those they have.
    #[command(after_help = "Examples:
  cloche users set-roles ada@example.com editor staff --env dev
  cloche users set-roles ada@example.com    takes all roles away")]
    SetRoles {
        /// Their e-mail address or id
        user: String,
        /// The roles
        roles: Vec<String>,
    },
    /// Show the newest mails to users, with their links: none is sent by the server itself.
    #[command(after_help = "Examples:
  cloche users mails --env dev
  cloche users mails --to ada@example.com --json")]
    Mails {
        /// Only those to this address
        #[arg(long, value_name = "EMAIL")]
        to: Option<String>,
        /// How many to show
        #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(i32).range(1..=200))]
        limit: i32,
    },
}
