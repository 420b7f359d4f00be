//! How an environment answers the world.

use async_graphql::{Context, InputObject, MaybeUndefined, Object, Result, SimpleObject};
use serde_json::{Map, Value, json};

use super::environment::found;
use super::payload::{Verdict, parts, settle, to_graphql};
use crate::app::settings;
use crate::auth::Role;
use crate::postgres::settings::EnvironmentSettings as Row;

/// What an environment is told about its data plane. What nobody has set has its default.
#[derive(SimpleObject)]
struct EnvironmentSettings {
    /// Origins whose pages may call from a browser, as browsers send them: `https://app.example.com`. `*` alone is any.
    cors_origins: Vec<String>,
    /// How often each key may call: `50/s`, `1000/m`, `50/s burst 200`. Null is as often as it likes.
    rate_per_key: Option<String>,
    /// The same for each address that shows a publishable key.
    rate_per_address: Option<String>,
    /// Bytes a request's body may have.
    max_body_bytes: u64,
    /// How long one statement may take.
    statement_timeout_seconds: u32,
    /// Records of a page at most.
    max_rows: u64,
    /// Whether `select` may count, sum and so on.
    aggregates: bool,
    /// Above this size of the database nothing is written but deletes. Null is no limit.
    max_database_mib: Option<u32>,
    /// Whether requests are written down.
    log_requests: bool,
    /// Whether with the address they came from.
    log_addresses: bool,
}

impl From<Row> for EnvironmentSettings {
    fn from(row: Row) -> Self {
        Self {
            cors_origins: row.cors_origins,
            rate_per_key: row.rate_per_key.map(|rate| rate.to_string()),
            rate_per_address: row.rate_per_address.map(|rate| rate.to_string()),
            max_body_bytes: row.max_body_bytes,
            statement_timeout_seconds: row.statement_timeout_seconds,
            max_rows: row.max_rows,
            aggregates: row.aggregates,
            max_database_mib: row.max_database_mib,
            log_requests: row.log_requests,
            log_addresses: row.log_addresses,
        }
    }
}

#[derive(SimpleObject, Default)]
struct EnvironmentSettingsPayload {
    #[graphql(flatten)]
    verdict: Verdict,
    settings: Option<EnvironmentSettings>,
}

/// What is left out stays as it is; null gives a setting its default back.
#[derive(InputObject)]
struct UpdateEnvironmentSettingsInput {
    environment_id: String,
    cors_origins: MaybeUndefined<Vec<String>>,
    rate_per_key: MaybeUndefined<String>,
    rate_per_address: MaybeUndefined<String>,
    /// 1,024 to 67,108,864.
    max_body_bytes: MaybeUndefined<u64>,
    /// 1 to 300.
    statement_timeout_seconds: MaybeUndefined<u32>,
    /// 1 to 10,000.
    max_rows: MaybeUndefined<u64>,
    aggregates: MaybeUndefined<bool>,
    max_database_mib: MaybeUndefined<u32>,
    log_requests: MaybeUndefined<bool>,
    log_addresses: MaybeUndefined<bool>,
}

impl UpdateEnvironmentSettingsInput {
    fn into_changes(self) -> Map<String, Value> {
        fn change<T: Into<Value>>(value: MaybeUndefined<T>) -> Option<Value> {
            match value {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(Value::Null),
                MaybeUndefined::Value(value) => Some(value.into()),
            }
        }
        let changes = [
            ("corsOrigins", change(self.cors_origins.map_value(|origins| json!(origins)))),
            ("ratePerKey", change(self.rate_per_key)),
            ("ratePerAddress", change(self.rate_per_address)),
            ("maxBodyBytes", change(self.max_body_bytes)),
            ("statementTimeoutSeconds", change(self.statement_timeout_seconds)),
            ("maxRows", change(self.max_rows)),
            ("aggregates", change(self.aggregates)),
            ("maxDatabaseMib", change(self.max_database_mib)),
            ("logRequests", change(self.log_requests)),
            ("logAddresses", change(self.log_addresses)),
        ];
        changes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

#[derive(Default)]
pub(crate) struct SettingsQuery;

#[Object]
impl SettingsQuery {
    /// The settings of an environment's data plane.
    async fn environment_settings(&self, context: &Context<'_>, environment_id: String) -> Result<EnvironmentSettings> {
        let (app, _) = parts(context)?;
        let found = found(context, &environment_id, Role::Viewer).await?.map_err(to_graphql)?;
        Ok(settings::show(app, &found).await.map_err(to_graphql)?.into())
    }
}

#[derive(Default)]
pub(crate) struct SettingsMutation;

#[Object]
impl SettingsMutation {
    /// Changes settings: all that are given or none. In force on every server on return.
    async fn update_environment_settings(
        &self,
        context: &Context<'_>,
        input: UpdateEnvironmentSettingsInput,
    ) -> Result<EnvironmentSettingsPayload> {
        let (app, _) = parts(context)?;
        let found = found(context, &input.environment_id, Role::Developer).await?;
        let changes = input.into_changes();
        settle(
            async { settings::change(app, &found?, changes).await }.await,
            |row| EnvironmentSettingsPayload {
                verdict: Verdict::done("Settings updated successfully"),
                settings: Some(row.into()),
            },
            |verdict| EnvironmentSettingsPayload { verdict, settings: None },
        )
    }
}
