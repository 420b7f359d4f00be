//! A throw-away server: the real binary, a folder and a PostgreSQL of its own. It ends with the test, also when that fails.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

use crate::client::{Api, Person};
use crate::secrecy::{assert_no_secret, assert_no_secret_printed};

/// How the banner's line with the set-up link begins.
pub(crate) const SETUP_LINK: &str = "  set-up link ";
/// Longer than any start or stop takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server.
pub(crate) struct Server {
    // Dropped in this order: first the process ends, then its folder goes.
    process: Process,
    folder: Folder,
    pub(crate) url: String,
}

/// What a server that ended leaves: its folder, its log, how it ended.
pub(crate) struct Stopped {
    folder: Folder,
    pub(crate) log: String,
    pub(crate) status: ExitStatus,
}

impl Server {
    /// A server that nobody has used yet, in a copy of a folder made once: PostgreSQL's initdb takes seconds.
    pub(crate) fn start() -> Self {
        Self::launch(Folder::with_data(), None)
    }

    /// A server in an empty folder, with all that a first start does.
    pub(crate) fn start_from_nothing() -> Self {
        Self::launch(Folder::new(), None)
    }

    /// A server over a PostgreSQL that others use too, in a copy of the first one's folder where there is one: more than its master
    /// key, as people do it.
    pub(crate) fn start_over(database_url: &str, first: Option<&Self>, faults: Option<&str>) -> Self {
        let mut folder = Folder::new();
        if let Some(first) = first {
            copy_folder(&first.data_dir(), &folder.data_dir());
        }
        folder.database_url = Some(database_url.to_owned());
        Self::launch(folder, faults)
    }

    fn launch(folder: Folder, faults: Option<&str>) -> Self {
        let mut process = Process::spawn(&folder, faults);
        let url = process.wait_for_url();
        Self { process, folder, url }
    }

    /// The owner of everything, with the token the server wrote to its folder.
    pub(crate) fn owner(&self) -> Person {
        let token = fs::read_to_string(self.data_dir().join("owner-token")).unwrap();
        Person::new(&self.url, token.trim())
    }

    /// An application with this key.
    pub(crate) fn api(&self, key: &str) -> Api {
        Api::new(&self.url).header("x-api-key", key)
    }

    /// A caller of HTTP without a credential.
    pub(crate) fn stranger(&self) -> Api {
        Api::new(&self.url)
    }

    /// `--data-dir`
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.data_dir()
    }

    /// An empty folder beside the data, for whatever a test writes.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.folder.path.path().join("scratch")
    }

    /// What it has written so far.
    pub(crate) fn log(&self) -> String {
        self.process.log.lock().unwrap().clone()
    }

    /// The secret of the set-up link it has printed.
    pub(crate) async fn setup_link(&self) -> String {
        let line = until("the set-up link is printed", async || {
            self.log().lines().find_map(|line| line.strip_prefix(SETUP_LINK).map(|link| link.trim().to_owned()))
        })
        .await;
        line.strip_prefix(&format!("{}/setup#", self.url)).unwrap_or_else(|| panic!("{line}")).to_owned()
    }

    /// The id of the server's process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// The id of its PostgreSQL.
    pub(crate) fn postgres_pid(&self) -> u32 {
        self.folder.postgres_pid().expect("PostgreSQL is not running")
    }

    /// Runs the command line against this server as its owner.
    pub(crate) async fn cli(&self, arguments: &[&str]) -> Ran {
        let token = fs::read_to_string(self.data_dir().join("owner-token")).unwrap();
        let variables = [("CLOCHE_URL", self.url.as_str()), ("CLOCHE_TOKEN", token.trim())];
        run_cli(&self.scratch(), &variables, arguments).await
    }

    /// SIGTERM, and the patience it needs.
    pub(crate) fn stop(mut self) -> Stopped {
        signal(self.pid(), "TERM");
        self.end()
    }

    /// SIGKILL: it has no time for anything.
    pub(crate) fn kill(mut self) -> Stopped {
        signal(self.pid(), "KILL");
        self.end()
    }

    /// A fault has killed it, or will in a moment. Meanwhile the test's own requests go on.
    pub(crate) async fn wait_for_death(mut self) -> Stopped {
        until("the server has died", async || self.process.child.try_wait().unwrap()).await;
        self.end()
    }

    fn end(&mut self) -> Stopped {
        let status = self.process.wait();
        let log = self.log();
        // The folder is handed on: what is left here removes nothing.
        let folder = std::mem::replace(&mut self.folder, Folder::new());
        Stopped { folder, log, status }
    }
}

impl Stopped {
    /// A new server in the same folder.
    pub(crate) fn start(self) -> Server {
        Server::launch(self.folder, None)
    }

    /// The same, behind proxies.
    pub(crate) fn start_behind(mut self, networks: &'static str) -> Server {
        self.folder.trusted_proxies = Some(networks);
        self.start()
    }

    /// The same, with faults.
    pub(crate) fn start_with_faults(self, faults: &str) -> Server {
        Server::launch(self.folder, Some(faults))
    }

    /// Whether a PostgreSQL still serves the folder.
    pub(crate) fn postgres_runs(&self) -> bool {
        self.folder.postgres_pid().is_some()
    }
}

/// A PostgreSQL server that belongs to no cloche, as several share one. It ends with the test.
pub(crate) struct Postgres {
    child: Child,
    folder: TempDir,
    pub(crate) port: u16,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let data = first_data().join("postgres");
        // The user whom the embedded server chose: root may not run PostgreSQL.
        let owner = fs::metadata(&data).unwrap();
        let folder = tempfile::Builder::new().prefix("cloche-pg-").tempdir().unwrap();
        std::os::unix::fs::chown(folder.path(), Some(owner.uid()), Some(owner.gid())).unwrap();
        let program = |name: &str| {
            let mut command = Command::new(postgres_bin().join(name));
            command.uid(owner.uid()).gid(owner.gid()).current_dir(folder.path()).env("LC_ALL", "C");
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command
        };
        fs::write(folder.path().join("password"), "admin's own").unwrap();
        let made = program("initdb")
            .args(["--auth=scram-sha-256", "--pwfile=password", "--username=admin", "--no-sync", "--pgdata=data"])
            .status()
            .unwrap();
        assert!(made.success(), "initdb failed");
        // Free a moment ago; nothing else here takes ports of its own choice.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
            "max_connections=400".to_owned(),
            "fsync=off".to_owned(),
        ];
        let mut postgres = program("postgres");
        postgres.args(["-D", "data"]).args(settings.iter().flat_map(|setting| ["-c", setting]));
        let child = postgres.spawn().unwrap();
        let started = Instant::now();
        while !program("pg_isready").args(["-h", "127.0.0.1", "-p", &port.to_string()]).status().unwrap().success() {
            assert!(started.elapsed() < PATIENCE, "PostgreSQL did not start in time");
            thread::sleep(Duration::from_millis(20));
        }
        Self { child, folder, port }
    }

    /// What `--database-url` is given, over another port where a proxy stands in between.
    pub(crate) fn url(&self, port: u16) -> String {
        format!("postgres://admin:admin%27s%20own@127.0.0.1:{port}/postgres?sslmode=disable")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        signal(self.child.id(), "QUIT");
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(self.folder.path().join("data"));
    }
}

/// A folder that PostgreSQL's user may enter.
struct Folder {
    path: TempDir,
    /// The PostgreSQL server it uses instead of one of its own.
    database_url: Option<String>,
    /// Networks of proxies it believes.
    trusted_proxies: Option<&'static str>,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("cloche-it-").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(folder.path().join("scratch")).unwrap();
        Self { path: folder, database_url: None, trusted_proxies: None }
    }

    fn with_data() -> Self {
        let folder = Self::new();
        copy_folder(&first_data(), &folder.data_dir());
        folder
    }

    fn data_dir(&self) -> PathBuf {
        self.path.path().join("data")
    }

    /// The process that serves the folder's database.
    fn postgres_pid(&self) -> Option<u32> {
        let postgres = self.data_dir().join("postgres");
        let text = fs::read_to_string(postgres.join("postmaster.pid")).ok()?;
        let pid = text.lines().next()?.trim().parse().ok()?;
        fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == postgres).then_some(pid)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A PostgreSQL whose server was killed ends by itself; its files must not go before it.
        let started = Instant::now();
        while let Some(pid) = self.postgres_pid() {
            if started.elapsed() > PATIENCE {
                signal(pid, "QUIT");
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The folder a server leaves that was started from nothing and stopped. Made by the first test that needs it, for all test
/// processes; anew for every build of the binary.
fn first_data() -> PathBuf {
    const PREFIX: &str = "it-data-";
    let home = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let lock = fs::File::create(home.join("it-data.lock")).unwrap();
    lock.lock().unwrap();
    let binary = fs::metadata(env!("CARGO_BIN_EXE_cloche")).unwrap();
    let built = binary.modified().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let made = home.join(format!("{PREFIX}{}", built.as_nanos()));
    if !made.exists() {
        for entry in fs::read_dir(home).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() && entry.file_name().to_string_lossy().starts_with(PREFIX) {
                fs::remove_dir_all(entry.path()).unwrap();
            }
        }
        let unfinished = home.join(format!("{PREFIX}unfinished"));
        copy_folder(&Server::start_from_nothing().stop().folder.data_dir(), &unfinished);
        fs::rename(unfinished, &made).unwrap();
    }
    made
}

/// With owners and rights, which the standard library does not copy.
fn copy_folder(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(copied.success(), "{} could not be copied to {}", from.display(), to.display());
}

struct Process {
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Process {
    fn spawn(folder: &Folder, faults: Option<&str>) -> Self {
        let mut command = command();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.data_dir());
        // With PostgreSQL's own log, in which no secret may be either.
        command.arg("--postgres-bin").arg(postgres_bin()).args(["--log", "info,cloche_server::postgres::log=debug"]);
        if let Some(url) = &folder.database_url {
            command.arg("--database-url").arg(url);
        }
        if let Some(networks) = folder.trusted_proxies {
            command.args(["--trusted-proxy", networks]);
        }
        if let Some(faults) = faults {
            command.env("CLOCHE_FAULTS", faults);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let lines = Arc::clone(&log);
        let reader = thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = lines.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self { child, log, reader: Some(reader) }
    }

    fn wait_for_url(&mut self) -> String {
        let started = Instant::now();
        loop {
            let log = self.log.lock().unwrap().clone();
            // The line after the banner says that all of it is written.
            let url = log.lines().find_map(|line| line.strip_prefix("  url ").map(|url| url.trim().to_owned()));
            if let Some(url) = url {
                return url;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the server did not start ({status}):\n{log}");
            }
            assert!(started.elapsed() < PATIENCE, "the server did not start in time:\n{log}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                // All it wrote is read before anyone looks at its log.
                if let Some(reader) = self.reader.take() {
                    reader.join().unwrap();
                }
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "the server did not end in time");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.reader.is_some() {
            signal(self.child.id(), "TERM");
            let started = Instant::now();
            while self.child.try_wait().is_ok_and(|status| status.is_none()) {
                if started.elapsed() > PATIENCE {
                    signal(self.child.id(), "KILL");
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
        let log = self.log.lock().unwrap();
        if thread::panicking() {
            eprintln!("the server's log:\n{log}");
        } else {
            // The one secret it is to print.
            let lines: Vec<_> = log.lines().filter(|line| !line.starts_with(SETUP_LINK)).collect();
            assert_no_secret("the server's log", &lines.join("\n"));
        }
    }
}

/// What a command of the command line left.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// What it printed with `--json`; it must have worked.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.stderr);
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// Runs the command line in `folder`, with these variables and no others of its own.
pub(crate) async fn run_cli(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let mut command = tokio::process::Command::from(command());
    command.current_dir(folder).args(arguments).envs(variables.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
    command.env("HOME", folder).env("XDG_CONFIG_HOME", folder.join("config"));
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let Output { status, stdout, stderr } = output.expect("the command did not end in time").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(stdout), text(stderr));
    assert_no_secret_printed(arguments, &stdout, &stderr);
    Ran { code: status.code().unwrap_or(-1), stdout, stderr }
}

/// The binary, without what the developer's own shell tells it.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloche"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CLOCHE_")) {
        command.env_remove(name);
    }
    command.env_remove("COLUMNS").env("NO_COLOR", "1");
    command
}

/// The workspace's own folder.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// PostgreSQL's programs, which `make test` fetches before it runs the tests.
pub(crate) fn postgres_bin() -> PathBuf {
    let bin = workspace().join(".cloche/postgres/18/bin");
    assert!(bin.join("postgres").exists(), "{} has no PostgreSQL: run `make test`, which fetches it", bin.display());
    bin
}

/// Sends a signal to a process this test has started.
pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).stderr(Stdio::null()).status();
    assert!(status.is_ok(), "there is no `kill`");
}

/// Waits until `condition` gives a value, with a deadline.
pub(crate) async fn until<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(started.elapsed() < PATIENCE, "it took too long until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
