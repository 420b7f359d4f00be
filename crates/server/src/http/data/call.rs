//! Handlers of `/v1/rpc/{function}`.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use cloche_dialect::{parse, parse_call};

use super::PathOf;
use super::answer;
use super::body;
use super::prefer::Asked;
use super::record::{listing, max_affected, ranged};
use crate::app::record::{self, Listing, Outcome};
use crate::error::Result;
use crate::postgres::query::compile::Arguments;
use crate::postgres::scope::EnvironmentScope;

/// Arguments are parameters of the address; what is none filters the outcome.
pub(super) async fn get(scope: EnvironmentScope, PathOf(function): PathOf<String>, asked: Asked) -> Result<Response> {
    let listing = Listing { max_affected: max_affected(&asked), ..listing(&asked) };
    let read = |functions: &[crate::postgres::schema::Function]| {
        let is_argument = |name: &str| {
            functions.iter().any(|function| function.arguments.iter().any(|argument| argument.name == name && !name.is_empty()))
        };
        let (pairs, query) = parse_call(asked.query(), &is_argument)?;
        Ok((Arguments::Texts(pairs), None, ranged(query, &asked)))
    };
    let outcome = record::call(&scope, &function, read, true, &listing).await?;
    answer_call(outcome, &asked)
}

/// Arguments are the keys of the body.
pub(super) async fn post(
    scope: EnvironmentScope,
    PathOf(function): PathOf<String>,
    asked: Asked,
    request: Request,
) -> Result<Response> {
    let query = ranged(parse(asked.query())?, &asked);
    let (Parts { headers, .. }, body) = request.into_parts();
    let bytes = body::read_any(&scope, body).await?;
    let (arguments, whole) = body::arguments(&headers, &bytes)?;
    let read = |_: &[crate::postgres::schema::Function]| Ok((arguments.clone(), whole, query.clone()));
    let listing = Listing { max_affected: max_affected(&asked), ..listing(&asked) };
    let outcome = record::call(&scope, &function, read, false, &listing).await?;
    answer_call(outcome, &asked)
}

fn answer_call(outcome: Outcome, asked: &Asked) -> Result<Response> {
    match outcome {
        Outcome::Nothing => Ok(answer::applied(StatusCode::NO_CONTENT.into_response(), asked)),
        Outcome::Value(text) => Ok(answer::value(text, asked)),
        Outcome::Records(page) => answer::page(page, asked),
    }
}
