use console::style;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, lookup};
use crate::ask;
use crate::client::input;
use crate::error::{CliError, Exit, Result};
use crate::model::{Environment, Operation};
use crate::printer::time;
use crate::progress;

const DELETE: &str = "mutation DeleteEnvironment($input: DeleteEnvironmentInput!) { deleteEnvironment(input: $input) {
  success code message hint environment { ...EnvironmentFields } operation { ...OperationFields } } }";

#[derive(Serialize, Deserialize)]
struct Deleted {
    environment: Option<Environment>,
    operation: Option<Operation>,
}

/// Deletes an environment after saying what that removes.
pub(crate) async fn run(context: &Context, name: &str, purge: bool, confirm: Option<&str>) -> Result<Exit> {
    let environment = lookup::environment(context, Some(name)).await?;
    let confirmed = ask_first(context, &environment, purge, confirm)?;
    let id = progress::new_id();
    let call = context.client.mutate(
        DELETE,
        input(json!({
            "environmentId": environment.id,
            "confirmName": confirmed.then_some(&environment.name),
            "purge": purge,
            "operationId": id,
        })),
    );
    let title = format!("Deleting {}", environment.name);
    let deleted: Deleted = progress::watch(&context.client, context.printer, id, &title, call).await?;
    context.printer.note(outcome(&environment.name, purge, deleted.environment.as_ref()));
    context.printer.result(&deleted, String::new)?;
    Ok(Exit::Ok)
}

/// The dialogue: a typed name for a protected environment, else yes or no. Answers whether the name was typed.
fn ask_first(context: &Context, environment: &Environment, purge: bool, confirm: Option<&str>) -> Result<bool> {
    let name = &environment.name;
    if let Some(typed) = confirm {
        if typed == name {
            return Ok(true);
        }
        return Err(CliError::usage(format!("--confirm says {typed}, but the environment is named {name}"))
            .hint("nothing was changed; type the name exactly"));
    }
    let bytes = if purge {
        "The bytes are erased at once: there is no undo.".to_owned()
    } else {
        format!("The bytes are erased after 24 hours; until then `cloche env undelete {name}` brings it back, with new keys.")
    };
    context.printer.note(format!(
        "This removes {} ({}) with its tables, data, users and files. Its keys stop and its name is free at once. {bytes}",
        style(name).for_stderr().bold(),
        environment.kind
    ));
    if environment.protected {
        ask::typed(name, &format!("{name} is protected. Type its name to delete it:"))?;
        return Ok(true);
    }
    ask::confirm(context.settings.yes, &format!("Delete {name}?"))?;
    Ok(false)
}

fn outcome(name: &str, purge: bool, environment: Option<&Environment>) -> String {
    let erased = environment.and_then(|environment| environment.erase_at.as_deref());
    match erased {
        Some(at) if !purge => {
            format!(
                "Deleted {name}. Its bytes are erased at {}; until then `cloche env undelete {name}` brings it back.",
                time(at)
            )
        }
        _ if purge => format!("Deleted {name} and erased its bytes."),
        _ => format!("Deleted {name}."),
    }
}
