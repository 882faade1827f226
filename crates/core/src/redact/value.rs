//! Finds the value that follows the name of a secret: separator, quotes, value.

use std::ops::Range;

use memchr::memchr3_iter;

use super::{
    MASK,
    escapes::{Layer, escape, percent},
    quote::Quote,
};

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
    pub(super) start: usize,
    /// Whether the name is quoted.
    is_quoted: bool,
    /// Whether the name follows a mark of a URL. White space ends a URL within prose, but not a cookie.
    is_in_url: bool,
    /// Whether the separator is percent-escaped.
    is_percent: bool,
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
    /// Returns the style of a value after a separator from `at` to `end`.
    pub(super) fn new(
        layer: &Layer,
        (at, end): (usize, usize),
        separator: Separator,
        name: &Range<usize>,
        is_quoted: bool,
    ) -> Self {
        let text = &*layer.text;
        let is_in_url = name.start.checked_sub(1).is_some_and(|at| b"?&#".contains(&text[at]));
        let is_percent = layer.is_percent(at);
        Self { start: skip_space(text, end), is_quoted, is_in_url, is_percent, separator }
    }

    /// Returns the value and what follows it.
    pub(super) fn rest<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        &text[self.start..]
    }

    /// Whether the value is in quotes.
    pub(super) fn has_quotes(&self, text: &[u8]) -> bool {
        Quote::read(text, self.start).is_some()
    }

    /// Returns the end of an unquoted value that starts at `from`: what certainly does not belong to it.
    fn end(&self, layer: &Layer, from: usize, opened: &mut Opened) -> usize {
        let text = &*layer.text;
        let rest = &text[from..];
        // Masked before.
        let after = rest.strip_prefix(MASK).and_then(|after| after.first());
        if after.is_some_and(u8::is_ascii_whitespace) && !layer.is_escaped(from + MASK.len()) {
            return from + MASK.len();
        }
        if (self.separator, self.is_quoted) == (Separator::Colon, true) {
            let ends = |byte: &u8| {
                matches!(byte, b',' | b'}' | b']' | b'&' | b'\\' | b'"') || byte.is_ascii_whitespace()
            };
            return from + run(rest, |byte| !ends(byte));
        }
        let (is_header, is_escaped) = (self.separator == Separator::Colon, self.separator.is_escaped());
        let mut ends = |at: usize| match text[at] {
            // The percent escapes in a value are a part of it.
            _ if layer.is_percent(at) && !self.is_percent => false,
            b'"' | b'\'' | b'`' => opened.closes(layer, from, at),
            b'<' => matches!(text.get(at + 1), Some(b'/' | b'!')),
            b'\r' | b'\n' => begins_line(layer, at),
            b'&' if text[at..].starts_with(b"&amp;") && begins_pair(layer, at + 5) => !is_header,
            // Within quotes, the next layer says whether the character belongs to the value.
            b'\\' | b'&' if escape(&text[at..]).is_some() && opened.are_any(layer, from) => true,
            b'&' | b';' => !is_header && begins_pair(layer, at + 1),
            b'%' if is_escaped => percent(text, at).is_some_and(|(byte, _)| b"&;".contains(&byte)),
            byte if byte.is_ascii_whitespace() && self.is_in_url => !opened.are_any(layer, from),
            _ => false,
        };
        (from..text.len()).find(|at| ends(*at)).unwrap_or(text.len())
    }
}

/// Whether a name and its separator follow a mark that can end a value, or nothing. Otherwise, the value may
/// go on.
fn begins_pair(layer: &Layer, at: usize) -> bool {
    let at = skip_space(&layer.text, at);
    at == layer.text.len()
        || matches!(separator_after_name(layer, at), Some(Separator::Equals | Separator::EscapedEquals))
}

/// Whether a line with a name and its separator follows the end of a line, or an empty one, or nothing. A
/// folded line begins with white space.
fn begins_line(layer: &Layer, at: usize) -> bool {
    let text = &*layer.text;
    let skip_end = |at: usize| {
        let at = at + usize::from(text.get(at) == Some(&b'\r'));
        at + usize::from(text.get(at) == Some(&b'\n'))
    };
    let line = skip_end(at);
    line == text.len() || skip_end(line) > line || separator_after_name(layer, line).is_some()
}

fn separator_after_name(layer: &Layer, at: usize) -> Option<Separator> {
    let text = &*layer.text;
    let separator =
        |at: &usize| Separator::read(text, *at).filter(|(separator, _)| *separator != Separator::Element);
    let is_space = |at: usize| match text[at] {
        b' ' => !layer.is_escaped(at),
        byte => byte.is_ascii_whitespace(),
    };
    let is_name = |at: &usize| !is_space(*at) && !b"&;,?#/\"'<>{}".contains(&text[*at]);
    let end = (at..text.len()).find(|at| !is_name(at) || separator(at).is_some())?;
    separator(&end).map(|(separator, _)| separator)
}

/// The quotes that are open before a place in a text.
#[derive(Default)]
pub(super) struct Opened {
    quotes: Vec<usize>,
    /// Where to go on.
    at: usize,
}

impl Opened {
    /// Whether the quote at `at` closes one that was opened before `from`. A quote that is escaped more often
    /// does not.
    fn closes(&mut self, layer: &Layer, from: usize, at: usize) -> bool {
        self.are_any(layer, from)
            && self
                .quotes
                .iter()
                .any(|open| layer.text[*open] == layer.text[at] && layer.can_close(*open, at))
    }

    /// Whether quotes are open at `from`.
    fn are_any(&mut self, layer: &Layer, from: usize) -> bool {
        let text = &*layer.text;
        if self.at < from {
            for at in memchr3_iter(b'"', b'\'', b'`', &text[self.at..from]).map(|found| self.at + found) {
                let is_escaped = at > 0 && text[at - 1] == b'\\';
                let closed = self
                    .quotes
                    .iter()
                    .rposition(|open| text[*open] == text[at] && layer.can_close(*open, at));
                match closed {
                    _ if is_escaped => {}
                    Some(closed) => self.quotes.truncate(closed),
                    // An apostrophe opens nothing.
                    None if at > 0 && text[at - 1].is_ascii_alphanumeric() => {}
                    None => self.quotes.push(at),
                }
            }
            self.at = from;
        }
        !self.quotes.is_empty()
    }
}

/// The replacements for a value.
pub(super) struct Replacements {
    /// Stretches and their replacements: one, or each string and number of an array or object.
    pub(super) parts: Vec<(Range<usize>, &'static [u8])>,
    /// End of the scanned text.
    pub(super) seen: usize,
}

impl Replacements {
    pub(super) fn one(range: Range<usize>, mask: &'static [u8]) -> Self {
        Self { seen: range.end, parts: vec![(range, mask)] }
    }
}

/// Finds the value.
pub(super) fn find(layer: &Layer, style: &Style, opened: &mut Opened) -> Replacements {
    let (text, at) = (&*layer.text, style.start);
    if let Some((quote, start)) = Quote::read(text, at) {
        let (end, after) = quote.close(layer, start);
        // A cookie can have quotes within.
        let ends = |byte: &u8| b",;&)}]</>\\".contains(byte) || byte.is_ascii_whitespace();
        let goes_on = style.separator == Separator::Equals && text.get(after).is_some_and(|byte| !ends(byte));
        let range = if goes_on { at..style.end(layer, after, opened) } else { start..end };
        return Replacements::one(range, MASK);
    }
    if matches!(text.get(at), Some(b'[' | b'{')) {
        let found = leaves(layer, at);
        // A cookie, or a parameter, can begin with a bracket, which another one after it seems to close.
        let is_in_string = style.is_in_url || opened.are_any(layer, at);
        let after = found.seen + run(&text[found.seen..], |byte| b")}] ".contains(byte));
        let ends = |opened| style.end(layer, after, opened) == after && found.seen < text.len();
        let is_list = text.get(after) == Some(&b',') && begins_pair(layer, after + 1);
        if style.separator != Separator::Equals || (!is_in_string && (is_list || ends(opened))) {
            return found;
        }
    }
    let end = style.end(layer, at, opened);
    let is_json = style.is_quoted && style.separator == Separator::Colon;
    match &text[at..end] {
        b"true" | b"false" | b"null" => Replacements { parts: vec![], seen: end },
        // The padding of base64.
        padding if padding.iter().all(|byte| *byte == b'=') => Replacements { parts: vec![], seen: end },
        _ if is_json => Replacements::one(at..end, QUOTED_MASK),
        _ => Replacements::one(at..end, MASK),
    }
}

/// Finds the strings and numbers, but not the names, from the bracket at `start` to the closing one.
fn leaves(layer: &Layer, start: usize) -> Replacements {
    let text = &*layer.text;
    let (mut parts, mut at, mut brackets) = (Vec::new(), start, Vec::new());
    // Whether a string is a value, and not a name, whatever follows it.
    let mut is_value = false;
    while let Some(byte) = text.get(at) {
        if let Some((quote, begin)) = Quote::read(text, at) {
            let (end, after) = quote.close(layer, begin);
            if is_value || text.get(skip_space(text, after)) != Some(&b':') {
                parts.push((begin..end, MASK));
            }
            at = after;
            continue;
        }
        match byte {
            b'[' | b'{' => {
                brackets.push(*byte);
                is_value = *byte == b'[';
            }
            b']' | b'}' if brackets.len() == 1 => break,
            b']' | b'}' => {
                brackets.pop();
            }
            b',' => is_value = brackets.last() == Some(&b'['),
            b':' => is_value = true,
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
            // A name, or a word that JSON does not know.
            byte if byte.is_ascii_alphabetic() || b"%&_$".contains(byte) || !byte.is_ascii() => {
                let is_word = |byte: &u8| !b",:=&;[]{}\"'\\".contains(byte) && !byte.is_ascii_whitespace();
                let end = at + 1 + run(&text[at + 1..], is_word);
                let is_name = matches!(text.get(skip_space(text, end)), Some(b':' | b'='));
                if !is_name && !matches!(&text[at..end], b"true" | b"false" | b"null") {
                    parts.push((at..end, QUOTED_MASK));
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    Replacements { parts, seen: at }
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
