use super::{Context, lookup};
use crate::ask;
use crate::commands::credential;
use crate::error::{Exit, Result};

/// Prints the connection URL of an environment's SQL login: the one kept here, or one with a new password.
pub(crate) async fn run(context: &Context, name: Option<&str>, rotate: bool) -> Result<Exit> {
    let environment = lookup::environment(context, name).await?;
    let name = &environment.name;
    let kept = if rotate { None } else { credential::kept(context, &environment)? };
    let credential = match kept {
        Some(kept) => {
            context.printer.note(format!(
                "This URL was kept on this machine; if it is refused, `cloche env url {name} --rotate` makes another."
            ));
            kept
        }
        None => {
            let question =
                format!("The server keeps no passwords, so this makes a new one for {name} and the old one dies. Go on?");
            ask::confirm(context.settings.yes, &question)?;
            let made = credential::rotate(context, &environment).await?;
            let file = context.settings.logins.display();
            context.printer.note(format!("The server shows this URL this once; it is kept in {file}, for `cloche sql`."));
            made
        }
    };
    context.printer.result(&credential, || credential.url.clone())?;
    Ok(Exit::Ok)
}
