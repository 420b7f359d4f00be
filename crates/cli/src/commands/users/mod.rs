mod create;
mod delete;
mod list;
mod mails;
mod set_roles;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, lookup};
use crate::args::UsersCommand;
use crate::error::{CliError, Exit, Result};
use crate::model::{Environment, User};

const USERS: &str = "query Users($environmentId: String!, $search: String, $role: String, $first: Int, $offset: Int) {
  users(environmentId: $environmentId, search: $search, role: $role, first: $first, offset: $offset) {
    nodes { ...UserFields } total } }";

/// Some of the users, and how many there are.
#[derive(Serialize, Deserialize)]
struct Users {
    nodes: Vec<User>,
    total: i64,
}

/// What a mutation of a user answers with.
#[derive(Serialize, Deserialize)]
struct Changed {
    user: User,
}

/// Runs a verb of `users`.
pub(crate) async fn run(context: &Context, verb: UsersCommand) -> Result<Exit> {
    match verb {
        UsersCommand::List { search, role, limit, offset } => list::run(context, search, role, limit, offset).await,
        UsersCommand::Create { email, password, roles } => create::run(context, &email, password, &roles).await,
        UsersCommand::Delete { user } => delete::run(context, &user).await,
        UsersCommand::SetRoles { user, roles } => set_roles::run(context, &user, &roles).await,
        UsersCommand::Mails { to, limit } => mails::run(context, to, limit).await,
    }
}

/// The id of a user, by address or id.
async fn user_id(context: &Context, environment: &Environment, text: &str) -> Result<String> {
    if lookup::is_id(text) {
        return Ok(text.to_owned());
    }
    let variables = json!({ "environmentId": environment.id, "search": text, "first": 200 });
    let found: Users = context.client.query(USERS, variables).await?;
    let is_meant = |user: &User| user.email.as_deref().is_some_and(|email| email.eq_ignore_ascii_case(text));
    found.nodes.into_iter().find(is_meant).map(|user| user.id).ok_or_else(|| {
        CliError::failed("user/not-found", format!("{} has no user {text}", environment.name))
            .hint(format!("`cloche users list --env {}` shows them", environment.name))
    })
}
