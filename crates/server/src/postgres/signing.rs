//! The keys that sign an environment's access tokens: made when first needed, remembered with its connections.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cloche_wire::EnvironmentId;
use tokio_postgres::Row;

use super::realm::Realm;
use crate::auth::jwt::SigningKey;
use crate::error::{Error, Result};
use crate::secrets::Secrets;

/// A token of an unknown key has the keys read again, this often at most.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The keys as they were read last, newest first. They never change, so nothing has to be forgotten.
#[derive(Default)]
pub(crate) struct SigningKeys(Mutex<Option<(Arc<[SigningKey]>, Instant)>>);

impl SigningKeys {
    fn known(&self) -> Option<(Arc<[SigningKey]>, Instant)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, keys: &Arc<[SigningKey]>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Arc::clone(keys), Instant::now()));
    }
}

impl Realm {
    /// The keys by which tokens are checked, with the one of that id if there is one.
    pub(crate) async fn keys_with(&self, secrets: &Secrets, kid: &str) -> Result<Arc<[SigningKey]>> {
        match self.handle().signing.known() {
            Some((keys, read)) if keys.iter().any(|key| key.kid() == kid) || read.elapsed() < LOOK_AGAIN => Ok(keys),
            // Rare, and with much to keep meanwhile: a request with a token stays small.
            _ => Box::pin(self.read_keys(secrets)).await,
        }
    }

    /// All keys, after making the first where there is none.
    pub(crate) async fn keys(&self, secrets: &Secrets, issuer: &str) -> Result<Arc<[SigningKey]>> {
        if let Some((keys, _)) = self.handle().signing.known().filter(|(keys, _)| !keys.is_empty()) {
            return Ok(keys);
        }
        let keys = self.read_keys(secrets).await?;
        if !keys.is_empty() {
            return Ok(keys);
        }
        let key = SigningKey::generate(issuer)?;
        let sealed = secrets.seal(self.environment, &sealed_as(key.kid()), &key.private()?)?;
        let mut session = self.platform().await?;
        let tx = session.client_mut()?.transaction().await?;
        // Who comes second finds the first one's key.
        tx.batch_execute("LOCK TABLE cloche.signing_keys IN SHARE ROW EXCLUSIVE MODE").await?;
        tx.execute(
            "INSERT INTO cloche.signing_keys (kid, issuer, sealed) SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM cloche.signing_keys)",
            &[&key.kid(), &key.issuer(), &sealed],
        )
        .await?;
        tx.commit().await?;
        drop(session);
        self.read_keys(secrets).await
    }

    async fn read_keys(&self, secrets: &Secrets) -> Result<Arc<[SigningKey]>> {
        let session = self.platform().await?;
        let sql = "SELECT kid, issuer, sealed FROM cloche.signing_keys ORDER BY created_at DESC, kid";
        let rows = session.client()?.query_typed(sql, &[]).await?;
        let keys: Arc<[SigningKey]> = rows.iter().map(|row| open(secrets, self.environment, row)).collect::<Result<_>>()?;
        self.handle().signing.remember(&keys);
        Ok(keys)
    }
}

fn open(secrets: &Secrets, environment: EnvironmentId, row: &Row) -> Result<SigningKey> {
    let (kid, issuer, sealed): (String, String, Vec<u8>) = (row.get(0), row.get(1), row.get(2));
    let private = secrets.open(environment, &sealed_as(&kid), &sealed)?;
    SigningKey::of(kid, issuer, &private).map_err(Error::from)
}

/// What a private key is sealed as: no variable can be named so.
fn sealed_as(kid: &str) -> String {
    format!("signing-key/{kid}")
}
