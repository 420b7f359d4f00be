//! Keeping the world as the control database says it is. It takes no input but "look", and leaves alone what is young or in use.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::app::{App, environment, operation, removal, traffic};
use crate::error::{Error, Result};
use crate::postgres::database::DatabaseName;
use crate::postgres::settings::MAX_STATEMENT_SECONDS;
use crate::postgres::template::SCHEMA_VERSION;
use crate::store::environments::{self, Status};
use crate::store::operations;

/// How often uses of keys are written down (each key at most every five minutes), and greedy sessions are looked for.
const NOTE_USES: Duration = Duration::from_secs(2);
/// How often everything else is looked at.
const LOOK: Duration = Duration::from_secs(30);

/// Between two environments that are brought up to date: requests go first.
const BREATH: Duration = Duration::from_millis(50);

/// Brings environments that an older server made up to date, one after another, and ends. Those in use are before by their requests.
pub(crate) async fn migrate_environments(app: Arc<App>) {
    let mut after = None;
    loop {
        let next = async { environments::next_outdated(&*app.store.client().await?, SCHEMA_VERSION, after).await }.await;
        match next {
            Ok(Some(environment)) => {
                after = Some(environment.id);
                report("an environment made by an older server", environment::bring_up_to_date(&app, &environment).await);
                tokio::time::sleep(BREATH).await;
            }
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(?error, "could not look for environments made by an older server; trying again later");
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

/// Runs for as long as the server does.
pub(crate) async fn keep(app: Arc<App>) {
    let mut last_look = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(NOTE_USES).await;
        report("sessions with too many locks", app.cluster.end_lock_hoarders().await.map_err(Error::from));
        let timeouts = || app.environments.statement_timeouts();
        let overdue = app.cluster.end_overdue_statements(timeouts, MAX_STATEMENT_SECONDS).await;
        report("statements that do not stop", overdue.map_err(Error::from));
        report("uses of keys", app.keys.write_uses(&app.store).await);
        report("uses of tokens and sessions", app.uses.write_uses(&app.store).await);
        if last_look.elapsed() >= LOOK {
            last_look = tokio::time::Instant::now();
            report("settings of roles", app.cluster.reset_role_settings().await.map_err(Error::from));
            traffic::check_sizes(&app).await;
            report("stuck operations", operation::retry_stuck(&app).await);
            report("expired leases", expire_leases(&app).await);
            report("deleted environments", erase_deleted(&app).await);
        }
    }
}

fn report(what: &str, outcome: Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!(?error, "could not look after {what}; trying again later");
    }
}

/// What a killed server may have left: dumps nobody needs, databases of nobody, doors of deleted environments that stand open.
/// Called at the start, when nothing is under way yet.
pub(crate) async fn clean_up(app: &App) -> Result<()> {
    let dumps = app.settings.data_dir.join("dumps");
    crate::postgres::copy::remove_dump(&dumps)?;
    close_deleted(app).await?;
    collect_orphans(app).await
}

async fn close_deleted(app: &App) -> Result<()> {
    let mut client = app.store.client().await?;
    for environment in environments::with_status(&client, Status::Deleted).await? {
        // Under the row's lock, because another server may be taking its delete back.
        let tx = client.transaction().await?;
        if environments::lock(&tx, environment.id).await.is_ok_and(|locked| locked.status == Status::Deleted) {
            app.cluster.close_database(&environment.database).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Databases and logins that an operation of ours made, and no environment has any more. One that no operation tells of is left alone,
/// whatever its name: with another control database it may be somebody's.
async fn collect_orphans(app: &App) -> Result<()> {
    let present = app.cluster.our_databases().await?;
    let client = app.store.client().await?;
    let made: HashSet<String> = operations::databases_of_ended(&client).await?.into_iter().collect();
    let known: HashSet<String> = environments::database_names(&client).await?.into_iter().collect();
    for name in present.into_iter().filter(|name| made.contains(name) && !known.contains(name)) {
        tracing::warn!(database = name, "removing a database that belongs to no environment");
        let name = DatabaseName::stored(name);
        app.cluster.drop_database(&name).await?;
        app.cluster.drop_logins(&name).await?;
    }
    Ok(())
}

async fn expire_leases(app: &Arc<App>) -> Result<()> {
    let expired = environments::expired(&*app.store.client().await?).await?;
    for environment in expired {
        tracing::info!(environment = %environment.id, name = environment.name, "its lease has run out");
        // A conflict means that somebody is at work on it: the next look finds it again.
        report("an expired lease", removal::delete_by_system(app, environment.id, false).await);
    }
    Ok(())
}

async fn erase_deleted(app: &Arc<App>) -> Result<()> {
    let due = environments::due_for_erasure(&*app.store.client().await?).await?;
    for environment in due {
        tracing::info!(environment = %environment.id, name = environment.name, "the time to undo its delete has passed");
        report("a deleted environment", removal::delete_by_system(app, environment.id, true).await);
    }
    Ok(())
}
