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
        trusted_proxies: args.trusted_proxies,
    };
    let failed = |error: anyhow::Error| CliError::failed("server/failed", format!("{error:#}"));
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if settings.database_url.is_none() {
        runtime.worker_threads(beside_postgres());
    }
    let runtime = runtime.enable_all().build().map_err(|error| failed(error.into()))?;
    runtime.block_on(cloche_server::serve(settings)).map_err(failed)?;
    Ok(Exit::Ok)
}

/// Worker threads of a server that shares its machine with PostgreSQL, which does more than half of the work: half of the cores.
/// More would only wake each other, and PostgreSQL for fewer statements at a time.
fn beside_postgres() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}
