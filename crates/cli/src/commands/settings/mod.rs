mod set;
mod show;

use super::{Context, lookup};
use crate::args::{SettingsCommand, setting_names};
use crate::error::{Exit, Result};
use crate::printer::table;

const FIELDS: &str = "corsOrigins ratePerKey ratePerAddress maxBodyBytes statementTimeoutSeconds maxRows aggregates maxDatabaseMib \
                      logRequests logAddresses";

/// Runs a verb of `settings`.
pub(crate) async fn run(context: &Context, verb: SettingsCommand) -> Result<Exit> {
    match verb {
        SettingsCommand::Show => show::run(context).await,
        SettingsCommand::Set { changes } => set::run(context, changes).await,
    }
}

/// The settings for people, by the names with which they are set.
fn shown(settings: &serde_json::Value) -> String {
    let value = |field: &str| match &settings[field] {
        serde_json::Value::Null => "off".to_owned(),
        serde_json::Value::Bool(true) => "on".to_owned(),
        serde_json::Value::Bool(false) => "off".to_owned(),
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(list) => list.iter().filter_map(|item| item.as_str()).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    table(["SETTING", "VALUE"], setting_names().map(|(name, field)| [name.to_owned(), value(field)]))
}
