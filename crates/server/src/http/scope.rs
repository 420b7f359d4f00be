//! The only way to an [`EnvironmentScope`]: the key in a request's headers.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::data::guardrails;
use crate::app::{App, environment};
use crate::auth::key_from_headers;
use crate::error::{Error, Result};
use crate::postgres::scope::EnvironmentScope;

impl FromRequestParts<Arc<App>> for EnvironmentScope {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let text = key_from_headers(&parts.headers)?;
        let verified = app.keys.verify(&app.store, &app.secrets, text).await?;
        let actor = verified.actor();
        environment::migrate(app, actor.environment_id, verified.database(), verified.schema_version()).await?;
        let handle = app.environments.handle(actor.environment_id, verified.database(), &app.cluster);
        let settings = guardrails::admit(app, parts, &actor, &handle).await?;
        Ok(EnvironmentScope::new(actor, handle, settings))
    }
}
