//! The log of an environment's requests, and how much was asked for.

use async_graphql::{Context, Object, Result, SimpleObject};

use super::environment::found;
use super::page::{PageInfo, page, slice};
use super::payload::{parts, to_graphql};
use super::time::Time;
use crate::app::traffic::{self, Wanted};
use crate::auth::Role;
use crate::postgres::requests::{Day, Line, Used};

/// A request to an environment's data plane. Its query, headers and body are nowhere.
#[derive(SimpleObject)]
struct LoggedRequest {
    /// Where it stands in the log.
    cursor: String,
    at: Time,
    method: String,
    /// The path, with placeholders.
    route: String,
    /// The table or function that stands in the path.
    resource: Option<String>,
    status: i16,
    duration_ms: f64,
    key_id: String,
    /// The signed-in user of the application.
    user_id: Option<String>,
    request_id: String,
    /// Where it came from, unless the environment does not log that.
    address: Option<String>,
}

#[derive(SimpleObject)]
struct LoggedRequestPage {
    nodes: Vec<LoggedRequest>,
    page_info: PageInfo,
}

/// All requests of a day (UTC).
#[derive(SimpleObject)]
struct UsageDay {
    day: String,
    requests: i64,
    /// Of them, those answered with 4xx.
    client_errors: i64,
    /// Of them, those answered with 5xx.
    server_errors: i64,
    /// Of them, those the log has no room for.
    not_logged: i64,
    average_ms: f64,
}

/// How often a table, or a column of it, was read or written.
#[derive(SimpleObject)]
struct ResourceUsage {
    resource: String,
    /// read, create, update, delete or call.
    verb: String,
    /// Null counts the requests to the table as a whole.
    column: Option<String>,
    count: i64,
}

#[derive(SimpleObject)]
struct Usage {
    /// The newest first.
    days: Vec<UsageDay>,
    /// The most used first, over all of these days.
    resources: Vec<ResourceUsage>,
}

impl From<Line> for LoggedRequest {
    fn from(line: Line) -> Self {
        Self {
            cursor: line.id.to_string(),
            at: line.at.into(),
            method: line.method,
            route: line.route,
            resource: line.resource,
            status: line.status,
            duration_ms: line.micros as f64 / 1000.0,
            key_id: line.key_id.to_string(),
            user_id: line.user_id.map(|id| id.to_string()),
            request_id: line.request_id,
            address: line.address.map(|address| address.to_string()),
        }
    }
}

impl From<Day> for UsageDay {
    fn from(day: Day) -> Self {
        Self {
            day: day.day.to_string(),
            requests: day.requests,
            client_errors: day.client_errors,
            server_errors: day.server_errors,
            not_logged: day.not_kept,
            average_ms: (day.micros as f64 / day.requests.max(1) as f64).round() / 1000.0,
        }
    }
}

impl From<Used> for ResourceUsage {
    fn from(used: Used) -> Self {
        let column = (!used.column.is_empty()).then_some(used.column);
        Self { resource: used.resource, verb: used.verb, column, count: used.count }
    }
}

#[derive(Default)]
pub(crate) struct TrafficQuery;

#[Object]
impl TrafficQuery {
    /// Requests to the environment's data plane in the last seven days, newest first. A busy environment's log is a sample; `usage`
    /// counts them all. With `newerThan`, the cursor of a request, those after it, oldest first.
    #[graphql(complexity = "5 + child_complexity")]
    #[allow(clippy::too_many_arguments)]
    async fn request_log(
        &self,
        context: &Context<'_>,
        environment_id: String,
        #[graphql(desc = "404, or 4xx for all of them")] status: Option<String>,
        #[graphql(desc = "A table or function")] resource: Option<String>,
        newer_than: Option<String>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<LoggedRequestPage> {
        let (app, _) = parts(context)?;
        let found = found(context, &environment_id, Role::Developer).await?.map_err(to_graphql)?;
        let wanted = Wanted { status: status.as_deref(), resource, newer_than: newer_than.as_deref() };
        let rows = async { traffic::log(app, &found, &wanted, &slice(first, after)?).await }.await.map_err(to_graphql)?;
        let (nodes, page_info) = page(rows, |line| line.id.to_string(), LoggedRequest::from);
        Ok(LoggedRequestPage { nodes, page_info })
    }

    /// How much was asked of the environment in the last days, 30 unless told otherwise, 90 at most.
    async fn usage(&self, context: &Context<'_>, environment_id: String, days: Option<i32>) -> Result<Usage> {
        let (app, _) = parts(context)?;
        let found = found(context, &environment_id, Role::Viewer).await?.map_err(to_graphql)?;
        let (days, resources) = traffic::usage(app, &found, days.unwrap_or(30)).await.map_err(to_graphql)?;
        Ok(Usage {
            days: days.into_iter().map(UsageDay::from).collect(),
            resources: resources.into_iter().map(ResourceUsage::from).collect(),
        })
    }
}
