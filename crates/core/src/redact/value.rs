//! Finds the value that follows the name of a secret: separator, quotes, value.

use std::ops::Range;

use super::{MASK, quote::Quote};

/// Replacement for an unquoted value in JSON.
const QUOTED_MASK: &[u8] = b"\"***\"";
/// Escaped forms of separators.
const SEPARATORS: [&[u8]; 7] = [b"%3D", b"%3d", b"%3A", b"%3a", b"%253D", b"\\u003d", b"&#61;"];
/// Ends of values after escaped separators.
const ESCAPED_ENDS: [&[u8]; 5] = [b"%26", b"%3B", b"%22", b"%2526", b"%7D"];

/// The way in which a name and its value are joined.
pub(super) struct Style {
    /// Start of the value, or of its quote.
    start: usize,
    /// Whether the name is quoted.
    is_quoted: bool,
    separator: Separator,
}

#[derive(Clone, Copy, PartialEq)]
enum Separator {
    Equals,
    Colon,
    Escaped,
}

impl Style {
    /// Detects the style after a name that ends at `at`; returns `None` if no value follows.
    pub(super) fn find(text: &[u8], at: usize) -> Option<Self> {
        let quote = Quote::read(text, at);
        let at = skip_space(text, quote.map_or(at, |(_, end)| end));
        let (separator, end) = separator(text, at).or_else(|| pair(text, at).filter(|_| quote.is_some()))?;
        Some(Self { start: skip_space(text, end), is_quoted: quote.is_some(), separator })
    }

    /// Returns the length of an unquoted value.
    fn length(&self, rest: &[u8]) -> usize {
        let is_escaped = self.separator == Separator::Escaped;
        let ends = |byte: &u8| match (self.separator, self.is_quoted) {
            (Separator::Colon, true) => {
                matches!(byte, b',' | b'}' | b']' | b'&' | b'\\' | b'"') || byte.is_ascii_whitespace()
            }
            // The value of a header extends to the end of the line.
            (Separator::Colon, false) => matches!(byte, b'\r' | b'\n' | b'"' | b'\'' | b'<' | b'\\'),
            _ => {
                matches!(byte, b'&' | b';' | b'"' | b'\'' | b'<' | b'>' | b'\\' | b'`')
                    || byte.is_ascii_whitespace()
            }
        };
        let is_end = |at: usize| {
            let here = &rest[at..];
            ends(&here[0])
                || (is_escaped && here[0] == b'%' && ESCAPED_ENDS.iter().any(|end| here.starts_with(end)))
        };
        (0..rest.len()).find(|at| is_end(*at)).unwrap_or(rest.len())
    }
}

/// The replacements for a value.
pub(super) struct Found {
    /// Stretches and their replacements: one, or each string and number of an array or object.
    pub(super) parts: Vec<(Range<usize>, &'static [u8])>,
    /// End of the scanned text.
    pub(super) seen: usize,
}

impl Found {
    fn one(range: Range<usize>, mask: &'static [u8]) -> Self {
        Self { seen: range.end, parts: vec![(range, mask)] }
    }
}

/// Finds the value.
pub(super) fn find(text: &[u8], style: &Style) -> Found {
    let at = style.start;
    if let Some((quote, start)) = Quote::read(text, at) {
        return Found::one(start..quote.close(text, start).0, MASK);
    }
    if matches!(text.get(at), Some(b'[' | b'{')) {
        return leaves(text, at);
    }
    let end = at + style.length(&text[at..]);
    let is_json = style.is_quoted && style.separator == Separator::Colon;
    match &text[at..end] {
        b"true" | b"false" | b"null" => Found { parts: vec![], seen: end },
        _ if is_json => Found::one(at..end, QUOTED_MASK),
        _ => Found::one(at..end, MASK),
    }
}

/// Finds the strings and numbers, but not the names, from the bracket at `start` to the closing one.
fn leaves(text: &[u8], start: usize) -> Found {
    let (mut parts, mut at, mut depth) = (Vec::new(), start, 0_usize);
    while let Some(byte) = text.get(at) {
        if let Some((quote, begin)) = Quote::read(text, at) {
            let (end, after) = quote.close(text, begin);
            if text.get(skip_space(text, after)) != Some(&b':') {
                parts.push((begin..end, MASK));
            }
            at = after;
            continue;
        }
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth == 1 => break,
            b']' | b'}' => depth -= 1,
            b'0'..=b'9' | b'-' => {
                let is_number =
                    |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
                let end = at + run(&text[at..], is_number);
                parts.push((at..end, QUOTED_MASK));
                at = end;
                continue;
            }
            // Not JSON, but the debug output of other languages.
            b'=' => {
                let is_value =
                    |byte: &u8| !matches!(byte, b',' | b'}' | b']' | b'"') && !byte.is_ascii_whitespace();
                let end = at + 1 + run(&text[at + 1..], is_value);
                parts.push((at + 1..end, MASK));
                at = end;
                continue;
            }
            b'\\' => at += run(&text[at..], |byte| *byte == b'\\') - 1,
            _ => {}
        }
        at += 1;
    }
    Found { parts, seen: at }
}

fn run(bytes: &[u8], belongs: impl Fn(&u8) -> bool) -> usize {
    bytes.iter().position(|byte| !belongs(byte)).unwrap_or(bytes.len())
}

fn separator(text: &[u8], at: usize) -> Option<(Separator, usize)> {
    match text.get(at)? {
        b'=' => Some((Separator::Equals, at + 1)),
        b':' => Some((Separator::Colon, at + 1)),
        _ => {
            let found = SEPARATORS.into_iter().find(|separator| text[at..].starts_with(separator))?;
            Some((Separator::Escaped, at + found.len()))
        }
    }
}

/// Finds the value of a pair in which the name is itself a value: `"name":"sessionid","value":"…"`,
/// `<meta name="csrf-token" content="…">`.
fn pair(text: &[u8], at: usize) -> Option<(Separator, usize)> {
    let at = skip_space(text, at + usize::from(text.get(at) == Some(&b',')));
    let at = Quote::read(text, at).map_or(at, |(_, end)| end);
    let word = [&b"value"[..], b"content"].into_iter().find(|word| text[at..].starts_with(word))?;
    let at = at + word.len();
    let at = Quote::read(text, at).map_or(at, |(_, end)| end);
    separator(text, skip_space(text, at))
}

fn skip_space(text: &[u8], at: usize) -> usize {
    at + text[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}
