use serde_json::json;

use super::{Context, lookup};
use crate::error::{Exit, Result};
use crate::model::Mail;
use crate::printer::time;

const MAILS: &str = "query Mails($environmentId: String!, $recipient: String, $first: Int) {
  mails(environmentId: $environmentId, recipient: $recipient, first: $first) {
    id kind recipient subject text link code createdAt } }";

/// Shows the newest mails.
pub(crate) async fn run(context: &Context, to: Option<String>, limit: i32) -> Result<Exit> {
    let environment = lookup::environment(context, None).await?;
    let variables = json!({ "environmentId": environment.id, "recipient": to, "first": limit });
    let mails: Vec<Mail> = context.client.query(MAILS, variables).await?;
    if mails.is_empty() {
        context.printer.note(format!("There are no mails in {}.", environment.name));
    }
    context.printer.result(&mails, || {
        let shown = mails
            .iter()
            .map(|mail| format!("{}  to {}: {}\n\n{}\n", time(&mail.created_at), mail.recipient, mail.subject, mail.text));
        shown.collect::<Vec<_>>().join("\n")
    })?;
    Ok(Exit::Ok)
}
