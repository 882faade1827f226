//! Request bodies.

use axum::{body::Bytes, extract::rejection::BytesRejection, http::StatusCode};
use livetape_core::error::{Code, Problem};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

const HINT: &str = "send JSON as described in GET /openapi.json";

/// Parses a JSON body; an empty one counts as `{}`.
pub(crate) fn parse_body<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, Problem> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::TooLarge, "the body is too long"),
        _ => Problem::new(Code::BadRequest, "the body ended early"),
    })?;
    let json: &[u8] = if body.is_empty() { b"{}" } else { &body };
    // Serde would read a list as the fields of an object, in their order.
    if json.trim_ascii_start().starts_with(b"[") {
        return Err(
            Problem::new(Code::BadRequest, "the body is not valid: a list, expected an object").hint(HINT)
        );
    }
    serde_json::from_slice(json).map_err(|error| {
        let message = match error.classify() {
            Category::Data => format!("the body is not valid: {}", plain(error.to_string())),
            _ => format!("the body is not JSON: line {}, column {}", error.line(), error.column()),
        };
        Problem::new(Code::BadRequest, message).hint(HINT)
    })
}

/// Replaces the names of Rust types in an error.
fn plain(error: String) -> String {
    let names = [
        ("i32", "a whole number"),
        ("i64", "a whole number"),
        ("u32", "a whole number, 0 or more"),
        ("u64", "a whole number, 0 or more"),
        ("usize", "a whole number, 0 or more"),
        ("a nonzero u32", "a whole number, 1 or more"),
        ("a map", "an object"),
        ("a sequence", "a list"),
    ];
    names.iter().fold(error, |error, (rust, plain)| {
        error.replace(&format!("expected {rust} at "), &format!("expected {plain} at "))
    })
}
