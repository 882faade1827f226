//! Masks secrets in a text: values of pairs (`name=value`) and headers (`name: value`), passwords in URLs,
//! and tokens. A value ends where its surroundings certainly go on. JSON and HTML are masked up to the end of the text.

use std::{borrow::Cow, ops::Range};

use memchr::{memchr, memchr_iter, memmem};
use percent_encoding::percent_decode;

use super::{MASK, Place, is_harmless};

/// Maximum number of times to mask a text, and to decode escapes. What needs more is masked whole.
const ROUNDS_MAX: usize = 8;
/// Maximum length of a name, in bytes. Longer names are never harmless.
const NAME_BYTES_MAX: usize = 64;
/// Maximum number of bytes after a colon that tell a header from prose.
const LINE_BYTES_MAX: usize = 256;
/// Minimum length of a bearer token, in bytes. Shorter words are ordinary words.
const BEARER_BYTES_MIN: usize = 12;
/// Minimum lengths of words with and without digits that may be secrets without a name, in bytes.
const MIXED_BYTES_MIN: usize = 8;
const PLAIN_BYTES_MIN: usize = 24;
/// Minimum lengths of a name and its value in bytes that are not text, where short ones occur by chance.
const BINARY_NAME_BYTES_MIN: usize = 3;
const BINARY_VALUE_BYTES_MIN: usize = 6;
/// Bytes that end a name before them.
const NAME_ENDS: &[u8] = b"?&;=#/\"'<>{}[(),| \t\r\n`";

/// What a text is, which decides the names whose values it may keep.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum TextKind {
    /// Anything from outside.
    Any,
    /// The value of a harmless header, which may have parameters.
    Header,
    /// A name that the user of livetape chose. Only tokens are masked.
    Label,
}

/// Masks the values in a text whose names are not on the list; returns `None` if there are none. A mask can change what
/// the text around it seems to be, so this is done until nothing is left.
pub(super) fn mask(kind: TextKind, text: &[u8]) -> Option<Vec<u8>> {
    let mut masked = mask_once(kind, text, false)?;
    for _ in 0..ROUNDS_MAX {
        let Some(next) = mask_once(kind, &masked, false) else { return Some(masked) };
        masked = next;
    }
    Some(MASK.to_vec())
}

fn mask_once(kind: TextKind, text: &[u8], is_decoded: bool) -> Option<Vec<u8>> {
    let (mut out, mut copied, mut at) = (Vec::new(), 0, 0);
    while at < text.len() {
        let found = secret(kind, text, at, is_decoded).unwrap_or(at..at);
        if !found.is_empty() && &text[found.clone()] != MASK {
            out.extend_from_slice(&text[copied..found.start]);
            out.extend_from_slice(MASK);
            copied = found.end;
        }
        at = found.end.max(at + 1);
    }
    (copied > 0).then(|| [&out, &text[copied..]].concat())
}

/// Returns the secret that the byte at `at` announces. If it is empty, nothing up to there needs another look.
fn secret(kind: TextKind, text: &[u8], at: usize, is_decoded: bool) -> Option<Range<usize>> {
    let rest = &text[at..];
    match text[at] {
        b'e' | b'b' | b'B' if !text[..at].last().is_some_and(|byte| is_name_byte(*byte)) => token(text, at),
        b':' if rest.starts_with(b"://") => user_info(text, at),
        _ if kind == TextKind::Label => None,
        b'=' => {
            let name = name_before(text, at);
            let is_listed = |place| is_harmless(place, &text[name.clone()]);
            if is_listed(Place::Pair) || kind == TextKind::Header && is_listed(Place::Parameter) {
                return None;
            }
            let is_in_url = text[..name.start].last().is_some_and(|byte| b"?&#".contains(byte));
            let value = value(text, skip_space(text, at + 1), is_in_url);
            // The padding of base64 is not a value.
            let is_padding = text[value.clone()].iter().all(|byte| *byte == b'=');
            Some(if is_padding { value.end..value.end } else { value })
        }
        b':' if text[..at].trim_ascii_end().ends_with(b"\"") => Some(at + 1..text.len()),
        b':' => {
            let name = name_before(text, at);
            let is_kept = [Place::Header, Place::Pair].iter().any(|it| is_harmless(*it, &text[name.clone()]));
            (!is_kept && is_header(text, name, at)).then(|| {
                let start = skip_space(text, at + 1);
                start..start + text[start..].iter().take_while(|byte| !b"\r\n".contains(byte)).count()
            })
        }
        b'%' if !is_decoded => {
            let name = name_before(text, at);
            let ends = |byte: &u8| byte.is_ascii_whitespace() || b"=&;\"'<".contains(byte);
            let end = rest.iter().position(ends).map_or(text.len(), |end| at + end);
            let word = decoded(&text[name.start..end]);
            let is_secret = word.is_none_or(|word| mask_once(kind, &word, true).is_some());
            Some(if is_secret { at..end } else { end..end })
        }
        b'{' | b'[' if text[at] == b'{' || rest.starts_with(b"[\"") => Some(at..text.len()),
        b'<' if matches!(rest.get(1), Some(b'a'..=b'z' | b'A'..=b'Z' | b'/' | b'!')) => Some(at..text.len()),
        _ => None,
    }
}

/// Returns the name that ends before `end`, apart from white space, quotes and their escapes. A long one is cut off.
fn name_before(text: &[u8], end: usize) -> Range<usize> {
    let is_around = |byte: &u8| byte.is_ascii_whitespace() || b"\"'\\".contains(byte);
    let end = text[..end].iter().rposition(|byte| !is_around(byte)).map_or(0, |last| last + 1);
    let first = end.saturating_sub(NAME_BYTES_MAX);
    let length = text[first..end].iter().rev().position(|byte| NAME_ENDS.contains(byte));
    length.map_or(first, |length| end - length)..end
}

/// Returns the value of a pair that starts at `start`. In a URL, it ends at white space or a quote. In a cookie, it can
/// have both.
fn value(text: &[u8], start: usize, is_in_url: bool) -> Range<usize> {
    let quote = text.get(start).filter(|byte| matches!(byte, b'"' | b'\''));
    let closed = |quote: &u8| memchr(*quote, &text[start + 1..]).map_or(text.len(), |at| start + at + 2);
    let from = quote.map_or(start, closed);
    let ends = |at: &usize| match text[*at] {
        b'\r' | b'\n' => true,
        b'&' | b';' => begins_pair(&text[at + 1..]),
        byte => is_in_url && (byte.is_ascii_whitespace() || b"\"'`<>".contains(&byte)),
    };
    start..(from..text.len()).find(ends).unwrap_or(text.len())
}

/// Whether a name and `=` follow a mark that can end a value, or nothing. Otherwise, the value may go on.
fn begins_pair(rest: &[u8]) -> bool {
    let rest = rest.trim_ascii_start();
    let mut ends = rest.iter().filter(|byte| byte.is_ascii_whitespace() || b"=&;,?#/\"'<>{}".contains(byte));
    ends.next().map_or(rest.is_empty(), |end| *end == b'=')
}

/// Whether a name and what follows the colon at `at` are a header rather than prose.
fn is_header(text: &[u8], name: Range<usize>, at: usize) -> bool {
    let after = &text[at + 1..text.len().min(at + LINE_BYTES_MAX)];
    let line = &after[..after.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(after.len())];
    let value = line.trim_ascii_start();
    let length = value.iter().take_while(|byte| is_token_byte(**byte) || **byte == b'%').count();
    let word = &value[..length];
    let begins_line = name.start == 0 || text[name.start - 1] == b'\n';
    let is_of_lines = begins_line && (name.start > 0 || line.len() < after.len());
    let name = &text[name];
    let is_technical = value.len() < line.len() && name.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let is_scheme = value.split(|byte| *byte == b' ').count() == 2
        && [&b"bearer"[..], b"basic", b"digest"].iter().any(|it| word.eq_ignore_ascii_case(it));
    let is_name = !name.is_empty() && name.iter().all(|byte| is_name_byte(*byte));
    is_name && !value.starts_with(b"//") && (is_of_lines || is_technical || is_scheme || looks_secret(word))
}

/// Decodes the escapes of a URL until there are none. Returns `None` if there are some even then.
fn decoded(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..ROUNDS_MAX {
        let Cow::Owned(plain) = Cow::from(percent_decode(&text)) else { return Some(text) };
        text = plain.into();
    }
    None
}

/// Whether bytes that are not text contain a name that is not on the list, and its value; or JSON. In UTF-16, each
/// character of ASCII has a zero byte.
pub(super) fn has_value(bytes: &[u8]) -> bool {
    let bytes: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
    let is_pair = |at: usize| {
        let name = bytes[..at].iter().rev().take_while(|byte| is_name_byte(**byte)).count();
        let value = bytes[at + 1..].iter().take_while(|byte| is_token_byte(**byte)).count();
        let is_long = name >= BINARY_NAME_BYTES_MIN && value >= BINARY_VALUE_BYTES_MIN;
        is_long && !is_harmless(Place::Pair, &bytes[at - name..at])
    };
    memchr_iter(b'=', &bytes).any(is_pair) || memmem::find(&bytes, b"\":\"").is_some()
}

/// Whether a word looks like a token: long, or of letters and digits.
pub(super) fn looks_secret(word: &[u8]) -> bool {
    let has_digit = word.iter().any(u8::is_ascii_digit);
    let has_letter = word.iter().any(u8::is_ascii_alphabetic);
    has_letter && word.len() >= if has_digit { MIXED_BYTES_MIN } else { PLAIN_BYTES_MIN }
}

pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn is_token_byte(byte: u8) -> bool {
    is_name_byte(byte) || b".~+/=".contains(&byte)
}

fn skip_space(text: &[u8], at: usize) -> usize {
    at + text[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// Returns user name and password in a URL whose scheme ends at `at`.
fn user_info(text: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at + b"://".len();
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"/?#\"'\\<".contains(byte);
    let authority = &text[start..][..text[start..].iter().position(ends).unwrap_or(text.len() - start)];
    authority.iter().rposition(|byte| *byte == b'@').map(|length| start..start + length)
}

/// Returns the token after the word `Bearer` at `at`, or the JSON Web Token there: secrets without a name.
fn token(text: &[u8], at: usize) -> Option<Range<usize>> {
    const WORD: &[u8] = b"bearer ";
    let is_bearer = text[at..].get(..WORD.len()).is_some_and(|word| word.eq_ignore_ascii_case(WORD));
    let start = if is_bearer { at + WORD.len() } else { at };
    let run = |is: fn(u8) -> bool| text[start..].iter().take_while(|byte| is(**byte)).count();
    let is_token = match is_bearer {
        true => run(is_token_byte) >= BEARER_BYTES_MIN,
        false => text[at..].starts_with(b"eyJ") && text.get(at + run(is_name_byte)) == Some(&b'.'),
    };
    is_token.then(|| start..start + run(is_token_byte))
}

#[cfg(test)]
mod tests;
