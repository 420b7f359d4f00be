//! Environment variables and the customer's SQL credential.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use super::environment::found;
use super::payload::{Verdict, parts, settle, to_graphql};
use super::time::Time;
use crate::app::variable;
use crate::auth::Role;
use crate::postgres::variables::Variable as Row;

/// A variable of an environment.
#[derive(SimpleObject)]
struct Variable {
    name: String,
    /// Shown only when `reveal` asks for it.
    value: Option<String>,
    updated_at: Time,
}

impl From<Row> for Variable {
    fn from(row: Row) -> Self {
        Self { name: row.name, value: row.value, updated_at: row.updated_at.into() }
    }
}

#[derive(SimpleObject, Default)]
struct VariablesPayload {
    #[graphql(flatten)]
    verdict: Verdict,
    variables: Vec<Variable>,
}

#[derive(SimpleObject, Default)]
struct CredentialPayload {
    #[graphql(flatten)]
    verdict: Verdict,
    /// `postgresql://…`, with the password, this once.
    url: Option<String>,
}

#[derive(InputObject)]
struct SetVariablesInput {
    environment_id: String,
    variables: Vec<VariableInput>,
}

#[derive(InputObject)]
struct VariableInput {
    /// Letters, digits and underscores, not beginning with a digit.
    name: String,
    /// Up to 64 KiB; null removes the variable.
    value: Option<String>,
}

#[derive(InputObject)]
struct RotateDatabaseCredentialInput {
    environment_id: String,
}

#[derive(Default)]
pub(crate) struct VariableQuery;

#[Object]
impl VariableQuery {
    /// The variables of an environment by name. Their values are shown to admins who ask to reveal them.
    async fn variables(&self, context: &Context<'_>, environment_id: String, reveal: Option<bool>) -> Result<Vec<Variable>> {
        let (app, _) = parts(context)?;
        let found = found(context, &environment_id, Role::Developer).await?.map_err(to_graphql)?;
        let rows = variable::list(app, &found, reveal.unwrap_or_default()).await.map_err(to_graphql)?;
        Ok(rows.into_iter().map(Variable::from).collect())
    }
}

#[derive(Default)]
pub(crate) struct VariableMutation;

#[Object]
impl VariableMutation {
    /// Sets and removes variables: all of them or none.
    async fn set_variables(&self, context: &Context<'_>, input: SetVariablesInput) -> Result<VariablesPayload> {
        let (app, _) = parts(context)?;
        let found = found(context, &input.environment_id, Role::Developer).await?;
        let changes: Vec<_> = input.variables.into_iter().map(|change| (change.name, change.value)).collect();
        settle(
            async { variable::set(app, &found?, &changes).await }.await,
            |rows| VariablesPayload {
                verdict: Verdict::done("Variables set successfully"),
                variables: rows.into_iter().map(Variable::from).collect(),
            },
            |verdict| VariablesPayload { verdict, ..VariablesPayload::default() },
        )
    }

    /// A new password for direct SQL access to one environment. The old one and its sessions end.
    async fn rotate_database_credential(
        &self,
        context: &Context<'_>,
        input: RotateDatabaseCredentialInput,
    ) -> Result<CredentialPayload> {
        let (app, _) = parts(context)?;
        let found = found(context, &input.environment_id, Role::Developer).await?;
        settle(
            async { variable::rotate_credential(app, &found?).await }.await,
            |url| CredentialPayload { verdict: Verdict::done("Credential rotated successfully"), url: Some(url) },
            |verdict| CredentialPayload { verdict, ..CredentialPayload::default() },
        )
    }
}
