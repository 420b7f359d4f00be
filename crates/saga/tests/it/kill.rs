//! A process that is killed for real, at every point, and a second one that goes on from the log on disk.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use async_trait::async_trait;
use cloche_saga::{Event, Log, LogError, NoFaults, Outcome, Past, ScriptedFaults, Step, StepError, execute};
use serde_json::Value;

use crate::model::{NAMES, RETRY};

const DIRECTORY: &str = "CLOCHE_SAGA_TEST_DIRECTORY";
const FAULTS: &str = "CLOCHE_SAGA_TEST_FAULTS";

/// A directory with a file for each effect, and the log.
struct Directory {
    path: PathBuf,
    fails: bool,
}

struct MakeFile(&'static str);

#[async_trait]
impl Step<Directory> for MakeFile {
    fn name(&self) -> &'static str {
        self.0
    }

    fn title(&self) -> &'static str {
        "Make a file"
    }

    async fn run(&self, directory: &Directory, _: &Past) -> Result<Value, StepError> {
        fs::write(directory.path.join(self.0), "").map_err(StepError::internal)?;
        if directory.fails && self.0 == NAMES[2] {
            return Err(StepError::new("file/unwanted", "The file is not wanted."));
        }
        Ok(Value::Null)
    }

    async fn undo(&self, directory: &Directory, _: &Past) -> Result<(), StepError> {
        match fs::remove_file(directory.path.join(self.0)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StepError::internal(error)),
            _ => Ok(()),
        }
    }
}

struct LogFile(PathBuf);

#[async_trait]
impl Log for LogFile {
    async fn load(&self) -> Result<Vec<Event>, LogError> {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        Ok(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    async fn append(&self, _seq: u32, event: &Event) -> Result<(), LogError> {
        let line = serde_json::to_string(event).unwrap() + "\n";
        let file = OpenOptions::new().create(true).append(true).open(&self.0);
        file.and_then(|mut file| file.write_all(line.as_bytes())).map_err(|error| LogError::Unavailable(error.into()))
    }
}

fn steps() -> Vec<Box<dyn Step<Directory>>> {
    NAMES[..3].iter().map(|name| Box::new(MakeFile(name)) as Box<dyn Step<Directory>>).collect()
}

fn directory(path: &Path) -> (Directory, LogFile) {
    (Directory { path: path.to_owned(), fails: path.ends_with("undo") }, LogFile(path.join("log")))
}

/// Not a test by itself: the process that is killed. It does nothing unless the test below started it.
#[tokio::test]
async fn victim() {
    let (Ok(path), Ok(faults)) = (env::var(DIRECTORY), env::var(FAULTS)) else { return };
    let (directory, log) = directory(Path::new(&path));
    let faults = ScriptedFaults::parse(&faults).unwrap();
    let outcome = execute(&steps(), &directory, &log, &faults, &RETRY).await;
    panic!("survived with {outcome:?}");
}

#[tokio::test]
async fn a_kill_at_every_point_leaves_nothing_behind() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("saga-kill-{}", std::process::id()));
    for name in &NAMES[..3] {
        for direction in ["forward", "undo"] {
            for moment in ["before-effect", "after-effect", "after-log"] {
                let spec = format!("{name}:{moment}:{direction}:kill");
                let path = root.join(name).join(moment).join(direction);
                fs::create_dir_all(&path).unwrap();
                let mut victim = Command::new(env::current_exe().unwrap());
                victim.args(["--exact", "kill::victim"]).env(DIRECTORY, &path).env(FAULTS, &spec);
                let status = victim.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
                assert_eq!(status.signal(), Some(9), "{spec}: {status}");

                let (directory, log) = directory(&path);
                let outcome = execute(&steps(), &directory, &log, &NoFaults, &RETRY).await.unwrap();
                let files = fs::read_dir(&path).unwrap().filter(|entry| entry.as_ref().unwrap().file_name() != "log").count();
                match (direction, &outcome) {
                    ("forward", Outcome::Done) => assert_eq!(files, 3, "{spec}"),
                    ("undo", Outcome::RolledBack { failure }) if failure.code == "file/unwanted" => {
                        assert_eq!(files, 0, "{spec}")
                    }
                    _ => panic!("{spec}: {outcome:?}"),
                }
            }
        }
    }
    fs::remove_dir_all(root).unwrap();
}
