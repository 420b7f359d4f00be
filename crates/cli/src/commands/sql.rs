//! psql with the environment's own SQL login. The password reaches it through its environment, never on a command line, which
//! every user of the machine can read.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::credential::{self, Credential};
use super::{Context, lookup};
use crate::args::SqlArgs;
use crate::ask;
use crate::error::{CliError, Exit, Result};
use crate::model::Environment;

/// What PostgreSQL says of a login that does not work any more.
const REFUSED: [&str; 3] = ["password authentication failed", "is not permitted to log in", "does not exist"];

/// Becomes psql. With a credential that does not work, a new one is made first.
pub(crate) async fn run(context: &Context, args: SqlArgs) -> Result<Exit> {
    if context.printer.is_json() {
        return Err(CliError::usage("psql prints no JSON")
            .hint("leave out --json, or select it: -c 'select json_agg(p) from posts p' -- -At"));
    }
    let psql = find(args.psql.as_deref())?;
    let environment = lookup::environment(context, None).await?;
    let credential = working(context, &environment, &psql).await?;
    let mut command = with_credential(&psql, &credential)?;
    if let Some(sql) = &args.command {
        command.args(["-c", sql]);
    }
    let error = command.args(&args.arguments).exec();
    Err(CliError::io("run", &psql, &error))
}

/// The kept credential if it opens the database, else a new one.
async fn working(context: &Context, environment: &Environment, psql: &Path) -> Result<Credential> {
    let name = &environment.name;
    let why = match credential::kept(context, environment)? {
        None => format!("No SQL password of {name} is kept on this machine"),
        Some(kept) => match refusal(psql, &kept)? {
            None => return Ok(kept),
            Some(said) if REFUSED.iter().any(|known| said.contains(known)) => {
                format!("The SQL password kept for {name} does not open it any more")
            }
            Some(said) => {
                return Err(CliError::failed("sql/unreachable", format!("the database of {name} cannot be reached: {said}"))
                    .hint("the address is the one the server uses: run this where it can be reached, or through a tunnel"));
            }
        },
    };
    ask::confirm(context.settings.yes, &format!("{why}. Make a new one, whereupon the old one and its sessions end?"))?;
    credential::rotate(context, environment).await
}

/// What PostgreSQL says when it does not let the credential in.
fn refusal(psql: &Path, credential: &Credential) -> Result<Option<String>> {
    let mut command = with_credential(psql, credential)?;
    command.args(["-X", "-w", "-q", "-A", "-t", "-c", "SELECT 1"]).env("LC_ALL", "C").env("PGCONNECT_TIMEOUT", "10");
    let output = command.stdin(Stdio::null()).output().map_err(|error| CliError::io("run", psql, &error))?;
    let said = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Ok((!output.status.success()).then(said))
}

/// `--psql`; else the one beside the PostgreSQL a server here would run; else the system's.
fn find(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(psql) = given {
        return Ok(psql.to_owned());
    }
    // Not what the folder at hand holds: somebody else may have put it there.
    let folders = cloche_server::program_folders(Path::new(".cloche/data")).into_iter().filter(|folder| folder.is_absolute());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = folders.chain(std::env::split_paths(&path)).map(|folder| folder.join("psql")).find(|psql| psql.is_file());
    found.ok_or_else(|| {
        CliError::failed("sql/no-psql", "psql was not found")
            .hint("install PostgreSQL's client, or name it with --psql; `cloche env url` prints the URL for other programs")
    })
}

/// psql told where to go by variables, with none of the caller's own that could lead it elsewhere.
fn with_credential(psql: &Path, credential: &Credential) -> Result<Command> {
    let address = Address::read(&credential.url).ok_or_else(|| {
        CliError::failed("sql/credential", "the kept SQL credential cannot be read").hint("run `cloche env url --rotate`")
    })?;
    let mut command = Command::new(psql);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
        command.env_remove(name);
    }
    command.env("PGHOST", address.host).env("PGPORT", address.port).env("PGUSER", address.user);
    command.env("PGPASSWORD", address.password).env("PGDATABASE", address.database);
    Ok(command)
}

/// The parts of a URL as `rotateDatabaseCredential` gives it, with a host or with the folder of a socket.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    host: String,
    port: String,
    user: String,
    password: String,
    database: String,
}

impl Address {
    fn read(url: &str) -> Option<Self> {
        let (login, place) = url.strip_prefix("postgresql://")?.rsplit_once('@')?;
        let (user, password) = login.split_once(':')?;
        let (server, rest) = place.split_once('/')?;
        let (database, query) = rest.split_once('?').unwrap_or((rest, ""));
        let parameter = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let (host, port) = server.rsplit_once(':').unwrap_or((server, "5432"));
        let host = parameter("host").unwrap_or(host.trim_matches(['[', ']']));
        Some(Self {
            host: decode(host)?,
            port: parameter("port").unwrap_or(port).to_owned(),
            user: decode(user)?,
            password: decode(password)?,
            database: decode(database)?,
        })
    }
}

/// `%2F` → `/`.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let address = |host: &str, port: &str| {
            let text = |text: &str| text.to_owned();
            Some(Address {
                host: text(host),
                port: text(port),
                user: text("u_sql"),
                password: text("p:@w"),
                database: text("db"),
            })
        };
        let read = |place: &str| Address::read(&format!("postgresql://u_sql:p%3A%40w@{place}"));
        assert_eq!(read("/db?host=%2Ftmp%2Fa%20b&port=5433"), address("/tmp/a b", "5433"));
        assert_eq!(read("db.example.com:6432/db"), address("db.example.com", "6432"));
        assert_eq!(read("[::1]:6432/db"), address("::1", "6432"));
        assert_eq!(Address::read("https://example.com/db"), None);
        assert_eq!(read("/db?host=%2"), None);
    }
}
