use super::{Context, all};
use crate::error::{Exit, Result};
use crate::printer::{table, time, time_or_dash};

/// Lists personal access tokens.
pub(crate) async fn run(context: &Context) -> Result<Exit> {
    let tokens = all(context).await?;
    if tokens.is_empty() {
        context.printer.note("There are no tokens: `cloche tokens create NAME` makes one.");
    }
    context.printer.result(&tokens, || {
        if tokens.is_empty() {
            return String::new();
        }
        let rows = tokens.iter().map(|token| {
            [
                token.name.clone(),
                token.prefix.clone(),
                token.member_email.clone().unwrap_or_else(|| "-".to_owned()),
                time(&token.created_at),
                time_or_dash(token.last_used_at.as_ref()),
                time_or_dash(token.expires_at.as_ref()),
                time_or_dash(token.revoked_at.as_ref()),
            ]
        });
        table(["NAME", "PREFIX", "MEMBER", "CREATED", "LAST USED", "EXPIRES", "REVOKED"], rows)
    })?;
    Ok(Exit::Ok)
}
