//! Finds the value that follows the name of a secret: separator, quotes, value.

use std::ops::Range;

use super::{MASK, escapes::percent, quote::Quote};

/// Replacement for an unquoted value in JSON.
const QUOTED_MASK: &[u8] = b"\"***\"";
/// Separators that are escaped in JSON or HTML.
const ESCAPED: [(&[u8], u8); 6] = [
    (b"\\u003d", b'='),
    (b"\\u003a", b':'),
    (b"&#61;", b'='),
    (b"&#x3d;", b'='),
    (b"&equals;", b'='),
    (b"&#58;", b':'),
];

/// The way in which a name and its value are joined.
pub(super) struct Style {
    /// Start of the value, or of its quote.
    start: usize,
    /// Whether the name is quoted.
    is_quoted: bool,
    separator: Separator,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Separator {
    Equals,
    Colon,
    EscapedEquals,
    EscapedColon,
    /// The comma in `["name","value"]`.
    Element,
}

impl Separator {
    /// Returns the separator at `at`, and its end.
    pub(super) fn read(text: &[u8], at: usize) -> Option<(Self, usize)> {
        let escaped = |byte| if byte == b'=' { Self::EscapedEquals } else { Self::EscapedColon };
        match text.get(at)? {
            b'=' => Some((Self::Equals, at + 1)),
            b':' => Some((Self::Colon, at + 1)),
            b'%' => percent(text, at)
                .filter(|(byte, _)| matches!(byte, b'=' | b':'))
                .map(|(byte, end)| (escaped(byte), end)),
            b'\\' | b'&' => {
                let starts = |(written, _): &(&[u8], u8)| {
                    text[at..].get(..written.len()).is_some_and(|start| start.eq_ignore_ascii_case(written))
                };
                let (written, byte) = ESCAPED.into_iter().find(starts)?;
                Some((escaped(byte), at + written.len()))
            }
            b',' => Some((Self::Element, at + 1)),
            _ => None,
        }
    }

    pub(super) fn is_escaped(self) -> bool {
        matches!(self, Self::EscapedEquals | Self::EscapedColon)
    }
}

impl Style {
    /// Returns the style of a value after a separator that ends at `end`.
    pub(super) fn new(text: &[u8], separator: Separator, end: usize, is_quoted: bool) -> Self {
        Self { start: skip_space(text, end), is_quoted, separator }
    }

    /// Returns the value and what follows it.
    pub(super) fn rest<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        &text[self.start..]
    }

    /// Whether the value is in quotes.
    pub(super) fn has_quotes(&self, text: &[u8]) -> bool {
        Quote::read(text, self.start).is_some()
    }

    /// Returns the length of an unquoted value.
    fn length(&self, rest: &[u8]) -> usize {
        let is_escaped = self.separator.is_escaped();
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
            ends(&rest[at])
                || (is_escaped && percent(rest, at).is_some_and(|(byte, _)| b"&;\"}".contains(&byte)))
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
        // The padding of base64.
        padding if padding.iter().all(|byte| *byte == b'=') => Found { parts: vec![], seen: end },
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

/// Whether the comma at `at` follows the first string of an array and precedes another: `["sessionid","…"]`.
pub(super) fn is_in_pair(text: &[u8], name: &Range<usize>, comma: usize) -> bool {
    let before = text[..name.start].trim_ascii_end();
    let quotes = before.iter().rev().take_while(|byte| matches!(byte, b'"' | b'\'' | b'\\')).count();
    let is_first = before[..before.len() - quotes].trim_ascii_end().ends_with(b"[");
    is_first && Quote::read(text, skip_space(text, comma + 1)).is_some()
}

fn skip_space(text: &[u8], at: usize) -> usize {
    at + text[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}
