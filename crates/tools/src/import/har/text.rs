//! Strings and numbers of JSON (RFC 8259 §6, §7). Most of a capture is inside strings, so they are scanned
//! many bytes at a time.

use std::io::Read;

use memchr::memchr2;

use super::{super::Error, window::Window};

/// A string in the window, after its opening quote.
pub(super) struct Span {
    /// Length up to the closing quote, in bytes.
    pub(super) bytes: usize,
    pub(super) has_escapes: bool,
}

/// Finds the end of a string, reading all of it into the window.
pub(super) fn span<R: Read>(window: &mut Window<R>) -> Result<Span, Error> {
    let (mut seen, mut has_escapes) = (0, false);
    loop {
        let rest = window.rest();
        match memchr2(b'"', b'\\', &rest[seen..]).map(|found| seen + found) {
            Some(quote) if rest[quote] == b'"' => {
                check(window, quote)?;
                return Ok(Span { bytes: quote, has_escapes });
            }
            // The byte after a backslash cannot end the string. It may not have been read yet.
            Some(backslash) if backslash + 1 < rest.len() => (seen, has_escapes) = (backslash + 2, true),
            found => {
                seen = found.unwrap_or(rest.len());
                if !window.more()? {
                    return Err(window.cut_off());
                }
            }
        }
    }
}

/// Skips a string, after its opening quote.
pub(super) fn skip<R: Read>(window: &mut Window<R>) -> Result<(), Error> {
    loop {
        let rest = window.rest();
        let found = memchr2(b'"', b'\\', rest);
        let bytes = found.unwrap_or(rest.len());
        let is_end = found.is_some_and(|found| rest[found] == b'"');
        check(window, bytes)?;
        window.pass(bytes);
        match found {
            Some(_) if is_end => {
                window.pass(1);
                return Ok(());
            }
            Some(_) => skip_escape(window)?,
            None if window.more()? => {}
            None => return Err(window.cut_off()),
        }
    }
}

fn skip_escape<R: Read>(window: &mut Window<R>) -> Result<(), Error> {
    let wanted = |rest: &[u8]| if rest.get(1) == Some(&b'u') { 6 } else { 2 };
    while window.rest().len() < wanted(window.rest()) {
        if !window.more()? {
            return Err(window.cut_off());
        }
    }
    let bytes = wanted(window.rest());
    let is_escape = match &window.rest()[1..bytes] {
        [b'u', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        [letter] => br#""\/bfnrt"#.contains(letter),
        _ => false,
    };
    if !is_escape {
        return Err(Error::NotJsonAt { at: window.place(), reason: "unknown escape sequence".into() });
    }
    window.pass(bytes);
    Ok(())
}

/// Rejects control characters in a string.
fn check<R: Read>(window: &Window<R>, bytes: usize) -> Result<(), Error> {
    // Without an early exit, so that many bytes are compared at once.
    let are_any = window.rest()[..bytes].iter().fold(false, |any, byte| any | (*byte < 0x20));
    if !are_any {
        return Ok(());
    }
    let reason = "a control character in a string".into();
    Err(Error::NotJsonAt { at: window.place(), reason })
}

/// Decodes a string with escapes; returns `None` if one is invalid. Replaces halves of surrogate pairs, and
/// returns whether there are any: JSON can hold them, but text cannot.
pub(super) fn unescape(written: &[u8]) -> Option<(String, bool)> {
    let quoted = [b"\"", written, b"\""].concat();
    match serde_json::from_slice(&quoted) {
        Ok(text) => Some((text, false)),
        Err(_) => serde_json::from_slice(&whole_surrogates(quoted)).ok().map(|text| (text, true)),
    }
}

/// Replaces each half of a surrogate pair with U+FFFD.
fn whole_surrogates(mut text: Vec<u8>) -> Vec<u8> {
    let unit = |text: &[u8], at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let mut at = 0;
    while at < text.len() {
        at += match (unit(&text, at), unit(&text, at + 6)) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => 12,
            (Some(0xd800..0xe000), _) => {
                text[at + 2..at + 6].copy_from_slice(b"fffd");
                6
            }
            _ if text[at] == b'\\' => 2,
            _ => 1,
        };
    }
    text
}

/// Returns the number as text; `None` if it is invalid.
pub(super) fn number(written: &[u8]) -> Option<&str> {
    let digits = |from: &mut usize| {
        let first = *from;
        *from += written[first..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        *from - first
    };
    let mut at = usize::from(written.first() == Some(&b'-'));
    let has_zero = written.get(at) == Some(&b'0');
    let whole = digits(&mut at);
    if whole == 0 || (has_zero && whole > 1) {
        return None;
    }
    if written.get(at) == Some(&b'.') {
        at += 1;
        if digits(&mut at) == 0 {
            return None;
        }
    }
    if let Some(b'e' | b'E') = written.get(at) {
        at += 1 + usize::from(matches!(written.get(at + 1), Some(b'+' | b'-')));
        if digits(&mut at) == 0 {
            return None;
        }
    }
    std::str::from_utf8(written).ok().filter(|text| text.len() == at)
}

#[cfg(test)]
mod tests {
    use serde::de::IgnoredAny;

    use super::*;

    #[test]
    fn only_json_numbers_are_accepted() {
        for text in [
            "0",
            "-0",
            "1",
            "-1.5",
            "1757443489.123456",
            "1e3",
            "1E-3",
            "0.1e+2",
            "1e999",
            "",
            "-",
            "01",
            "1.",
            ".5",
            "1e",
            "1e+",
            "+1",
            "1.5.5",
            "1-1",
            "--1",
            "-01",
            "0.0e0",
            "1e5.",
        ] {
            let is_number = serde_json::from_str::<IgnoredAny>(text).is_ok();
            assert_eq!(number(text.as_bytes()), is_number.then_some(text), "{text}");
        }
    }
}
