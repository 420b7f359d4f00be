use crate::args::{LogFormat, ServeArgs};
use crate::error::{CliError, Exit, Result};

/// Runs the server until it is told to stop.
pub(crate) fn run(args: ServeArgs) -> Result<Exit> {
    let settings = cloche_server::Settings {
        data_dir: args.data_dir,
        listen: args.listen,
        database_url: args.database_url,
        postgres_bin: args.postgres_bin,
        postgres_user: args.postgres_user,
        log_format: match args.log_format {
            LogFormat::Text => cloche_server::LogFormat::Text,
            LogFormat::Json => cloche_server::LogFormat::Json,
        },
        log_filter: args.log_filter,
        public_url: args.public_url,
    };
    let failed = |error: anyhow::Error| CliError::failed("server/failed", format!("{error:#}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| failed(error.into()))?;
    runtime.block_on(cloche_server::serve(settings)).map_err(failed)?;
    Ok(Exit::Ok)
}
