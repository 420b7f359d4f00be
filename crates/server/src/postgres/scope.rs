//! Throw-away stand-in for the real scope: enough to compile and try the data plane.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use cloche_wire::{EnvironmentId, KeyId, KeyKind};

use super::lane::{LANE_OPTIONS, Lane, StatementCache};
use super::param::TextParam;
use super::schema::Schema;
use super::sqlstate;
use crate::error::{Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Lane,
    Session,
}

pub(crate) struct DataActor {
    pub(crate) environment_id: EnvironmentId,
    pub(crate) key_id: KeyId,
    pub(crate) kind: KeyKind,
    pub(crate) scopes: Vec<String>,
}

pub(crate) struct Shared {
    lanes: Vec<Lane>,
    sessions: tokio::sync::Mutex<Vec<(tokio_postgres::Client, StatementCache)>>,
    permits: tokio::sync::Semaphore,
    schema: Mutex<(Arc<Schema>, Instant)>,
}

pub(crate) struct EnvironmentScope {
    actor: DataActor,
    shared: Arc<Shared>,
}

impl Shared {
    pub(crate) async fn open(url: &str) -> anyhow::Result<Self> {
        let connect = async |options: &str| -> anyhow::Result<tokio_postgres::Client> {
            let mut config: tokio_postgres::Config = url.parse()?;
            config.options(options);
            let (client, connection) = config.connect(tokio_postgres::NoTls).await?;
            tokio::spawn(connection);
            Ok(client)
        };
        let mut lanes = Vec::new();
        for _ in 0..3 {
            lanes.push(Lane::new(connect(&format!("{LANE_OPTIONS} -c statement_timeout=500")).await?));
        }
        let mut sessions = Vec::new();
        for _ in 0..8 {
            sessions.push((connect("").await?, StatementCache::new()));
        }
        let schema = Schema::load(&sessions[0].0).await?;
        let permits = tokio::sync::Semaphore::new(sessions.len());
        Ok(Self { lanes, sessions: sessions.into(), permits, schema: Mutex::new((Arc::new(schema), Instant::now())) })
    }
}

impl EnvironmentScope {
    pub(crate) fn actor(&self) -> &DataActor {
        &self.actor
    }

    pub(crate) async fn schema(&self) -> Result<Arc<Schema>> {
        Ok(self.shared.schema.lock().unwrap().0.clone())
    }

    pub(crate) async fn reload_schema(&self) -> Result<Arc<Schema>> {
        {
            let cached = self.shared.schema.lock().unwrap();
            if cached.1.elapsed().as_millis() < 1000 {
                return Ok(cached.0.clone());
            }
        }
        let _permit = self.shared.permits.acquire().await.unwrap();
        let session = self.shared.sessions.lock().await.pop().unwrap();
        let schema = Schema::load(&session.0).await;
        self.shared.sessions.lock().await.push(session);
        let schema = Arc::new(schema.map_err(sqlstate::to_error)?);
        *self.shared.schema.lock().unwrap() = (schema.clone(), Instant::now());
        Ok(schema)
    }

    pub(crate) async fn run(&self, on: On, sql: &str, params: &[TextParam<'_>]) -> Result<Vec<tokio_postgres::Row>> {
        if on == On::Lane {
            let lane = self.shared.lanes.iter().min_by_key(|lane| lane.in_flight()).unwrap();
            return lane.query(sql, params).await.map_err(sqlstate::to_error);
        }
        let _permit = self.shared.permits.acquire().await.unwrap();
        let session = self.shared.sessions.lock().await.pop().unwrap();
        let rows = if std::env::var_os("CACHED").is_some() {
            session.1.query(&session.0, sql, params).await
        } else {
            super::lane::query_once(&session.0, sql, params).await
        };
        self.shared.sessions.lock().await.push(session);
        rows.map_err(sqlstate::to_error)
    }
}

impl FromRequestParts<Arc<Shared>> for EnvironmentScope {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<Shared>) -> Result<Self> {
        let key = parts.headers.get("x-api-key").and_then(|key| key.to_str().ok());
        let (kind, scopes) = match key {
            Some("pk") => (KeyKind::Publishable, Vec::new()),
            Some(key) if key.starts_with("sk") => (KeyKind::Secret, key[2..].split_whitespace().map(str::to_owned).collect()),
            _ => return Err(Error::unauthenticated("key/invalid", "The key is not valid.")),
        };
        let actor = DataActor { environment_id: EnvironmentId::new(), key_id: KeyId::new(), kind, scopes };
        Ok(Self { actor, shared: state.clone() })
    }
}
