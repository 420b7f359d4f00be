//! Definitions: what a folder of files says, against what is deployed in an environment.

use std::collections::BTreeSet;

use cloche_definitions::{Definitions, Deployed, Diagnostic, Edit, Plan, PlanOptions, SourceFile, parse, plan};
use serde_json::{Value, json};
use tokio::task::block_in_place;
use tokio_postgres::Client;

use super::App;
use super::environment::{Found, require_ready, require_usable};
use crate::error::{Error, Result};
use crate::fence;
use crate::postgres::cluster::PLATFORM_OPTIONS;
use crate::postgres::introspect::{self, Revision};
use crate::postgres::sqlstate::{to_definition_error, to_error};
use crate::store::{audit, environments};

/// Files of one call, and their bytes together.
const MAX_FILES: usize = 2_000;
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// What the caller asks for.
pub(crate) struct Sync {
    pub(crate) files: Vec<SourceFile>,
    /// Only say what would be done.
    pub(crate) dry_run: bool,
    /// Drop what is deployed and not in the files.
    pub(crate) prune: bool,
    /// Apply only if the plan is still the one with this hash.
    pub(crate) plan_hash: Option<String>,
}

/// A plan, or what is wrong with the files.
pub(crate) enum Synced {
    Planned(Plan),
    Refused(Vec<Diagnostic>),
}

/// Plans the way from what is deployed to the files, and goes it unless it is a dry run.
pub(crate) async fn sync(app: &App, found: &Found, sync: Sync) -> Result<Synced> {
    require_ready(app, &found.environment).await?;
    if !sync.dry_run {
        found.access.require_change(&found.environment)?;
    }
    let bytes: usize = sync.files.iter().map(|file| file.content.len()).sum();
    if sync.files.len() > MAX_FILES || bytes > MAX_BYTES {
        return Err(Error::too_large("definitions/too-large", format!("A folder has {MAX_FILES} files and 4 MiB at most.")));
    }
    // Large folders take their time; meanwhile another thread answers requests.
    let local = match block_in_place(|| parse(&sync.files)) {
        Ok(local) => local,
        Err(problems) => return Ok(Synced::Refused(problems)),
    };
    let (mut client, deployed) = look(app, found).await?;
    let plan = match block_in_place(|| plan(&local, &deployed, PlanOptions { prune: sync.prune })) {
        Ok(plan) => plan,
        Err(problems) => return Ok(Synced::Refused(problems)),
    };
    if sync.dry_run {
        return Ok(Synced::Planned(plan));
    }
    if sync.plan_hash.is_some_and(|hash| hash != plan.hash()) {
        return Err(plan_changed());
    }
    let removed = removed(&local, &deployed, sync.prune);
    perform(app, found, &mut client, &plan, stored(&local), removed).await?;
    Ok(Synced::Planned(plan))
}

/// Edits of what is deployed, as a console makes them.
pub(crate) struct Edits {
    pub(crate) edits: Vec<Edit>,
    /// Only say what would be done.
    pub(crate) dry_run: bool,
    /// Do it although it is breaking.
    pub(crate) allow_breaking: bool,
    /// Apply only if the plan is still the one with this hash, which whoever names it has seen.
    pub(crate) plan_hash: Option<String>,
}

/// Plans the way from what is deployed to what the edits make of it, and goes it unless it is a dry run.
pub(crate) async fn edit(app: &App, found: &Found, edits: Edits) -> Result<Synced> {
    require_ready(app, &found.environment).await?;
    if !edits.dry_run {
        found.access.require_change(&found.environment)?;
    }
    let (mut client, deployed) = look(app, found).await?;
    let edited = match block_in_place(|| cloche_definitions::edit(&deployed, &edits.edits)) {
        Ok(edited) => edited,
        Err(problems) => return Ok(Synced::Refused(problems)),
    };
    let plan = edited.plan;
    if edits.dry_run {
        return Ok(Synced::Planned(plan));
    }
    match edits.plan_hash {
        Some(hash) if hash != plan.hash() => return Err(plan_changed()),
        None if plan.is_breaking() && !edits.allow_breaking => {
            let breaking = plan.changes.iter().filter(|change| change.breaking);
            let sentences: Vec<&str> = breaking.map(|change| change.description.as_str()).take(20).collect();
            let mut error = Error::conflict("schema/breaking", "This loses data, may be refused by rows, or may stop a client.")
                .hint("Look at a dry run and give its `planHash`, or say `allowBreaking: true`.");
            error.details = Some(sentences.join(" "));
            return Err(error);
        }
        _ => {}
    }
    let removed = removed(&edited.definitions, &edited.deployed, true);
    perform(app, found, &mut client, &plan, stored(&edited.definitions), removed).await?;
    Ok(Synced::Planned(plan))
}

/// What is deployed, and the connection that keeps it so: one look at or change of an environment's schema at a time, so that what is
/// planned is what is there when it is applied.
pub(super) async fn look(app: &App, found: &Found) -> Result<(Client, Deployed)> {
    let database = &found.environment.database;
    let client = app.cluster.connect_as(&database.owner_login(), database.as_str(), PLATFORM_OPTIONS).await?;
    introspect::lock(&client).await?;
    let deployed = introspect::deployed(&client).await.map_err(to_error)?;
    Ok((client, deployed))
}

/// What is deployed, for who only looks: also while somebody changes it.
pub(crate) async fn deployed(app: &App, found: &Found) -> Result<Deployed> {
    require_ready(app, &found.environment).await?;
    let database = &found.environment.database;
    let client = app.cluster.connect_as(&database.owner_login(), database.as_str(), PLATFORM_OPTIONS).await?;
    introspect::deployed(&client).await.map_err(to_error)
}

fn plan_changed() -> Error {
    Error::conflict("definitions/plan-changed", "What would be done is not what was looked at.")
        .hint("Look at the plan again, and apply that one.")
}

/// Runs a plan, writes the revision beside it, and has it in force on every server on return.
pub(super) async fn perform(
    app: &App,
    found: &Found,
    client: &mut Client,
    plan: &Plan,
    definitions: Value,
    removed: Value,
) -> Result<()> {
    if plan.is_empty() {
        return Ok(());
    }
    record(app, found, plan).await?;
    let actor = &found.access.actor().email;
    let revision = Revision { id: uuid::Uuid::now_v7(), actor, plan: json!(plan), definitions, removed };
    let applied = introspect::apply(client, &plan.transactions(), &revision).await;
    // Also after a failure: what a plan needs committed before the rest (values of enums) may have been. Here first, which needs no database.
    app.environments.schema_changed(found.environment.id);
    // If this server dies before this, or it fails, others go by the old tables until they read them again by themselves.
    let mut control = app.store.client().await?;
    let raised = fence::commit(control.transaction().await?, found.environment.id).await?;
    drop(control);
    fence::in_force(app, raised).await;
    if applied.is_ok() {
        app.environments.handle(found.environment.id, &found.environment.database, &app.cluster).read_ahead();
    }
    applied.map_err(|error| {
        // The hints of the data plane speak of records; here it is the definitions that are to be mended.
        to_definition_error(error)
            .hint("Mend the definitions, or the rows that stand in the way; nothing of this plan's tables was changed.")
    })
}

fn stored(local: &Definitions) -> Value {
    let entry = |kind: &str, name: &String, spec: Value| json!({ "kind": kind, "name": name, "spec": spec });
    let tables = local.tables.iter().map(|(name, spec)| entry("table", name, json!(spec)));
    let enums = local.enums.iter().map(|(name, spec)| entry("enum", name, json!(spec)));
    let views = local.views.iter().map(|(name, spec)| entry("view", name, json!(spec)));
    let functions = local.functions.iter().map(|(name, spec)| entry("function", name, json!(spec)));
    let roles = local.roles.iter().map(|(name, spec)| entry("role", name, json!(spec)));
    tables.chain(enums).chain(views).chain(functions).chain(roles).collect()
}

/// What is stored of things that pruning or renaming took away.
fn removed(local: &Definitions, deployed: &Deployed, prune: bool) -> Value {
    let tables: BTreeSet<&str> = local.tables.values().filter_map(|it| it.renamed_from.as_deref()).collect();
    let views: BTreeSet<&str> = local.views.values().filter_map(|it| it.renamed_from.as_deref()).collect();
    let functions: BTreeSet<&str> = local.functions.values().filter_map(|it| it.renamed_from.as_deref()).collect();
    let gone = |kind: &'static str, name: &String, known: bool, renamed: bool| {
        (!known && (prune || renamed)).then(|| json!({ "kind": kind, "name": name }))
    };
    let mut removed: Vec<Value> = Vec::new();
    removed.extend(
        deployed.tables.keys().filter_map(|it| gone("table", it, local.tables.contains_key(it), tables.contains(it.as_str()))),
    );
    removed.extend(deployed.enums.keys().filter_map(|it| gone("enum", it, local.enums.contains_key(it), false)));
    removed.extend(
        deployed.views.keys().filter_map(|it| gone("view", it, local.views.contains_key(it), views.contains(it.as_str()))),
    );
    removed.extend(
        deployed
            .functions
            .iter()
            .map(|it| &it.name)
            .filter_map(|it| gone("function", it, local.functions.contains_key(it), functions.contains(it.as_str()))),
    );
    removed.extend(deployed.roles.keys().filter_map(|it| gone("role", it, local.roles.contains_key(it), false)));
    Value::Array(removed)
}

async fn record(app: &App, found: &Found, plan: &Plan) -> Result<()> {
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    require_usable(&environments::lock(&tx, found.environment.id).await?)?;
    let changes: Vec<&str> = plan.changes.iter().map(|change| change.description.as_str()).take(100).collect();
    let entry = found.audit("definitions.apply", &found.environment.name, json!({ "plan": plan.hash(), "changes": changes }));
    audit::record(&tx, &entry).await?;
    Ok(tx.commit().await?)
}

/// What was last applied, as (kind, name, normalised form).
pub(crate) async fn stored_in(app: &App, found: &Found) -> Result<Vec<(String, String, Value)>> {
    require_ready(app, &found.environment).await?;
    let database = &found.environment.database;
    let client = app.cluster.connect_as(&database.owner_login(), database.as_str(), PLATFORM_OPTIONS).await?;
    Ok(introspect::stored(&client).await?)
}
