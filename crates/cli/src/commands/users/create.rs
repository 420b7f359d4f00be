use serde_json::json;

use super::{Changed, Context, lookup};
use crate::ask;
use crate::client::input;
use crate::error::{Exit, Result};

const CREATE: &str = "mutation CreateUser($input: CreateUserInput!) { createUser(input: $input) {
  success code message hint user { ...UserFields } } }";

/// Creates a user.
pub(crate) async fn run(context: &Context, email: &str, password: bool, roles: &[String]) -> Result<Exit> {
    let password = password.then(read_password).transpose()?;
    let environment = lookup::environment(context, None).await?;
    let fields = json!({ "environmentId": environment.id, "email": email, "password": password, "roles": roles });
    let created: Changed = context.client.mutate(CREATE, input(fields)).await?;
    context.printer.note(format!("Created {email} in {}.", environment.name));
    context.printer.result(&created, || format!("{}\n", created.user.id))?;
    Ok(Exit::Ok)
}

fn read_password() -> Result<String> {
    if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
        return ask::secret("Their password: ");
    }
    Ok(ask::stdin_text()?.trim_end_matches(['\r', '\n']).to_owned())
}
