use serde_json::json;

use super::{Context, USERS, Users, lookup};
use crate::error::{Exit, Result};
use crate::printer::{count, table, time, time_or_dash};

/// Lists the environment's users.
pub(crate) async fn run(
    context: &Context,
    search: Option<String>,
    role: Option<String>,
    limit: i32,
    offset: i32,
) -> Result<Exit> {
    let environment = lookup::environment(context, None).await?;
    let variables = json!({ "environmentId": environment.id, "search": search, "role": role, "first": limit, "offset": offset });
    let users: Users = context.client.query(USERS, variables).await?;
    let shown = users.nodes.len();
    if users.total > i64::try_from(shown).unwrap_or(i64::MAX) {
        context.printer.note(format!("{} of {}; --limit and --offset show others.", count(shown, "user"), users.total));
    }
    context.printer.result(&users, || {
        let rows = users.nodes.iter().map(|user| {
            let name = user.email.clone().or_else(|| user.external_id.clone()).unwrap_or_else(|| "-".to_owned());
            let roles = if user.roles.is_empty() { "-".to_owned() } else { user.roles.join(" ") };
            [name, roles, user.id.clone(), time(&user.created_at), time_or_dash(user.last_sign_in_at.as_ref())]
        });
        table(["USER", "ROLES", "ID", "CREATED", "LAST SIGN-IN"], rows)
    })?;
    Ok(Exit::Ok)
}
