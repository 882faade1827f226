//! Request bodies.

use axum::{body::Bytes, extract::rejection::BytesRejection, http::StatusCode};
use serde::de::DeserializeOwned;

use crate::sans_io::error::{Code, Problem};

/// Parses a JSON body; an empty one counts as `{}`.
pub(crate) fn parse_body<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, Problem> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::TooLarge, "the body is too long"),
        _ => Problem::new(Code::BadRequest, "the body ended early"),
    })?;
    let json: &[u8] = if body.is_empty() { b"{}" } else { &body };
    serde_json::from_slice(json).map_err(|error| {
        Problem::new(Code::BadRequest, format!("the body is not valid: {error}"))
            .hint("send JSON as described in GET /openapi.json")
    })
}
