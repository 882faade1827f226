//! Offsets in request bodies.

use std::time::Duration;

use schemars::JsonSchema;
use serde_json::Value;

use crate::sans_io::offset;

/// The types of an offset, for the schema.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only used by the schema")]
pub(super) enum Offset {
    /// `1m30s`, `90s`, `1500ms` or `00:01:30.5`.
    Text(String),
    /// Seconds.
    Seconds(f64),
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
