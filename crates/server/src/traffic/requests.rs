//! What is remembered of an environment's requests until it is written into its database: some of them whole, all of them counted.
//!
//! A request costs a few atomic additions. It is noted whole only while there is room in the batch that is written next; a busy
//! environment's log is a sample, and says of how many.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::app::App;
use crate::error::Result;
use crate::map::Map;
use crate::postgres::environments::Handle;
use crate::postgres::requests;
use crate::postgres::schema::Verb;

/// Between two looks for what is to be written.
const EVERY: Duration = Duration::from_secs(3);
/// Requests noted whole between two, and how many of them at most went well: errors find room in a busy log.
const NOTED: usize = 500;
const NOTED_WELL: usize = 400;
/// Tables and columns counted between two. More than that are not there, or nobody looks at them all.
const COUNTED: usize = 10_000;
/// A name is no longer than PostgreSQL's.
const RESOURCE: usize = 63;
/// An environment with fewer requests between two is left without the connection they were written by.
const FEW: u64 = 10;
/// Of the time that writing a batch takes, the rest before the next one; not longer than so.
const REST: u32 = 4;
const MAX_REST: Duration = Duration::from_millis(500);
/// How long the last batches may take when the server stops.
const PATIENCE: Duration = Duration::from_secs(5);

/// A request that was answered.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) at: DateTime<Utc>,
    pub(crate) method: &'static str,
    /// With placeholders for what is in the path.
    pub(crate) route: &'static str,
    /// The table or function.
    pub(crate) resource: Option<String>,
    pub(crate) status: u16,
    pub(crate) took: Duration,
    pub(crate) key_id: Uuid,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) request_id: String,
    pub(crate) address: Option<IpAddr>,
}

/// Requests since the last batch, and whether the environment may still be written to.
#[derive(Default)]
pub(crate) struct Traffic {
    noted: Mutex<Vec<Request>>,
    /// How many of them, so that nobody takes the lock in vain.
    room: AtomicUsize,
    totals: Totals,
    uses: Mutex<Map<String, Uses>>,
    /// Its database is larger than it may be.
    pub(crate) is_full: AtomicBool,
}

#[derive(Default)]
struct Totals {
    requests: AtomicU64,
    client_errors: AtomicU64,
    server_errors: AtomicU64,
    not_kept: AtomicU64,
    micros: AtomicU64,
}

/// How a table was used, verb by verb.
#[derive(Default)]
struct Uses([OfVerb; VERBS.len()]);

#[derive(Default)]
struct OfVerb {
    requests: u64,
    columns: Map<String, u64>,
}

impl OfVerb {
    fn count(&mut self, columns: impl FnOnce(&mut dyn FnMut(&str))) {
        self.requests += 1;
        columns(&mut |column| match self.columns.get_mut(column) {
            Some(count) => *count += 1,
            None => _ = self.columns.insert(column.to_owned(), 1),
        });
    }
}

const VERBS: [Verb; 5] = [Verb::Read, Verb::Create, Verb::Update, Verb::Delete, Verb::Call];

/// What is written at once.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) noted: Vec<Request>,
    pub(crate) requests: u64,
    pub(crate) client_errors: u64,
    pub(crate) server_errors: u64,
    pub(crate) not_kept: u64,
    pub(crate) micros: u64,
    pub(crate) uses: Vec<Use>,
}

/// How often something was done with a column; with an empty name, with the table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) resource: String,
    pub(crate) verb: &'static str,
    pub(crate) column: String,
    pub(crate) count: u64,
}

impl Traffic {
    /// Counts a request, and notes it whole if there is room.
    pub(crate) fn note(&self, status: u16, took: Duration, whole: Option<impl FnOnce() -> Request>) {
        let totals = &self.totals;
        totals.requests.fetch_add(1, Relaxed);
        totals.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
        match status {
            400..=499 => _ = totals.client_errors.fetch_add(1, Relaxed),
            500.. => _ = totals.server_errors.fetch_add(1, Relaxed),
            _ => {}
        }
        let room = if status < 400 { NOTED_WELL } else { NOTED };
        match whole {
            Some(whole) if self.room.load(Relaxed) < room => {
                let mut noted = locked(&self.noted);
                noted.push(whole());
                self.room.store(noted.len(), Relaxed);
            }
            _ => _ = totals.not_kept.fetch_add(1, Relaxed),
        }
    }

    /// Counts a use of a table, and of those of its columns that were named. Names must be of the schema, not a caller's: they are kept.
    pub(crate) fn used(&self, table: &str, verb: Verb, columns: impl FnOnce(&mut dyn FnMut(&str))) {
        let mut uses = locked(&self.uses);
        let has_room = uses.len() < COUNTED;
        match uses.get_mut(table) {
            Some(uses) => uses.0[verb as usize].count(columns),
            None if has_room => uses.entry(table.to_owned()).or_default().0[verb as usize].count(columns),
            None => {}
        }
    }

    /// Whether there is anything to write.
    pub(crate) fn is_waiting(&self) -> bool {
        self.totals.requests.load(Relaxed) > 0
    }

    fn take(&self) -> Batch {
        let noted = {
            let mut noted = locked(&self.noted);
            self.room.store(0, Relaxed);
            std::mem::take(&mut *noted)
        };
        let totals = &self.totals;
        let taken = |total: &AtomicU64| total.swap(0, Relaxed);
        let uses = std::mem::take(&mut *locked(&self.uses));
        Batch {
            noted,
            requests: taken(&totals.requests),
            client_errors: taken(&totals.client_errors),
            server_errors: taken(&totals.server_errors),
            not_kept: taken(&totals.not_kept),
            micros: taken(&totals.micros),
            uses: uses.into_iter().flat_map(|(table, uses)| listed(&table, uses)).collect(),
        }
    }
}

fn listed(table: &str, uses: Uses) -> Vec<Use> {
    let mut list = Vec::new();
    for (verb, uses) in VERBS.iter().zip(uses.0) {
        let mut add = |column: String, count| {
            list.push(Use { resource: table.to_owned(), verb: verb.as_str(), column, count });
        };
        if uses.requests > 0 {
            add(String::new(), uses.requests);
        }
        uses.columns.into_iter().for_each(|(column, count)| add(column, count));
    }
    list
}

/// The part of a path that stands for `{table}` or `{function}` in its route.
pub(crate) fn resource(route: &str, path: &str) -> Option<String> {
    let index = route.split('/').position(|part| matches!(part, "{table}" | "{function}"))?;
    let part = path.split('/').nth(index)?;
    let name = percent_encoding::percent_decode_str(part).decode_utf8_lossy();
    Some(name.chars().filter(|c| *c != '\0').take(RESOURCE).collect())
}

/// The instant a request that took so long began.
pub(crate) fn began(took: Duration) -> DateTime<Utc> {
    DateTime::from(SystemTime::now() - took)
}

/// Writes what was remembered, every few seconds, for as long as the server runs. Environments without requests are left asleep.
pub(crate) async fn keep(app: Arc<App>) {
    loop {
        tokio::time::sleep(EVERY).await;
        write_calmly(&app).await;
    }
}

/// Writes what is left when the server stops.
pub(crate) async fn finish(app: &App) {
    if tokio::time::timeout(PATIENCE, write_all(app)).await.is_err() {
        tracing::warn!("the last requests could not be written down in time");
    }
}

async fn write_all(app: &App) {
    for handle in app.environments.with_traffic() {
        write_one(&handle).await;
    }
}

/// The same, with so much rest in between that many environments whose connections must be opened for it do not hold up requests.
async fn write_calmly(app: &App) {
    for handle in app.environments.with_traffic() {
        let started = Instant::now();
        write_one(&handle).await;
        tokio::time::sleep((REST * started.elapsed()).min(MAX_REST)).await;
    }
}

async fn write_one(handle: &Arc<Handle>) {
    if let Err(error) = write(handle).await {
        // Its environment may be gone by now.
        tracing::debug!(?error, database = %handle.database, "what was remembered of some requests could not be written down");
    }
}

/// Writes what an environment's requests have left; nothing if there were none.
pub(crate) async fn write(handle: &Arc<Handle>) -> Result<()> {
    let batch = handle.traffic.take();
    if batch.requests == 0 && batch.uses.is_empty() {
        return Ok(());
    }
    let _pass = handle.enter().await?;
    let mut session = handle.platform().await?;
    requests::write(session.client_mut()?, &batch).await?;
    if batch.requests < FEW {
        session.close();
    }
    Ok(())
}

/// Locks; a poisoned lock is used all the same, because nothing in this file panics while holding one.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request {
            at: Utc::now(),
            method: "GET",
            route: "/v1/data/{table}",
            resource: Some("posts".into()),
            status: 200,
            took: Duration::from_micros(7),
            key_id: Uuid::nil(),
            user_id: None,
            request_id: "-".into(),
            address: None,
        }
    }

    #[test]
    fn a_busy_log_is_a_sample_with_room_for_errors() {
        let traffic = Traffic::default();
        for _ in 0..1000 {
            traffic.note(200, Duration::from_micros(2), Some(request));
        }
        traffic.note(500, Duration::ZERO, Some(request));
        traffic.note(404, Duration::ZERO, None::<fn() -> Request>);
        let batch = traffic.take();
        assert_eq!((batch.noted.len(), batch.requests, batch.not_kept), (NOTED_WELL + 1, 1002, 601));
        assert_eq!((batch.client_errors, batch.server_errors, batch.micros), (1, 1, 2000));
        assert!(!traffic.is_waiting());
        traffic.note(200, Duration::ZERO, Some(request));
        assert_eq!(traffic.take().noted.len(), 1, "there is room again");
    }

    #[test]
    fn uses_are_counted_by_verb_and_column() {
        let traffic = Traffic::default();
        for _ in 0..2 {
            traffic.used("posts", Verb::Read, |count| ["id", "title"].into_iter().for_each(count));
        }
        traffic.used("posts", Verb::Delete, |_| {});
        let mut uses = traffic.take().uses;
        uses.sort_by(|a, b| (a.verb, &a.column).cmp(&(b.verb, &b.column)));
        let shown: Vec<_> = uses.iter().map(|u| (u.verb, u.column.as_str(), u.count)).collect();
        assert_eq!(shown, [("delete", "", 1), ("read", "", 2), ("read", "id", 2), ("read", "title", 2)]);
    }

    #[test]
    fn the_table_is_in_the_path() {
        assert_eq!(resource("/v1/data/{table}/{id}", "/v1/data/my%20posts/7"), Some("my posts".into()));
        assert_eq!(resource("/rest/v1/rpc/{function}", "/rest/v1/rpc/add"), Some("add".into()));
        assert_eq!(resource("/v1/openapi.json", "/v1/openapi.json"), None);
        assert_eq!(resource("/v1/data/{table}", &format!("/v1/data/{}", "x".repeat(100))).map(|name| name.len()), Some(63));
    }
}
