//! Format of a log line.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::{clock, sans_io::event::Millis, settings::LogFormat};

/// Maximum length of a logged value, in characters.
const VALUE_CHARS_MAX: usize = 1_000;

/// One log line.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) time: String,
    pub(super) level: &'static str,
    pub(super) message: String,
    /// Fields of the spans around it, then its own.
    pub(super) fields: Vec<(&'static str, Value)>,
}

impl Line {
    /// Returns an empty line with the current time.
    pub(super) fn now(level: &'static str) -> Self {
        let now = Millis::from(clock::wall());
        Self { time: now.to_string(), level, ..Self::default() }
    }

    pub(super) fn format(&self, format: LogFormat) -> String {
        match format {
            LogFormat::Text => self.text(),
            LogFormat::Json => self.json(),
        }
    }

    fn text(&self) -> String {
        let mut text = format!("[{}] {:5} {}", self.time, self.level, escaped(&self.message));
        for (name, value) in &self.fields {
            match value {
                Value::String(value) if value.is_empty() => {}
                Value::String(value) if is_plain(value) => _ = write!(text, " {name}={value}"),
                Value::String(value) => {
                    _ = write!(text, " {name}=\"{}\"", escaped(value).replace('"', "\\\""));
                }
                value => _ = write!(text, " {name}={value}"),
            }
        }
        text.push('\n');
        text
    }

    /// Puts time, level and message first, for readability.
    fn json(&self) -> String {
        let said = |text: &str| Value::from(escaped(text));
        let (time, level, message) = (said(&self.time), said(self.level), said(&self.message));
        let mut text = format!("{{\"time\":{time},\"level\":{level},\"message\":{message}");
        // Of two fields with the same name, the inner one wins.
        let fields: Map<String, Value> = self
            .fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_str().map_or_else(|| value.clone(), said)))
            .collect();
        for (name, value) in fields {
            _ = write!(text, ",{}:{value}", said(&name));
        }
        text.push_str("}\n");
        text
    }
}

fn is_plain(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\'))
}

/// Escapes control characters, line breaks and characters that change the direction of text, and limits the
/// length.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (index, c) in text.chars().enumerate() {
        if index == VALUE_CHARS_MAX {
            escaped.push('…');
            break;
        }
        let turns = matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns {
            escaped.extend(c.escape_unicode());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        let text = |text: &str| Value::from(text);
        Line {
            time: "2026-11-20T10:00:00.000Z".into(),
            level: "INFO",
            message: "✅ Client connected\nnot a line\u{1b}[2J".into(),
            fields: vec![
                ("id", text("s-1")),
                ("path", text("/a b\r\u{202e}\"x\"")),
                ("empty", text("")),
                ("n", 5.into()),
            ],
        }
    }

    #[test]
    fn control_characters_are_escaped() {
        let text = line().format(LogFormat::Text);
        let expected = "[2026-11-20T10:00:00.000Z] INFO  ✅ Client connected\\u{a}not a line\\u{1b}[2J id=s-1 \
                        path=\"/a b\\u{d}\\u{202e}\\\"x\\\"\" n=5\n";
        assert_eq!(text, expected);
        let json = line().format(LogFormat::Json);
        assert_eq!(json.matches('\n').count(), 1);
        assert!(
            json.starts_with("{\"time\":\"2026-11-20T10:00:00.000Z\",\"level\":\"INFO\",\"message\":"),
            "{json}"
        );
        let value: Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&value["id"], &value["n"], &value["level"]), (&"s-1".into(), &5.into(), &"INFO".into()));
        assert_eq!(value["message"], "✅ Client connected\\u{a}not a line\\u{1b}[2J");
    }

    #[test]
    fn long_values_are_truncated() {
        let shown =
            |chars: usize| Line { message: "x".repeat(chars), ..Line::default() }.format(LogFormat::Text);
        assert_eq!(shown(1_000).matches('x').count(), 1_000);
        assert!(!shown(1_000).contains('…') && shown(1_001).contains(&("x".repeat(1_000) + "…")));
    }
}
