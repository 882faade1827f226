//! Escapes of characters in JSON that could act on a terminal: DEL, the second set of control characters, and what
//! changes the direction of text or ends a line. The first set is escaped in all JSON.

/// Escapes such characters in JSON, from `start` on. Outside of its strings there are none, so the value stays equal.
pub fn escape(json: &mut Vec<u8>, start: usize) {
    let next = |json: &[u8], from: usize| {
        (from..json.len())
            .find_map(|at| is_lead(json[at]).then(|| hidden(&json[at..])).flatten().map(|c| (at, c)))
    };
    let Some(mut found) = next(json, start) else { return };
    let old = json.split_off(start);
    let mut copied = 0;
    found.0 -= start;
    loop {
        let (at, (code, length)) = found;
        json.extend_from_slice(&old[copied..at]);
        put(code, json);
        copied = at + length;
        match next(&old, copied) {
            Some(another) => found = another,
            None => break,
        }
    }
    json.extend_from_slice(&old[copied..]);
}

/// Escapes such characters in a text that is JSON.
#[must_use]
pub fn escaped(json: String) -> String {
    let mut bytes = json.into_bytes();
    escape(&mut bytes, 0);
    String::from_utf8(bytes).unwrap_or_default()
}

/// Whether a string has a character that JSON only allows as an escape. Not inlined: in a crate that is compiled for size,
/// it would compare one byte at a time.
#[inline(never)]
#[must_use]
pub fn has_control(string: &[u8]) -> bool {
    string.iter().fold(false, |any, byte| any | (*byte < 0x20))
}

/// Whether a byte of UTF-8 can be the first one of such a character. Without branches, for loops that are vectorised.
pub(crate) fn is_lead(byte: u8) -> bool {
    (byte == 0x7f) | (byte == 0xc2) | (byte == 0xd8) | (byte == 0xe2)
}

/// Returns the code and the length, in bytes, of such a character at the start of `bytes`.
pub(crate) fn hidden(bytes: &[u8]) -> Option<(u16, usize)> {
    Some(match bytes {
        [0x7f, ..] => (0x7f, 1),
        [0xc2, last @ 0x80..=0x9f, ..] => (u16::from(*last), 2),
        [0xd8, 0x9c, ..] => (0x61c, 2),
        [0xe2, 0x80, last @ (0x8e | 0x8f | 0xa8..=0xae), ..] => (0x2000 + u16::from(*last) - 0x80, 3),
        [0xe2, 0x81, last @ 0xa6..=0xa9, ..] => (0x2040 + u16::from(*last) - 0x80, 3),
        _ => return None,
    })
}

/// Appends the escape of a character.
pub(crate) fn put(code: u16, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digit = |shift: u16| HEX[usize::from(code >> shift & 15)];
    out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::terminal::is_invisible;

    #[test]
    fn the_characters_are_those_that_no_name_may_contain() {
        for c in '\0'..=char::MAX {
            let mut bytes = [0; 4];
            let bytes = c.encode_utf8(&mut bytes).as_bytes();
            let code = u16::try_from(u32::from(c)).unwrap_or_default();
            let expected = (c >= '\u{7f}' && is_invisible(c)).then_some((code, bytes.len()));
            assert_eq!(hidden(bytes), expected, "{c:?}");
            assert!(expected.is_none() || is_lead(bytes[0]), "{c:?}");
        }
    }

    #[test]
    fn only_what_follows_the_start_is_escaped() {
        let mut json = "\"\u{7f}\u{9b}2J\u{202e}é\u{2028}”\"".as_bytes().to_vec();
        escape(&mut json, 2);
        assert_eq!(String::from_utf8_lossy(&json), "\"\u{7f}\\u009b2J\\u202eé\\u2028”\"");
        assert_eq!(
            escaped("{\n  \"a\": \"\u{61c}\u{200f}\"\n}".to_owned()),
            "{\n  \"a\": \"\\u061c\\u200f\"\n}"
        );
    }

    proptest! {
        #[test]
        fn values_stay_equal(text in "[\u{70}-\u{a0}\u{600}-\u{620}\u{2000}-\u{2070}\"\\\\x]{0,40}", key in ".{0,9}") {
            let value = serde_json::json!({ key: [text] });
            let json = escaped(value.to_string());
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), value);
            prop_assert!(!json.chars().any(is_invisible), "{}", json);
        }
    }
}
