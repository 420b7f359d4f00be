//! Everything a data-plane handler may touch: one environment, chosen by the key alone.

use std::sync::Arc;

use cloche_wire::{EnvironmentId, KeyKind};
use futures_util::future::join4;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::encode::Records;
use super::environments::Handle;
use super::lane::Unanswered;
use super::param::TextParam;
use super::realm::Realm;
use super::rows::Rows;
use super::schema::{Schema, Verb};
use super::settings::EnvironmentSettings;
use super::sqlstate::{to_error, to_error_of_change};
use crate::error::{Error, Result};

/// Who sends a request: a key of one environment, and with a publishable one perhaps a signed-in user.
#[derive(Debug, Clone)]
pub(crate) struct DataActor {
    pub(crate) environment_id: EnvironmentId,
    pub(crate) key_id: uuid::Uuid,
    pub(crate) kind: KeyKind,
    /// What a secret key is limited to; empty means everything.
    pub(crate) scopes: Vec<String>,
    /// Whom the token beside the key stands for.
    pub(crate) user: Option<Arc<EndUser>>,
}

/// A user of the environment's own pool, as their token tells.
#[derive(Debug, Clone)]
pub(crate) struct EndUser {
    pub(crate) id: uuid::Uuid,
    /// Their roles in this environment, beside those every user has.
    pub(crate) roles: Vec<String>,
    /// All claims of the token.
    pub(crate) claims: serde_json::Value,
}

/// Which kind of connection a statement needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On<'t> {
    /// A pipelined connection shared with others: reads of plain tables only, because nothing may set state there or wait for locks.
    Lane,
    /// A connection of its own,
    Session,
    /// the same for what changes something: nobody knows what came of that when the connection ends meanwhile.
    Change,
    /// For an insert that leaves nothing behind on its connection: one with others who insert, if it is small,
    Inserts,
    /// or one of its own.
    Writer,
    /// A connection of its own, and a transaction that knows who calls: for what may ask.
    Transaction(Transaction<'t>),
}

/// How a statement that is no lane's is run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Transaction<'r> {
    pub(crate) read_only: bool,
    /// `Prefer: tx=rollback`: do it, tell of it, and take it back.
    pub(crate) rollback: bool,
    pub(crate) timezone: Option<&'r str>,
    /// The request's method and path, which functions may ask for.
    pub(crate) method: &'r str,
    pub(crate) path: &'r str,
}

impl Transaction<'_> {
    /// The same for what only reads.
    pub(crate) fn reading(self) -> Self {
        Self { read_only: true, ..self }
    }

    /// A statement by itself does as well.
    pub(crate) fn is_plain(self) -> bool {
        !self.rollback && self.timezone.is_none()
    }

    /// It may change something.
    pub(crate) fn writes(self) -> bool {
        !self.read_only
    }
}

/// What functions, triggers and policies may ask of the request, by the names that PostgREST gives it.
const TELL: &str = "SELECT pg_catalog.set_config('request.jwt.claims', $1, true), pg_catalog.set_config('request.method', $2, true), \
    pg_catalog.set_config('request.path', $3, true), pg_catalog.set_config('TimeZone', coalesce($4, pg_catalog.current_setting('TimeZone')), true)";

/// One environment's data for the length of one request. Only a verified key makes one.
pub(crate) struct EnvironmentScope {
    actor: DataActor,
    realm: Realm,
    settings: Arc<EnvironmentSettings>,
}

impl EnvironmentScope {
    pub(crate) fn new(actor: DataActor, realm: Realm, settings: Arc<EnvironmentSettings>) -> Self {
        Self { actor, realm, settings }
    }

    /// How this environment answers: limits of bodies and pages, what is switched on.
    pub(crate) fn settings(&self) -> &EnvironmentSettings {
        &self.settings
    }

    /// Counts a use of a table or function, and of the columns that `columns` counts. All names are of the schema.
    pub(crate) fn used(&self, resource: &str, verb: Verb, columns: impl FnOnce(&mut dyn FnMut(&str))) {
        self.realm.handle().traffic.used(resource, verb, columns);
    }

    async fn handle(&self) -> Result<&Arc<Handle>> {
        self.realm.inside().await
    }

    pub(crate) fn actor(&self) -> &DataActor {
        &self.actor
    }

    /// The tables there are, from memory where known.
    pub(crate) async fn schema(&self) -> Result<Arc<Schema>> {
        self.handle().await?.schema().await
    }

    /// The tables there are now, read again at most once a second.
    pub(crate) async fn reload_schema(&self) -> Result<Arc<Schema>> {
        self.handle().await?.reload_schema().await
    }

    /// Runs one statement. A read of which nothing comes on its lane runs again on a session, which has more time, and says what is wrong.
    pub(crate) async fn run(&self, on: On<'_>, sql: &str, params: &[TextParam<'_>]) -> Result<Rows> {
        let handle = self.handle().await?;
        // What is not a lane's keeps much meanwhile: the future of every read would be as large.
        let rows = match on {
            On::Lane => match handle.lane().await?.lane().query(sql, params).await {
                Ok(rows) => return Ok(rows),
                Err(Unanswered) => Box::pin(self.run_alone(handle, sql, params, to_error)).await?,
            },
            On::Session => Box::pin(self.run_alone(handle, sql, params, to_error)).await?,
            On::Change => Box::pin(self.run_alone(handle, sql, params, to_error_of_change)).await?,
            On::Inserts => return Box::pin(handle.insert_with_others(sql, params)).await,
            On::Writer => return Box::pin(handle.insert(sql, params)).await,
            On::Transaction(transaction) => Box::pin(self.run_in(transaction, sql, params)).await?,
        };
        Rows::of_driver(&rows)
    }

    async fn run_alone(
        &self,
        handle: &Arc<Handle>,
        sql: &str,
        params: &[TextParam<'_>],
        error: fn(tokio_postgres::Error) -> Error,
    ) -> Result<Vec<Row>> {
        query_once(handle.session().await?.client()?, sql, params).await.map_err(error)
    }

    /// One statement in a transaction; all of it is sent at once.
    async fn run_in(&self, transaction: Transaction<'_>, sql: &str, params: &[TextParam<'_>]) -> Result<Vec<Row>> {
        let session = self.handle().await?.session().await?;
        let client = session.client()?;
        let begin = if transaction.read_only { "BEGIN READ ONLY" } else { "BEGIN" };
        let end = if transaction.rollback { "ROLLBACK" } else { "COMMIT" };
        let told = [
            TextParam::new(self.claims()),
            TextParam::new(transaction.method),
            TextParam::new(transaction.path),
            TextParam(transaction.timezone.map(Into::into)),
        ];
        // Sent in this order, with their first poll.
        let (begun, told, rows, ended) = join4(
            client.batch_execute(begin),
            query_once(client, TELL, &told),
            query_once(client, sql, params),
            client.batch_execute(end),
        )
        .await;
        // All of it was sent, also when the answer to the first is missing already.
        let error = if transaction.writes() && !transaction.rollback { to_error_of_change } else { to_error };
        begun.map_err(error)?;
        told.map_err(error)?;
        let rows = rows.map_err(error)?;
        // What is checked at the end of a transaction may fail there.
        ended.map_err(error)?;
        Ok(rows)
    }

    /// Who calls, as claims of a token.
    fn claims(&self) -> String {
        match (&self.actor.user, self.actor.kind) {
            (Some(user), _) => user.claims.to_string(),
            (None, KeyKind::Publishable) => r#"{"role":"anon"}"#.to_owned(),
            (None, KeyKind::Secret) => r#"{"role":"service_role"}"#.to_owned(),
        }
    }

    /// The same for a flat select of columns that [`Kind`](super::encode::Kind) knows: its rows are records, and are written as JSON here.
    pub(crate) async fn records(&self, on: On<'_>, sql: &str, params: &[TextParam<'_>]) -> Result<Records> {
        let handle = self.handle().await?;
        if on == On::Lane
            && let Ok(records) = handle.lane().await?.lane().records(sql, params).await
        {
            return Ok(records);
        }
        Records::of_driver(&Box::pin(self.run_alone(handle, sql, params, to_error)).await?)
    }
}

/// Runs one statement without preparing it by name: one round trip, nothing kept on the connection. For sessions whose
/// statements are thrown away with `DISCARD ALL`.
async fn query_once(
    client: &Client,
    sql: &str,
    params: &[TextParam<'_>],
) -> std::result::Result<Vec<Row>, tokio_postgres::Error> {
    let params: Vec<(&(dyn ToSql + Sync), Type)> = params.iter().map(|param| (param as _, Type::UNKNOWN)).collect();
    client.query_typed(sql, &params).await
}
