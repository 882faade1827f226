//! Finds the value that follows the name of a secret: separator, quotes and escapes, value.

use std::{borrow::Cow, ops::Range};

use memchr::{memchr_iter, memchr3_iter, memmem};

use super::MASK;

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
/// Escaped forms of quotes.
const QUOTES: [&[u8]; 7] = [b"&quot;", b"&#34;", b"&#39;", b"%22", b"%27", b"%2522", b"%252522"];
/// Names of characters in HTML that separate names and values.
const ENTITIES: &[(&[u8], u8)] = &[
    (b"quot;", b'"'),
    (b"apos;", b'\''),
    (b"amp;", b'&'),
    (b"lt;", b'<'),
    (b"gt;", b'>'),
    (b"equals;", b'='),
    (b"colon;", b':'),
    (b"semi;", b';'),
    (b"nbsp;", b' '),
];
/// First byte and kind of escapes, in the order in which they are decoded.
const KINDS: [(u8, u8); 3] = [(b'\\', 0), (b'&', 2), (b'%', PERCENT)];
const PERCENT: u8 = 4;
/// Stands for a character that is not ASCII: it is not in any harmless name, and ends no value.
const OTHER: u8 = 0xff;

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

/// A quotation mark.
#[derive(Clone, Copy)]
pub(super) enum Quote {
    /// `"` or `'` after this number of backslashes.
    Plain(u8, usize),
    /// One of [`QUOTES`].
    Other(&'static [u8]),
}

impl Quote {
    /// Returns the quote at `at`, and its end.
    pub(super) fn read(text: &[u8], at: usize) -> Option<(Self, usize)> {
        if let Some(other) = QUOTES.into_iter().find(|quote| text[at..].starts_with(quote)) {
            return Some((Self::Other(other), at + other.len()));
        }
        let depth = text[at..].iter().take_while(|byte| **byte == b'\\').count();
        let byte = *text.get(at + depth)?;
        matches!(byte, b'"' | b'\'').then_some((Self::Plain(byte, depth), at + depth + 1))
    }

    /// Returns the closing quote at the end of a text without its backslashes, and the text before it.
    pub(super) fn read_back(text: &[u8]) -> Option<(&[u8], &[u8])> {
        if let Some(other) = QUOTES.into_iter().find(|quote| text.ends_with(quote)) {
            return Some((other, &text[..text.len() - other.len()]));
        }
        let (before, quote) = text.split_at(text.len().checked_sub(1)?);
        let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
        matches!(quote, [b'"' | b'\'']).then(|| (quote, &before[..before.len() - backslashes]))
    }

    /// Returns the end of the text that this quote opened before `from`, and the end of the closing quote. A
    /// text without a closing quote extends to the end. A quote that is escaped more often does not close it.
    pub(super) fn close(self, layer: &Layer, from: usize) -> (usize, usize) {
        let text = &*layer.text;
        match self {
            Self::Other(quote) => {
                let found = memmem::find(&text[from..], quote);
                found.map_or((text.len(), text.len()), |at| (from + at, from + at + quote.len()))
            }
            Self::Plain(byte, depth) => {
                let mut backslashes = 0;
                for (at, here) in text.iter().enumerate().skip(from) {
                    // Within quotes escaped once, a quote in the text has three backslashes, and so on.
                    let is_closing = *here == byte && backslashes % (2 * (depth + 1)) == depth;
                    if is_closing && layer.can_close(from - 1, at) {
                        return (at - depth, at + 1);
                    }
                    backslashes = if *here == b'\\' { backslashes + 1 } else { 0 };
                }
                (text.len(), text.len())
            }
        }
    }
}

/// A text with its escapes decoded a number of times, and where its bytes are in the original text.
pub(super) struct Layer<'a> {
    pub(super) text: Cow<'a, [u8]>,
    /// How often escapes were decoded.
    number: u8,
    /// The number of the layer that decoded each byte last, and the kinds of its escapes. Empty for the
    /// original text.
    escapes: Vec<(u8, u8)>,
    /// Where each byte starts, and the end. Empty for the original text.
    starts: Vec<usize>,
}

impl<'a> Layer<'a> {
    pub(super) fn original(text: &'a [u8]) -> Self {
        Self { text: text.into(), number: 0, escapes: Vec::new(), starts: Vec::new() }
    }

    /// Decodes each escape of one kind once; returns `None` if there are none of any kind. Those of JSON come
    /// first, and percent escapes last: what is around an address has no percent escapes of its own.
    pub(super) fn decode(&self) -> Option<Layer<'a>> {
        KINDS.iter().find_map(|(mark, kind)| self.decode_all(*mark, *kind))
    }

    fn decode_all(&self, mark: u8, kind: u8) -> Option<Layer<'a>> {
        let (mut text, mut starts, mut escapes, mut copied) = (Vec::new(), Vec::new(), Vec::new(), 0);
        let number = self.number + 1;
        for at in memchr_iter(mark, &self.text) {
            if at < copied {
                continue;
            }
            let Some((byte, length)) = escape(&self.text[at..]) else { continue };
            text.extend_from_slice(&self.text[copied..at]);
            starts.extend((copied..=at).map(|at| self.place(at)));
            escapes.extend((copied..at).map(|at| self.escapes(at)));
            escapes.push((number, kind | self.escapes(at).1));
            text.push(byte);
            copied = at + length;
        }
        if copied == 0 {
            return None;
        }
        text.extend_from_slice(&self.text[copied..]);
        escapes.extend((copied..self.text.len()).map(|at| self.escapes(at)));
        starts.extend((copied..=self.text.len()).map(|at| self.place(at)));
        Some(Layer { text: text.into(), number, escapes, starts })
    }

    /// Returns the place of a stretch in the original text.
    pub(super) fn original_range(&self, range: &Range<usize>) -> Range<usize> {
        self.place(range.start)..self.place(range.end)
    }

    /// Whether the byte was escaped.
    pub(super) fn is_escaped(&self, at: usize) -> bool {
        self.escapes(at).0 > 0
    }

    /// Whether the byte was percent-escaped.
    fn is_percent(&self, at: usize) -> bool {
        self.escapes(at).1 & PERCENT != 0
    }

    /// Whether the second quote is not escaped at all, or in the same way as the first one and not more often.
    fn can_close(&self, opening: usize, closing: usize) -> bool {
        let (opening, closing) = (self.escapes(opening), self.escapes(closing));
        closing.0 == 0 || (closing.0 <= opening.0 && closing.1 == opening.1)
    }

    fn escapes(&self, at: usize) -> (u8, u8) {
        self.escapes.get(at).copied().unwrap_or_default()
    }

    fn place(&self, at: usize) -> usize {
        self.starts.get(at).copied().unwrap_or(at)
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

/// Reads a character that is percent-escaped any number of times: `%3D`, `%253D`, `%25253D`. Returns its end.
fn percent(text: &[u8], at: usize) -> Option<(u8, usize)> {
    let mut at = text.get(at).filter(|byte| **byte == b'%').map(|_| at + 1)?;
    while text[at..].starts_with(b"25") {
        at += 2;
    }
    match text[at..] {
        [high, low, ..] => Some((byte(high, low)?, at + 2)),
        _ => None,
    }
}

/// Reads the escape at the start: its character and length.
pub(super) fn escape(text: &[u8]) -> Option<(u8, usize)> {
    match *text {
        [b'%', high, low, ..] => Some((byte(high, low)?, 3)),
        [b'\\', b'u', a, b, c, d, ..] => {
            let (high, low) = (byte(a, b)?, byte(c, d)?);
            Some((if high == 0 { low } else { OTHER }, 6))
        }
        [b'\\', b'x', high, low, ..] => Some((byte(high, low)?, 4)),
        [b'\\', letter, ..] => {
            let byte = match letter {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' | b'b' | b'f' => b'\t',
                b'/' | b'\\' | b'"' | b'\'' => letter,
                _ => return None,
            };
            Some((byte, 2))
        }
        [b'&', b'#', ref digits @ ..] => {
            let is_hex = matches!(digits, [b'x' | b'X', ..]);
            let (digits, radix) = if is_hex { (&digits[1..], 16) } else { (digits, 10) };
            let length = digits.iter().take(8).position(|byte| *byte == b';')?;
            let code = u32::from_str_radix(std::str::from_utf8(&digits[..length]).ok()?, radix).ok()?;
            let byte = u8::try_from(code).ok().filter(u8::is_ascii).unwrap_or(OTHER);
            Some((byte, 3 + length + usize::from(is_hex)))
        }
        [b'&', ref name @ ..] => {
            let starts =
                |known: &[u8]| name.get(..known.len()).is_some_and(|name| name.eq_ignore_ascii_case(known));
            ENTITIES.iter().find(|(known, _)| starts(known)).map(|(known, byte)| (*byte, 1 + known.len()))
        }
        _ => None,
    }
}

fn byte(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}
