//! HTTP handlers, a module for each group of paths. Here: what they share, and responses for unknown paths
//! and methods.

#[cfg(feature = "page")]
pub(super) mod assets;
pub(super) mod clients;
pub(super) mod door;
pub(super) mod metrics;
#[cfg(feature = "mock")]
pub(super) mod mock;
pub(super) mod ndjson;
pub(super) mod openapi;
pub(super) mod overlays;
pub(super) mod query;
pub(super) mod recordings;
pub(super) mod replay;
pub(super) mod schema;
pub(super) mod sockets;
pub(super) mod status;

use std::{borrow::Cow, sync::Arc, time::Duration};

#[cfg(feature = "page")]
use axum::response::Redirect;
use axum::{
    body::Bytes,
    extract::{
        Path, State,
        rejection::{BytesRejection, PathRejection},
    },
    http::{StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use door::Door;
use livetape_core::{
    error::{Code, Problem},
    offset,
};
use metrics::Metrics;
use overlays::Overlays;
use recordings::Shelf;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::Value;

use crate::{
    handlers::Handlers,
    staged::Staged,
    state::{ErrorResponse, Shared},
    transport::Connections,
    ws::registry::Sockets,
};

/// State of the handlers.
#[derive(Clone, Debug)]
pub(crate) struct App {
    /// The routes, for their descriptions.
    pub(crate) table: fn() -> Vec<openapi::Route>,
    pub(crate) shared: Shared,
    pub(crate) connections: Connections,
    pub(crate) sockets: Sockets,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) overlays: Arc<Overlays>,
    pub(crate) metrics: Metrics,
    pub(crate) lost_log_lines: fn() -> u64,
    /// The mock that `POST /mock` starts.
    #[cfg(feature = "mock")]
    pub(crate) mock: Arc<mock::MockHost>,
    pub(crate) door: Option<Door>,
    pub(crate) staged: Option<Staged>,
    pub(crate) handlers: Option<Handlers>,
}

const BODY_HINT: &str = "send JSON as described in GET /openapi.json";

/// Parses a JSON body; an empty one counts as `{}`.
fn parse_body<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, Problem> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::TooLarge, "the body is too long"),
        _ => Problem::new(Code::BadRequest, "the body ended early"),
    })?;
    let json: &[u8] = if body.is_empty() { b"{}" } else { &body };
    // Serde would read a list as the fields of an object, in their order, and calls a number in place of a word
    // a syntax error.
    let is_object = json.trim_ascii_start().starts_with(b"{");
    let error = match serde_json::from_slice(json) {
        Ok(body) if is_object => return Ok(body),
        result => result.err(),
    };
    let message = match (serde_json::from_slice::<IgnoredAny>(json), error) {
        (Err(error), _) => {
            format!("the body is not JSON: line {}, column {}", error.line(), error.column())
        }
        (Ok(_), Some(error)) if is_object => format!("the body is not valid: {}", plain(error.to_string())),
        _ => "the body is not valid: not an object".to_owned(),
    };
    Err(Problem::new(Code::BadRequest, message).hint(BODY_HINT))
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

/// Returns the parameters of a path.
fn path_params<T>(path: Result<Path<T>, PathRejection>) -> Result<T, Problem> {
    let Path(params) = path.map_err(|rejection| Problem::new(Code::BadRequest, rejection.body_text()))?;
    Ok(params)
}

/// Prefix of paths that may contain a token.
const TOKENS: &str = "/ws/";

/// Paths of pages with a slash too many or too few, and the right ones: relative, for proxies that serve
/// livetape below a prefix.
#[cfg(feature = "page")]
const MISSPELLED: [(&str, &str); 2] = [("/overlays", "overlays/"), ("/try/", "../try")];

/// Redirects misspelled paths of pages, and rejects other unknown paths.
pub(crate) async fn unknown(app: State<App>, uri: Uri) -> Response {
    #[cfg(feature = "page")]
    if let Some((_, right)) = MISSPELLED.iter().find(|(path, _)| *path == uri.path()) {
        return Redirect::permanent(right).into_response();
    }
    not_found(app, uri).await.into_response()
}

/// Rejects unknown paths, and requests without an upgrade for handled ones.
pub(crate) async fn not_found(State(app): State<App>, uri: Uri) -> ErrorResponse {
    if app.handlers.is_some_and(|handlers| handlers.hooked(uri.path()).is_some()) {
        return Problem::new(Code::UpgradeRequired, "WebSocket upgrade required").into();
    }
    Problem::new(Code::NotFound, format!("`{}` does not exist", masked(uri.path()))).into()
}

/// Rejects methods that a path does not support; the `Allow` header lists the others.
pub(crate) async fn method_not_allowed(uri: Uri) -> ErrorResponse {
    let message = format!("`{}` does not accept this method", masked(uri.path()));
    Problem::new(Code::MethodNotAllowed, message).into()
}

/// Returns the path with a possible token masked.
#[must_use]
pub fn masked(path: &str) -> Cow<'_, str> {
    let name = path.trim_start_matches('/');
    let is_mistyped = path.starts_with('/')
        && name.len() > "ws".len()
        && name.is_char_boundary(2)
        && name[..2].eq_ignore_ascii_case("ws");
    match path.find(TOKENS) {
        Some(_) if path == "/ws/echo" => Cow::Borrowed(path),
        Some(at) => Cow::Owned(format!("{}***", &path[..at + TOKENS.len()])),
        None if is_mistyped => Cow::Owned(format!("{}***", &path[..path.len() - name.len() + 2])),
        None => Cow::Borrowed(path),
    }
}

/// Encodes a part of an address, or a name in a header (RFC 3986, RFC 8187).
fn percent_encode(text: &str) -> String {
    let write = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(write).collect()
}

/// The form of an offset, for the schema.
pub(super) struct Offset;

impl JsonSchema for Offset {
    fn schema_name() -> Cow<'static, str> {
        "Offset".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                {
                    "description": "`1m30s`, `90s`, `1500ms` or `00:01:30.5`.",
                    "type": "string",
                    "pattern": pattern(),
                },
                {
                    "description": "Seconds.",
                    "type": "number",
                    "minimum": 0,
                    "maximum": offset::OFFSET_MAX.as_secs(),
                },
            ],
        })
    }
}

/// The texts that [`offset::parse`] accepts, unless they are longer than a year. Without lookahead, which not
/// every language has.
fn pattern() -> String {
    let number = r"[0-9]+(\.[0-9]+)?";
    let [h, m, s, ms] = ["h", "m", "s", "ms"].map(|unit| format!(r"{number}\s*{unit}"));
    let clock = r"([0-9]+:)?0*[0-5]?[0-9]:0*[0-5]?[0-9](\.[0-9]+)?";
    let after_s = format!(r"(\s*{ms})?");
    let after_m = format!(r"(\s*{s})?{after_s}");
    let after_h = format!(r"(\s*{m})?{after_m}");
    format!(r"^\s*({number}|{clock}|{h}{after_h}|{m}{after_m}|{s}{after_s}|{ms})\s*$")
}

/// Parses an offset: text (`1m30s`) or a number of seconds.
pub(super) fn read_offset(value: &Value) -> Result<Duration, String> {
    match value {
        Value::String(text) => offset::parse(text),
        Value::Number(seconds) => offset::from_seconds(seconds.as_f64().unwrap_or(f64::NAN)),
        other => {
            Err(format!("`{other}` is not an offset: write it like \"1m30s\", or as a number of seconds"))
        }
    }
}

/// Reads a value that may be left out, but not null.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_in_paths_are_masked() {
        for (path, expected) in [
            ("/ws/abc", "/ws/***"),
            ("/ws/test/abc", "/ws/***"),
            ("/ws/echo", "/ws/echo"),
            ("/ws", "/ws"),
            ("//ws/abc", "//ws/***"),
            ("/WS/abc", "/WS***"),
            ("/ws%2fabc", "/ws***"),
            ("/wss/abc", "/ws***"),
            ("/é", "/é"),
            ("/status/ann", "/status/ann"),
        ] {
            assert_eq!(masked(path), expected);
        }
    }
}
