//! Parser of `livetape.toml`. It reports every error at once, each with its line.

use std::{collections::HashSet, ops::Range, path::Path};

use livetape_core::{nearest, secret::check};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    gone::instead_of,
    table::{KEYS, Key, SECTIONS, Settings},
    value::{Form, Token, is_path},
};

/// Hint for values that look like a number or a date at first.
const QUOTES: &str = "write texts in quotes, as in name = \"value\"";

/// An error in a settings file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Byte position.
    at: usize,
    /// Description of the error, as a lowercase fragment.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

impl Fault {
    /// Line number in `text`, from 1.
    #[must_use]
    pub fn line(&self, text: &str) -> usize {
        text[..text.floor_char_boundary(self.at)].matches('\n').count() + 1
    }
}

/// A value with its position.
pub(super) struct Cell<'a> {
    value: &'a DeValue<'a>,
    at: usize,
}

/// A key with its position.
pub(super) struct Name<'a> {
    name: &'a str,
    at: usize,
}

impl<'a> Name<'a> {
    pub(super) fn name(&self) -> &'a str {
        self.name
    }

    pub(super) fn unknown(&self, place: &str, known: &[&str]) -> Fault {
        let message = format!("unknown key `{}` in {place}", self.name);
        Fault { at: self.at, message, hint: nearest::hint(self.name, known) }
    }

    /// Returns the error if this key of a section is gone.
    fn gone(&self, section: &str) -> Option<Fault> {
        let path = format!("{section}.{}", self.name);
        let hint = instead_of(&path)?.to_owned();
        Some(Fault { at: self.at, message: format!("`{path}` is gone"), hint })
    }
}

impl<'a> Cell<'a> {
    fn new(value: &'a Spanned<DeValue<'a>>) -> Self {
        Self { value: value.get_ref(), at: value.span().start }
    }

    pub(super) fn fault(&self, message: &str) -> Fault {
        Fault { at: self.at, message: message.to_owned(), hint: String::new() }
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    pub(super) fn items(&self) -> Option<Vec<Self>> {
        Some(self.value.as_array()?.iter().map(Self::new).collect())
    }

    pub(super) fn entries(&self) -> Option<Vec<(Name<'a>, Self)>> {
        self.value.as_table().map(entries)
    }

    /// Converts the value to the text that its flag would take; `None` if it has another type.
    fn to_text(&self, form: Form, folder: &Path) -> Option<String> {
        match (form, self.value) {
            (Form::Text | Form::NumberOrText | Form::SwitchOrAddress, DeValue::String(text)) => {
                Some(text.to_string())
            }
            (Form::Number | Form::NumberOrText | Form::SwitchOrAddress, DeValue::Integer(number)) => {
                Some(i64::from_str_radix(number.as_str(), number.radix()).ok()?.to_string())
            }
            (Form::NumberOrText, DeValue::Float(number)) => Some(number.as_str().to_owned()),
            (Form::Switch | Form::SwitchOrAddress, DeValue::Boolean(switch)) => Some(switch.to_string()),
            (Form::List, DeValue::Array(items)) => {
                let items: Option<Vec<_>> = items.iter().map(|item| item.get_ref().as_str()).collect();
                Some(items?.join(","))
            }
            (Form::Table, DeValue::Table(entries)) => {
                // Cannot fail.
                let mut query = reqwest::Url::parse("x:/").ok()?;
                for (name, value) in entries {
                    let value = match value.get_ref() {
                        DeValue::String(text) => text.to_string(),
                        DeValue::Integer(number) => number.as_str().to_owned(),
                        DeValue::Boolean(switch) => switch.to_string(),
                        _ => return None,
                    };
                    query.query_pairs_mut().append_pair(name.get_ref(), &value);
                }
                Some(query.query().unwrap_or_default().to_owned())
            }
            (Form::PathOrText, DeValue::String(text)) if !is_path(text) => Some(text.to_string()),
            (Form::Path | Form::PathOrText, DeValue::String(path)) if path.is_empty() => Some(String::new()),
            (Form::Path | Form::PathOrText, DeValue::String(path)) => {
                folder.join(path.as_ref()).to_str().map(str::to_owned)
            }
            _ => None,
        }
    }
}

fn entries<'a>(table: &'a DeTable<'a>) -> Vec<(Name<'a>, Cell<'a>)> {
    let name = |key: &'a Spanned<std::borrow::Cow<'a, str>>| {
        let Range { start, .. } = key.span();
        Name { name: key.get_ref(), at: start }
    };
    table.iter().map(|(key, value)| (name(key), Cell::new(value))).collect()
}

/// Applies the settings file `text`. Relative paths are resolved against `folder`; `note` is called for each
/// key that is set.
pub(super) fn apply(
    settings: &mut Settings,
    text: &str,
    folder: &Path,
    mut note: impl FnMut(&'static Key),
) -> Vec<Fault> {
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            let message = error.message().to_owned();
            let hint = if message.starts_with("invalid") { QUOTES } else { "" };
            return vec![Fault { at, message, hint: hint.to_owned() }];
        }
    };
    let mut faults = Vec::new();
    for (section, value) in entries(table.get_ref()) {
        if section.name == "tokens" {
            settings.tokens = read_tokens(&value, &mut faults);
            continue;
        }
        let mut open = vec![(section.name.to_owned(), section, value)];
        while let Some((path, section, value)) = open.pop() {
            let keys: Vec<&'static Key> = KEYS.iter().filter(|key| key.section == path).collect();
            let inside = value.entries();
            if inside.is_none() || keys.is_empty() {
                let gone = inside.iter().flatten().filter_map(|(name, _)| name.gone(&path));
                let gone = Vec::from_iter(gone);
                if gone.is_empty() {
                    faults.push(no_section(&path, &section, !keys.is_empty(), inside.is_some()));
                }
                faults.extend(gone);
                continue;
            }
            for (name, value) in inside.into_iter().flatten() {
                let path = format!("{path}.{}", name.name);
                if SECTIONS.iter().any(|(known, _)| *known == path) {
                    open.push((path, name, value));
                    continue;
                }
                match set(settings, &keys, &name, &value, folder) {
                    Ok(key) => note(key),
                    Err(fault) => faults.push(fault),
                }
            }
        }
    }
    faults.sort_by_key(|fault| fault.at);
    faults
}

fn no_section(path: &str, section: &Name<'_>, is_known: bool, is_table: bool) -> Fault {
    if is_known {
        let message = format!("`{path}` is a section, not a value");
        return Fault { at: section.at, message, hint: format!("write [{path}]") };
    }
    // A known key may have been written outside of its section.
    if let Some(key) = KEYS.iter().find(|key| key.name() == section.name && !is_table) {
        let message = format!("`{}` is outside of its section", section.name);
        return Fault { at: section.at, message, hint: format!("move it under [{}]", key.section) };
    }
    if let Some(instead) = instead_of(&format!("[{path}]")) {
        let hint = instead.to_owned();
        return Fault { at: section.at, message: format!("the section `{path}` is gone"), hint };
    }
    let known: Vec<_> = SECTIONS.iter().map(|(name, _)| *name).chain(["tokens"]).collect();
    let message = format!("unknown section `{}`", section.name);
    Fault { at: section.at, message, hint: nearest::hint(section.name, &known) }
}

fn set(
    settings: &mut Settings,
    keys: &[&'static Key],
    name: &Name<'_>,
    value: &Cell<'_>,
    folder: &Path,
) -> Result<&'static Key, Fault> {
    let Some(key) = keys.iter().find(|key| key.name() == name.name) else {
        let known: Vec<_> = keys.iter().map(|key| key.name()).collect();
        if let Some(fault) = name.gone(keys[0].section) {
            return Err(fault);
        }
        return Err(name.unknown(&format!("[{}]", keys[0].section), &known));
    };
    let text = value.to_text(key.form, folder);
    let text = text.ok_or_else(|| {
        let found = value.value.type_str();
        value.fault(&format!("`{}` must be {}, but its type is {found}", key.path(), key.form.wanted()))
    })?;
    (key.set)(settings, text.as_ref())
        .map_err(|message| value.fault(&format!("`{}`: {message}", key.path())))?;
    Ok(key)
}

/// Keys of a token.
const TOKEN_KEYS: [&str; 4] = ["token", "name", "user", "recording"];

/// Reads the tables `[[tokens]]`.
fn read_tokens(tables: &Cell<'_>, faults: &mut Vec<Fault>) -> Vec<Token> {
    let Some(items) = tables.items() else {
        faults.push(tables.fault("`tokens` must be tables: start each with [[tokens]]"));
        return Vec::new();
    };
    let mut seen = HashSet::new();
    let mut tokens = Vec::new();
    for item in items {
        let before = faults.len();
        let token = read_token(&item, faults);
        if faults.len() > before {
            continue;
        }
        if !seen.insert(token.token.reveal().to_owned()) {
            // The message must not repeat the secret.
            faults.push(item.fault(&format!("the token of `{}` is used twice", token.name)));
        }
        tokens.push(token);
    }
    tokens
}

fn read_token(item: &Cell<'_>, faults: &mut Vec<Fault>) -> Token {
    let mut token = Token::default();
    let Some(entries) = item.entries() else {
        faults.push(item.fault("`tokens` must be tables: start each with [[tokens]]"));
        return token;
    };
    for (key, value) in &entries {
        let Some(text) = value.text() else {
            match TOKEN_KEYS.contains(&key.name()) {
                true => faults.push(value.fault(&format!("`{}` must be a string", key.name()))),
                false => faults.push(key.unknown("[[tokens]]", &TOKEN_KEYS)),
            }
            continue;
        };
        match key.name() {
            "token" => match check(text) {
                Ok(()) => token.token = text.to_owned().into(),
                Err(message) => faults.push(value.fault(message)),
            },
            "name" => text.clone_into(&mut token.name),
            "user" => token.user = Some(text.to_owned()),
            "recording" => token.recording = Some(text.to_owned()),
            _ => faults.push(key.unknown("[[tokens]]", &TOKEN_KEYS)),
        }
    }
    for key in ["token", "name"] {
        if !entries.iter().any(|(entry, _)| entry.name() == key) {
            faults.push(item.fault(&format!("`{key}` is missing")));
        }
    }
    token
}
