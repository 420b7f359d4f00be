//! Clusters: the PostgreSQL servers environments are placed on.

use cloche_wire::ClusterId;
use tokio_postgres::Client;

use super::{Tx, column};
use crate::error::Result;

/// A cluster, as lists show it.
pub(crate) struct ClusterRow {
    pub(crate) id: ClusterId,
    pub(crate) name: String,
    pub(crate) provider: String,
    pub(crate) region: String,
    pub(crate) is_default: bool,
}

/// The cluster of this server, written down at its first start.
pub(crate) async fn ensure_default(tx: &Tx<'_>) -> Result<ClusterId> {
    tx.execute(
        "INSERT INTO clusters (id, name, provider, region, is_default)
         SELECT $1, 'default', 'self-hosted', 'local', true WHERE NOT EXISTS (SELECT FROM clusters WHERE is_default)",
        &[&ClusterId::new().0],
    )
    .await?;
    Ok(ClusterId(tx.query_one("SELECT id FROM clusters WHERE is_default", &[]).await?.get(0)))
}

pub(crate) async fn list(client: &Client) -> Result<Vec<ClusterRow>> {
    let rows = client.query("SELECT * FROM clusters ORDER BY name", &[]).await?;
    Ok(rows
        .iter()
        .map(|row| ClusterRow {
            id: ClusterId(column(row, "id")),
            name: column(row, "name"),
            provider: column(row, "provider"),
            region: column(row, "region"),
            is_default: column(row, "is_default"),
        })
        .collect())
}
