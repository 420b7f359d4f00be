use std::collections::BTreeMap;

use console::style;

use super::sync::{self, Synced, change_line, extra_line};
use super::{Context, lookup};
use crate::args::StatusArgs;
use crate::error::{Exit, Result};
use crate::folder::{self, project_folder};
use crate::printer::count;

/// Shows, kind by kind, what differs between folder and environment; changes nothing.
pub(crate) async fn run(context: &Context, args: StatusArgs) -> Result<Exit> {
    let files = folder::read(project_folder(&context.settings)?)?;
    let environment = lookup::environment(context, None).await?;
    let plan = sync::plan(context, &environment, &files, false).await?;
    let differs = !plan.empty || !plan.extra.is_empty();
    let synced = Synced { environment, plan };
    context.printer.note(headline(&synced));
    context.printer.result(&synced, || by_kind(&synced))?;
    Ok(if differs && args.exit_code { Exit::Differences } else { Exit::Ok })
}

fn headline(synced: &Synced) -> String {
    let name = &synced.environment.name;
    let extra = synced.plan.extra.len();
    let only = format!("{} only in {name}", count(extra, "thing"));
    match (synced.plan.changes.len(), extra) {
        (0, 0) => format!("{name} is in step with the folder."),
        (0, _) => format!("{name} has all that is in the folder; {only}."),
        (changes, 0) => format!("{} would bring {name} in step with the folder.", count(changes, "change")),
        (changes, _) => format!("{} would bring {name} in step with the folder; {only}.", count(changes, "change")),
    }
}

fn by_kind(synced: &Synced) -> String {
    let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for change in &synced.plan.changes {
        kinds.entry(&change.kind).or_default().push(change_line(change));
    }
    for extra in &synced.plan.extra {
        kinds.entry(&extra.kind).or_default().push(extra_line(extra, &synced.environment));
    }
    let group = |(kind, lines): (&str, Vec<String>)| {
        let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
        format!("{}\n{lines}", style(plural(kind)).bold().underlined())
    };
    kinds.into_iter().map(group).collect()
}

fn plural(kind: &str) -> String {
    match kind {
        "access" => kind.to_owned(),
        "index" => "indexes".to_owned(),
        other => format!("{other}s"),
    }
}
