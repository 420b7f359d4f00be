use super::{Context, address, key, send};
use crate::args::DataTarget;
use crate::client::http_client;
use crate::error::{Exit, Result};

/// Reads records, or one.
pub(crate) async fn run(context: &Context, target: &DataTarget, id: Option<&str>, query: Option<&str>) -> Result<Exit> {
    let key = key(target)?;
    let mut url = address(context, &target.table, id)?;
    url.set_query(query.map(|query| query.trim_start_matches('?')));
    let http = http_client(context.client.url())?;
    send(context, http.get(url).header("x-api-key", key)).await
}
