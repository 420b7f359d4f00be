//! What can be done, noun by noun. Nothing here knows HTTP or SQL; whoever calls must show a capability from `auth`.

pub(crate) mod access;
pub(crate) mod branch;
pub(crate) mod definition;
pub(crate) mod environment;
pub(crate) mod faults;
pub(crate) mod invitation;
pub(crate) mod key;
pub(crate) mod operation;
pub(crate) mod organization;
pub(crate) mod people;
pub(crate) mod project;
pub(crate) mod record;
pub(crate) mod removal;
pub(crate) mod role;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod traffic;
pub(crate) mod usage;
pub(crate) mod users;
pub(crate) mod variable;

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use cloche_wire::OperationId;

use crate::auth::oidc::Providers;
use crate::auth::{KeyCache, Passwords, Throttle, Uses};
use crate::error::{Error, Result};
use crate::fence::Fence;
use crate::postgres::cluster::Cluster;
use crate::postgres::environments::Environments;
use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::store::Store;
use crate::traffic::limits::Limits;

/// The server's parts, made once at the start.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) url: String,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) store: Store,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) environments: Arc<Environments>,
    pub(crate) fence: Fence,
    pub(crate) keys: KeyCache,
    pub(crate) uses: Uses,
    pub(crate) limits: Limits,
    pub(crate) passwords: Passwords,
    pub(crate) throttle: Throttle,
    pub(crate) providers: Providers,
    pub(crate) running: operation::Running,
    pub(crate) faults: faults::Script,
    pub(crate) metrics: metrics_exporter_prometheus::PrometheusHandle,
}

impl App {
    /// Where the dump of an operation lies while a snapshot copy is made.
    pub(crate) fn dump_folder(&self, operation: OperationId) -> PathBuf {
        self.settings.data_dir.join("dumps").join(operation.to_string())
    }

    /// The address people reach the server under, without a slash at its end.
    pub(crate) fn url(&self) -> &str {
        self.url.trim_end_matches('/')
    }
}

/// A length of time as people write it: `90s`, `30m`, `2h`, `7d`. Longer than zero, a year at most.
pub(crate) fn parse_duration(field: &str, text: &str) -> Result<TimeDelta> {
    let refuse = || {
        Error::bad_input("duration/malformed", format!("{text:?} is not a length of time."))
            .hint("Write a number and s, m, h or d: 30m, 2h, 7d. A year is the longest.")
            .field(field, "duration", "a number followed by s, m, h or d")
    };
    let unit = text.chars().last().ok_or_else(refuse)?;
    let number: i64 = text.strip_suffix(unit).and_then(|number| number.parse().ok()).ok_or_else(refuse)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(refuse()),
    };
    let delta = number.checked_mul(seconds).and_then(TimeDelta::try_seconds).ok_or_else(refuse)?;
    if delta <= TimeDelta::zero() || delta > TimeDelta::days(366) {
        return Err(refuse());
    }
    Ok(delta)
}

/// The instant a length of time from now, where one is given.
fn from_now(field: &str, duration: Option<&str>) -> Result<Option<DateTime<Utc>>> {
    duration.map(|text| Ok(Utc::now() + parse_duration(field, text)?)).transpose()
}

/// A name of a project or environment, checked.
fn checked_name<'n>(noun: &str, name: &'n str) -> Result<&'n str> {
    match cloche_wire::check_name(name) {
        Ok(()) => Ok(name),
        Err(problem) => Err(Error::bad_input(format!("{noun}/name-invalid"), format!("The name {name:?} {problem}."))
            .hint("1 to 64 letters, digits, hyphens and underscores.")
            .field("input.name", "name", problem.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(parse_duration("x", "90s").unwrap(), TimeDelta::seconds(90));
        assert_eq!(parse_duration("x", "7d").unwrap(), TimeDelta::days(7));
        for bad in ["", "h", "0h", "-1h", "2w", "1.5h", "367d", "9999999999999999999d", "2ä", "2 h"] {
            assert_eq!(parse_duration("x", bad).unwrap_err().code, "duration/malformed", "{bad}");
        }
    }
}
