//! The fields that a command prints: keys of JSON objects, and `key: value` or `key=value` in other lines. Two runs of one show
//! print the same ones, unless a library renames what it passes on.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{expect::UNDEFINED, report::clean};

/// Maximum number of fields that are kept; those of chats are endless.
const FIELDS_MAX: usize = 100;
/// Maximum length of a key and of a value, in characters.
const KEY_CHARS_MAX: usize = 40;
const VALUE_CHARS_MAX: usize = 60;
/// Maximum depth of JSON.
const DEPTH_MAX: usize = 4;

/// The fields, by key. In JSON, the key is a path, such as `user.nickname`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fields(pub(crate) BTreeMap<String, Field>);

/// What was printed with a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Field {
    pub(crate) types: BTreeSet<Type>,
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) count: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Type {
    Number,
    Text,
    /// A text without characters.
    Empty,
    /// `undefined`, `null`, `NaN` or `None`.
    Nothing,
    Boolean,
    List,
    Object,
}

impl Type {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Empty => "an empty text",
            Self::Nothing => "nothing",
            Self::Boolean => "true or false",
            Self::List => "a list",
            Self::Object => "an object",
        }
    }

    fn of_text(value: &str) -> Self {
        match value {
            "" => Self::Empty,
            "true" | "false" | "True" | "False" => Self::Boolean,
            value if UNDEFINED.contains(&value) => Self::Nothing,
            value if value.replace(',', "").parse::<f64>().is_ok() => Self::Number,
            "[object" => Self::Object,
            _ => Self::Text,
        }
    }
}

impl Fields {
    /// Adds the fields of a line.
    pub(crate) fn add_line(&mut self, line: &str) {
        if line.trim_start().starts_with('{')
            && let Ok(value @ Value::Object(_)) = serde_json::from_str(line)
        {
            return self.add_json("", &value, 0);
        }
        for (key, value) in pairs(line) {
            self.add(key, Type::of_text(value), value);
        }
    }

    fn add_json(&mut self, path: &str, value: &Value, depth: usize) {
        let (kind, text) = match value {
            Value::Object(members) if depth < DEPTH_MAX => {
                for (key, value) in members {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    self.add_json(&path, value, depth + 1);
                }
                return;
            }
            Value::String(text) => (if text.is_empty() { Type::Empty } else { Type::Text }, text.clone()),
            Value::Number(number) => (Type::Number, number.to_string()),
            Value::Bool(is) => (Type::Boolean, is.to_string()),
            Value::Null => (Type::Nothing, "null".to_owned()),
            Value::Array(_) => (Type::List, String::new()),
            Value::Object(_) => (Type::Object, String::new()),
        };
        self.add(path, kind, &text);
    }

    fn add(&mut self, key: &str, kind: Type, value: &str) {
        let key = String::from_iter(clean(key).chars().take(KEY_CHARS_MAX));
        if self.0.len() >= FIELDS_MAX && !self.0.contains_key(&key) {
            return;
        }
        let value = String::from_iter(clean(value).chars().take(VALUE_CHARS_MAX));
        let field = self.0.entry(key).or_default();
        if field.count == 0 {
            field.first.clone_from(&value);
        }
        field.types.insert(kind);
        field.last = value;
        field.count += 1;
    }
}

/// Returns the keys and values in a line. A value ends with white space, a comma or a semicolon, or with its quote.
fn pairs(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_of_key = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '#');
    line.match_indices([':', '=']).filter_map(move |(at, sign)| {
        let before = &line[..at];
        let key = before.rsplit(|c| !is_of_key(c)).next().unwrap_or_default();
        let rest = &line[at + 1..];
        let is_key = key.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '#' | '.'));
        // Addresses, times and operators.
        if !is_key || rest.starts_with(['/', ':', '=', '>']) || sign == "=" && rest.starts_with(' ') {
            return None;
        }
        let rest = rest.trim_start();
        let value = match rest.strip_prefix(['"', '\'']) {
            Some(quoted) => quoted.split(['"', '\'']).next().unwrap_or_default(),
            None => &rest[..end_of_value(rest)],
        };
        Some((key, value))
    })
}

/// Returns the length of a value: a comma before a digit separates groups.
fn end_of_value(rest: &str) -> usize {
    let is_end = |(at, c): (usize, char)| {
        let is_in_number = c == ',' && rest[at + 1..].starts_with(|c: char| c.is_ascii_digit());
        c.is_whitespace() || matches!(c, ',' | ';') && !is_in_number
    };
    rest.char_indices().find(|found| is_end(*found)).map_or(rest.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[&str]) -> Vec<(String, Vec<Type>, String, String)> {
        let mut fields = Fields::default();
        lines.iter().for_each(|line| fields.add_line(line));
        let all = fields.0.into_iter();
        all.map(|(key, field)| (key, Vec::from_iter(field.types), field.first, field.last)).collect()
    }

    #[test]
    fn keys_of_json_and_of_lines_are_fields() {
        let text = |text: &str| text.to_owned();
        assert_eq!(
            fields(&[
                "chats: 63 diamonds=1,234 top: undefined",
                "12:30 see https://example.org?a=b x => y #total: 7",
                "chats: 64 note: \"a b\"",
            ]),
            [
                (text("#total"), vec![Type::Number], text("7"), text("7")),
                (text("a"), vec![Type::Text], text("b"), text("b")),
                (text("chats"), vec![Type::Number], text("63"), text("64")),
                (text("diamonds"), vec![Type::Number], text("1,234"), text("1,234")),
                (text("note"), vec![Type::Text], text("a b"), text("a b")),
                (text("top"), vec![Type::Nothing], text("undefined"), text("undefined")),
            ]
        );
        assert_eq!(
            fields(&[r#"{"user":{"name":"ann","tags":[1]},"n":1}"#, r#"{"user":{"name":null},"n":2}"#]),
            [
                (text("n"), vec![Type::Number], text("1"), text("2")),
                (text("user.name"), vec![Type::Text, Type::Nothing], text("ann"), text("null")),
                (text("user.tags"), vec![Type::List], text(""), text("")),
            ]
        );
    }

    #[test]
    fn fields_are_few_and_short() {
        let mut fields = Fields::default();
        for number in 0..1000 {
            fields.add_line(&format!("é{}{number}: {}\u{202e}", "k".repeat(number), "v".repeat(1000)));
        }
        let size = fields.0.iter().map(|(key, field)| key.len() + field.first.len()).sum::<usize>();
        assert!(fields.0.len() <= FIELDS_MAX && size < 20_000, "{} {size}", fields.0.len());
    }
}
