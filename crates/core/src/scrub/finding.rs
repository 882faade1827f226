//! What an audit finds.

use std::fmt;

use serde::Serialize;

/// Maximum number of characters of a finding to show.
const SHOWN_CHARS_MAX: usize = 60;

/// Kind of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A field holds an id that no scrubber made.
    Id,
    /// A field holds a person's name that no scrubber made.
    Name,
    /// A field holds a text that no scrubber made.
    Text,
    /// A secure id of TikTok's.
    SecUid,
    /// The address of a person's picture, or any that no scrubber made.
    Picture,
    /// An address of mail.
    Mail,
    /// A telephone number.
    Phone,
    /// A cookie, a token, a key or a signature.
    Secret,
    /// One of the words that were given.
    Word,
    /// Something that nobody can look into.
    Opaque,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "an id",
            Self::Name => "a name",
            Self::Text => "a text",
            Self::SecUid => "a secure id",
            Self::Picture => "an address",
            Self::Mail => "mail",
            Self::Phone => "a telephone number",
            Self::Secret => "a secret",
            Self::Word => "a word of yours",
            Self::Opaque => "something that cannot be looked into",
        })
    }
}

/// Something that must not be there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// The field, or how the record's bytes had to be unpacked.
    pub place: String,
    /// Its beginning; nothing of a secret.
    pub shown: String,
}

/// One line, short enough for a terminal.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
