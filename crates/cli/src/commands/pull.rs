//! What is deployed, as files: for a schema that was edited over the API or by hand.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cloche_definitions::{Definitions, SourceFile, parse};
use console::style;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, lookup};
use crate::args::PullArgs;
use crate::ask;
use crate::error::{CliError, Exit, Result};
use crate::folder::{self, DefinitionFile, project_folder};
use crate::printer::count;

const FILES: &str = "query Files($environmentId: String!) { schema(environmentId: $environmentId) { files { path content } } }";
/// The folders that are written; what else a project defines has no files of this kind.
const WRITTEN: [&str; 5] = ["enums", "functions", "roles", "tables", "views"];

#[derive(Deserialize)]
struct Schema {
    files: Vec<DefinitionFile>,
}

/// What was done to the folder: paths relative to it.
#[derive(Debug, Default, Serialize)]
struct Pulled {
    created: Vec<String>,
    replaced: Vec<String>,
    removed: Vec<String>,
    /// Only in the folder, and kept.
    extra: Vec<String>,
}

/// Writes the files that say something else than what is deployed.
pub(crate) async fn run(context: &Context, args: PullArgs) -> Result<Exit> {
    let folder = project_folder(&context.settings)?;
    let local = folder::read(folder)?;
    let environment = lookup::environment(context, None).await?;
    let schema: Schema = context.client.query(FILES, json!({ "environmentId": environment.id })).await?;
    let pull = Pull::new(&local, schema.files)?;
    let mut pulled = pull.plan(args.prune);
    let lost = pulled.replaced.len() + pulled.removed.len();
    if lost > 0 {
        for path in pulled.replaced.iter().chain(&pulled.removed) {
            context.printer.note(format!("{} {path}", style("~").yellow()));
        }
        let question = format!("{} of {} would be lost, with their comments. Go on?", count(lost, "file"), folder.display());
        ask::confirm(context.settings.yes, &question)?;
    }
    for path in pulled.created.iter().chain(&pulled.replaced) {
        write(folder, path, &pull.deployed[&key(path)].content)?;
    }
    for path in &pulled.removed {
        let path = folder.join(path);
        fs::remove_file(&path).map_err(|error| CliError::io("remove", &path, &error))?;
    }
    pulled.extra.sort();
    context.printer.note(summary(&pulled, &environment.name));
    context.printer.result(&pulled, || lines(&pulled))?;
    Ok(Exit::Ok)
}

fn summary(pulled: &Pulled, name: &str) -> String {
    let written = pulled.created.len() + pulled.replaced.len();
    let extra = match pulled.extra.len() {
        0 => String::new(),
        extra => format!("; {} for what {name} does not have: `--prune` removes them", count(extra, "file")),
    };
    match written + pulled.removed.len() {
        0 => format!("The folder says what is deployed in {name}{extra}."),
        _ => format!("{} written, {} removed{extra}.", count(written, "file"), count(pulled.removed.len(), "file")),
    }
}

fn lines(pulled: &Pulled) -> String {
    let line = |mark, paths: &[String]| paths.iter().map(|path| format!("{mark} {path}\n")).collect::<String>();
    let (created, replaced) = (line(style("+").green(), &pulled.created), line(style("~").yellow(), &pulled.replaced));
    created + &replaced + &line(style("-").red(), &pulled.removed) + &line(style("?").yellow(), &pulled.extra)
}

/// The folder and the environment side by side.
struct Pull {
    /// The folder's files by what they define.
    local: BTreeMap<String, String>,
    /// What the folder says, if it can be read whole.
    said: Option<Definitions>,
    deployed: BTreeMap<String, DefinitionFile>,
    wanted: Definitions,
}

/// `tables/posts.yml` → `tables/posts`.
fn key(path: &str) -> String {
    path.trim_end_matches(".yaml").trim_end_matches(".yml").to_owned()
}

impl Pull {
    fn new(local: &[DefinitionFile], deployed: Vec<DefinitionFile>) -> Result<Self> {
        for file in &deployed {
            check_path(&file.path)?;
        }
        let sources = |files: &[DefinitionFile]| -> Vec<SourceFile> {
            files.iter().map(|file| SourceFile { path: file.path.clone(), content: file.content.clone() }).collect()
        };
        let wanted = parse(&sources(&deployed))
            .map_err(|_| CliError::failed("pull/unreadable", "the server's files cannot be read by this version of `cloche`"))?;
        Ok(Self {
            local: local.iter().filter(|file| is_written(&file.path)).map(|file| (key(&file.path), file.path.clone())).collect(),
            said: parse(&sources(local)).ok(),
            deployed: deployed.into_iter().map(|file| (key(&file.path), file)).collect(),
            wanted,
        })
    }

    fn plan(&self, prune: bool) -> Pulled {
        let mut pulled = Pulled::default();
        for key in self.deployed.keys() {
            match self.local.get(key) {
                None => pulled.created.push(format!("{key}.yaml")),
                Some(_) if self.is_said(key) => {}
                Some(path) => pulled.replaced.push(path.clone()),
            }
        }
        let extra = self.local.iter().filter(|(key, _)| !self.deployed.contains_key(*key)).map(|(_, path)| path.clone());
        if prune {
            pulled.removed = extra.collect()
        } else {
            pulled.extra = extra.collect()
        }
        pulled
    }

    /// Whether the folder says of one thing what is deployed. Former names mean nothing once a rename is done.
    fn is_said(&self, key: &str) -> bool {
        let (Some(said), Some((folder, name))) = (&self.said, key.split_once('/')) else { return false };
        match folder {
            "tables" => {
                said.tables.get(name).cloned().map(|mut table| {
                    table.renamed_from = None;
                    table.columns.iter_mut().for_each(|column| column.renamed_from = None);
                    table
                }) == self.wanted.tables.get(name).cloned()
            }
            "enums" => said.enums.get(name) == self.wanted.enums.get(name),
            "views" => {
                let bare = |mut view: cloche_definitions::View| {
                    view.renamed_from = None;
                    view
                };
                said.views.get(name).cloned().map(bare) == self.wanted.views.get(name).cloned()
            }
            _ => {
                let bare = |mut function: cloche_definitions::Function| {
                    function.renamed_from = None;
                    function
                };
                said.functions.get(name).cloned().map(bare) == self.wanted.functions.get(name).cloned()
            }
        }
    }
}

fn is_written(path: &str) -> bool {
    path.split_once('/').is_some_and(|(folder, _)| WRITTEN.contains(&folder))
}

/// What a server answers must not lead out of the folder.
fn check_path(path: &str) -> Result<()> {
    let name = path.split_once('/').filter(|_| is_written(path)).and_then(|(_, rest)| rest.strip_suffix(".yaml"));
    let plain = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if name.is_some_and(plain) {
        return Ok(());
    }
    Err(CliError::failed(
        "pull/unreadable",
        format!("the server names a file {path:?}, which belongs in no folder of definitions"),
    ))
}

/// Whole or not at all.
fn write(folder: &Path, path: &str, content: &str) -> Result<()> {
    let path: PathBuf = folder.join(path);
    let fail = |error: std::io::Error| CliError::io("write", &path, &error);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(fail)?;
    }
    let draft = path.with_extension(format!("draft.{}", std::process::id()));
    fs::write(&draft, content).and_then(|()| fs::rename(&draft, &path)).map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, content: &str) -> DefinitionFile {
        DefinitionFile { path: path.into(), content: content.into() }
    }

    #[test]
    fn only_what_says_something_else_is_replaced() {
        let local = [
            file("tables/a.yml", "# mine\ncolumns: { id: int, name: { type: varchar(9), renamed_from: title } }"),
            file("tables/b.yaml", "columns: { id: int }"),
            file("tables/gone.yaml", "columns: { id: int }"),
        ];
        let deployed = vec![
            file("tables/a.yaml", "columns:\n  id: integer\n  name: character varying(9)\n"),
            file("tables/b.yaml", "columns: { id: bigint }"),
            file("views/v.yaml", "query: select 1 as one"),
        ];
        let pulled = Pull::new(&local, deployed).unwrap().plan(false);
        assert_eq!((pulled.created, pulled.replaced), (vec!["views/v.yaml".into()], vec!["tables/b.yaml".to_owned()]));
        assert_eq!((pulled.removed, pulled.extra), (Vec::new(), vec!["tables/gone.yaml".to_owned()]));
    }

    #[test]
    fn no_file_is_written_elsewhere() {
        for path in
            ["../x.yaml", "tables/../../x.yaml", "/etc/x.yaml", "tables/.yaml", "cloche.yaml", "rolls/x.yaml", "tables/x.sh"]
        {
            assert!(check_path(path).is_err(), "{path}");
        }
        assert!(check_path("tables/posts.yaml").is_ok());
    }
}
