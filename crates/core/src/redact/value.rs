//! Finds the value that follows the name of a secret: separator, quotes, value.

use std::ops::Range;

use super::{MASK, escapes::percent, quote::Quote};

/// Replacement for an unquoted value in JSON.
const QUOTED_MASK: &[u8] = b"\"***\"";
/// Separators that are escaped in JSON or HTML.
const SEPARATORS: [&[u8]; 2] = [b"\\u003d", b"&#61;"];
/// Maximum length of an index after a name, in bytes.
const INDEX_BYTES_MAX: usize = 16;

/// The way in which a name and its value are joined.
pub(super) struct Style {
    /// Start of the value, or of its quote.
    start: usize,
    /// Whether the name is quoted.
    pub(super) is_quoted: bool,
    separator: Separator,
}

#[derive(Clone, Copy, PartialEq)]
enum Separator {
    Equals,
    Colon,
    Escaped,
}

impl Style {
    /// Detects the style after a name; returns `None` if no value follows.
    pub(super) fn find(text: &[u8], name: &Range<usize>) -> Option<Self> {
        let quote = Quote::read(text, name.end);
        let is_quoted = quote.is_some();
        let at = skip_space(text, quote.map_or_else(|| skip_index(text, name.end), |(_, end)| end));
        let of_pair = || pair(text, at).or_else(|| element(text, name.start, at)).filter(|_| is_quoted);
        let (separator, end) = separator(text, at).or_else(of_pair)?;
        Some(Self { start: skip_space(text, end), is_quoted, separator })
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
        b'%' => percent(text, at)
            .filter(|(byte, _)| matches!(byte, b'=' | b':'))
            .map(|(_, end)| (Separator::Escaped, end)),
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

/// Finds the second element of an array whose first one, from `start` on, is the name: `["sessionid","…"]`.
fn element(text: &[u8], start: usize, at: usize) -> Option<(Separator, usize)> {
    let before = text[..start].trim_ascii_end();
    let quotes = before.iter().rev().take_while(|byte| matches!(byte, b'"' | b'\'' | b'\\')).count();
    let is_first = before[..before.len() - quotes].trim_ascii_end().ends_with(b"[");
    let value = skip_space(text, at + text[at..].strip_prefix(b",").map(|_| 1)?);
    (is_first && Quote::read(text, value).is_some()).then_some((Separator::Colon, value))
}

/// Skips an index after a name, as in `name[]=` and `name[0]=`.
fn skip_index(text: &[u8], at: usize) -> usize {
    let Some(index) = text[at..].strip_prefix(b"[") else { return at };
    let end = index.iter().take(INDEX_BYTES_MAX).position(|byte| *byte == b']');
    end.filter(|end| index.get(end + 1) == Some(&b'=')).map_or(at, |end| at + end + 2)
}

fn skip_space(text: &[u8], at: usize) -> usize {
    at + text[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}
