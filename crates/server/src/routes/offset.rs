//! Offsets in request bodies.

use std::{borrow::Cow, time::Duration};

use livetape_core::offset;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

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
