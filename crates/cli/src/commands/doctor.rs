use console::style;
use serde::Serialize;
use serde_json::json;

use super::{Context, lookup, whoami};
use crate::error::{CliError, Exit, Result};
use crate::folder;
use crate::model::{Server, Viewer};
use crate::printer::count;

const SERVER: &str = "{ server { version postgresVersion postgresKind dataDirectory copyOnWrite filesystem } }";

/// How one check ended.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Warning,
    Failed,
}

/// One check.
#[derive(Serialize)]
struct Check {
    name: &'static str,
    status: Status,
    detail: String,
    hint: Option<String>,
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, detail: detail.into(), hint: None }
    }

    fn warning(name: &'static str, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name, status: Status::Warning, detail: detail.into(), hint: Some(hint.into()) }
    }

    fn failed(name: &'static str, error: CliError) -> Self {
        Self { name, status: Status::Failed, detail: error.message, hint: error.hint }
    }
}

#[derive(Serialize)]
struct Report {
    ok: bool,
    checks: Vec<Check>,
}

/// Checks everything a command needs, as far as it gets.
pub(crate) async fn run(context: &Context) -> Result<Exit> {
    let mut checks = vec![reachable(context).await];
    if checks[0].status != Status::Failed {
        checks.push(token(context).await);
        if checks[1].status != Status::Failed {
            server(context, &mut checks).await;
            checks.push(project(context).await);
        }
    }
    checks.push(definitions(context));
    let ok = checks.iter().all(|check| check.status != Status::Failed);
    let report = Report { ok, checks };
    context.printer.result(&report, || report.checks.iter().map(line).collect())?;
    Ok(if ok { Exit::Ok } else { Exit::Failed })
}

async fn reachable(context: &Context) -> Check {
    const NAME: &str = "server";
    let url = context.client.url().as_str().trim_end_matches('/');
    match context.client.probe("readyz").await {
        Ok((status, _)) if status.is_success() => Check::ok(NAME, format!("{url} is ready")),
        Ok((status, text)) if status.is_server_error() => {
            let detail = format!("{url} is there but not ready: {}", text.lines().next().unwrap_or_default());
            Check::warning(NAME, detail, "wait a moment, then look at the server's log")
        }
        Ok((status, _)) => {
            let error = CliError::failed("cli/not-cloche", format!("{url} answered {status}, not as a Cloche server does"));
            Check::failed(NAME, error.hint("check --url, CLOCHE_URL and `server:` in cloche.yaml"))
        }
        Err(error) => Check::failed(NAME, error),
    }
}

async fn token(context: &Context) -> Check {
    const NAME: &str = "token";
    let source = context.settings.token.as_ref().map(|token| token.source.to_string()).unwrap_or_default();
    match context.client.query::<Viewer>(whoami::VIEWER, json!({})).await {
        Ok(viewer) => {
            let name = viewer.email.or(viewer.name).unwrap_or(viewer.id);
            Check::ok(NAME, format!("stands for {name} (from {source})"))
        }
        Err(error) => Check::failed(NAME, error),
    }
}

async fn server(context: &Context, checks: &mut Vec<Check>) {
    let server: Server = match context.client.query(SERVER, json!({})).await {
        Ok(server) => server,
        Err(error) => return checks.push(Check::failed("version", error)),
    };
    let own = env!("CARGO_PKG_VERSION");
    checks.push(if server.version == own {
        Check::ok("version", format!("server and command line are both {own}"))
    } else {
        let detail = format!("the server is {}, the command line {own}", server.version);
        Check::warning("version", detail, "use the same version of both")
    });
    checks.push(Check::ok("postgresql", format!("{} ({})", server.postgres_version, server.postgres_kind)));
    let file_system = server.filesystem.unwrap_or_else(|| "unknown file system".to_owned());
    checks.push(if server.copy_on_write {
        Check::ok("copy-on-write", format!("yes ({file_system})"))
    } else {
        let hint =
            "branches copy bytes, which takes longer the more there are; a data directory on XFS or Btrfs makes them instant";
        Check::warning("copy-on-write", format!("no ({file_system})"), hint)
    });
}

async fn project(context: &Context) -> Check {
    const NAME: &str = "project";
    if context.settings.project.is_none() {
        return Check::warning(NAME, "none is named", "add --project NAME, or run this in a project folder");
    }
    match lookup::project(context).await {
        Ok(project) => Check::ok(NAME, format!("{} is on the server", project.name)),
        Err(error) => Check::failed(NAME, error),
    }
}

fn definitions(context: &Context) -> Check {
    const NAME: &str = "definitions";
    let Some(path) = &context.settings.folder else {
        let hint = "make a project folder with `cloche init --template blog --project NAME`";
        return Check::warning(NAME, "this is not a project folder", hint);
    };
    match folder::read(path) {
        Ok(files) => Check::ok(NAME, format!("{} in {}", count(files.len(), "file"), path.display())),
        Err(error) => Check::failed(NAME, error),
    }
}

fn line(check: &Check) -> String {
    let mark = match check.status {
        Status::Ok => style("✓").green(),
        Status::Warning => style("!").yellow(),
        Status::Failed => style("✗").red(),
    };
    let hint = check.hint.as_ref().map(|hint| format!("{:17}next: {hint}\n", "")).unwrap_or_default();
    format!("{mark} {:13}  {}\n{hint}", check.name, check.detail)
}
