//! Replaces leaves by their class or, if that is unknown, by their shape.

use base64::{Engine as _, alphabet, engine::GeneralPurpose};
use prost::encoding::encode_varint;

use super::{
    ChangeCounts, allow,
    class::Class,
    http,
    identities::{Identities, Name, Within, folded},
    json::{self, NESTED_MAX},
    made_up::{self, Choices, ID_MIN, Key, SEC_UID_START},
    views::{BASE64, is_base64, views},
    walk::{Leaves, Place, is_tenth},
};
use crate::payload::{as_text, is_fields, numbers};

/// Minimum number of digits in a text that count as an id or a phone number.
const LONG_DIGITS: usize = 7;
/// Minimum length of base64 text with a name or an id, in characters.
const BASE64_CHARS_MIN: usize = 11;
/// Maximum number of attempts to generate bytes that are neither text nor fields.
const OPAQUE_TRIES: usize = 32;

pub(super) struct Rewriter<'a> {
    pub(super) key: &'a Key,
    pub(super) identities: &'a Identities,
    pub(super) tally: &'a mut ChangeCounts,
}

impl Rewriter<'_> {
    pub(super) fn id(&self, id: u64) -> u64 {
        made_up::id(self.key, id)
    }

    /// Whether a number is the id of someone in the recording, and too long for a count.
    fn is_ours(&self, number: u64) -> bool {
        number >= ID_MIN && self.identities.has_id(number)
    }

    /// Whether an id or a name of someone in the recording occurs in a text.
    pub(super) fn betrays(&self, text: &str, within: Within) -> bool {
        if allow::is_listed(text) {
            return false;
        }
        let is_in_base64 = |run: &[u8]| {
            let decoder = GeneralPurpose::new(&alphabet::STANDARD, BASE64);
            let run: Vec<u8> = run
                .iter()
                .map(|byte| match byte {
                    b'-' => b'+',
                    b'_' => b'/',
                    _ => *byte,
                })
                .collect();
            (0..4).any(|start| {
                let part = &run[start..];
                let whole = &part[..part.len() - usize::from(part.len() % 4 == 1)];
                let plain = decoder.decode(whole).unwrap_or_default();
                self.identities.occur_in(&plain, Within::Record)
            })
        };
        let mut runs = text.as_bytes().split(|byte| !is_base64(byte));
        self.identities.occur_in(text.as_bytes(), within)
            || !text.is_ascii() && self.identities.occur_in(folded(text).as_bytes(), within)
            || self.identities.len() > 0 && runs.any(|run| run.len() >= BASE64_CHARS_MIN && is_in_base64(run))
    }

    /// Replaces a text whatever it is.
    fn anonymous(&self, text: &str) -> String {
        match allow::number(text) {
            Some(number) if number >= ID_MIN => self.id(number).to_string(),
            _ if text.is_ascii() && !text.contains(char::is_whitespace) => self.token(text, false),
            _ => self.words("text", text),
        }
    }

    pub(super) fn handle(&self, handle: &str) -> String {
        if handle.is_empty() { String::new() } else { made_up::handle(self.key, handle) }
    }

    /// Replaces a text that a user wrote, or a user's name.
    pub(super) fn words(&self, kind: &str, text: &str) -> String {
        let (mut choices, mut out) = (self.key.choices(kind, text.as_bytes()), String::new());
        let mut rest = text;
        // Mentions keep referring to the same user.
        while let Some(at) = rest.find('@') {
            let (before, mention) = (&rest[..at], &rest[at + 1..]);
            made_up::write(before, &mut choices, &mut out);
            let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
            let end = mention.find(|c| !is_part(c)).unwrap_or(mention.len());
            let name = mention[..end].trim_end_matches('.');
            rest = mention;
            if self.identities.name(name) == Some(Name::Handle) {
                out.push('@');
                // Not from the lists, because among generated words it would look real.
                out.push_str(&made_up::handle(self.key, name));
                rest = &mention[name.len()..];
            } else {
                out.push(sign('@', &out));
            }
        }
        made_up::write(rest, &mut choices, &mut out);
        out
    }

    fn named(&self, text: &str, name: Name) -> String {
        match name {
            Name::Handle => self.handle(text),
            Name::SecUid => made_up::sec_uid(self.key, text),
            Name::Nickname => self.words("nickname", text),
        }
    }

    /// Replaces a text of unknown meaning; returns `None` to keep it.
    fn unknown(&mut self, place: &Place, text: &str) -> Option<String> {
        if allow::is_protocol(text) {
            return None;
        }
        if let Some(name) = self.identities.name(text) {
            return Some(self.named(text, name));
        }
        // A user's id is replaced even if it looks like a time.
        if allow::is_allowed(text) && !allow::number(text).is_some_and(|id| self.is_ours(id)) {
            return None;
        }
        if place.nested < NESTED_MAX && json::is_json(text) {
            return Some(json::rewrite(text, place.artwork, place.nested + 1, self));
        }
        if text.contains("://") && !text.contains(char::is_whitespace) {
            return Some(self.address(place, text));
        }
        if let Some(number) = allow::number(text) {
            return Some(self.id(number).to_string());
        }
        if text.starts_with(SEC_UID_START) {
            return Some(made_up::sec_uid(self.key, text));
        }
        self.tally.unknown_texts += 1;
        if is_picture(text) {
            return Some(made_up::picture(self.key, text, place.person));
        }
        Some(if is_token(text) { self.token(text, false) } else { self.words("text", text) })
    }

    /// Whether a text is the URL of a picture of the app, in which nobody occurs.
    fn is_artwork(&self, place: &Place, text: &str) -> bool {
        allow::is_artwork(text, place.artwork) && !self.betrays(text, Within::Text)
    }

    /// Replaces the URL of a picture or of anything else.
    fn address(&self, place: &Place, text: &str) -> String {
        if self.is_artwork(place, text) {
            return text.to_owned();
        }
        match is_picture(text) || text.contains(".example.invalid/") && !text.contains("://link.") {
            true => made_up::picture(self.key, text, place.person),
            false => made_up::link(self.key, text),
        }
    }

    /// Replaces a token of numbers, letters and joiners. `keeps_words` keeps the words of the protocol and
    /// short numbers in it.
    fn token(&self, text: &str, keeps_words: bool) -> String {
        // The words of an email address are names.
        let keeps_words = keeps_words && !text.contains('@');
        let mut choices: Choices = self.key.choices("token", text.as_bytes());
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((_, part, after)) = next_part(rest, char::is_alphanumeric) {
            let is_word = part.len() <= 12 && part.bytes().all(|byte| byte.is_ascii_lowercase());
            match allow::number(part) {
                // Names end in years and ages.
                Some(number) if number < ID_MIN && !keeps_words => {
                    made_up::write(part, &mut choices, &mut out);
                }
                Some(number) if number < ID_MIN || allow::is_time(number) && !self.is_ours(number) => {
                    out.push_str(part);
                }
                Some(number) => out.push_str(&self.id(number).to_string()),
                // Tokens stay ASCII.
                None if matches!(part, "@" | "+")
                    || part == "." && after.starts_with(char::is_alphabetic) =>
                {
                    out.push('-');
                }
                None if keeps_words && is_word && self.identities.name(part).is_none() => out.push_str(part),
                None => made_up::write(part, &mut choices, &mut out),
            }
            rest = after;
        }
        out
    }

    /// Replaces only names and long numbers, in a line written by the app or livetape. A line in which a name is still
    /// left is replaced as a whole.
    pub(super) fn line(&self, text: &str) -> String {
        let is_of_several = |name: &[u8]| name.contains(&b' ');
        let line = self.words_of_line(text);
        let is_left = self.betrays(&line, Within::Text)
            || self.identities.has_name(text.as_bytes(), Within::Text, is_of_several);
        if is_left { self.words("text", text) } else { line }
    }

    fn words_of_line(&self, text: &str) -> String {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        let mut is_mentioned = false;
        while let Some((first, part, after)) = next_part(rest, is_part) {
            let name = part.trim_end_matches('.');
            // Both sides of an email address, and a handle.
            let is_address = is_part(first) && (is_mentioned || after.starts_with('@'));
            is_mentioned = first == '@';
            match self.identities.name(name) {
                None if is_address => out.push_str(&self.handle(part)),
                Some(known) => {
                    out.push_str(&self.named(name, known));
                    out.push_str(&part[name.len()..]);
                }
                None if has_long_number(part) => out.push_str(&self.token(part, true)),
                None if matches!(first, '@' | '+') => out.push(sign(first, &out)),
                None => out.push_str(part),
            }
            rest = after;
        }
        out
    }
}

/// Splits off the run of characters that belong together at the start of a text, or one other character. Also returns its
/// first character.
fn next_part(text: &str, belongs: impl Fn(char) -> bool) -> Option<(char, &str, &str)> {
    let first = text.chars().next()?;
    let run = text.find(|c| !belongs(c)).unwrap_or(text.len());
    let (part, after) = text.split_at(run.max(first.len_utf8()));
    Some((first, part, after))
}

/// Replaces a sign that could form an email address or a phone number. An `@` stays where it starts a
/// mention.
fn sign(sign: char, before: &str) -> char {
    let is_free = before.is_empty() || before.ends_with(char::is_whitespace);
    if sign == '@' && is_free { sign } else { made_up::SIGN }
}

/// Whether a text is a picture, or the name of an uploaded one: `tos-maliva-avt-0068/1f2e…`.
fn is_picture(text: &str) -> bool {
    const FOLDERS: [&str; 5] = ["tos-", "webcast-", "avatar/", "picture/", "subscriber/"];
    const ENDINGS: [&str; 6] = [".webp", ".jpeg", ".jpg", ".png", ".image", ".gif"];
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let is_cdn = path.contains("://") && path.contains("tiktokcdn");
    path.contains('/')
        && !text.contains(char::is_whitespace)
        && (is_cdn
            || made_up::is_data(text)
            || (!path.contains("://") && FOLDERS.iter().any(|folder| path.starts_with(folder)))
            || (path.contains("://") && ENDINGS.iter().any(|ending| path.ends_with(ending))))
}

/// Whether a text is meant for machines: one word with a long number, or with symbols that sentences do not
/// contain.
fn is_token(text: &str) -> bool {
    text.is_ascii()
        && !text.contains(char::is_whitespace)
        && (has_long_number(text) || text.contains(['|', '=', ':', '_']))
}

fn has_long_number(text: &str) -> bool {
    let mut digits = 0;
    text.bytes().any(|byte| {
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        digits >= LONG_DIGITS
    })
}

impl Rewriter<'_> {
    /// Replaces a text by its class; returns `None` to keep it.
    fn replaced(&mut self, place: &Place, text: &str) -> Option<String> {
        let artwork = self.is_artwork(place, text);
        let is_handle = || self.identities.name(text) == Some(Name::Handle);
        match place.class {
            Class::Word if allow::is_word(text) && !is_handle() => None,
            Class::Thing if allow::is_thing(text) && !is_handle() => None,
            Class::Label if allow::is_label(text) && !is_handle() => None,
            Class::Unknown | Class::Word | Class::Label | Class::Count | Class::Thing => {
                self.unknown(place, text)
            }
            Class::Id => match allow::number(text) {
                Some(number) => Some(self.id(number).to_string()),
                None => self.unknown(place, text),
            },
            Class::Handle => Some(self.handle(text)),
            // Some fields can hold either kind of name.
            Class::Nickname if is_handle() => Some(self.handle(text)),
            Class::Nickname => Some(self.words("nickname", text)),
            Class::SecUid => Some(made_up::sec_uid(self.key, text)),
            Class::Text | Class::Pattern => Some(self.words("text", text)),
            Class::Picture | Class::Link if artwork => None,
            Class::Picture => Some(made_up::picture(self.key, text, place.person)),
            Class::Link => Some(made_up::link(self.key, text)),
            Class::Address => Some(http::address(text, self)),
            Class::Token if text.contains("://") || is_picture(text) => Some(self.address(place, text)),
            Class::Token => {
                let is_of_someone = self.identities.has_name(text.as_bytes(), Within::Text, |_| true);
                Some(self.token(text, !is_of_someone))
            }
        }
    }
}

impl Leaves for Rewriter<'_> {
    fn number(&mut self, place: &Place, number: u64) -> u64 {
        let fraction = f64::from_bits(number);
        if place.fixed && fraction.fract() == 0.0 && self.is_ours(fraction as u64) {
            return (self.id(fraction as u64) as f64).to_bits();
        }
        let is_ours = self.is_ours(number) || place.fixed && self.is_ours(number.swap_bytes());
        let replaced = match place.class {
            Class::Id => true,
            Class::Thing => is_ours,
            _ => is_ours || made_up::is_id(place.fixed, number),
        };
        if replaced { self.id(number) } else { number }
    }

    fn text(&mut self, place: &Place, text: &str) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        let new = self.replaced(place, text);
        let (whole, within) = new.as_deref().map_or((text, Within::Text), |new| (new, Within::Record));
        if self.betrays(whole, within) { Some(self.anonymous(text)) } else { new }
    }

    fn list(&mut self, place: &Place, bytes: &[u8], new: &[u8]) -> Option<Vec<u8>> {
        let has_name = |bytes: &[u8]| self.identities.has_name(bytes, Within::Record, |_| true);
        let is_ours = views(bytes).0.iter().any(|view| has_name(&view.bytes))
            || views(new).0.iter().any(|view| self.identities.occur_in(&view.bytes, Within::Record));
        if !is_ours {
            return None;
        }
        let made = self.opaque(place, bytes)?;
        let mut out = Vec::with_capacity(made.len());
        for number in numbers(&made)? {
            // Some are as long as an id.
            encode_varint(if made_up::is_id(false, number) { self.id(number) } else { number }, &mut out);
        }
        Some(out)
    }

    /// Returns other bytes of the same length that are neither text nor fields. Packed numbers keep their
    /// lengths and signs, and fit into 64 bits.
    fn opaque(&mut self, _: &Place, bytes: &[u8]) -> Option<Vec<u8>> {
        self.tally.opaque += 1;
        let mut choices = self.key.choices("bytes", bytes);
        let is_packed = numbers(bytes).is_some();
        let changed = |(at, byte): (usize, &u8), part: u8| match byte {
            // The rest of a number of 64 bits.
            _ if is_packed && is_tenth(bytes, at) => *byte,
            // A control character that does not occur in text.
            ..0x20 => 0x10 | part & 0x0f,
            _ => byte & 0x80 | part & 0x7f,
        };
        let mut made =
            |_| bytes.iter().enumerate().map(|byte| changed(byte, choices.0.next_bits() as u8)).collect();
        let fits = |new: &Vec<u8>| as_text(new).is_none() && !is_fields(new);
        let found = (0..OPAQUE_TRIES).map(&mut made).find(fits);
        Some(found.unwrap_or_else(|| match is_packed {
            // Not a field, because no field has the type 7.
            true => bytes.iter().enumerate().map(|byte| changed(byte, 0xff)).collect(),
            false => vec![0xff; bytes.len()],
        }))
    }

    fn broken(&mut self, _: usize) {
        self.tally.broken += 1;
    }

    fn bad_gzip(&mut self) {
        self.tally.bad_gzip += 1;
    }
}

/// Collects identities without changing anything.
pub(super) struct Collector<'a>(pub(super) &'a mut Identities);

impl Leaves for Collector<'_> {
    fn number(&mut self, place: &Place, number: u64) -> u64 {
        if place.class == Class::Id {
            self.0.add_id(number);
        }
        number
    }

    fn text(&mut self, place: &Place, text: &str) -> Option<String> {
        match place.class {
            // Some hold several, or more than an id.
            Class::Id => text
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(allow::number)
                .filter(|id| *id >= ID_MIN || allow::number(text).is_some())
                .for_each(|id| self.0.add_id(id)),
            Class::Handle => self.0.add_name(text, Name::Handle),
            Class::Nickname => self.0.add_name(text, Name::Nickname),
            Class::SecUid => self.0.add_name(text, Name::SecUid),
            Class::Unknown if place.nested < NESTED_MAX && json::is_json(text) => {
                json::rewrite(text, false, place.nested + 1, self);
            }
            _ => {}
        }
        None
    }
}
