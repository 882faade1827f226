//! Characters that are escaped in a text: percent escapes, those of JSON and JavaScript, and those of HTML.

use std::{borrow::Cow, ops::Range};

use memchr::memchr3_iter;

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
/// Stands for a character that is not ASCII: it is not in any harmless name, and ends no value.
const OTHER: u8 = 0xff;

/// A text with its escapes decoded a number of times, and where its bytes are in the original text.
pub(super) struct Layer<'a> {
    pub(super) text: Cow<'a, [u8]>,
    original: &'a [u8],
    /// Where each byte starts, and the end. Empty for the original text.
    starts: Vec<usize>,
}

impl<'a> Layer<'a> {
    pub(super) fn original(text: &'a [u8]) -> Self {
        Self { text: text.into(), original: text, starts: Vec::new() }
    }

    /// Decodes each escape once; returns `None` if there are none.
    pub(super) fn decode(&self) -> Option<Layer<'a>> {
        let (mut text, mut starts, mut copied) = (Vec::new(), Vec::new(), 0);
        for at in memchr3_iter(b'%', b'\\', b'&', &self.text) {
            if at < copied {
                continue;
            }
            let Some((byte, length)) = escape(&self.text[at..]) else { continue };
            text.extend_from_slice(&self.text[copied..at]);
            starts.extend((copied..=at).map(|at| self.place(at)));
            text.push(byte);
            copied = at + length;
        }
        if copied == 0 {
            return None;
        }
        text.extend_from_slice(&self.text[copied..]);
        starts.extend((copied..=self.text.len()).map(|at| self.place(at)));
        Some(Layer { text: text.into(), original: self.original, starts })
    }

    /// Returns the place of a stretch in the original text.
    pub(super) fn original_range(&self, range: &Range<usize>) -> Range<usize> {
        self.place(range.start)..self.place(range.end)
    }

    /// Returns the length of the byte in the original text: more than 1 if it is escaped.
    pub(super) fn width(&self, at: usize) -> usize {
        self.place(at + 1) - self.place(at)
    }

    /// Whether the byte is percent-escaped.
    pub(super) fn is_percent(&self, at: usize) -> bool {
        self.width(at) > 1 && self.original[self.place(at)] == b'%'
    }

    /// Whether the second quote is not escaped more often, or in another way, than the first one.
    pub(super) fn can_close(&self, opening: usize, closing: usize) -> bool {
        self.width(closing) <= self.width(opening) && (self.is_percent(opening) || !self.is_percent(closing))
    }

    fn place(&self, at: usize) -> usize {
        self.starts.get(at).copied().unwrap_or(at)
    }
}

/// Reads a character that is percent-escaped any number of times: `%3D`, `%253D`, `%25253D`. Returns its end.
pub(super) fn percent(text: &[u8], at: usize) -> Option<(u8, usize)> {
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
