//! The PostgreSQL process: who it runs as, starting it, restarting it when it dies, stopping it with patience.
#![allow(unsafe_code, reason = "looking users up, prctl and kill have no safe wrappers in the standard library")]

use std::ffi::{CStr, CString};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, lchown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::sync::watch;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::postgres::cluster::connect;

/// A new server that does not answer in this time has failed to start. Recovery after a crash can take minutes.
const START_PATIENCE: Duration = Duration::from_secs(600);
/// A server that ends writes a checkpoint. When this takes longer it is told to do without, and recovers at its next start, where unlogged
/// tables are empty: PostgreSQL 18 waits for a checkpoint that nobody writes when it is to end while it recovers from the end of one of its
/// processes.
const CHECKPOINT_PATIENCE: Duration = Duration::from_secs(600);
/// The longest pause between two tries to restart a server that keeps dying.
const MAX_RESTART_PAUSE: Duration = Duration::from_secs(10);
/// How many of its last lines are shown when it fails to start.
const KEPT_LINES: usize = 12;

/// The user the PostgreSQL processes run as: the server's own, or an unprivileged one when that is root.
#[derive(Debug, Clone)]
pub(crate) struct ChildUser {
    name: String,
    ids: Option<(u32, u32)>,
}

impl ChildUser {
    /// The user asked for; else, for root only, `postgres`, else `cloche`, which is created where it is missing.
    pub(crate) fn choose(asked: Option<&str>) -> anyhow::Result<Self> {
        // SAFETY: geteuid cannot fail and touches no memory.
        let root = unsafe { libc::geteuid() } == 0;
        if !root {
            if let Some(name) = asked {
                bail!("--postgres-user {name} needs the server to run as root");
            }
            return Ok(Self { name: "this user".into(), ids: None });
        }
        if let Some(name) = asked {
            let ids = look_up(name)?.with_context(|| format!("there is no user {name}"))?;
            if ids.0 == 0 {
                bail!("PostgreSQL refuses to run as root: name another user with --postgres-user");
            }
            return Ok(Self { name: name.into(), ids: Some(ids) });
        }
        for name in ["postgres", "cloche"] {
            if let Some(ids) = look_up(name)? {
                return Ok(Self { name: name.into(), ids: Some(ids) });
            }
        }
        tracing::info!("creating the system user cloche for PostgreSQL, which refuses to run as root");
        let status =
            Command::new("useradd").args(["--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "cloche"]).status();
        if !status.is_ok_and(|status| status.success()) {
            bail!("the system user cloche cannot be created: create one and name it with --postgres-user");
        }
        let ids = look_up("cloche")?.context("the system user cloche was created but is not found")?;
        Ok(Self { name: "cloche".into(), ids: Some(ids) })
    }

    /// Gives a file or folder to this user.
    pub(crate) fn own(&self, path: &Path) -> anyhow::Result<()> {
        match self.ids {
            Some((uid, gid)) => {
                lchown(path, Some(uid), Some(gid)).with_context(|| format!("cannot give {} to {}", path.display(), self.name))
            }
            None => Ok(()),
        }
    }

    /// Whether something of that owner was made by or for this user.
    pub(crate) fn may_own(&self, uid: u32) -> bool {
        // SAFETY: geteuid cannot fail and touches no memory.
        uid == self.ids.map_or_else(|| unsafe { libc::geteuid() }, |(own, _)| own)
    }

    /// A command run as this user in `folder`, without our standard input.
    pub(crate) fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).stdin(Stdio::null()).env_remove("PGDATA").env("LC_ALL", "C");
        if let Some((uid, gid)) = self.ids {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Every folder above the two must let this user through.
    pub(crate) fn check_reach(&self, data_dir: &Path, bin: &Path) -> anyhow::Result<()> {
        let Some((uid, gid)) = self.ids else { return Ok(()) };
        for path in [data_dir, bin] {
            for folder in path.ancestors() {
                let facts = fs::metadata(folder).with_context(|| format!("cannot look at {}", folder.display()))?;
                let bit = if facts.uid() == uid {
                    0o100
                } else if facts.gid() == gid {
                    0o010
                } else {
                    0o001
                };
                if facts.mode() & bit == 0 {
                    bail!(
                        "PostgreSQL runs as user {}, who may not enter {}: choose another --data-dir (such as /var/lib/cloche), or allow it \
                         with chmod o+x {}",
                        self.name,
                        folder.display(),
                        folder.display()
                    );
                }
            }
        }
        Ok(())
    }
}

fn look_up(name: &str) -> anyhow::Result<Option<(u32, u32)>> {
    let name = CString::new(name).context("a user's name has a NUL in it")?;
    // SAFETY: the name is NUL-terminated; the answer points to static memory which is read at once, before any other look-up.
    unsafe {
        let found = libc::getpwnam(name.as_ptr());
        Ok((!found.is_null()).then(|| ((*found).pw_uid, (*found).pw_gid)))
    }
}

/// The name of the system user this server runs as.
pub(crate) fn own_user_name() -> anyhow::Result<String> {
    // SAFETY: geteuid cannot fail; the answer of getpwuid points to static memory which is copied at once.
    unsafe {
        let uid = libc::geteuid();
        let found = libc::getpwuid(uid);
        if found.is_null() {
            bail!(
                "the user with id {uid}, as whom this server runs, has no name in the system's user list: PostgreSQL needs one"
            );
        }
        Ok(CStr::from_ptr((*found).pw_name).to_string_lossy().into_owned())
    }
}

/// Waits for the server of a killed predecessor to end, so that the folder is free.
pub(crate) async fn stop_leftover(folder: &Path) -> anyhow::Result<()> {
    let Ok(text) = fs::read_to_string(folder.join("postmaster.pid")) else { return Ok(()) };
    let Some(pid) = text.lines().next().and_then(|line| line.trim().parse::<i32>().ok()) else { return Ok(()) };
    let serves_folder =
        || fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| folder.canonicalize().is_ok_and(|own| own == cwd));
    if serves_folder() {
        tracing::warn!(pid, "the PostgreSQL of a server that was killed is still running; stopping it");
        signal(pid, libc::SIGINT);
    }
    let mut patience = Patience::new();
    while serves_folder() {
        patience.look(pid);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Waits for a server that was told to end, with a word now and then, and not for ever.
struct Patience {
    began: Instant,
    last_word: Instant,
    is_over: bool,
}

impl Patience {
    fn new() -> Self {
        Self { began: Instant::now(), last_word: Instant::now(), is_over: false }
    }

    /// `pid` is the server's as it is now, which may have been started again meanwhile.
    fn look(&mut self, pid: i32) {
        if self.began.elapsed() > CHECKPOINT_PATIENCE && !self.is_over {
            tracing::warn!(pid, "PostgreSQL does not end: telling it to do so at once; it recovers at its next start");
            signal(pid, libc::SIGQUIT);
            self.is_over = true;
        } else if !self.is_over && self.last_word.elapsed() > Duration::from_secs(10) {
            tracing::info!(pid, "waiting for PostgreSQL to write its last checkpoint");
            self.last_word = Instant::now();
        }
    }
}

fn signal(pid: i32, signal: i32) {
    // 0 stands for one's own process group, which may include the shell; there is no child then.
    if pid <= 1 {
        return;
    }
    // SAFETY: kill takes plain numbers. A process that is gone already gives an error that does not matter here.
    unsafe {
        libc::kill(pid, signal);
    }
}

struct Shared {
    pid: AtomicI32,
    stopping: AtomicBool,
    lines: Mutex<Vec<String>>,
}

/// What the supervising thread last saw.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Running,
    /// It ended by itself; it is started again unless this was the first start.
    Died(String),
    Stopped,
}

/// Keeps one PostgreSQL server running.
pub(crate) struct Supervisor {
    shared: Arc<Shared>,
    state: watch::Receiver<State>,
    login: tokio_postgres::Config,
}

impl Supervisor {
    /// Starts the server and waits until a login works, which is given along.
    pub(crate) async fn start(
        program: PathBuf,
        arguments: Vec<String>,
        folder: PathBuf,
        user: ChildUser,
        login: tokio_postgres::Config,
    ) -> anyhow::Result<(Self, Client)> {
        let shared = Arc::new(Shared { pid: AtomicI32::new(0), stopping: AtomicBool::new(false), lines: Mutex::new(Vec::new()) });
        let (report, mut state) = watch::channel(State::Running);
        let launch = Launch { program, arguments, folder, user, shared: Arc::clone(&shared) };
        // A thread of its own, which lives as long as the child: PR_SET_PDEATHSIG follows the thread that started it.
        std::thread::Builder::new().name("postgres-supervisor".into()).spawn(move || supervise(&launch, &report))?;
        let supervisor = Self { shared, state: state.clone(), login };
        let started = Instant::now();
        loop {
            match connect(&supervisor.login).await {
                Ok(client) => return Ok((supervisor, client)),
                // It answers, and refuses this login: waiting would not help. Starting up and recovering are class 57.
                Err(error) if error.code().is_some_and(|code| !code.code().starts_with("57")) => {
                    supervisor.stop().await;
                    return Err(error).context(
                        "PostgreSQL refuses its administrator: put secrets/postgres-password of this data directory back",
                    );
                }
                Err(error) if started.elapsed() > START_PATIENCE => {
                    return Err(error).context("PostgreSQL did not answer in time");
                }
                Err(_) => {}
            }
            let tick = tokio::time::sleep(Duration::from_millis(2));
            tokio::select! { () = tick => {}, _ = state.changed() => {} }
            if let State::Died(how) = &*state.borrow() {
                supervisor.shared.stopping.store(true, Ordering::SeqCst);
                let lines = supervisor.shared.lines.lock().map(|lines| lines.join("\n  ")).unwrap_or_default();
                bail!("PostgreSQL did not start ({how}):\n  {lines}");
            }
        }
    }

    /// Fast shutdown: ends sessions, writes a checkpoint. Immediate while it recovers, see [`CHECKPOINT_PATIENCE`].
    pub(crate) async fn stop(mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        let last = if self.recovers().await { libc::SIGQUIT } else { libc::SIGINT };
        let pid = || self.shared.pid.load(Ordering::SeqCst);
        signal(pid(), last);
        let mut patience = Patience::new();
        while tokio::time::timeout(Duration::from_secs(1), self.state.wait_for(|state| *state == State::Stopped)).await.is_err() {
            patience.look(pid());
        }
    }

    /// Whether it lets nobody in for now, but for being about to end.
    async fn recovers(&self) -> bool {
        let tried = tokio::time::timeout(Duration::from_secs(1), connect(&self.login)).await;
        let Ok(Err(error)) = tried else { return false };
        error
            .as_db_error()
            .is_some_and(|error| *error.code() == SqlState::CANNOT_CONNECT_NOW && !error.message().contains("shutting down"))
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        let pid = self.shared.pid.load(Ordering::SeqCst);
        signal(pid, libc::SIGINT);
    }
}

struct Launch {
    program: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
    user: ChildUser,
    shared: Arc<Shared>,
}

fn supervise(launch: &Launch, report: &watch::Sender<State>) {
    let mut pause = Duration::from_millis(100);
    while !launch.shared.stopping.load(Ordering::SeqCst) {
        let started = Instant::now();
        let how = match spawn(launch) {
            Ok(mut child) => {
                report.send_replace(State::Running);
                // A stop asked for while the child was being started found no pid to signal.
                if launch.shared.stopping.load(Ordering::SeqCst) {
                    signal(launch.shared.pid.load(Ordering::SeqCst), libc::SIGINT);
                }
                let status = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
                launch.shared.pid.store(0, Ordering::SeqCst);
                status
            }
            Err(error) => error.to_string(),
        };
        if launch.shared.stopping.load(Ordering::SeqCst) {
            break;
        }
        tracing::error!(how, "PostgreSQL ended by itself; starting it again");
        report.send_replace(State::Died(how));
        if started.elapsed() > Duration::from_secs(60) {
            pause = Duration::from_millis(100);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(MAX_RESTART_PAUSE);
    }
    report.send_replace(State::Stopped);
}

fn spawn(launch: &Launch) -> std::io::Result<Child> {
    let mut command = launch.user.command(&launch.program, &launch.folder);
    command.args(&launch.arguments).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    // SAFETY: prctl is async-signal-safe, and this runs in the child after it changed its user (which would clear the setting).
    unsafe {
        command.pre_exec(|| {
            // When the server is killed outright, its PostgreSQL shuts down by itself.
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGINT) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            Ok(())
        });
    }
    let mut child = command.spawn()?;
    launch.shared.pid.store(i32::try_from(child.id()).unwrap_or(0), Ordering::SeqCst);
    if let Some(stderr) = child.stderr.take() {
        let shared = Arc::clone(&launch.shared);
        std::thread::Builder::new().name("postgres-log".into()).spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                tracing::debug!(target: "cloche_server::postgres::log", "{line}");
                if let Ok(mut lines) = shared.lines.lock() {
                    if lines.len() == KEPT_LINES {
                        lines.remove(0);
                    }
                    lines.push(line);
                }
            }
        })?;
    }
    Ok(child)
}
