//! Checks whether fields hold data created by a scrubber. It recognises the patterns of such data without the
//! key.

use std::{collections::BTreeSet, fmt};

use serde::Serialize;

use super::{
    allow,
    class::Class,
    http,
    json::{self, NESTED_MAX},
    made_up,
    walk::{Leaves, Place},
};
use crate::payload::as_text;

/// Inspects leaves without changing them.
pub(super) struct Checker<'a> {
    found: &'a mut BTreeSet<Finding>,
    /// Whether a scrubber wrote the recording. Older ones knew fewer fields, and replaced names in others like any text.
    scrubbed: bool,
}

impl<'a> Checker<'a> {
    pub(super) fn new(found: &'a mut BTreeSet<Finding>, scrubbed: bool) -> Self {
        Self { found, scrubbed }
    }

    fn add(&mut self, kind: FindingKind, place: &str, text: &str) {
        self.found.insert(Finding { kind, place: place.to_owned(), shown: shown(text) });
    }

    pub(super) fn handle(&mut self, place: &str, text: &str) {
        if !text.is_empty() && !made_up::is_made_up_handle(text) {
            self.add(FindingKind::Name, place, text);
        }
    }

    pub(super) fn id(&mut self, place: &str, id: u64) {
        if !made_up::is_made_up_id(id) {
            self.add(FindingKind::Id, place, &id.to_string());
        }
    }

    pub(super) fn made_up(&mut self, place: &str, text: &str) {
        if !is_made_up(text) {
            self.add(FindingKind::Text, place, text);
        }
    }

    pub(super) fn unknown(&mut self, place: &str, bytes: &[u8]) {
        match as_text(bytes) {
            Some(text) if text.trim().is_empty() => {}
            Some(text) => self.unknown_text(&Place::unnamed(Class::Unknown), place, text),
            None => self.add(FindingKind::Opaque, place, ""),
        }
    }

    /// Checks a line written by the app or livetape, of which a scrubber replaces only names and numbers.
    pub(super) fn line(&mut self, place: &str, text: &str) {
        made_up::real_numbers(text).for_each(|number| self.add(FindingKind::Id, place, number));
    }

    /// Checks a word of livetape, or a line.
    pub(super) fn word(&mut self, place: &str, text: &str) {
        if !allow::is_word(text) {
            self.unknown(place, text.as_bytes());
        }
    }

    pub(super) fn opaque(&mut self, place: &str) {
        self.add(FindingKind::Opaque, place, "");
    }

    fn unknown_text(&mut self, place: &Place, name: &str, text: &str) {
        if place.nested < NESTED_MAX && json::is_json(text) {
            json::rewrite(text, place.artwork, place.nested + 1, self);
            return;
        }
        if made_up::real_numbers(text).next().is_some() {
            return self.line(name, text);
        }
        let is_fine = allow::is_allowed(text)
            || allow::is_artwork(text, place.artwork)
            || is_made_up(text)
            || made_up::is_made_up_address(text)
            || made_up::is_made_up_sec_uid(text);
        if !is_fine {
            self.add(FindingKind::Text, name, text);
        }
    }
}

/// Whether a name or text was generated, from letters or from the lists.
pub(super) fn is_made_up(text: &str) -> bool {
    made_up::is_made_up(text) && made_up::real_numbers(text).next().is_none()
        || made_up::is_made_up_handle(text)
        || made_up::is_nickname(text)
        || made_up::is_text(text)
}

impl Leaves for Checker<'_> {
    fn number(&mut self, place: &Place, number: u64) -> u64 {
        match place.class {
            Class::Id if !place.fixed => self.id(&name(place), number),
            Class::Thing => {}
            _ if made_up::is_id(place.fixed, number) => self.id(&name(place), number),
            _ => {}
        }
        number
    }

    fn text(&mut self, place: &Place, text: &str) -> Option<String> {
        let name = name(place);
        let is_address = || made_up::is_made_up_address(text) || allow::is_artwork(text, place.artwork);
        match place.class {
            _ if text.trim().is_empty() => {}
            Class::Handle | Class::Picture if self.scrubbed && is_made_up(text) => {}
            Class::Word if allow::is_word(text) => {}
            Class::Thing if allow::is_thing(text) => {}
            Class::Label if allow::is_label(text) => {}
            Class::Unknown | Class::Word | Class::Label | Class::Count | Class::Thing => {
                self.unknown_text(place, &name, text);
            }
            Class::Address => http::check_address(text, self),
            Class::Id => match allow::number(text) {
                Some(id) => self.id(&name, id),
                None => self.unknown_text(place, &name, text),
            },
            Class::Handle => self.handle(&name, text),
            Class::Nickname if !is_made_up(text) => self.add(FindingKind::Name, &name, text),
            Class::Text | Class::Pattern => self.made_up(&name, text),
            Class::SecUid if !made_up::is_made_up_sec_uid(text) => self.add(FindingKind::SecUid, &name, text),
            Class::Picture | Class::Link if !is_address() => self.add(FindingKind::Picture, &name, text),
            Class::Token => self.line(&name, text),
            Class::Nickname | Class::SecUid | Class::Picture | Class::Link => {}
        }
        None
    }

    // Not opaque bytes: a scrubber keeps their length, so its own cannot be distinguished from others.

    fn broken(&mut self, bytes: usize) {
        // A scrubber leaves a single byte in place of malformed ones.
        if bytes > 1 {
            self.add(FindingKind::Opaque, "a truncated message", "");
        }
    }

    fn bad_gzip(&mut self) {
        self.add(FindingKind::Opaque, "gzip data that is broken or followed by other data", "");
    }

    fn gzip_header(&mut self, fields: &[u8]) {
        self.add(FindingKind::Text, "the header of gzip data", &String::from_utf8_lossy(fields));
    }
}

/// Returns the name of the field at a place.
fn name(place: &Place) -> String {
    match place.field {
        "" => "a field without a name".to_owned(),
        field => format!("{}.{field}", place.message),
    }
}

const SHOWN_CHARS_MAX: usize = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
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

impl fmt::Display for FindingKind {
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
    pub kind: FindingKind,
    /// Name of the field, or the encodings of the record's bytes that were undone.
    pub place: String,
    /// Beginning of the data; empty for a secret.
    pub shown: String,
}

/// Shortens a text to one line for a terminal.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
