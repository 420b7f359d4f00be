//! Starting and stopping: the order in which the parts come up and go down.

use std::fs;
use std::io::IsTerminal as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use cloche_wire::{KeyText, TokenKind};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing_subscriber::EnvFilter;
use uuid::Uuid;

use crate::app::{App, faults, operation, session};
use crate::auth::oidc::Providers;
use crate::auth::{KeyCache, Passwords, Throttle, Uses};
use crate::fence::{self, Fence};
use crate::postgres::cluster::Cluster;
use crate::postgres::embedded::{Embedded, find_tools};
use crate::postgres::environments::Environments;
use crate::postgres::template;
use crate::reconcile;
use crate::secrets::{Secrets, write_private};
use crate::settings::{LogFormat, Settings};
use crate::store::{Store, clusters, people};
use crate::traffic::limits::Limits;
use crate::traffic::requests;

/// Runs the server until it is told to stop (SIGTERM, SIGINT), then stops everything it started.
pub async fn serve(mut settings: Settings) -> anyhow::Result<()> {
    start_logging(&settings)?;
    let data_dir = &settings.data_dir;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(data_dir)
        .with_context(|| format!("cannot create {}", data_dir.display()))?;
    settings.data_dir = data_dir.canonicalize().with_context(|| format!("cannot resolve {}", data_dir.display()))?;
    let _lock = lock(&settings.data_dir)?;
    // Before the long work, so that a port in use is said at once.
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("cannot listen on {} (choose another address with --listen)", settings.listen))?;
    let stop = stop_signal()?;
    let stopped = async |mut stop: watch::Receiver<bool>| {
        // The sender lives in a task that ends only with the process.
        let _ = stop.wait_for(|told| *told).await;
    };
    let secrets = Arc::new(Secrets::load(&settings.data_dir)?);
    let embedded = match &settings.database_url {
        None => tokio::select! {
            started = Embedded::start(&settings) => Some(started?),
            () = stopped(stop.clone()) => return Ok(()),
        },
        Some(_) => None,
    };
    let ready = tokio::select! {
        ready = prepare(settings, secrets, embedded.as_ref(), &listener) => ready.map(Some),
        () = stopped(stop.clone()) => Ok(None),
    };
    let served = match ready {
        Ok(Some((app, lease))) => {
            run(app, lease, listener, stopped(stop)).await;
            Ok(())
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    if let Some(embedded) = embedded {
        tracing::info!("stopping PostgreSQL");
        embedded.stop().await;
    }
    served
}

/// Everything before the first request. The task keeps the server's lease.
async fn prepare(
    settings: Settings,
    secrets: Arc<Secrets>,
    embedded: Option<&Embedded>,
    listener: &TcpListener,
) -> anyhow::Result<(Arc<App>, JoinHandle<()>)> {
    let mut cluster = match (embedded, &settings.database_url) {
        (Some(embedded), _) => Cluster::embedded(embedded, Arc::clone(&secrets)).await?,
        (None, Some(url)) => Cluster::external(url, find_tools(&settings).ok(), Arc::clone(&secrets)).await?,
        (None, None) => bail!("there is no PostgreSQL server"),
    };
    let (store, ()) = tokio::try_join!(Store::open(&cluster, &secrets), template::prepare(&cluster))?;
    let home = home(&settings.data_dir)?;
    let url = settings.public_url.clone().unwrap_or(format!("http://{}", reachable(listener.local_addr()?)));
    let fence = Fence::enter(&store, home, url.clone(), cluster.ours).await?;
    {
        let mut client = store.client().await?;
        let token = owner_token(&settings.data_dir)?;
        let found = people::find_token(&client, token.locator()).await?;
        let tx = client.transaction().await?;
        let owner = people::ensure_organization(&tx).await?;
        cluster.id = clusters::ensure_default(&tx).await?;
        match found {
            None => _ = people::add_token(&tx, &secrets, owner, &token, "local owner", None, Some(home)).await?,
            Some(found) if !found.usable => {
                tracing::warn!(
                    "the token in DIR/owner-token opens nothing: it was revoked, or its member belongs to no organization any more"
                );
            }
            Some(_) => {}
        }
        tx.commit().await?;
    }
    let app = Arc::new(assemble(settings, url, secrets, store, fence, cluster)?);
    let lease = tokio::spawn(fence::keep(Arc::clone(&app)));
    reconcile::clean_up(&app).await?;
    operation::take_over_abandoned(&app).await?;
    announce(&app, session::setup_link(&app).await?.as_ref());
    Ok((app, lease))
}

/// Serves until it is told to stop.
async fn run(app: Arc<App>, lease: JoinHandle<()>, listener: TcpListener, stop: impl Future<Output = ()>) {
    let housekeeping = tokio::spawn(reconcile::keep(Arc::clone(&app)));
    let migrating = tokio::spawn(reconcile::migrate_environments(Arc::clone(&app)));
    let neighbours = tokio::spawn(fence::tend(Arc::clone(&app)));
    let environments = Arc::clone(&app.environments);
    let writing = tokio::spawn(requests::keep(Arc::clone(&app)));
    let connections = tokio::spawn(async move { environments.keep_house().await });
    crate::http::serve(Arc::clone(&app), listener, stop).await;
    writing.abort();
    requests::finish(&app).await;
    housekeeping.abort();
    migrating.abort();
    neighbours.abort();
    connections.abort();
    lease.abort();
    app.fence.leave(&app.store).await;
}

fn assemble(
    settings: Settings,
    url: String,
    secrets: Arc<Secrets>,
    store: Store,
    fence: Fence,
    cluster: Cluster,
) -> anyhow::Result<App> {
    Ok(App {
        settings,
        url,
        secrets,
        store,
        cluster: Arc::new(cluster),
        environments: Environments::new(Arc::clone(&fence.lease)),
        keys: KeyCache::new(Arc::clone(&fence.lease)),
        fence,
        uses: Uses::default(),
        limits: Limits::default(),
        passwords: Passwords::new(),
        throttle: Throttle::default(),
        providers: Providers::default(),
        running: operation::Running::default(),
        faults: faults::Script::of_environment()?,
        metrics: PrometheusBuilder::new().install_recorder().context("metrics cannot be set up")?,
    })
}

fn start_logging(settings: &Settings) -> anyhow::Result<()> {
    // The driver writes down every NOTICE, and what a tenant's function raises is no business of this log. The pool tells of every
    // connection that PostgreSQL ends when it stops; a request that meets a broken one reports it itself.
    let filter = format!("tokio_postgres=warn,deadpool=error,{}", settings.log_filter);
    let filter = EnvFilter::try_new(filter).with_context(|| format!("the log filter {:?} is not valid", settings.log_filter))?;
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}

/// Held until the process ends, however it ends.
fn lock(data_dir: &Path) -> anyhow::Result<fs::File> {
    let path = data_dir.join("lock");
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = file.with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            bail!("another cloche server uses {}: stop it first, or give this one another --data-dir", data_dir.display())
        }
        Err(fs::TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

/// The token in `DIR/owner-token`; written there before it is valid, so that a valid one is never lost.
fn owner_token(data_dir: &Path) -> anyhow::Result<KeyText> {
    let path = data_dir.join("owner-token");
    match fs::read_to_string(&path) {
        Ok(text) => {
            return KeyText::parse(text.trim())
                .with_context(|| format!("{} does not hold a token: remove it, and start again for a new one", path.display()));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
    let token =
        KeyText::generate(TokenKind::Personal).map_err(|error| anyhow::anyhow!("the system has no randomness: {error}"))?;
    write_private(&path, token.reveal())?;
    Ok(token)
}

/// The id of a data directory. A server that starts in it takes the place of the one before it.
fn home(data_dir: &Path) -> anyhow::Result<Uuid> {
    let path = data_dir.join("home-id");
    match fs::read_to_string(&path) {
        Ok(text) => {
            text.trim().parse().with_context(|| format!("{} does not hold an id: remove it, and start again", path.display()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let home = Uuid::new_v4();
            write_private(&path, &home.to_string())?;
            Ok(home)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Turns true when the process is told to stop, also while it is still starting.
fn stop_signal() -> anyhow::Result<watch::Receiver<bool>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (tell, told) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: requests under way are finished first");
        tell.send_replace(true);
    });
    Ok(told)
}

/// Where a server that listens everywhere can be reached for certain: on its own machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// What a person who starts the server wants to know.
fn announce(app: &App, setup_link: Option<&KeyText>) {
    let url = app.url();
    let kind = if app.cluster.ours { "embedded" } else { "external" };
    let copies = match (app.cluster.copy_on_write, app.cluster.file_system.as_str()) {
        (true, name) => format!("yes ({name})"),
        (false, name) => format!("no ({name}): branches copy bytes"),
    };
    eprintln!("cloche {} is ready", env!("CARGO_PKG_VERSION"));
    eprintln!("  url            {url}");
    eprintln!("  data           {}", app.settings.data_dir.display());
    eprintln!("  PostgreSQL     {} ({kind})", app.cluster.version_text());
    eprintln!("  copy-on-write: {copies}");
    eprintln!("  owner token    {}", app.settings.data_dir.join("owner-token").display());
    if let Some(link) = setup_link {
        eprintln!("  set-up link    {url}/setup#{}", link.reveal());
    }
    tracing::info!(%url, postgres = app.cluster.version_text(), copy_on_write = app.cluster.copy_on_write, "ready");
}
