//! How an environment answers the world: origins, limits, quotas. Read together with its tables, and remembered as long.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio_postgres::{Client, Error as PgError};

use super::query::compile::MAX_ROWS;
use crate::error::{Error, Result};

/// The largest body that may be allowed: it is held in memory, and sent to PostgreSQL as one value.
const LARGEST_BODY: u64 = 64 << 20;
pub(crate) const MAX_STATEMENT_SECONDS: u32 = 300;
const MOST_ROWS: u64 = 10_000;
const MAX_ORIGINS: usize = 100;
/// Of requests or burst; and of seconds a rate is about.
const MOST_REQUESTS: u32 = 1_000_000;

/// What an environment is told about its data plane. What is not set has its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct EnvironmentSettings {
    /// Pages of these origins may call from a browser. `*` (the default) is any: a publishable key is made for pages, and a key travels
    /// in a header that a page must hold, never in a cookie that a browser adds by itself.
    pub(crate) cors_origins: Vec<String>,
    /// For each key; off by default.
    pub(crate) rate_per_key: Option<Rate>,
    /// For each address that shows a publishable key; off by default, because whether a proxy stands before the server is not known here.
    pub(crate) rate_per_address: Option<Rate>,
    pub(crate) max_body_bytes: u64,
    /// Of statements that have a connection of their own. Those on lanes have a second, and move to a connection of their own then.
    pub(crate) statement_timeout_seconds: u32,
    /// Records of a page at most, asked for or not.
    pub(crate) max_rows: u64,
    /// Whether `select` may count, sum and so on.
    pub(crate) aggregates: bool,
    /// Above this size of the database, nothing is written but deletes.
    pub(crate) max_database_mib: Option<u32>,
    /// Whether requests are written down, and with whose address.
    pub(crate) log_requests: bool,
    pub(crate) log_addresses: bool,
}

impl Default for EnvironmentSettings {
    fn default() -> Self {
        Self {
            cors_origins: vec!["*".to_owned()],
            rate_per_key: None,
            rate_per_address: None,
            max_body_bytes: 8 << 20,
            statement_timeout_seconds: 30,
            max_rows: MAX_ROWS,
            aggregates: false,
            max_database_mib: None,
            log_requests: true,
            log_addresses: true,
        }
    }
}

/// So many requests in so many seconds, and `burst` of them at once after a pause. Written `50/s`, `1000/m`, `50/s burst 200`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Rate {
    pub(crate) requests: u32,
    pub(crate) seconds: u32,
    pub(crate) burst: u32,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("{text:?} is no rate: write it like 50/s, 1000/m or 50/s burst 200");
        let (rate, burst) = match text.split_once("burst") {
            Some((rate, burst)) => (rate.trim(), Some(burst.trim().parse().map_err(|_| refuse())?)),
            None => (text.trim(), None),
        };
        let (requests, unit) = rate.split_once('/').ok_or_else(refuse)?;
        let requests: u32 = requests.trim().parse().map_err(|_| refuse())?;
        let seconds = match unit.trim() {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(refuse()),
        };
        let burst = burst.unwrap_or(requests);
        if !(1..=MOST_REQUESTS).contains(&requests) || !(1..=MOST_REQUESTS).contains(&burst) {
            return Err(format!("a rate and its burst are 1 to {MOST_REQUESTS} requests"));
        }
        Ok(Self { requests, seconds, burst })
    }
}

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.seconds {
            1 => "s",
            60 => "m",
            _ => "h",
        };
        write!(f, "{}/{unit}", self.requests)?;
        if self.burst == self.requests { Ok(()) } else { write!(f, " burst {}", self.burst) }
    }
}

impl EnvironmentSettings {
    /// As the environment's data login sees them.
    pub(crate) async fn load(client: &Client) -> Result<Self, PgError> {
        let rows = client.query_typed("SELECT settings FROM cloche.environment_settings", &[]).await?;
        let Some(row) = rows.first() else { return Ok(Self::default()) };
        let stored: Value = row.try_get(0)?;
        Ok(serde_json::from_value(stored).unwrap_or_else(|error| {
            // Only what was checked is stored, so a newer server has written something this one cannot read.
            tracing::warn!(%error, "settings of an environment cannot be read; they have their defaults, and no page may call");
            Self { cors_origins: Vec::new(), ..Self::default() }
        }))
    }

    /// What is stored, checked.
    pub(crate) fn checked(stored: &Map<String, Value>) -> Result<Self> {
        let settings: Self = serde_json::from_value(Value::Object(stored.clone()))
            .map_err(|error| Error::bad_input("settings/invalid", format!("The settings are not valid: {error}.")))?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<()> {
        let within = |field: &str, fits: bool, rule: String| {
            if fits {
                return Ok(());
            }
            Err(Error::bad_input("settings/out-of-range", format!("{field} must be {rule}.")).field(
                format!("input.{field}"),
                "range",
                rule,
            ))
        };
        let bodies = 1024..=LARGEST_BODY;
        within("maxBodyBytes", bodies.contains(&self.max_body_bytes), format!("1024 to {LARGEST_BODY} bytes"))?;
        let seconds = 1..=MAX_STATEMENT_SECONDS;
        let fits = seconds.contains(&self.statement_timeout_seconds);
        within("statementTimeoutSeconds", fits, format!("1 to {MAX_STATEMENT_SECONDS} seconds"))?;
        within("maxRows", (1..=MOST_ROWS).contains(&self.max_rows), format!("1 to {MOST_ROWS}"))?;
        within("maxDatabaseMib", self.max_database_mib != Some(0), "at least 1 MiB".to_owned())?;
        within("corsOrigins", self.cors_origins.len() <= MAX_ORIGINS, format!("{MAX_ORIGINS} origins at most"))?;
        for origin in &self.cors_origins {
            check_origin(origin)?;
        }
        if self.cors_origins.len() > 1 && self.any_origin() {
            return Err(bad_origin("*", "`*` stands alone: it is any origin"));
        }
        Ok(())
    }

    /// Whether pages of any origin may call.
    pub(crate) fn any_origin(&self) -> bool {
        self.cors_origins.iter().any(|origin| origin == "*")
    }

    /// Whether a page of this origin may call.
    pub(crate) fn allows_origin(&self, origin: &[u8]) -> bool {
        self.cors_origins.iter().any(|allowed| allowed == "*" || allowed.as_bytes() == origin)
    }
}

/// As browsers send it: scheme and host in lower case, a port unless it is the scheme's own, nothing after it.
fn check_origin(origin: &str) -> Result<()> {
    if origin == "*" {
        return Ok(());
    }
    let Some((scheme, authority)) = origin.split_once("://") else {
        return Err(bad_origin(origin, "an origin begins with its scheme, as in https://app.example.com"));
    };
    let schemed = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | ':' | '[' | ']' | '_');
    if !schemed || authority.is_empty() || authority.len() > 260 || !authority.chars().all(plain) {
        return Err(bad_origin(origin, "an origin is scheme://host or scheme://host:port in lower case, with nothing after it"));
    }
    let port = authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map(|(_, port)| port);
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err(bad_origin(origin, "a port is a number"));
    }
    if matches!((scheme, port), ("https", Some("443")) | ("http", Some("80"))) {
        return Err(bad_origin(origin, "browsers leave out the scheme's own port"));
    }
    Ok(())
}

fn bad_origin(origin: &str, rule: &str) -> Error {
    Error::bad_input("settings/origin-invalid", format!("{origin:?} is not an origin as browsers send it: {rule}."))
        .hint("Write https://app.example.com, or `*` alone for any.")
        .field("input.corsOrigins", "origin", rule)
}

/// The settings there are, as they are stored. The caller is connected as the platform login.
pub(crate) async fn stored(client: &Client) -> Result<Map<String, Value>> {
    let row = client.query_opt("SELECT settings FROM cloche.settings", &[]).await?;
    Ok(row.map(|row| row.get::<_, Value>(0)).and_then(into_map).unwrap_or_default())
}

/// Gives some settings values, or their defaults where the value is null; answers all of them. Nothing happens if one is not valid.
pub(crate) async fn change(client: &mut Client, changes: Map<String, Value>) -> Result<EnvironmentSettings> {
    let tx = client.transaction().await?;
    tx.execute("INSERT INTO cloche.settings (settings) VALUES ('{}') ON CONFLICT DO NOTHING", &[]).await?;
    let row = tx.query_one("SELECT settings FROM cloche.settings FOR UPDATE", &[]).await?;
    let mut stored = into_map(row.get(0)).unwrap_or_default();
    for (name, value) in changes {
        if value.is_null() {
            stored.remove(&name);
        } else {
            stored.insert(name, value);
        }
    }
    let settings = EnvironmentSettings::checked(&stored)?;
    tx.execute("UPDATE cloche.settings SET settings = $1, updated_at = now()", &[&Value::Object(stored)]).await?;
    tx.commit().await?;
    Ok(settings)
}

fn into_map(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(settings: Value) -> Result<EnvironmentSettings, String> {
        EnvironmentSettings::checked(settings.as_object().unwrap()).map_err(|error| error.code)
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        assert_eq!(check(json!({})), Ok(EnvironmentSettings::default()));
        assert_eq!(check(json!({ "of a newer server": 1 })), Ok(EnvironmentSettings::default()));
        let settings = check(json!({ "maxRows": 5, "ratePerKey": "10/m burst 20" })).unwrap();
        assert_eq!((settings.max_rows, settings.aggregates), (5, false));
        assert_eq!(settings.rate_per_key, Some(Rate { requests: 10, seconds: 60, burst: 20 }));
    }

    #[test]
    fn rates_are_written_as_they_are_read() {
        for text in ["50/s", "1000/m", "5/h burst 1", "50/s burst 200"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in ["", "50", "50/d", "0/s", "-1/s", "1/s burst 0", "1/s burst", "9999999/s", "50 /s/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn origins_are_as_browsers_send_them() {
        for origin in ["*", "https://a.example", "http://localhost:3000", "http://[::1]:80x", "capacitor://localhost"] {
            let allowed = check(json!({ "corsOrigins": [origin] }));
            assert_eq!(allowed.is_ok(), origin != "http://[::1]:80x", "{origin}");
        }
        for origin in [
            "a.example",
            "https://A.example",
            "https://a.example/",
            "https://a.example:443",
            "null",
            "https://*.a.example",
            "https://",
        ] {
            assert_eq!(check(json!({ "corsOrigins": [origin] })), Err("settings/origin-invalid".into()), "{origin}");
        }
        assert_eq!(check(json!({ "corsOrigins": ["*", "https://a.example"] })), Err("settings/origin-invalid".into()));
        let settings = check(json!({ "corsOrigins": ["https://a.example"] })).unwrap();
        assert!(settings.allows_origin(b"https://a.example") && !settings.allows_origin(b"https://a.example.evil"));
        assert!(!check(json!({ "corsOrigins": [] })).unwrap().allows_origin(b"https://a.example"));
    }

    #[test]
    fn limits_have_limits() {
        for settings in [
            json!({ "maxBodyBytes": 1 }),
            json!({ "maxBodyBytes": 65 << 20 }),
            json!({ "statementTimeoutSeconds": 0 }),
            json!({ "statementTimeoutSeconds": 301 }),
            json!({ "maxRows": 0 }),
            json!({ "maxRows": 10_001 }),
            json!({ "maxDatabaseMib": 0 }),
        ] {
            assert_eq!(check(settings.clone()), Err("settings/out-of-range".into()), "{settings}");
        }
        assert_eq!(check(json!({ "ratePerKey": "fast" })), Err("settings/invalid".into()));
    }
}
