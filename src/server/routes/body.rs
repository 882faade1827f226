//! The bodies of requests.

use axum::{body::Bytes, extract::rejection::BytesRejection, http::StatusCode};
use serde::de::DeserializeOwned;

use crate::sans_io::error::{Code, Problem};

/// A JSON body; an empty one is `{}`.
pub(crate) fn parse_body<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, Problem> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::TooLarge, "the body is too long"),
        _ => Problem::new(Code::BadRequest, "the body could not be read to its end"),
    })?;
    let json: &[u8] = if body.is_empty() { b"{}" } else { &body };
    serde_json::from_slice(json).map_err(|error| {
        Problem::new(Code::BadRequest, format!("the body does not say what to do: {error}"))
            .hint("send JSON as the documentation shows it")
    })
}
