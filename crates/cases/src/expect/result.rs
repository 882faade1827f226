//! The file that a command can write its numbers to.

use serde_json::{Map, Value};

use super::{Name, Said};
use crate::report::quoted;

pub const RESULT_BYTES_MAX: usize = 1024 * 1024;

/// Parses the file `LIVETAPE_RESULT`: an object such as `{"diamonds":114,"diamonds.alice":37,"chats":67}`. Values
/// are numbers, but `top_gifter` is a string.
///
/// # Errors
/// A failure's message, if the file is too large, is not such an object, or has an unknown name or a value of the wrong type.
pub fn parse_result(bytes: &[u8]) -> Result<Vec<Said>, String> {
    if bytes.len() > RESULT_BYTES_MAX {
        return Err(format!(
            "wrote a LIVETAPE_RESULT of {} bytes; the maximum is {RESULT_BYTES_MAX}",
            bytes.len()
        ));
    }
    let json = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let object: Map<String, Value> = serde_json::from_slice(json)
        .map_err(|error| format!("wrote a LIVETAPE_RESULT that is not a JSON object: {error}"))?;
    if object.is_empty() {
        return Err("wrote a LIVETAPE_RESULT without numbers".to_owned());
    }
    object.into_iter().map(|(name, value)| said(&name, &value)).collect()
}

fn said(name: &str, value: &Value) -> Result<Said, String> {
    let name = Name::parse(name).map_err(|problem| {
        format!("wrote a LIVETAPE_RESULT with an {}: {}", problem.message, problem.hint)
    })?;
    let text = match value {
        Value::Number(number) if !name.is_word() => Some(whole(number)),
        Value::String(word) if name.is_word() => Some(word.clone()),
        _ => None,
    };
    let kind = if name.is_word() { "string" } else { "number" };
    let wrong = || format!("wrote a LIVETAPE_RESULT whose {} is not a {kind}", quoted(name.as_str()));
    Ok(Said { value: text.ok_or_else(wrong)?, name })
}

/// Returns a number in decimal: 114.0 as `114`.
fn whole(number: &serde_json::Number) -> String {
    match number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0) {
        Some(float) => format!("{:.0}", float + 0.0),
        None => number.to_string(),
    }
}
