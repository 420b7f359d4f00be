//! Lanes: connections that many requests share at the same time, for reads of one statement, or for small inserts.
//!
//! Only statements that set no session state may go here, and `search_path` must be `pg_catalog` alone
//! ([`options`]), so that nobody's operator in `public` can be picked up by a comparison.
//!
//! The protocol is spoken here and not by the driver, because the driver ends every statement by itself: see [`wire`].

mod socket;
mod wire;

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::IsNull;
use postgres_protocol::message::frontend::{self, BindError};
use tokio_postgres::types::Type;

pub(crate) use self::socket::{OpenError, Socket, open};
pub(crate) use self::wire::Purpose;
use self::wire::{Reply, Wire};
use super::encode::{Encoder, Kind, OUTPUT_OPTIONS, Records, Scalar};
use super::param::TextParam;
use super::rows::{Column, Rows};
use super::sqlstate::{FEATURE_NOT_SUPPORTED, INTERNAL, UNDEFINED_STATEMENT};
use super::statements::Statements;

/// What a lane's connection is opened with (`tokio_postgres::Config::options`). The time limits are short because others
/// wait behind a slow statement; a read that meets one is tried again on a session, an insert on a writer.
const OPTIONS: &str = "-c default_transaction_read_only=off -c search_path=pg_catalog -c jit=off -c statement_timeout=1s -c lock_timeout=100ms \
    -c idle_in_transaction_session_timeout=5s";

/// A group that takes this long has a statement in it that shall hold up none before it the next time.
const SLOW: Duration = Duration::from_millis(20);
/// A group that takes this long makes another lane worth its while.
const HELD_UP: Duration = Duration::from_millis(5);
/// Inserts whose group takes this long, or would wait for one that does, are better off alone.
const TOO_LONG: Duration = Duration::from_millis(100);
/// How often a request is sent of which nothing came by another's fault.
const TRIES: usize = 8;

/// What the connection of a lane is opened with, on a server of that version.
pub(crate) fn options(purpose: Purpose, version: i32) -> String {
    // While the server is stopped in the middle of a group, its records stay locked: not for longer than a session would keep them so.
    let of_writing = if purpose == Purpose::Writing && version >= 170_000 { " -c transaction_timeout=30s" } else { "" };
    format!("{OPTIONS}{of_writing} {OUTPUT_OPTIONS}")
}

/// One connection shared by concurrent single statements.
pub(crate) struct Lane {
    wire: Wire,
    statements: Statements<Prepared>,
    /// Numbers of statements: none is given twice.
    named: AtomicU64,
    in_flight: AtomicUsize,
}

/// Nothing came of it on this lane, for a reason that a session will tell. Nothing was changed.
#[derive(Debug)]
pub(crate) struct Unanswered;

/// Why an insert has no outcome.
#[derive(Debug)]
pub(crate) enum Unwritten {
    /// Nothing was changed.
    Nothing,
    /// The connection ended before it was said whether it is committed.
    Unknown,
}

/// A statement, and what writes its rows, once that was asked for. It is of this statement and not of the table as remembered: when the
/// table has changed, the statement is prepared anew.
struct Prepared {
    name: Box<str>,
    columns: Arc<[Column]>,
    encoder: OnceLock<Option<Arc<Encoder>>>,
    is_slow: AtomicBool,
}

impl Lane {
    /// A lane over a connection that [`open`] has opened; `kept` is kept for as long as PostgreSQL is at work on it.
    pub(crate) fn over(socket: Socket, purpose: Purpose, kept: impl Send + 'static) -> Self {
        let (named, in_flight) = (AtomicU64::new(0), AtomicUsize::new(0));
        Self { wire: Wire::over(socket, purpose, kept), statements: Statements::default(), named, in_flight }
    }

    /// Runs one statement, beside those that others are running.
    pub(crate) async fn query(&self, sql: &str, params: &[TextParam<'_>]) -> Result<Rows, Unanswered> {
        let _counted = InFlight::enter(&self.in_flight);
        Ok(self.read(sql, params).await?.0)
    }

    /// The same for a read whose rows are records: with them comes what writes them as JSON.
    pub(crate) async fn records(&self, sql: &str, params: &[TextParam<'_>]) -> Result<Records, Unanswered> {
        let _counted = InFlight::enter(&self.in_flight);
        let (rows, prepared) = self.read(sql, params).await?;
        let encoder = match prepared.encoder.get() {
            Some(encoder) => encoder.clone(),
            None => Box::pin(self.encoder(&prepared)).await?,
        };
        Ok(Records::new(rows, encoder))
    }

    /// Runs one insert, in one transaction with those that others send meanwhile: told of once it is committed, and whether that took long.
    /// Nothing comes of it when another one fails.
    pub(crate) async fn insert(&self, sql: &str, params: &[TextParam<'_>]) -> Result<(Rows, bool), Unwritten> {
        if self.wire.under_way_for().is_some_and(|time| time > TOO_LONG) {
            return Err(Unwritten::Nothing);
        }
        let _counted = InFlight::enter(&self.in_flight);
        let (rows, prepared) = self.attempt(sql, params).await?;
        Ok((rows, prepared.is_slow.load(Ordering::Relaxed)))
    }

    /// How many statements wait for their answer: the least loaded lane has the fewest.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// The group that is being answered has taken long already: what comes now would wait behind it.
    pub(crate) fn is_held_up(&self) -> bool {
        self.wire.under_way_for().is_some_and(|time| time > HELD_UP)
    }

    /// The connection is gone; take another lane.
    pub(crate) fn is_closed(&self) -> bool {
        self.wire.is_closed()
    }

    async fn read(&self, sql: &str, params: &[TextParam<'_>]) -> Result<(Rows, Arc<Prepared>), Unanswered> {
        self.attempt(sql, params).await.map_err(|_| Unanswered)
    }

    async fn attempt(&self, sql: &str, params: &[TextParam<'_>]) -> Result<(Rows, Arc<Prepared>), Unwritten> {
        let writes = self.wire.purpose == Purpose::Writing;
        for _ in 0..TRIES {
            let known = self.statements.get(sql);
            // What is run for the first time may be slow. Who writes waits for the disk with the others in any case.
            let alone = !writes && known.as_ref().is_none_or(|prepared| prepared.is_slow.load(Ordering::Relaxed));
            // Closed again, also when the caller goes away, unless it is kept.
            let mut unkept = Unkept { lane: self, name: None };
            let (name, new) = match &known {
                Some(prepared) => (&*prepared.name, None),
                None => {
                    let name = unkept.name.insert(format!("s{}", self.named.fetch_add(1, Ordering::Relaxed)));
                    (name.as_str(), Some(sql))
                }
            };
            let answered = self.wire.ask(alone, |out| write(out, name, new, params)).map_err(|_| Unwritten::Nothing)?;
            match answered.await.map_err(|_| Unwritten::Unknown)? {
                // The other one may have met a lock: it is not for everybody to wait there again.
                Reply::Skipped if writes => return Err(Unwritten::Nothing),
                Reply::Skipped => {}
                Reply::Failed(code) => {
                    // The server has forgotten the statement, or what it stood on has changed.
                    let is_outdated = [UNDEFINED_STATEMENT, FEATURE_NOT_SUPPORTED, INTERNAL].contains(&code.as_str());
                    match known {
                        // A value that is wrong says nothing against the statement: others go on with it.
                        Some(_) if !is_outdated => return Err(Unwritten::Nothing),
                        Some(prepared) => {
                            self.statements.forget(sql, &prepared);
                            self.close(&prepared.name);
                        }
                        None => return Err(Unwritten::Nothing),
                    }
                }
                Reply::Rows { columns, messages, len, took } => {
                    let prepared = match known {
                        Some(prepared) => prepared,
                        None => self.keep(sql, unkept, columns.unwrap_or_else(|| Arc::new([]))),
                    };
                    prepared.is_slow.store(took > if writes { TOO_LONG } else { SLOW }, Ordering::Relaxed);
                    return Ok((Rows::new(Arc::clone(&prepared.columns), messages, len), prepared));
                }
            }
        }
        Err(Unwritten::Nothing)
    }

    fn keep(&self, sql: &str, mut new: Unkept<'_>, columns: Arc<[Column]>) -> Arc<Prepared> {
        let name = new.name.clone().unwrap_or_default().into();
        let prepared = Arc::new(Prepared { name, columns, encoder: OnceLock::new(), is_slow: AtomicBool::new(false) });
        if self.statements.get(sql).is_some() {
            // Somebody else has prepared it meanwhile, and others are about to run that.
            return prepared;
        }
        new.name = None;
        if let Some(evicted) = self.statements.insert(sql, Arc::clone(&prepared)) {
            self.close(&evicted.name);
        }
        prepared
    }

    /// Whoever still runs it is told that it is not known, and prepares it anew.
    fn close(&self, name: &str) {
        // Cannot fail: the name holds no zero byte.
        self.wire.tell(|out| _ = frontend::close(b'S', name, out));
    }

    async fn encoder(&self, prepared: &Prepared) -> Result<Option<Arc<Encoder>>, Unanswered> {
        let columns = &prepared.columns;
        let unknown: Vec<u32> =
            columns.iter().map(|column| column.type_oid).filter(|oid| Type::from_oid(*oid).is_none()).collect();
        let own = if unknown.is_empty() { HashMap::new() } else { self.kinds(&unknown).await? };
        let kind = |oid| Type::from_oid(oid).map_or_else(|| own.get(&oid).copied(), |type_| Kind::of_type(&type_));
        let encoder = Encoder::for_rows(columns.iter().map(|column| (&*column.name, kind(column.type_oid)))).map(Arc::new);
        Ok(prepared.encoder.get_or_init(|| encoder).clone())
    }

    /// What the types of a database's own are, where they are written like one that is known: enums, domains, and arrays of them.
    async fn kinds(&self, oids: &[u32]) -> Result<HashMap<u32, Kind>, Unanswered> {
        let list: Vec<String> = oids.iter().map(u32::to_string).collect();
        let (rows, _) = Box::pin(self.read(KINDS, &[TextParam::new(format!("{{{}}}", list.join(",")))])).await?;
        let mut kinds = HashMap::new();
        for row in rows.iter() {
            let number = |at| row.number(at).map_err(|_| Unanswered).map(|number| number as u32);
            let (asked, leaf) = (number(0)?, number(1)?);
            let text = |at| row.text(at).map_err(|_| Unanswered);
            let kind = match Type::from_oid(leaf) {
                _ if text(2)? == Some("e") => Some(Kind::One(Scalar::Text)),
                Some(type_) => Kind::of_type(&type_),
                None => None,
            };
            let kind = match (kind, text(3)?) {
                (Some(Kind::One(scalar)), Some("array")) => Some(Kind::Array(scalar)),
                (kind, Some("value")) => kind,
                _ => None,
            };
            kinds.extend(kind.map(|kind| (asked, kind)));
        }
        Ok(kinds)
    }
}

/// For each type asked for: the type that its values, or the elements of its arrays, are in the end.
const KINDS: &str = "WITH RECURSIVE steps (asked, leaf, kind) AS ( \
    SELECT oid, oid, 'value' FROM pg_catalog.pg_type WHERE oid = ANY ($1::pg_catalog.oid[]) \
    UNION ALL \
    SELECT s.asked, CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.typelem END, CASE t.typtype WHEN 'd' THEN s.kind ELSE 'array' END \
    FROM steps s JOIN pg_catalog.pg_type t ON t.oid = s.leaf \
    WHERE t.typtype = 'd' OR s.kind = 'value' AND t.typcategory = 'A' AND t.typelem <> 0) \
    SELECT DISTINCT ON (s.asked) s.asked::bigint, s.leaf::bigint, t.typtype::text, s.kind \
    FROM steps s JOIN pg_catalog.pg_type t ON t.oid = s.leaf \
    WHERE t.typtype <> 'd' AND NOT (s.kind = 'value' AND t.typcategory = 'A') ORDER BY s.asked";

/// The messages of one statement, which is prepared first if it is new.
fn write(out: &mut BytesMut, name: &str, new: Option<&str>, params: &[TextParam<'_>]) -> io::Result<()> {
    if let Some(sql) = new {
        frontend::parse(name, sql, [], out)?;
        frontend::describe(b'S', name, out)?;
    }
    let value = |param: &TextParam<'_>, out: &mut BytesMut| {
        Ok(param.0.as_deref().map_or(IsNull::Yes, |text| {
            out.extend_from_slice(text.as_bytes());
            IsNull::No
        }))
    };
    // All values as text, all results in binary.
    frontend::bind("", name, [0], params, value, [1], out).map_err(|error| match error {
        BindError::Conversion(error) => io::Error::other(error),
        BindError::Serialization(error) => error,
    })?;
    frontend::execute("", 0, out)
}

/// The name of a statement that is being prepared.
struct Unkept<'a> {
    lane: &'a Lane,
    name: Option<String>,
}

impl Drop for Unkept<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            self.lane.close(name);
        }
    }
}

/// Counts a statement as in flight until it is dropped, also when its caller goes away.
struct InFlight<'a>(&'a AtomicUsize);

impl<'a> InFlight<'a> {
    fn enter(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
