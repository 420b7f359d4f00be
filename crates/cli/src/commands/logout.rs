use serde_json::json;

use crate::error::{Exit, Result};
use crate::logins::Logins;
use crate::printer::Printer;
use crate::settings::Settings;

/// Forgets the token kept for the server.
pub(crate) fn run(settings: &Settings, printer: Printer) -> Result<Exit> {
    let url = settings.url.as_str().trim_end_matches('/');
    let mut logins = Logins::read(&settings.logins)?;
    let removed = logins.remove(&settings.url);
    if removed {
        logins.write(&settings.logins)?;
        printer.note(format!("Logged out of {url}. The token itself still works: `cloche tokens revoke` ends it."));
    } else {
        printer.note(format!("There was no login for {url}."));
    }
    printer.result(&json!({ "url": url, "removed": removed }), String::new)?;
    Ok(Exit::Ok)
}
