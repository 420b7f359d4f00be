//! How an environment answers the world: looking at its settings and changing them.

use serde_json::{Map, Value};

use super::environment::{Found, require_ready, require_usable};
use super::{App, traffic};
use crate::error::Result;
use crate::fence;
use crate::postgres::cluster::PLATFORM_OPTIONS;
use crate::postgres::settings::{self, EnvironmentSettings};
use crate::store::{audit, environments};

/// All settings, with the defaults of those nobody has set.
pub(crate) async fn show(app: &App, found: &Found) -> Result<EnvironmentSettings> {
    let client = platform(app, found).await?;
    EnvironmentSettings::checked(&settings::stored(&client).await?)
}

/// Gives settings a value, or their default where that is null; all or nothing, and in force on every server on return.
pub(crate) async fn change(app: &App, found: &Found, changes: Map<String, Value>) -> Result<EnvironmentSettings> {
    found.access.require_change(&found.environment)?;
    let mut client = platform(app, found).await?;
    let id = found.environment.id;
    {
        // Before the change, which is in another database: it may tell of one that failed, and is never missing.
        let mut control = app.store.client().await?;
        let tx = control.transaction().await?;
        require_usable(&environments::lock(&tx, id).await?)?;
        let entry = found.audit("settings.update", &found.environment.name, Value::Object(changes.clone()));
        audit::record(&tx, &entry).await?;
        tx.commit().await?;
    }
    let settings = settings::change(&mut client, changes).await?;
    // Here first, which needs no database.
    app.environments.schema_changed(id);
    let mut control = app.store.client().await?;
    let raised = fence::commit(control.transaction().await?, id).await?;
    drop(control);
    fence::in_force(app, raised).await;
    traffic::check_size(app, &app.environments.handle(id, &found.environment.database, &app.cluster), &settings).await?;
    Ok(settings)
}

async fn platform(app: &App, found: &Found) -> Result<tokio_postgres::Client> {
    require_ready(app, &found.environment).await?;
    let database = &found.environment.database;
    Ok(app.cluster.connect_as(&database.platform_login(), database.as_str(), PLATFORM_OPTIONS).await?)
}
