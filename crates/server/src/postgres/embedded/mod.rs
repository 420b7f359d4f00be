//! The PostgreSQL that `cloche serve` starts and supervises itself when it is given none.
//!
//! It listens on a Unix socket alone, asks every login for a password (SCRAM), and runs as an unprivileged user when the server
//! runs as root, because PostgreSQL refuses root.

mod binaries;
mod file_system;
mod process;

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

pub use binaries::program_folders;
pub(crate) use binaries::{Tools, find_tools};
pub(crate) use file_system::FileSystem;
use process::{ChildUser, Supervisor};

use crate::secrets::{hex, random, write_private};
use crate::settings::Settings;

/// The superuser of the embedded server.
const SUPERUSER: &str = "cloche_admin";
/// Part of the socket's file name; there is no TCP port.
const PORT: u16 = 5432;
/// Linux allows 107 bytes for the path of a socket; its file name takes 15.
const MAX_SOCKET_DIR: usize = 90;

/// A running embedded server. Dropping it without [`Embedded::stop`] stops it as well, without waiting.
pub(crate) struct Embedded {
    pub(crate) config: tokio_postgres::Config,
    pub(crate) tools: Tools,
    pub(crate) file_system: FileSystem,
    supervisor: Supervisor,
}

impl Embedded {
    /// Initialises the data directory where needed, starts PostgreSQL and waits until it answers.
    pub(crate) async fn start(settings: &Settings) -> anyhow::Result<Self> {
        let tools = find_tools(settings)?;
        let user = ChildUser::choose(settings.postgres_user.as_deref())?;
        let folder = settings.data_dir.join("postgres");
        user.check_reach(&settings.data_dir, &tools.bin)?;
        let password = password(&settings.data_dir, folder.join("PG_VERSION").exists())?;
        process::stop_leftover(&folder).await?;
        if !folder.join("PG_VERSION").exists() {
            initialise(&settings.data_dir, &folder, &tools, &user, &password)?;
        }
        check_version(&folder, &tools)?;
        // Tried beside the folder, which belongs to PostgreSQL's user: what root writes there could be led elsewhere by a link.
        let file_system = FileSystem::of(&settings.data_dir)?;
        let sockets = socket_dir(&settings.data_dir, &user)?;
        let access = write_access(&settings.data_dir)?;

        let arguments = arguments(&folder, &sockets, &access, tools.major, file_system.copy_on_write);
        let mut config = tokio_postgres::Config::new();
        config.host_path(&sockets).port(PORT).user(SUPERUSER).password(&password).dbname("postgres").application_name("cloche");
        write_connection_facts(&settings.data_dir, &sockets)?;
        let found = databases_on_disk(&folder)?;
        let program = tools.bin.join("postgres");
        let (supervisor, client) = Supervisor::start(program, arguments, folder.clone(), user.clone(), config.clone()).await?;
        remove_strays(&client, &folder, &user, found).await?;
        Ok(Self { config, tools, file_system, supervisor })
    }

    /// Stops PostgreSQL: fast shutdown, with patience for its last checkpoint.
    pub(crate) async fn stop(self) {
        self.supervisor.stop().await;
    }
}

/// The folders of databases there are while PostgreSQL is stopped, by object id.
fn databases_on_disk(folder: &Path) -> anyhow::Result<Vec<u32>> {
    let entries = fs::read_dir(folder.join("base")).context("the PostgreSQL data directory has no base")?;
    let names = entries.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>()?;
    Ok(names.iter().filter_map(|name| name.to_str()?.parse().ok()).collect())
}

/// Removes what PostgreSQL never removes itself: folders of databases whose making it did not survive. Those were there before it
/// started, so nobody is making them now, and it gives no new database a folder that exists.
async fn remove_strays(client: &tokio_postgres::Client, folder: &Path, user: &ChildUser, found: Vec<u32>) -> anyhow::Result<()> {
    let known: HashSet<u32> = client.query("SELECT oid FROM pg_database", &[]).await?.iter().map(|row| row.get(0)).collect();
    for oid in found.into_iter().filter(|oid| !known.contains(oid)) {
        let stray = folder.join("base").join(oid.to_string());
        tracing::warn!(folder = %stray.display(), "removing a folder that PostgreSQL left when it died making a database");
        // As PostgreSQL's user, who could put a link in its place.
        let status = user.command(Path::new("rm"), folder).arg("-rf").arg(&stray).status();
        if !status.is_ok_and(|status| status.success()) {
            tracing::warn!(folder = %stray.display(), "it cannot be removed; the next start tries again");
        }
    }
    Ok(())
}

fn arguments(folder: &Path, sockets: &Path, access: &Path, major: u32, copy_on_write: bool) -> Vec<String> {
    let mut settings = vec![
        ("listen_addresses", String::new()),
        ("unix_socket_directories", sockets.display().to_string()),
        ("port", PORT.to_string()),
        ("hba_file", access.join("pg_hba.conf").display().to_string()),
        ("ident_file", access.join("pg_ident.conf").display().to_string()),
        ("max_connections", "200".into()),
        ("shared_buffers", "128MB".into()),
        ("max_wal_size", "2GB".into()),
        ("max_locks_per_transaction", "1024".into()),
        ("password_encryption", "scram-sha-256".into()),
        ("log_destination", "stderr".into()),
        ("logging_collector", "off".into()),
        ("log_line_prefix", String::new()),
        // Errors of tenants' statements are their clients' business and may hold data: only the server's own events are logged.
        ("log_min_messages", "log".into()),
        ("log_checkpoints", "off".into()),
        ("timezone", "UTC".into()),
        ("log_timezone", "UTC".into()),
    ];
    if major >= 18 {
        // Reads as they were before 18: its workers take a connection's first look at the catalogs, page by page, over to other processes
        // and back, which adds a third to what the first requests of many environments wait for.
        settings.push(("io_method", "sync".into()));
        if copy_on_write {
            settings.push(("file_copy_method", "clone".into()));
        }
    }
    let mut arguments = vec!["-D".to_owned(), folder.display().to_string()];
    for (name, value) in settings {
        arguments.push("-c".to_owned());
        arguments.push(format!("{name}={value}"));
    }
    arguments
}

/// The superuser's password, made at the first start and needed at every other.
fn password(data_dir: &Path, initialised: bool) -> anyhow::Result<String> {
    let path = data_dir.join("secrets").join("postgres-password");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && initialised => {
            bail!("{} is missing: restore it from your backup, the databases cannot be opened without it", path.display())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = hex(&random::<24>()?);
            write_private(&path, &text)?;
            Ok(text)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Runs initdb beside the final folder and renames it, so that a kill in between leaves nothing half made.
fn initialise(data_dir: &Path, folder: &Path, tools: &Tools, user: &ChildUser, password: &str) -> anyhow::Result<()> {
    let fresh = data_dir.join("postgres.new");
    if fresh.exists() {
        fs::remove_dir_all(&fresh).with_context(|| format!("cannot remove {}", fresh.display()))?;
    }
    fs::DirBuilder::new().mode(0o700).create(&fresh)?;
    user.own(&fresh)?;
    let password_file = data_dir.join("initdb-password");
    write_private(&password_file, password)?;
    user.own(&password_file)?;
    tracing::info!(folder = %folder.display(), "creating a PostgreSQL data directory");
    let mut command = user.command(&tools.bin.join("initdb"), &fresh);
    command
        .arg("-D")
        .arg(&fresh)
        .args(["-U", SUPERUSER, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"])
        .arg(format!("--pwfile={}", password_file.display()));
    if tools.major >= 17 {
        command.args(["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]);
    }
    let output = command.output().context("initdb cannot be run");
    fs::remove_file(&password_file)?;
    let output = output?;
    if !output.status.success() {
        bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    fs::rename(&fresh, folder).with_context(|| format!("cannot rename {}", fresh.display()))
}

fn check_version(folder: &Path, tools: &Tools) -> anyhow::Result<()> {
    let text = fs::read_to_string(folder.join("PG_VERSION")).context("the PostgreSQL data directory has no PG_VERSION")?;
    let made_with: u32 = text.trim().parse().context("PG_VERSION is not a number")?;
    if made_with != tools.major {
        bail!(
            "{} was made by PostgreSQL {made_with}, but {} is PostgreSQL {}: give the programs of {made_with} with --postgres-bin, or upgrade \
             the directory with pg_upgrade",
            folder.display(),
            tools.bin.display(),
            tools.major
        );
    }
    Ok(())
}

/// Who may log in where. The database's own CONNECT rights are the first barrier, this is the second: a login reaches only the
/// database that bears the name of a role it is a member of. The platform's own logins are known by the system user this server runs
/// as, not by a password: code of a tenant that runs as one of them could set its password, and would then own a key to it.
///
/// In `DIR/access`, which is this server's and not PostgreSQL's.
fn write_access(data_dir: &Path) -> anyhow::Result<PathBuf> {
    let text = format!(
        "# Written by cloche at every start; changes here are lost.\n\
         local  all       {SUPERUSER}  scram-sha-256\n\
         local  all       cloche_dump  peer map=cloche\n\
         local  samerole  \"/^ce_[0-9a-f]{{32}}_(data|platform|owner)$\"  peer map=cloche\n\
         local  samerole  \"/^ce_[0-9a-f]{{32}}_sql$\"  scram-sha-256\n"
    );
    let map = format!("cloche  {}  \"/^(cloche_dump|ce_[0-9a-f]{{32}}_(data|platform|owner))$\"\n", process::own_user_name()?);
    let folder = data_dir.join("access");
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    for (name, text) in [("pg_hba.conf", text), ("pg_ident.conf", map)] {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
    }
    Ok(folder)
}

/// `DIR/run`, or a folder under the system's temporary one where that path is too long for a socket.
fn socket_dir(data_dir: &Path, user: &ChildUser) -> anyhow::Result<PathBuf> {
    let mut path = data_dir.join("run");
    if path.as_os_str().len() > MAX_SOCKET_DIR {
        let name = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, path.as_os_str().as_encoded_bytes()).simple().to_string();
        path = std::env::temp_dir().join(format!("cloche-{}", &name[..12]));
    }
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            fs::DirBuilder::new().mode(0o755).create(&path).with_context(|| format!("cannot create {}", path.display()))?;
            user.own(&path)?;
        }
        Err(error) => return Err(error).with_context(|| format!("cannot look at {}", path.display())),
        // In a temporary folder everybody can put something under a name that is known.
        Ok(facts) if !facts.is_dir() || !user.may_own(facts.uid()) => {
            bail!("{} is in the way: it is no folder of PostgreSQL's user; remove it", path.display())
        }
        Ok(_) => {}
    }
    Ok(path)
}

/// `DIR/postgres.json`: where scripts and people with the password find the embedded server.
fn write_connection_facts(data_dir: &Path, sockets: &Path) -> anyhow::Result<()> {
    let facts = serde_json::json!({ "socket_dir": sockets, "port": PORT, "superuser": SUPERUSER });
    write_private(&data_dir.join("postgres.json"), &facts.to_string())
}
