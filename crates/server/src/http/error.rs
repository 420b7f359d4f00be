//! Errors as HTTP answers: RFC 9457, `application/problem+json`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cloche_wire::Problem;

use super::auth::codes;
use super::request_id;
use crate::error::{Error, Kind};
use crate::postgres::sqlstate::problem_type;

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = status(self.kind);
        log(&self, status);
        let retry_after = self.retry_after;
        let problem = problem(self, status);
        // A struct of texts and numbers always serialises.
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        let headers = response.headers_mut();
        if let Some(after) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

fn problem(error: Error, status: StatusCode) -> Problem {
    let (error_code, message) = (codes::error_code(&error.code), error.message.clone());
    Problem {
        type_: problem_type(&error.code).to_owned(),
        title: status.canonical_reason().unwrap_or("Error").to_owned(),
        status: status.as_u16(),
        detail: error.message.clone(),
        code: error.code,
        message: error.message,
        details: error.details,
        hint: error.hint,
        request_id: request_id::current(),
        errors: error.fields,
        msg: error_code.is_some().then(|| message.clone()),
        error_code: error_code.map(str::to_owned),
    }
}

fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::BadInput => StatusCode::BAD_REQUEST,
        Kind::Several => StatusCode::MULTIPLE_CHOICES,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Kind::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::OutOfRange => StatusCode::RANGE_NOT_SATISFIABLE,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Raised(status) => StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The one place where what is behind an error is written down.
fn log(error: &Error, status: StatusCode) {
    let request_id = request_id::current();
    match status {
        StatusCode::INTERNAL_SERVER_ERROR => {
            tracing::error!(request_id, code = error.code, error = %causes(error), "request failed")
        }
        status if status.is_server_error() => {
            tracing::warn!(request_id, code = error.code, error = %causes(error), "request put off")
        }
        _ => {}
    }
}

/// The same for a failure told in a GraphQL answer, which has no status of its own.
pub(crate) fn log_internal(error: &Error) {
    log(error, StatusCode::INTERNAL_SERVER_ERROR);
}

fn causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn answer(error: Error) -> (Response<()>, serde_json::Value) {
        let (parts, body) = error.into_response().into_parts();
        let body = axum::body::to_bytes(body, 10_000).await.unwrap();
        (Response::from_parts(parts, ()), serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn database_errors_keep_their_sqlstate() {
        let (response, body) = answer(Error::conflict("23505", "duplicate key").details("Key (a)=(1) already exists.")).await;
        assert_eq!(response.status(), 409);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(
            body,
            serde_json::json!({
                "type": "record/unique", "title": "Conflict", "status": 409, "detail": "duplicate key", "code": "23505",
                "message": "duplicate key", "details": "Key (a)=(1) already exists.", "hint": null, "request_id": "-"
            })
        );
    }

    #[tokio::test]
    async fn what_is_behind_an_error_stays_behind() {
        let (response, body) = answer(Error::internal("password of the database is x")).await;
        assert_eq!(response.status(), 500);
        assert!(!body.to_string().contains("password"));
        let (response, _) = answer(Error::unavailable("lock/timeout", "Busy.", Duration::from_millis(10))).await;
        assert_eq!(response.headers()["retry-after"], "1");
    }
}
