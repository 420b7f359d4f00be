use clap::{Args, Subcommand};

/// Verbs of `data`.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Read records of a table as JSON.
    #[command(after_help = "Examples:
  CLOCHE_KEY=pk_… cloche data get posts --query 'select=id,title&order=id.desc&limit=5'
  cloche data get posts 17 --key sk_…")]
    Get {
        /// Where
        #[command(flatten)]
        target: DataTarget,
        /// One record by its primary key
        id: Option<String>,
        /// The query string, as after `?` in the address
        #[arg(long, value_name = "QUERY")]
        query: Option<String>,
    },
    /// Insert one record or many, given as JSON.
    #[command(after_help = "Examples:
  cloche data insert authors --body '{\"name\": \"Ada\"}'
  cloche data insert posts < posts.json")]
    Insert {
        /// Where
        #[command(flatten)]
        target: DataTarget,
        /// A JSON object, or an array of them; otherwise read from stdin
        #[arg(long, value_name = "JSON")]
        body: Option<String>,
    },
}

/// Whose table: the key alone names the environment.
#[derive(Debug, Args)]
pub(crate) struct DataTarget {
    /// The table
    pub(crate) table: String,
    /// The environment's API key
    #[arg(long, value_name = "KEY", env = "CLOCHE_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
}
