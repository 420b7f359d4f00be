use std::str::FromStr;

use clap::{Args, Subcommand};

/// Verbs of `settings`.
#[derive(Debug, Subcommand)]
pub(crate) enum SettingsCommand {
    /// Show an environment's settings: origins, rates, limits.
    #[command(after_help = "Examples:
  cloche settings show --env dev
  cloche settings show --json")]
    Show,
    /// Change settings: all that are given, or none. In force on every server on return.
    #[command(after_help = "Settings:
  cors.origins             origins whose pages may call, with commas between; `*` is any
  rate.perKey              how often each key may call: 50/s, 1000/m, \"50/s burst 200\", off
  rate.perAddress          the same for each address that shows a publishable key
  limits.bodyBytes         the largest body: 1024 to 67108864
  limits.statementTimeout  the longest statement, in seconds: 1 to 300
  limits.rows              records of a page at most: 1 to 10000
  limits.databaseMib       above this size nothing is written but deletes: MiB, or off
  aggregates               whether select may count, sum and so on: on, off
  log.requests             whether requests are written down: on, off
  log.addresses            whether with the address they came from: on, off

NAME=default gives a setting its default back.

Examples:
  cloche settings set cors.origins=https://a.example,https://b.example --env prod
  cloche settings set rate.perKey='50/s burst 200' aggregates=on
  cloche settings set rate.perKey=default")]
    Set {
        /// The settings and their values
        #[arg(required = true, value_name = "NAME=VALUE")]
        changes: Vec<Change>,
    },
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloche logs --env dev
  cloche logs --follow --status 5xx
  cloche logs --table posts --limit 500 --json")]
pub(crate) struct LogsArgs {
    /// Go on with the requests that come, until interrupted; with --json, one object a line
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Only those answered like this: 404, or 4xx for all of them
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Option<String>,
    /// Only those to this table or function
    #[arg(long, value_name = "NAME")]
    pub(crate) table: Option<String>,
    /// How many to show
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
}

/// `NAME=VALUE`, as the server calls and wants it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    pub(crate) field: &'static str,
    pub(crate) value: serde_json::Value,
}

/// What values of a setting are.
#[derive(Clone, Copy)]
enum Kind {
    List,
    Rate,
    Number,
    Limit,
    Switch,
}

/// Names here, names at the server, and what their values are.
const SETTINGS: [(&str, &str, Kind); 10] = [
    ("cors.origins", "corsOrigins", Kind::List),
    ("rate.perKey", "ratePerKey", Kind::Rate),
    ("rate.perAddress", "ratePerAddress", Kind::Rate),
    ("limits.bodyBytes", "maxBodyBytes", Kind::Number),
    ("limits.statementTimeout", "statementTimeoutSeconds", Kind::Number),
    ("limits.rows", "maxRows", Kind::Number),
    ("limits.databaseMib", "maxDatabaseMib", Kind::Limit),
    ("aggregates", "aggregates", Kind::Switch),
    ("log.requests", "logRequests", Kind::Switch),
    ("log.addresses", "logAddresses", Kind::Switch),
];

/// The settings by the names people use, with the server's.
pub(crate) fn setting_names() -> impl Iterator<Item = (&'static str, &'static str)> {
    SETTINGS.into_iter().map(|(name, field, _)| (name, field))
}

impl FromStr for Change {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
        let (_, field, kind) = SETTINGS.into_iter().find(|(known, ..)| *known == name).ok_or_else(|| {
            let names: Vec<_> = setting_names().map(|(name, _)| name).collect();
            format!("there is no setting {name}; there are {}", names.join(", "))
        })?;
        let number = || value.parse::<u64>().map(Into::into).map_err(|_| format!("{name} is a whole number, not {value:?}"));
        let value = match (kind, value) {
            (_, "default") | (Kind::Rate | Kind::Limit, "off") => serde_json::Value::Null,
            (Kind::List, "") => serde_json::json!([]),
            (Kind::List, list) => list.split(',').map(str::trim).collect(),
            (Kind::Rate, rate) => rate.into(),
            (Kind::Number | Kind::Limit, _) => number()?,
            (Kind::Switch, "on" | "true") => true.into(),
            (Kind::Switch, "off" | "false") => false.into(),
            (Kind::Switch, other) => return Err(format!("{name} is on or off, not {other:?}")),
        };
        Ok(Self { field, value })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_written_by_name() {
        let read = |text: &str| text.parse::<Change>().map(|change| (change.field, change.value));
        assert_eq!(
            read("cors.origins=https://a.example, https://b.example"),
            Ok(("corsOrigins", json!(["https://a.example", "https://b.example"])))
        );
        assert_eq!(read("cors.origins="), Ok(("corsOrigins", json!([]))));
        assert_eq!(read("rate.perKey=50/s burst 200"), Ok(("ratePerKey", json!("50/s burst 200"))));
        assert_eq!(read("rate.perKey=off"), Ok(("ratePerKey", json!(null))));
        assert_eq!(read("limits.rows=default"), Ok(("maxRows", json!(null))));
        assert_eq!(read("limits.rows=10"), Ok(("maxRows", json!(10))));
        assert_eq!(read("aggregates=on"), Ok(("aggregates", json!(true))));
        for wrong in ["aggregates", "aggregates=maybe", "limits.rows=off", "limits.rows=-1", "color=red"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
