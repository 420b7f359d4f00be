use serde_json::json;

use super::{Changed, Context, lookup, user_id};
use crate::client::input;
use crate::error::{Exit, Result};

const UPDATE: &str = "mutation UpdateUser($input: UpdateUserInput!) { updateUser(input: $input) {
  success code message hint user { ...UserFields } } }";

/// Gives a user other roles.
pub(crate) async fn run(context: &Context, user: &str, roles: &[String]) -> Result<Exit> {
    let environment = lookup::environment(context, None).await?;
    let id = user_id(context, &environment, user).await?;
    let fields = json!({ "environmentId": environment.id, "userId": id, "roles": roles });
    let changed: Changed = context.client.mutate(UPDATE, input(fields)).await?;
    let now = if changed.user.roles.is_empty() { "no roles".to_owned() } else { changed.user.roles.join(", ") };
    context.printer.note(format!("{user} has {now} in {}; tokens that are out keep theirs until they expire.", environment.name));
    context.printer.result(&changed, String::new)?;
    Ok(Exit::Ok)
}
