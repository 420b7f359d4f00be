//! The definition files of a project folder, as they are sent to the server.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{CliError, Result};
use crate::settings::{PROJECT_FILE, Settings};

/// The folders that hold definitions, one thing a file.
pub(crate) const KINDS: [&str; 5] = ["enums", "functions", "roles", "tables", "views"];
/// Most files sent at once; a schema of this size is beyond what one plan should hold.
const MAX_FILES: usize = 2_000;
/// Largest single file, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024;
/// Largest sum of all files, in bytes; the server takes no larger body.
const MAX_TOTAL_BYTES: u64 = 4 * 1024 * 1024;
/// Deepest folder below `tables/` and the others; also ends loops of links.
const MAX_DEPTH: usize = 8;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DefinitionFile {
    /// Relative to the folder, with `/` whatever the system.
    pub(crate) path: String,
    /// Its text.
    pub(crate) content: String,
}

/// The project folder, or an error that says how to get one.
pub(crate) fn project_folder(settings: &Settings) -> Result<&Path> {
    settings.folder.as_deref().ok_or_else(|| {
        CliError::usage(format!("this folder has no {PROJECT_FILE}, nor has one above it"))
            .hint("make one with `cloche init --template blog --project NAME`, or change to your project's folder")
    })
}

/// All definition files of a folder, sorted by path.
pub(crate) fn read(folder: &Path) -> Result<Vec<DefinitionFile>> {
    let mut paths = Vec::new();
    for kind in KINDS {
        let below = folder.join(kind);
        if below.is_dir() {
            collect(&below, 0, &mut paths)?;
        }
    }
    paths.sort();
    let mut total = 0;
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let content = read_file(&path)?;
        total += content.len() as u64;
        if total > MAX_TOTAL_BYTES {
            return Err(too_large(format!("the definitions in {} have more than {MAX_TOTAL_BYTES} bytes", folder.display())));
        }
        let relative = path.strip_prefix(folder).unwrap_or(&path);
        let parts: Vec<_> = relative.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        files.push(DefinitionFile { path: parts.join("/"), content });
    }
    Ok(files)
}

/// Whether a path is one that `read` would send.
pub(crate) fn is_definition(path: &Path) -> bool {
    !is_hidden(path) && path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn collect(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(too_large(format!("{} is more than {MAX_DEPTH} folders deep", folder.display())));
    }
    let entries = fs::read_dir(folder).map_err(|error| CliError::io("read", folder, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| CliError::io("read", folder, &error))?.path();
        if is_hidden(&path) {
            continue;
        }
        if path.is_dir() {
            collect(&path, depth + 1, paths)?;
        } else if is_definition(&path) {
            paths.push(path);
            if paths.len() > MAX_FILES {
                return Err(too_large(format!("there are more than {MAX_FILES} definition files")));
            }
        }
    }
    Ok(())
}

/// Editors keep their drafts in dotfiles.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

fn read_file(path: &Path) -> Result<String> {
    let fail = |error: std::io::Error| CliError::io("read", path, &error);
    let mut content = String::new();
    let file = fs::File::open(path).map_err(fail)?;
    let read = file.take(MAX_FILE_BYTES + 1).read_to_string(&mut content).map_err(fail)?;
    if read as u64 > MAX_FILE_BYTES {
        return Err(too_large(format!("{} has more than {MAX_FILE_BYTES} bytes", path.display())));
    }
    Ok(content)
}

fn too_large(message: String) -> CliError {
    CliError::failed("cli/folder-too-large", message)
        .hint("keep one thing a file, and nothing else in tables/, enums/, views/, functions/ and roles/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    #[test]
    fn only_definitions_are_read_in_order() {
        let folder = folder(&[
            ("cloche.yaml", "project: a"),
            ("tables/posts.yaml", "p"),
            ("tables/shop/orders.yaml", "o"),
            ("tables/.posts.yaml.swp", "x"),
            ("tables/.hidden/a.yaml", "x"),
            ("tables/notes.md", "x"),
            ("enums/status.yaml", "s"),
            ("other/a.yaml", "x"),
        ]);
        let paths: Vec<_> = read(folder.path()).unwrap().into_iter().map(|file| file.path).collect();
        assert_eq!(paths, ["enums/status.yaml", "tables/posts.yaml", "tables/shop/orders.yaml"]);
    }

    #[test]
    fn a_large_file_is_refused() {
        let folder = folder(&[("tables/a.yaml", &"#".repeat(MAX_FILE_BYTES as usize + 1))]);
        assert_eq!(read(folder.path()).unwrap_err().code, "cli/folder-too-large");
    }

    #[cfg(unix)]
    #[test]
    fn a_loop_of_links_ends() {
        let folder = folder(&[("tables/a.yaml", "a")]);
        std::os::unix::fs::symlink(folder.path().join("tables"), folder.path().join("tables/again")).unwrap();
        assert_eq!(read(folder.path()).unwrap_err().code, "cli/folder-too-large");
    }
}
