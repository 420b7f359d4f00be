use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Context, lookup};
use crate::args::LogsArgs;
use crate::error::{Exit, Result};
use crate::model::LoggedRequest;
use crate::printer::time;

const LOG: &str = "query RequestLog($environmentId: String!, $status: String, $resource: String, $newerThan: String, $first: Int, $after: String) {
  requestLog(environmentId: $environmentId, status: $status, resource: $resource, newerThan: $newerThan, first: $first, after: $after) {
    nodes { cursor at method route resource status durationMs keyId userId requestId address }
    pageInfo { endCursor hasNextPage } } }";
/// Between two looks for new requests.
const LOOK: Duration = Duration::from_secs(2);
/// Requests asked for at once: the most the server gives.
const MOST: u32 = 200;

#[derive(Deserialize)]
struct Page {
    nodes: Vec<LoggedRequest>,
}

/// Shows the newest requests, oldest first; with `--follow`, goes on with those that come.
pub(crate) async fn run(context: &Context, args: LogsArgs) -> Result<Exit> {
    let environment = lookup::environment(context, None).await?;
    let of = |more: Value| {
        let mut variables = json!({ "environmentId": environment.id, "status": args.status, "resource": args.table });
        if let (Some(variables), Value::Object(more)) = (variables.as_object_mut(), more) {
            variables.extend(more);
        }
        variables
    };
    let mut lines: Vec<LoggedRequest> = context.client.list(LOG, of(json!({})), args.limit as usize).await?;
    lines.reverse();
    if !args.follow {
        if lines.is_empty() {
            context.printer.note(format!("{} has no such requests in its log.", environment.name));
        }
        context.printer.result(&lines, || lines.iter().map(line).collect())?;
        return Ok(Exit::Ok);
    }
    let mut newest = lines.last().map(|line| line.cursor.clone()).unwrap_or_else(|| "0".to_owned());
    loop {
        for shown in &lines {
            context.printer.line(shown, || line(shown))?;
        }
        if let Some(last) = lines.last() {
            newest = last.cursor.clone();
        }
        if lines.len() < MOST as usize {
            tokio::time::sleep(LOOK).await;
        }
        let page: Page = context.client.query(LOG, of(json!({ "newerThan": newest, "first": MOST }))).await?;
        lines = page.nodes;
    }
}

fn line(request: &LoggedRequest) -> String {
    let LoggedRequest { at, method, route, resource, status, duration_ms, request_id, address, .. } = request;
    let path = match resource {
        Some(name) => route.replace("{table}", name).replace("{function}", name),
        None => route.clone(),
    };
    let from = address.as_deref().unwrap_or("-");
    format!("{}  {status}  {method:<6} {path}  {duration_ms:.1} ms  {from}  {request_id}\n", time(at))
}
