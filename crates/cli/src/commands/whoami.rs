use serde_json::json;

use super::Context;
use crate::error::{Exit, Result};
use crate::model::Viewer;
use crate::printer::fields;

/// Asks whom the token stands for.
pub(crate) const VIEWER: &str = "{ viewer { id email name instanceOwner } }";

/// Shows whom the token stands for.
pub(crate) async fn run(context: &Context) -> Result<Exit> {
    let viewer: Viewer = context.client.query(VIEWER, json!({})).await?;
    context.printer.result(&viewer, || describe(&viewer))?;
    Ok(Exit::Ok)
}

/// The viewer for people.
pub(crate) fn describe(viewer: &Viewer) -> String {
    fields([
        ("name", viewer.name.clone()),
        ("e-mail", viewer.email.clone()),
        ("id", Some(viewer.id.clone())),
        ("may", viewer.instance_owner.then(|| "everything on this server".to_owned())),
    ])
}
