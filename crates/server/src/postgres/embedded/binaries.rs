//! Finding PostgreSQL's programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::settings::Settings;

/// Oldest PostgreSQL that works.
const OLDEST: u32 = 16;

/// PostgreSQL's programs: server, initdb, pg_dump, pg_restore.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    /// The folder they are in.
    pub(crate) bin: PathBuf,
    /// The major version of the server among them.
    pub(crate) major: u32,
}

/// `--postgres-bin`; else `.cloche/postgres/18` beside the data directory, here, or above the running program; else what the system has.
pub(crate) fn find_tools(settings: &Settings) -> anyhow::Result<Tools> {
    if let Some(bin) = &settings.postgres_bin {
        return Tools::at(bin)?.with_context(|| format!("there is no PostgreSQL in {}", bin.display()));
    }
    for bin in program_folders(&settings.data_dir) {
        if let Some(tools) = Tools::at(&bin)? {
            return Ok(tools);
        }
    }
    bail!(
        "no PostgreSQL {OLDEST} or later was found: run `make run` in a checkout (it unpacks one), install PostgreSQL, or name the folder \
         of its programs with --postgres-bin"
    )
}

impl Tools {
    /// The programs in `bin`, or nothing where there are none; too old a version there is an error.
    fn at(bin: &Path) -> anyhow::Result<Option<Self>> {
        let postgres = bin.join("postgres");
        if !postgres.is_file() {
            return Ok(None);
        }
        let bin = bin.canonicalize().with_context(|| format!("cannot resolve {}", bin.display()))?;
        let output =
            Command::new(&postgres).arg("--version").output().with_context(|| format!("cannot run {}", postgres.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let major = text
            .split_whitespace()
            .find_map(|word| word.split(['.', 'b', 'r', 'd']).next()?.parse::<u32>().ok())
            .with_context(|| format!("{} --version printed {text:?}", postgres.display()))?;
        if major < OLDEST {
            bail!("{} is PostgreSQL {major}; {OLDEST} or later is needed", postgres.display());
        }
        Ok(Some(Self { bin, major }))
    }
}

/// Where PostgreSQL's programs are looked for, best first.
pub fn program_folders(data_dir: &Path) -> Vec<PathBuf> {
    let unpacked = Path::new("postgres/18/bin");
    let mut found = Vec::new();
    found.extend(data_dir.parent().map(|parent| parent.join(unpacked)));
    found.push(Path::new(".cloche").join(unpacked));
    if let Ok(program) = std::env::current_exe() {
        found.extend(program.ancestors().map(|above| above.join(".cloche").join(unpacked)));
    }
    found.extend([18, 17, OLDEST].map(|major| PathBuf::from(format!("/usr/lib/postgresql/{major}/bin"))));
    found
}
