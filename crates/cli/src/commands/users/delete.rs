use serde_json::json;

use super::{Changed, Context, lookup, user_id};
use crate::ask;
use crate::client::input;
use crate::error::{Exit, Result};

const DELETE: &str = "mutation DeleteUser($input: DeleteUserInput!) { deleteUser(input: $input) {
  success code message hint user { ...UserFields } } }";

/// Deletes a user.
pub(crate) async fn run(context: &Context, user: &str) -> Result<Exit> {
    let environment = lookup::environment(context, None).await?;
    let id = user_id(context, &environment, user).await?;
    ask::confirm(context.settings.yes, &format!("The user {user} of {} goes for good. Delete it?", environment.name))?;
    let fields = json!({ "environmentId": environment.id, "userId": id });
    let deleted: Changed = context.client.mutate(DELETE, input(fields)).await?;
    context.printer.note(format!("Deleted {user} from {}.", environment.name));
    context.printer.result(&deleted, String::new)?;
    Ok(Exit::Ok)
}
