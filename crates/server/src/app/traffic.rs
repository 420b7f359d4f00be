//! What an environment's requests have left: its log, its counters, and the size of its database.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::App;
use super::environment::{Found, require_ready};
use crate::error::{Error, Result};
use crate::postgres::environments::{Handle, PlatformSession};
use crate::postgres::gate::Pass;
use crate::postgres::requests::{self, Day, Filter, Line, Used};
use crate::postgres::settings::EnvironmentSettings;
use crate::store::{Page, Slice};
use crate::traffic;

/// Days one can look back: as long as the counters are kept.
const MAX_DAYS: i32 = 90;
/// Lines of the usage of tables and columns at most: the most used.
const MAX_USED: i64 = 2_000;

/// Which requests are asked for.
#[derive(Debug, Default)]
pub(crate) struct Wanted<'a> {
    /// `404`, or `4xx` for all of a hundred.
    pub(crate) status: Option<&'a str>,
    /// A table or function.
    pub(crate) resource: Option<String>,
    /// Only those after the one with this cursor, oldest first.
    pub(crate) newer_than: Option<&'a str>,
}

/// Requests, newest first, or those after one that is known.
pub(crate) async fn log(app: &App, found: &Found, wanted: &Wanted<'_>, slice: &Slice) -> Result<Page<Line>> {
    let filter = Filter {
        before: slice.after.as_deref().map(cursor).transpose()?,
        after: wanted.newer_than.map(cursor).transpose()?,
        status: wanted.status.map(statuses).transpose()?,
        resource: wanted.resource.clone(),
        limit: slice.first + 1,
    };
    let (session, _pass) = platform(app, found).await?;
    let mut nodes = requests::lines(session.client()?, &filter).await?;
    let more = nodes.len() as i64 > slice.first;
    nodes.truncate(usize::try_from(slice.first).unwrap_or_default());
    Ok(Page { nodes, more })
}

/// How much was asked for in the last days, in all and by table and column.
pub(crate) async fn usage(app: &App, found: &Found, days: i32) -> Result<(Vec<Day>, Vec<Used>)> {
    if !(1..=MAX_DAYS).contains(&days) {
        return Err(Error::bad_input("usage/days", format!("`days` is 1 to {MAX_DAYS}.")));
    }
    let (session, _pass) = platform(app, found).await?;
    let client = session.client()?;
    Ok((requests::days(client, days).await?, requests::used(client, days, MAX_USED).await?))
}

/// What this server remembers is written first, so that who asks sees what was just done.
async fn platform(app: &App, found: &Found) -> Result<(PlatformSession, Pass)> {
    require_ready(app, &found.environment).await?;
    let handle = app.environments.handle(found.environment.id, &found.environment.database, &app.cluster);
    traffic::requests::write(&handle).await?;
    let pass = handle.enter().await?;
    Ok((handle.platform().await?, pass))
}

fn cursor(text: &str) -> Result<i64> {
    text.parse().map_err(|_| Error::bad_input("page/cursor", "The cursor is none of this list."))
}

fn statuses(text: &str) -> Result<(i16, i16)> {
    let hundred = text.strip_suffix("xx").and_then(|digit| digit.parse::<i16>().ok()).filter(|digit| (1..=5).contains(digit));
    if let Some(digit) = hundred {
        return Ok((digit * 100, digit * 100 + 99));
    }
    let one = text.parse::<i16>().ok().filter(|status| (100..600).contains(status));
    one.map(|status| (status, status)).ok_or_else(|| {
        Error::bad_input("log/status", format!("{text:?} is no status."))
            .hint("Write 404 for one, or 4xx for all of them.")
            .field("status", "status", "100 to 599, or 1xx to 5xx")
    })
}

/// Looks at the size of every database that has a limit and is in use.
pub(crate) async fn check_sizes(app: &App) {
    for (handle, settings) in app.environments.with_settings() {
        if let Err(error) = check_size(app, &handle, &settings).await {
            // It may just have been deleted.
            tracing::debug!(?error, database = %handle.database, "the size of a database could not be looked at");
        }
    }
}

/// The same for one.
pub(crate) async fn check_size(app: &App, handle: &Arc<Handle>, settings: &EnvironmentSettings) -> Result<()> {
    let is_full = match settings.max_database_mib {
        Some(limit) => app.cluster.database_size(&handle.database).await? > i64::from(limit) << 20,
        None => false,
    };
    handle.traffic.is_full.store(is_full, Ordering::Relaxed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_one_or_a_hundred() {
        assert_eq!(statuses("404").unwrap(), (404, 404));
        assert_eq!(statuses("5xx").unwrap(), (500, 599));
        for text in ["", "xx", "6xx", "99", "600", "4x", "abc"] {
            assert!(statuses(text).is_err(), "{text}");
        }
    }
}
