//! The data plane: `/v1/data/{table}`, and the same under the path that Supabase clients use.

mod answer;
mod body;
mod call;
mod convert;
pub(super) mod guardrails;
mod openapi;
mod prefer;
mod record;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::routes::{Credential, Routes, get};
use crate::error::{Error, Result, nul_character};
use crate::postgres::scope::EnvironmentScope;

/// The routes of the data plane. Every handler takes the [`EnvironmentScope`] first: nobody gets further without a key.
pub(crate) fn routes<S>() -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    EnvironmentScope: FromRequestParts<S, Rejection = Error>,
{
    let table = || get(record::list).post(record::create).patch(record::update).put(record::put).delete(record::delete);
    let function = || get(call::get).post(call::post);
    Routes::opened_by(Credential::Key)
        .at("/v1/data/{table}", table())
        .at("/rest/v1/{table}", table())
        .at("/v1/data/{table}/{id}", get(record::find).patch(record::update_one).put(record::put_one).delete(record::delete_one))
        .at("/v1/rpc/{function}", function())
        .at("/rest/v1/rpc/{function}", function())
        .at("/v1/openapi.json", get(openapi::show))
        .at("/rest/v1/", get(openapi::show))
}

/// The variables of the path, decoded.
struct PathOf<T>(T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathOf<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        if parts.uri.path().contains("%00") {
            return Err(nul_character());
        }
        let Path(path) = Path::<T>::from_request_parts(parts, state).await.map_err(|_| {
            Error::bad_input("request/malformed-path", "The path is not valid UTF-8.")
                .hint("Percent-encode the parts of the path as UTF-8.")
        })?;
        Ok(Self(path))
    }
}
