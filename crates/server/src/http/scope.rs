//! The only way to an [`EnvironmentScope`]: the key in a request's headers.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use cloche_wire::KeyKind;

use super::data::guardrails;
use crate::app::{App, environment, users};
use crate::auth::Credentials;
use crate::error::{Error, Result};
use crate::postgres::realm::Realm;
use crate::postgres::scope::{DataActor, EnvironmentScope};

impl FromRequestParts<Arc<App>> for EnvironmentScope {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let (actor, realm) = admit(app, &Credentials::of(&parts.headers)?).await?;
        let settings = guardrails::admit(app, parts, &actor, realm.handle()).await?;
        guardrails::refuse_when_full(&parts.method, realm.handle())?;
        Ok(EnvironmentScope::new(actor, realm, settings))
    }
}

/// Who the credentials stand for, and in which environment. A token beside the key is checked with what is remembered.
pub(super) async fn admit(app: &Arc<App>, credentials: &Credentials<'_>) -> Result<(DataActor, Realm)> {
    let verified = app.keys.verify(&app.store, &app.secrets, credentials.key).await?;
    let mut actor = verified.actor();
    environment::migrate(app, actor.environment_id, verified.database(), verified.schema_version()).await?;
    let realm =
        Realm::new(actor.environment_id, app.environments.handle(actor.environment_id, verified.database(), &app.cluster));
    if let Some(token) = credentials.token {
        // Who shows a user's token acts as that user, whichever key stands beside it.
        (actor.kind, actor.scopes) = (KeyKind::Publishable, Vec::new());
        actor.user = Some(match users::tokens::recognised(realm.handle(), token) {
            Some(user) => user,
            None => {
                // In and out of the gate again: the request itself may take its time.
                let realm = Realm::new(actor.environment_id, Arc::clone(realm.handle()));
                Box::pin(users::tokens::verify(app, &realm, token)).await?
            }
        });
    }
    Ok((actor, realm))
}
