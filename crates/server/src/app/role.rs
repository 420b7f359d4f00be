//! Roles of an environment: one at a time, through the same plan as definition files; and why somebody may do something.

use std::collections::BTreeMap;
use std::sync::Arc;

use cloche_definitions::role::{Operation, Resource as Named, Role};
use cloche_definitions::{Deployed, Plan, SourceFile, plan_role_drop};
use cloche_wire::KeyKind;
use serde_json::{Value, json};

use super::App;
use super::definition::{self, Sync, Synced, look, perform};
use super::environment::{Found, require_ready};
use crate::access::{Explanation, Resource, Rules, Stored, verb_of};
use crate::error::{Error, Result};
use crate::postgres::cluster::PLATFORM_OPTIONS;
use crate::postgres::introspect;
use crate::postgres::scope::{DataActor, EndUser};
use crate::postgres::sqlstate::to_error;

/// The roles that are deployed, by name.
pub(crate) async fn list(app: &App, found: &Found) -> Result<Vec<(String, Value)>> {
    let stored = definition::stored_in(app, found).await?;
    Ok(stored.into_iter().filter(|(kind, ..)| kind == "role").map(|(_, name, spec)| (name, spec)).collect())
}

/// Makes the role, or changes it to what `spec` says: the keys of a role's file.
pub(crate) async fn set(app: &App, found: &Found, name: &str, spec: &Value) -> Result<Value> {
    // JSON is YAML, and the mistakes are told as in a file.
    let file = SourceFile { path: format!("roles/{name}.yaml"), content: spec.to_string() };
    let sync = Sync { files: vec![file], dry_run: false, prune: false, plan_hash: None };
    match definition::sync(app, found, sync).await? {
        Synced::Planned(_) => {
            let role = list(app, found).await?.into_iter().find(|(known, _)| known == name);
            role.map(|(_, spec)| spec).ok_or_else(|| unknown(name))
        }
        Synced::Refused(mistakes) => {
            let told: Vec<String> =
                mistakes.iter().map(|mistake| without_place(mistake.message.as_str(), mistake.hint.as_deref())).collect();
            Err(Error::bad_input("role/invalid", format!("The role '{name}' is not accepted: {}.", told.join("; ")))
                .hint("Mend the role; nothing was changed."))
        }
    }
}

fn without_place(message: &str, hint: Option<&str>) -> String {
    hint.map_or_else(|| message.to_owned(), |hint| format!("{message} ({hint})"))
}

/// Removes the role. Who has it keeps its name, which then says nothing.
pub(crate) async fn delete(app: &App, found: &Found, name: &str) -> Result<()> {
    require_ready(app, &found.environment).await?;
    found.access.require_change(&found.environment)?;
    let (mut client, deployed) = look(app, found).await?;
    // Also one that this server cannot read, which allows nothing to whoever has it.
    let stored = introspect::stored(&client).await?.into_iter().any(|(kind, known, _)| kind == "role" && known == name);
    if !stored {
        return Err(unknown(name));
    }
    let unreadable = Role { name: name.to_owned(), ..Role::default() };
    let plan: Plan = plan_role_drop(deployed.roles.get(name).unwrap_or(&unreadable));
    perform(app, found, &mut client, &plan, json!([]), json!([{ "kind": "role", "name": name }])).await
}

fn unknown(name: &str) -> Error {
    Error::not_found("role/not-found", format!("There is no role '{name}'.")).hint("Check the name; roles lists those there are.")
}

/// Whom a question is about.
pub(crate) struct Asked {
    pub(crate) kind: KeyKind,
    /// Scopes of a secret key.
    pub(crate) scopes: Vec<String>,
    /// The user beside the key.
    pub(crate) user: Option<EndUser>,
}

/// What the deployed rules say to an actor's wish, and why.
pub(crate) async fn explain(app: &App, found: &Found, resource: &str, action: Operation, asked: Asked) -> Result<Explanation> {
    require_ready(app, &found.environment).await?;
    let named = Named::from_text(resource).ok_or_else(|| malformed(resource))?;
    if !named.operations().contains(&action) {
        return Err(Error::bad_input("access/impossible", format!("'{}' cannot be done with '{named}'.", action.name()))
            .hint("Tables and views are read, created, updated and deleted; functions are called."));
    }
    let database = &found.environment.database;
    let client = app.cluster.connect_as(&database.owner_login(), database.as_str(), PLATFORM_OPTIONS).await?;
    let deployed = introspect::deployed(&client).await.map_err(to_error)?;
    let known: BTreeMap<&str, Vec<String>> = columns(&deployed);
    let resource = match &named {
        Named::Table(name) if deployed.tables.contains_key(name) => Resource::Table(name),
        Named::Table(name) | Named::View(name) if deployed.views.contains_key(name) => Resource::View(name),
        Named::Function(name) if deployed.functions.iter().any(|function| function.name == *name) => Resource::Function(name),
        Named::Any | Named::AnyView | Named::AnyFunction => return Err(malformed(resource)),
        Named::Table(_) | Named::View(_) | Named::Function(_) => {
            return Err(Error::not_found("resource/not-found", format!("There is no '{named}' in this environment."))
                .hint("Name a table, view:NAME or function:NAME."));
        }
    };
    let stored = introspect::stored(&client).await?.into_iter().map(|(kind, name, spec)| {
        let spec = if kind == "table" { spec["access"].clone() } else { spec };
        Stored { kind, name, spec }
    });
    let columns = |name: &str| known.get(name).cloned();
    let actor = DataActor {
        environment_id: found.environment.id,
        key_id: uuid::Uuid::nil(),
        kind: asked.kind,
        scopes: asked.scopes,
        user: asked.user.map(Arc::new),
    };
    Ok(Rules::new(stored.collect(), &columns).explain(&actor, resource, verb_of(action), &columns))
}

fn malformed(resource: &str) -> Error {
    Error::bad_input("resource/malformed", format!("'{resource}' is not one resource."))
        .hint("Name a table, view:NAME or function:NAME.")
}

fn columns(deployed: &Deployed) -> BTreeMap<&str, Vec<String>> {
    let tables = deployed
        .tables
        .values()
        .map(|table| (table.name.as_str(), table.columns.iter().map(|column| column.name.clone()).collect()));
    let views =
        deployed.views.values().map(|view| (view.name.as_str(), view.columns.iter().map(|(name, _)| name.clone()).collect()));
    tables.chain(views).collect()
}
