use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use cloche_wire::check_name;
use serde::Serialize;

use super::project::{self, CreatedProject};
use super::{Context, lookup};
use crate::args::InitArgs;
use crate::error::{CliError, Exit, Result};
use crate::model::{Environment, KeyPair, Project};
use crate::printer::{count, key_pair};
use crate::settings::{DEFAULT_URL, PROJECT_FILE, ProjectFile, parse_url};
use crate::templates;

/// What `init` did. Without a server there is no project yet; without a new project there are no keys.
#[derive(Default, Serialize)]
struct Initialised {
    directory: String,
    written: Vec<&'static str>,
    kept: Vec<&'static str>,
    project: Option<Project>,
    environment: Option<Environment>,
    keys: Option<KeyPair>,
}

/// Writes the template's files that are not there yet, and creates the project if the server has none of that name.
pub(crate) async fn run(context: &Context, args: InitArgs) -> Result<Exit> {
    let name = project_name(context, &args.directory)?;
    let mut done = write_files(context, &args, &name)?;
    let kept = &done.kept;
    let place = if done.directory == "." { "this folder" } else { &done.directory };
    context.printer.note(format!("Wrote {} to {place}.", count(done.written.len(), "file")));
    if !kept.is_empty() {
        context.printer.note(format!("Already there and left as they are: {}.", kept.join(", ")));
    }
    match create_project(context, &name).await {
        Ok(None) => context.printer.note(format!("The project {name} is on the server already.")),
        Ok(Some(created)) => {
            let environment = &created.environment;
            context.printer.note(format!("Created project {name} with the environment {}.", environment.name));
            done.keys = Some(created.keys);
            done.environment = Some(created.environment);
            done.project = Some(created.project);
        }
        Err(error) if error.code == "server/unreachable" => {
            context.printer.warn(format!("{}, so the project {name} was not created.", error.message));
            context.printer.note(format!("Start one with `cloche serve`, then run `cloche project create {name}`."));
        }
        Err(error) => return Err(error),
    }
    context.printer.result(&done, || done.keys.as_ref().map(key_pair).unwrap_or_default())?;
    if done.keys.is_some() {
        context.printer.note("`cloche dev --once` creates the tables.");
    }
    Ok(Exit::Ok)
}

/// The project's name: as asked, and not against a cloche.yaml that is there already.
fn project_name(context: &Context, directory: &Path) -> Result<String> {
    let there = ProjectFile::read(directory)?.and_then(|file| file.project);
    let name = match (&context.settings.project, there) {
        (Some(asked), Some(there)) if *asked != there => {
            return Err(CliError::usage(format!(
                "{} names the project {there}, not {asked}",
                directory.join(PROJECT_FILE).display()
            ))
            .hint("nothing was written; choose another folder, or edit that file"));
        }
        (Some(asked), _) => asked.clone(),
        (None, Some(there)) => there,
        (None, None) => return Err(CliError::usage("the project has no name").hint("add --project NAME")),
    };
    check_name(&name).map_err(|error| CliError::usage(format!("the project name {name:?} {error}")))?;
    Ok(name)
}

fn write_files(context: &Context, args: &InitArgs, project: &str) -> Result<Initialised> {
    let default = parse_url(DEFAULT_URL)?;
    let url = &context.settings.url;
    let server = (*url != default).then(|| url.as_str().trim_end_matches('/'));
    let mut done = Initialised { directory: args.directory.display().to_string(), ..Initialised::default() };
    for (relative, text) in templates::files(args.template) {
        let path = args.directory.join(relative);
        let text = if *relative == PROJECT_FILE { &templates::project_file(text, project, server) } else { *text };
        if write_new(&path, text)? {
            done.written.push(relative);
        } else {
            done.kept.push(relative);
        }
    }
    Ok(done)
}

/// Writes a file unless there is one; whether it did.
fn write_new(path: &Path, text: &str) -> Result<bool> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| CliError::io("create", folder, &error))?;
    }
    match fs::OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true).map_err(|error| CliError::io("write", path, &error)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(CliError::io("write", path, &error)),
    }
}

/// Creates the project unless the server has it.
async fn create_project(context: &Context, name: &str) -> Result<Option<CreatedProject>> {
    if lookup::find_project(context, name).await?.is_some() {
        return Ok(None);
    }
    project::create(context, None, name, "dev").await.map(Some)
}
