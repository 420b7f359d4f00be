use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify_debouncer_full::notify::{self, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{Debouncer, RecommendedCache, new_debouncer};
use tokio::sync::mpsc;

use super::sync::{self, Synced, change_line, extra_line};
use super::{Context, lookup};
use crate::args::DevArgs;
use crate::ask;
use crate::error::{CliError, Exit, Result};
use crate::folder::{self, DefinitionFile, KINDS, project_folder};
use crate::model::{Environment, Plan};
use crate::printer::count;

/// How long a folder must be quiet before it is synced: an editor saves in several steps.
const QUIET: Duration = Duration::from_millis(200);
/// How long to wait before a server that was not there is tried again.
const RETRY: Duration = Duration::from_secs(2);

/// Makes the environment like the folder: once, or at every change until Ctrl-C.
pub(crate) async fn run(context: &Context, args: DevArgs) -> Result<Exit> {
    let folder = project_folder(&context.settings)?;
    let environment = lookup::environment(context, None).await?;
    if environment.kind == "prod" {
        let message = format!("{} is of type prod, which `dev` never touches", environment.name);
        return Err(CliError::usage(message).hint("name a development environment with --env"));
    }
    if args.once {
        sync_once(context, &environment, &folder::read(folder)?, args.prune).await?;
    } else {
        watch(context, &environment, folder, args.prune).await?;
    }
    Ok(Exit::Ok)
}

/// Plans, asks before anything is dropped, applies exactly that plan, and shows each change.
async fn sync_once(context: &Context, environment: &Environment, files: &[DefinitionFile], prune: bool) -> Result<()> {
    let mut plan = sync::plan(context, environment, files, prune).await?;
    if !plan.empty {
        ask_before_drops(context, environment, &plan).await?;
        plan = sync::apply(context, environment, files, prune, &plan.hash).await?;
    }
    let name = &environment.name;
    for extra in &plan.extra {
        context.printer.note(extra_line(extra, environment));
    }
    if !plan.extra.is_empty() {
        context.printer.note("What only the environment has stays; `cloche dev --once --prune` drops it.");
    }
    let synced = Synced { environment: environment.clone(), plan };
    let lines = || synced.plan.changes.iter().map(|change| change_line(change) + "\n").collect();
    context.printer.result(&synced, lines)?;
    context.printer.note(match synced.plan.changes.len() {
        0 => format!("{name} is in step with the folder."),
        number => format!("{name} is in step with the folder after {}.", count(number, "change")),
    });
    Ok(())
}

async fn ask_before_drops(context: &Context, environment: &Environment, plan: &Plan) -> Result<()> {
    let drops: Vec<_> = plan.changes.iter().filter(|change| change.action == "drop").collect();
    if drops.is_empty() || context.settings.yes {
        return Ok(());
    }
    for change in &drops {
        context.printer.note(change_line(change));
    }
    let question = format!("Drop {} in {} with all data in it?", count(drops.len(), "thing"), environment.name);
    // On a thread of its own, so that Ctrl-C is heard while the question waits.
    let answer = tokio::task::spawn_blocking(move || ask::confirm(false, &question)).await;
    answer.unwrap_or_else(|error| Err(CliError::failed("cli/io", format!("the question could not be asked: {error}"))))
}

/// Syncs now and whenever the files have changed. An error is shown and the watch goes on.
async fn watch(context: &Context, environment: &Environment, folder: &Path, prune: bool) -> Result<()> {
    let (changed, mut changes) = mpsc::unbounded_channel();
    let mut watched = Watched::new(folder, changed)?;
    let mut last: Option<Vec<DefinitionFile>> = None;
    let mut away = false;
    let stop = tokio::signal::ctrl_c();
    tokio::pin!(stop);
    loop {
        watched.follow()?;
        let files = folder::read(folder);
        // The watch also reports reads, this program's own among them: the content decides.
        if away || files.as_ref().ok() != last.as_ref() || last.is_none() {
            let result = match &files {
                Ok(files) => tokio::select! {
                    result = sync_once(context, environment, files, prune) => result,
                    _ = &mut stop => return Ok(()),
                },
                Err(error) => Err(CliError::failed(error.code.clone(), error.message.clone())),
            };
            let was_away = std::mem::replace(&mut away, matches!(&result, Err(error) if error.code == "server/unreachable"));
            if let Err(error) = &result
                && !(was_away && away)
            {
                context.printer.error(error);
            }
            if last.is_none() {
                context.printer.note(format!("Watching {}; Ctrl-C stops.", folder.display()));
            }
            last = Some(files.unwrap_or_default());
        }
        tokio::select! {
            _ = &mut stop => return Ok(()),
            Some(()) = changes.recv() => while changes.try_recv().is_ok() {},
            () = tokio::time::sleep(RETRY), if away => {}
        }
    }
}

/// A watch on the project folder and on those of its definition folders that exist.
struct Watched {
    folder: PathBuf,
    below: HashSet<PathBuf>,
    debouncer: Debouncer<RecommendedWatcher, RecommendedCache>,
}

impl Watched {
    fn new(folder: &Path, changed: mpsc::UnboundedSender<()>) -> Result<Self> {
        let report = move |_: notify_debouncer_full::DebounceEventResult| {
            // Nobody listens any more only when the command ends.
            let _ = changed.send(());
        };
        let mut debouncer = new_debouncer(QUIET, None, report).map_err(|error| cannot_watch(folder, &error))?;
        // Not what is below it: there may be a whole database or node_modules.
        debouncer.watch(folder, RecursiveMode::NonRecursive).map_err(|error| cannot_watch(folder, &error))?;
        Ok(Self { folder: folder.to_owned(), below: HashSet::new(), debouncer })
    }

    /// Takes up definition folders that have appeared, and forgets those that are gone.
    fn follow(&mut self) -> Result<()> {
        for path in KINDS.map(|kind| self.folder.join(kind)) {
            if !path.is_dir() {
                if self.below.remove(&path) {
                    // The watch went with the folder; that there is none left to end is what is wanted.
                    let _ = self.debouncer.unwatch(&path);
                }
            } else if !self.below.contains(&path) {
                self.debouncer.watch(&path, RecursiveMode::Recursive).map_err(|error| cannot_watch(&path, &error))?;
                self.below.insert(path);
            }
        }
        Ok(())
    }
}

fn cannot_watch(path: &Path, error: &notify::Error) -> CliError {
    CliError::failed("cli/watch", format!("cannot watch {}: {error}", path.display()))
        .hint("`cloche dev --once` syncs without watching")
}
