//! Answers that say no, in the one shape that they have: `{"error":{"code","message","hint"}}`.

use axum::{
    Json,
    body::Bytes,
    extract::rejection::BytesRejection,
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::sans_io::error::{Code, Problem};

/// A failure as an answer.
#[derive(Debug)]
pub(super) struct Refusal(pub Problem);

#[derive(Serialize)]
struct Body<'a> {
    error: Failure<'a>,
}

#[derive(Serialize)]
struct Failure<'a> {
    code: Code,
    message: &'a str,
    hint: &'a str,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Problem { code, message, hint } = &self.0;
        let status = StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(Body { error: Failure { code: *code, message, hint } })).into_response()
    }
}

/// For addresses that there are not.
pub(super) async fn not_found(uri: Uri) -> Refusal {
    Refusal(Problem::new(Code::NotFound, format!("there is no `{}`", uri.path())))
}

/// For addresses that do not take the method. `Allow` says which they take.
pub(super) async fn method_not_allowed(uri: Uri) -> Refusal {
    let message = format!("`{}` does not take this method", uri.path());
    Refusal(Problem::new(Code::MethodNotAllowed, message))
}

/// A JSON body; an empty one is `{}`.
pub(super) fn parse_body<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, Problem> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::TooLarge, "the body is longer than 64 KiB"),
        _ => Problem::new(Code::BadRequest, "the body could not be read to its end"),
    })?;
    let json: &[u8] = if body.is_empty() { b"{}" } else { &body };
    serde_json::from_slice(json).map_err(|error| {
        Problem::new(Code::BadRequest, format!("the body does not say what to do: {error}"))
            .hint("send JSON as the documentation shows it")
    })
}
