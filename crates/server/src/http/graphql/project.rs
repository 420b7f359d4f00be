//! Projects.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use super::environment::Environment;
use super::page::{PageInfo, page, slice};
use super::payload::{Keys, Verdict, id, parts, settle, to_graphql};
use super::time::Time;
use crate::app::project;
use crate::auth::Role;
use crate::store::environments;
use crate::store::projects::Project as Row;

/// A tree of environments.
pub(super) struct Project(pub(super) Row);

#[Object]
impl Project {
    async fn id(&self) -> String {
        self.0.id.to_string()
    }

    async fn name(&self) -> &str {
        &self.0.name
    }

    async fn organization_id(&self) -> String {
        self.0.organization_id.to_string()
    }

    /// What one is in it oneself: viewer, developer, admin or owner.
    #[graphql(complexity = 5)]
    async fn role(&self, context: &Context<'_>) -> Result<&'static str> {
        let (app, actor) = parts(context)?;
        Ok(project::access(app, actor, self.0.id, Role::Viewer).await.map_err(to_graphql)?.role().as_str())
    }

    async fn created_at(&self) -> Time {
        self.0.created_at.into()
    }

    /// The environment the project was created with.
    #[graphql(complexity = "20 + child_complexity")]
    async fn root_environment(&self, context: &Context<'_>) -> Result<Option<Environment>> {
        let (app, _) = parts(context)?;
        let client = app.store.client().await.map_err(to_graphql)?;
        let all = environments::all(&client, self.0.id).await.map_err(to_graphql)?;
        Ok(all.into_iter().next().map(Environment))
    }

    /// How many environments it has.
    #[graphql(complexity = 20)]
    async fn environment_count(&self, context: &Context<'_>) -> Result<usize> {
        let (app, _) = parts(context)?;
        let client = app.store.client().await.map_err(to_graphql)?;
        Ok(environments::all(&client, self.0.id).await.map_err(to_graphql)?.len())
    }
}

#[derive(SimpleObject)]
struct ProjectPage {
    nodes: Vec<Project>,
    page_info: PageInfo,
}

#[derive(SimpleObject)]
struct ProjectPayload {
    #[graphql(flatten)]
    verdict: Verdict,
    project: Option<Project>,
    environment: Option<Environment>,
    keys: Option<Keys>,
}

#[derive(InputObject)]
struct CreateProjectInput {
    /// Whose it is: one's only or oldest organization, where not given.
    organization_id: Option<String>,
    /// 1 to 64 letters, digits, hyphens and underscores; unique in its organization.
    name: String,
    /// The name of the root environment, which is of type dev whatever its name.
    #[graphql(default_with = r#""dev".to_owned()"#)]
    root_name: String,
}

#[derive(Default)]
pub(crate) struct ProjectQuery;

#[Object]
impl ProjectQuery {
    /// The projects one has a role in, oldest first.
    #[graphql(complexity = "5 + child_complexity")]
    async fn projects(&self, context: &Context<'_>, first: Option<i32>, after: Option<String>) -> Result<ProjectPage> {
        let (app, actor) = parts(context)?;
        let rows = async { project::list(app, actor, &slice(first, after)?).await };
        let (nodes, page_info) = page(rows.await.map_err(to_graphql)?, |row| row.id.to_string(), Project);
        Ok(ProjectPage { nodes, page_info })
    }

    /// One project, by id or by name.
    async fn project(&self, context: &Context<'_>, id: Option<String>, name: Option<String>) -> Result<Option<Project>> {
        let (app, actor) = parts(context)?;
        let row = async {
            let id = id.as_deref().map(|text| super::payload::id("id", text)).transpose()?;
            project::find(app, actor, id, name.as_deref()).await
        };
        Ok(row.await.map_err(to_graphql)?.map(Project))
    }
}

#[derive(Default)]
pub(crate) struct ProjectMutation;

#[Object]
impl ProjectMutation {
    /// Makes a project, its root environment and a key pair.
    async fn create_project(&self, context: &Context<'_>, input: CreateProjectInput) -> Result<ProjectPayload> {
        let (app, actor) = parts(context)?;
        let outcome = async {
            let organization = input.organization_id.as_deref().map(|text| id("input.organizationId", text)).transpose()?;
            project::create(app, actor, organization, &input.name, &input.root_name).await
        };
        settle(
            outcome.await,
            |created| ProjectPayload {
                verdict: Verdict::done("Project created successfully"),
                project: Some(Project(created.project)),
                environment: Some(Environment(created.environment)),
                keys: created.keys.as_ref().map(Keys::from),
            },
            |verdict| ProjectPayload { verdict, project: None, environment: None, keys: None },
        )
    }
}

/// The proof that the actor has a role in the project an input names.
pub(super) async fn access(
    context: &Context<'_>,
    project_id: &str,
    need: Role,
) -> Result<Result<crate::auth::ProjectAccess, crate::error::Error>> {
    let (app, actor) = parts(context)?;
    Ok(async { project::access(app, actor, id("input.projectId", project_id)?, need).await }.await)
}
