//! Masks secrets in text: URLs, cookies, JSON and HTML, each possibly quoted or escaped within another.
//!
//! Nothing is parsed as a whole, because the text can be cut off, or be a page with embedded JSON. Instead,
//! the text is searched for separators between a name and a value. The value is masked unless the name is on
//! the list: up to a character that certainly ends it, or else to the end of the text.
//!
//! How a value is escaped must not matter. So the same is done with all escapes decoded once, twice, and so
//! on, and what is a value in any of these texts is masked in the original one. A character that is escaped
//! more often than the quotes around it belongs to the value.

use std::{borrow::Cow, cmp::Reverse, ops::Range};

use super::{
    MASK,
    harmless::{Place, is_harmless},
    value::{self, Layer, Opened, Quote, Separator, Style, is_in_pair},
};

/// Budget for scanning bytes repeatedly, so that maliciously nested brackets cannot take quadratic time.
/// Beyond it, the rest of the text is masked.
const LOOKED_AT_MAX: usize = 4 << 20;
/// Number of times that escapes are decoded. A text that has escapes even then is not from anything known, so
/// its values extend to its end.
const LAYERS_MAX: usize = 10;
/// Maximum number of times to look for what else to mask.
const PASSES_MAX: usize = 8;
/// Maximum length of a name, in bytes. Longer names are never harmless.
const NAME_BYTES_MAX: usize = 128;
/// Maximum number of bytes after a colon that tell a header from prose.
const LINE_BYTES_MAX: usize = 256;
/// Minimum length of a bearer token, in bytes. Shorter words are ordinary words.
const BEARER_BYTES_MIN: usize = 12;
/// Minimum length of a word with digits and letters that may be a secret without a name, in bytes.
const MIXED_BYTES_MIN: usize = 8;
/// Minimum length of a word without digits that may be a secret without a name, in bytes.
const PLAIN_BYTES_MIN: usize = 24;
/// Minimum lengths of a name and its value in bytes that are not text, where short ones occur by chance.
const BINARY_NAME_BYTES_MIN: usize = 3;
const BINARY_VALUE_BYTES_MIN: usize = 6;
/// Bytes that end a name before them.
const NAME_ENDS: &[u8] = b"?&;=#/\"'<>{}[(),| \t\r\n`";

/// What a text is, which decides the names whose values it may keep.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// Anything from outside.
    Any,
    /// The value of a harmless header, which may have parameters.
    Header,
    /// A name that the user of livetape chose. Only tokens are masked.
    Label,
}

/// Masks the values in a text whose names are not on the list; returns `None` if there are none.
pub(super) fn mask(text: &[u8]) -> Option<Vec<u8>> {
    mask_as(Kind::Any, text)
}

/// Like [`mask`], for a text of this kind.
pub(super) fn mask_as(kind: Kind, text: &[u8]) -> Option<Vec<u8>> {
    again(text, |text| mask_once(kind, text))
}

/// Masks until nothing is left to mask, because a mask can change what the text around it seems to be. A text
/// that never ends is masked whole.
pub(super) fn again(text: &[u8], mask: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut masked = mask(text)?;
    for _ in 0..PASSES_MAX {
        match mask(&masked) {
            Some(next) => masked = next,
            None => return Some(masked),
        }
    }
    Some(MASK.to_vec())
}

fn mask_once(kind: Kind, text: &[u8]) -> Option<Vec<u8>> {
    let (mut found, mut layer) = (Vec::new(), Layer::original(text));
    for depth in 0..=LAYERS_MAX {
        let next = layer.decode();
        let is_last = depth == LAYERS_MAX && next.is_some();
        let mut masked = Masked {
            kind,
            layer: &layer,
            is_last,
            found: Vec::new(),
            opened: Opened::default(),
            looked_at: 0,
        };
        let mut at = 0;
        while at < layer.text.len() {
            at = masked.step(at).max(at + 1);
        }
        found.extend(masked.found.into_iter().map(|(range, mask)| (layer.original_range(&range), mask)));
        match next {
            Some(next) => layer = next,
            None => break,
        }
    }
    replace(text, found)
}

/// Replaces the stretches, of which the longest counts where several overlap. Returns `None` if there are
/// none.
fn replace(text: &[u8], mut found: Vec<(Range<usize>, &[u8])>) -> Option<Vec<u8>> {
    found.sort_by_key(|(range, _)| (range.start, Reverse(range.end)));
    let (mut out, mut copied) = (Vec::new(), 0);
    for (range, mask) in found {
        if range.start >= copied {
            out.extend_from_slice(&text[copied..range.start]);
            out.extend_from_slice(mask);
        }
        copied = copied.max(range.end);
    }
    (copied > 0).then(|| {
        out.extend_from_slice(&text[copied..]);
        out
    })
}

/// Whether bytes that are not text contain a name that is not on the list, and its value.
pub(super) fn has_value(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'=', bytes).any(|at| {
        let name = bytes[..at].iter().rev().take_while(|byte| is_name_byte(**byte)).count();
        let value = bytes[at + 1..].iter().take_while(|byte| is_token_byte(**byte)).count();
        let is_long = name >= BINARY_NAME_BYTES_MIN && value >= BINARY_VALUE_BYTES_MIN;
        is_long && !is_harmless(Place::Pair, &bytes[at - name..at])
    }) || memchr::memmem::find_iter(bytes, b"\":\"").any(|at| {
        let name = bytes[..at].iter().rev().take_while(|byte| is_name_byte(**byte)).count();
        name >= BINARY_NAME_BYTES_MIN && !is_harmless(Place::Key, &bytes[at - name..at])
    })
}

/// Whether a word looks like a token: long, or of letters and digits.
pub(super) fn looks_secret(word: &[u8]) -> bool {
    let has_digit = word.iter().any(u8::is_ascii_digit);
    let has_letter = word.iter().any(u8::is_ascii_alphabetic);
    has_letter && word.len() >= if has_digit { MIXED_BYTES_MIN } else { PLAIN_BYTES_MIN }
}

/// Whether names usually contain this byte.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Whether tokens usually contain this byte.
fn is_token_byte(byte: u8) -> bool {
    is_name_byte(byte) || b".~+/=".contains(&byte)
}

/// The search for values in a text.
struct Masked<'a> {
    kind: Kind,
    layer: &'a Layer<'a>,
    /// Whether nothing ends a value, because the text has more escapes.
    is_last: bool,
    /// The values, and their replacements.
    found: Vec<(Range<usize>, &'static [u8])>,
    opened: Opened,
    /// Number of bytes scanned for values, counting repeated scans.
    looked_at: usize,
}

impl Masked<'_> {
    /// Looks at the byte at `at`, and masks what starts there. Returns where to continue.
    fn step(&mut self, at: usize) -> usize {
        let text = &*self.layer.text;
        match text[at] {
            b'e' | b'b' | b'B' if at == 0 || !is_name_byte(text[at - 1]) => {
                if let Some(token) = jwt(text, at).or_else(|| bearer(text, at)) {
                    self.replace(token.clone(), MASK);
                    return token.end;
                }
                at + 1
            }
            b':' if text[at..].starts_with(b"://") => {
                let Some(user) = user_info(text, at) else { return at + 3 };
                self.replace(user.clone(), MASK);
                user.end
            }
            b'=' | b':' | b'%' | b'\\' | b'&' | b',' if self.kind != Kind::Label => {
                match Separator::read(text, at) {
                    Some((separator, end)) => self.separated(at, separator, end),
                    None => at + 1,
                }
            }
            _ => at + 1,
        }
    }

    /// Masks the value after a separator unless its name is on the list. Returns where to continue.
    fn separated(&mut self, at: usize, separator: Separator, end: usize) -> usize {
        let text = &*self.layer.text;
        let name = Name::before(text, at);
        if separator == Separator::Element && !(name.is_quoted && is_in_pair(text, &name.range, at)) {
            return end;
        }
        let style = Style::new(self.layer, (at, end), separator, &name.range, name.is_quoted);
        let is_harmless = match separator {
            Separator::Equals if self.kind == Kind::Header => {
                name.is(text, separator, &[Place::Pair, Place::Parameter])
            }
            Separator::Equals | Separator::EscapedEquals => name.is(text, separator, &[Place::Pair]),
            _ if name.is_quoted || style.has_quotes(text) => name.is(text, separator, &[Place::Key]),
            _ => {
                name.is(text, separator, &[Place::Header, Place::Pair])
                    || !is_header(text, &name.range, style.rest(text), end)
            }
        };
        if is_harmless {
            return end;
        }
        let found = if self.is_last {
            value::Replacements::one(style.start..text.len(), MASK)
        } else {
            value::find(self.layer, &style, &mut self.opened)
        };
        // These separators are within a quoted name, as in `{":":"value"}`.
        let is_mark = |byte: &u8| byte.is_ascii_whitespace() || b":=,".contains(byte);
        if style.has_quotes(text)
            && found.parts.iter().all(|(range, _)| text[range.clone()].iter().all(is_mark))
        {
            return end;
        }
        self.looked_at += found.seen - at;
        if self.looked_at > LOOKED_AT_MAX.saturating_add(2 * text.len()) {
            self.replace(at..text.len(), MASK);
            return text.len();
        }
        let seen = found.parts.last().map_or(end, |(range, _)| range.end);
        found.parts.into_iter().for_each(|(range, mask)| self.replace(range, mask));
        seen.max(end)
    }

    fn replace(&mut self, range: Range<usize>, mask: &'static [u8]) {
        if !range.is_empty() && &self.layer.text[range.clone()] != mask {
            self.found.push((range, mask));
        }
    }
}

/// The name before a separator.
struct Name {
    range: Range<usize>,
    is_quoted: bool,
    /// Whether it is longer than any harmless name.
    is_long: bool,
}

impl Name {
    /// Finds the name that ends before `end`, apart from white space.
    fn before(text: &[u8], end: usize) -> Self {
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let first = end.saturating_sub(2 * NAME_BYTES_MAX);
        let near = &text[first..end];
        let near = &near[..near.iter().rposition(|byte| !is_space(byte)).map_or(0, |last| last + 1)];
        if let Some((quote, inner)) = Quote::read_back(near) {
            let start = memchr::memmem::rfind(inner, quote).map(|at| at + quote.len());
            let range = first + start.unwrap_or(0)..first + inner.len();
            return Self { is_long: start.is_none(), range, is_quoted: true };
        }
        let start = near.iter().rposition(|byte| NAME_ENDS.contains(byte)).map(|at| at + 1);
        let range = first + start.unwrap_or(0)..first + near.len();
        Self { is_long: start.is_none() && first > 0, range, is_quoted: false }
    }

    /// Whether values of this name may be kept in one of the places.
    fn is(&self, text: &[u8], separator: Separator, places: &[Place]) -> bool {
        if self.is_long {
            return false;
        }
        let is_listed = |name: &[u8]| places.iter().any(|place| is_harmless(*place, name));
        let name = &text[self.range.clone()];
        if !name.iter().any(|byte| matches!(byte, b'%' | b'\\')) {
            return is_listed(name);
        }
        // JSON escapes are decoded first. An escaped ampersand ends a parameter there, or where the separator
        // is escaped in the same way; elsewhere it is a part of the name.
        if !separator.is_escaped() && name.contains(&b'\\') && !name.contains(&b'%') {
            let decoded = Layer::original(name).decode();
            return is_listed(last_part(decoded.as_ref().map_or(name, |decoded| &decoded.text)));
        }
        let name = decoded(name);
        is_listed(if separator.is_escaped() { last_part(&name) } else { &name })
    }
}

/// Returns a name without escapes.
pub(super) fn decoded(name: &[u8]) -> Cow<'_, [u8]> {
    let mut layer = Layer::original(name);
    while let Some(next) = layer.decode() {
        layer = next;
    }
    layer.text
}

fn last_part(name: &[u8]) -> &[u8] {
    name.rsplit(|byte| NAME_ENDS.contains(byte) || *byte == b':').next().unwrap_or_default()
}

/// Whether a name and a value, separated by a colon that ends at `end`, are a header rather than prose.
fn is_header(text: &[u8], name: &Range<usize>, value: &[u8], end: usize) -> bool {
    let value = &value[..value.len().min(LINE_BYTES_MAX)];
    let line = value.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(value.len());
    let is_plain = text[..end].ends_with(b":");
    let is_of_word = |byte: &u8| is_token_byte(*byte) || (is_plain && *byte == b'%');
    let word = &value[..value.iter().position(|byte| !is_of_word(byte)).unwrap_or(value.len())];
    let after = value.get(word.len());
    let is_word = after.is_none_or(|byte| byte.is_ascii_whitespace() || b"\"'<>,;)\\".contains(byte));
    let plain = &text[name.clone()];
    if plain.is_empty() || !plain.iter().all(|byte| is_name_byte(*byte)) || value.starts_with(b"//") {
        return false;
    }
    let begins_line = name.start == 0 || text[name.start - 1] == b'\n';
    let is_of_lines = begins_line && (name.start > 0 || line < value.len());
    let has_space = text.get(end).is_some_and(u8::is_ascii_whitespace);
    let is_technical = has_space && plain.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let is_scheme =
        [&b"bearer"[..], b"basic", b"digest"].iter().any(|known| word.eq_ignore_ascii_case(known))
            && value[..line].split(|byte| *byte == b' ').count() == 2;
    is_of_lines || is_technical || is_scheme || (is_word && looks_secret(word))
}

/// Returns user name and password in a URL whose scheme ends at `at`.
fn user_info(text: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = text[at..].strip_prefix(b"://")?;
    let ends =
        |byte: &u8| matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\'' | b'\\' | b'<' | b' ' | b'\r' | b'\n');
    let authority = &rest[..rest.iter().position(ends).unwrap_or(rest.len())];
    let length = authority.iter().rposition(|byte| *byte == b'@')?;
    Some(at + 3..at + 3 + length)
}

/// Returns the token after the word `Bearer` at `at`, even without the name of a header before it.
fn bearer(text: &[u8], at: usize) -> Option<Range<usize>> {
    const WORD: &[u8] = b"bearer ";
    let start = at + WORD.len();
    text.get(at..start).filter(|word| word.eq_ignore_ascii_case(WORD))?;
    let length = text[start..].iter().take_while(|byte| is_token_byte(**byte)).count();
    (length >= BEARER_BYTES_MIN).then(|| start..start + length)
}

/// Returns the JSON Web Token that starts at `at`. It is a secret regardless of its name.
fn jwt(text: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = &text[at..];
    let first = rest.iter().take_while(|byte| is_name_byte(**byte)).count();
    if !rest.starts_with(b"eyJ") || rest.get(first) != Some(&b'.') {
        return None;
    }
    let goes_on = |byte: &u8| is_name_byte(*byte) || matches!(byte, b'.' | b'=');
    Some(at..at + rest.iter().position(|byte| !goes_on(byte)).unwrap_or(rest.len()))
}

#[cfg(test)]
mod tests;
