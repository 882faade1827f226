//! Findings of an audit.

use std::fmt;

use serde::Serialize;

const SHOWN_CHARS_MAX: usize = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A field holds an id that no scrubber generated.
    Id,
    /// A field holds the name of a person that no scrubber generated.
    Name,
    /// A field holds a text that no scrubber generated.
    Text,
    /// A secure id (`secUid`) from TikTok.
    SecUid,
    /// The URL of a person's picture, or any other URL that no scrubber generated.
    Picture,
    Mail,
    Phone,
    /// A cookie, a token, a key or a signature.
    Secret,
    /// One of the words that the user searches for.
    Word,
    /// Data that cannot be inspected.
    Opaque,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "an id",
            Self::Name => "a name",
            Self::Text => "a text",
            Self::SecUid => "a secure id",
            Self::Picture => "a URL",
            Self::Mail => "an email address",
            Self::Phone => "a phone number",
            Self::Secret => "a secret",
            Self::Word => "a word from the list",
            Self::Opaque => "data that cannot be searched",
        })
    }
}

/// Private data in a recording, or data that may be private.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub kind: Kind,
    /// Name of the field, or the encodings of the record's bytes that were undone.
    pub place: String,
    /// Beginning of the data; empty for a secret.
    pub shown: String,
}

/// Shortens a text to one line for a terminal.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
