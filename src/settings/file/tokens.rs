//! `[[tokens]]`: clients that may open `/ws/{token}`.

use std::collections::HashSet;

use livetape_core::token::check;

use super::{super::token::Token, Cell, Fault};

/// Keys of a token.
const KEYS: [&str; 4] = ["token", "name", "user", "recording"];

/// Reads the tables `[[tokens]]`.
pub(super) fn read(tables: &Cell<'_>, faults: &mut Vec<Fault>) -> Vec<Token> {
    let Some(items) = tables.items() else {
        faults.push(tables.fault("`tokens` must be tables: start each with [[tokens]]"));
        return Vec::new();
    };
    let mut seen = HashSet::new();
    let mut tokens = Vec::new();
    for item in items {
        let before = faults.len();
        let token = read_one(&item, faults);
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

fn read_one(item: &Cell<'_>, faults: &mut Vec<Fault>) -> Token {
    let mut token = Token::default();
    let Some(entries) = item.entries() else {
        faults.push(item.fault("`tokens` must be tables: start each with [[tokens]]"));
        return token;
    };
    for (key, value) in &entries {
        let Some(text) = value.text() else {
            match KEYS.contains(&key.name()) {
                true => faults.push(value.fault(&format!("`{}` must be a string", key.name()))),
                false => faults.push(key.unknown("[[tokens]]", &KEYS)),
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
            _ => faults.push(key.unknown("[[tokens]]", &KEYS)),
        }
    }
    for key in ["token", "name"] {
        if !entries.iter().any(|(entry, _)| entry.name() == key) {
            faults.push(item.fault(&format!("`{key}` is missing")));
        }
    }
    token
}
