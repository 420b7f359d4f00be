//! The server itself, its clusters, and the audit log.

use async_graphql::{Context, Json, Object, Result, SimpleObject};

use super::page::{PageInfo, page, slice};
use super::payload::{id, parts, to_graphql};
use super::time::Time;
use crate::app::project;
use crate::auth::Role;
use crate::store::{audit, clusters};

/// What is running.
#[derive(SimpleObject)]
struct Server {
    version: &'static str,
    postgres_version: String,
    /// `embedded` or `external`.
    postgres_kind: &'static str,
    data_directory: String,
    /// Whether instant copies of large databases are possible.
    copy_on_write: bool,
    filesystem: String,
}

/// A PostgreSQL server environments are placed on.
#[derive(SimpleObject)]
struct Cluster {
    id: String,
    name: String,
    provider: String,
    region: String,
    default: bool,
    postgres_version: String,
    copy_on_write: bool,
    filesystem: String,
}

/// One change somebody made.
#[derive(SimpleObject)]
struct AuditEntry {
    id: String,
    at: Time,
    /// The e-mail of who did it.
    actor: String,
    action: String,
    target: String,
    detail: Json<serde_json::Value>,
}

#[derive(SimpleObject)]
struct AuditPage {
    nodes: Vec<AuditEntry>,
    page_info: PageInfo,
}

#[derive(Default)]
pub(crate) struct ServerQuery;

#[Object]
impl ServerQuery {
    /// The server that answers.
    async fn server(&self, context: &Context<'_>) -> Result<Server> {
        let (app, _) = parts(context)?;
        Ok(Server {
            version: env!("CARGO_PKG_VERSION"),
            postgres_version: app.cluster.version_text(),
            postgres_kind: if app.cluster.ours { "embedded" } else { "external" },
            data_directory: app.settings.data_dir.display().to_string(),
            copy_on_write: app.cluster.copy_on_write,
            filesystem: app.cluster.file_system.clone(),
        })
    }

    /// The PostgreSQL servers environments are placed on.
    async fn clusters(&self, context: &Context<'_>) -> Result<Vec<Cluster>> {
        let (app, _) = parts(context)?;
        let client = app.store.client().await.map_err(to_graphql)?;
        let rows = clusters::list(&client).await.map_err(to_graphql)?;
        Ok(rows
            .into_iter()
            .map(|row| Cluster {
                id: row.id.to_string(),
                name: row.name,
                provider: row.provider,
                region: row.region,
                default: row.is_default,
                postgres_version: app.cluster.version_text(),
                copy_on_write: app.cluster.copy_on_write,
                filesystem: app.cluster.file_system.clone(),
            })
            .collect())
    }

    /// Who changed what, newest first: in a project, or everywhere for owners of the server.
    async fn audit_log(
        &self,
        context: &Context<'_>,
        project_id: Option<String>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<AuditPage> {
        let (app, actor) = parts(context)?;
        let entries = async {
            let project = match &project_id {
                Some(text) => Some(project::access(app, actor, id("projectId", text)?, Role::Admin).await?.project().id),
                None => {
                    actor.require_instance_owner()?;
                    None
                }
            };
            let slice = slice(first, after)?;
            audit::list(&*app.store.client().await?, project, &slice).await
        };
        let (nodes, page_info) = page(
            entries.await.map_err(to_graphql)?,
            |entry| entry.id.to_string(),
            |entry| AuditEntry {
                id: entry.id.to_string(),
                at: entry.at.into(),
                actor: entry.actor,
                action: entry.action,
                target: entry.target,
                detail: Json(entry.detail),
            },
        );
        Ok(AuditPage { nodes, page_info })
    }
}
