//! Characters that are escaped in a text: percent escapes, once or several times, and those of JSON.

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

/// Decodes each escape once; returns `None` if there are none.
pub(super) fn unescape(bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut rest, mut is_changed) = (Vec::with_capacity(bytes.len()), bytes, false);
    while let Some((first, after)) = rest.split_first() {
        let (byte, length) = escape(rest).unwrap_or((*first, 1));
        is_changed |= length > 1;
        out.push(byte);
        rest = &after[length - 1..];
    }
    is_changed.then_some(out)
}

/// Reads the escape at the start: its character and length. JSON escapes of other characters count as a
/// space.
fn escape(text: &[u8]) -> Option<(u8, usize)> {
    if let [b'%', high, low, ..] = *text {
        return Some((byte(high, low)?, 3));
    }
    let depth = text.iter().take_while(|byte| **byte == b'\\').count();
    match text[depth..] {
        [b'u', a, b, c, d, ..] if depth > 0 => {
            let (high, low) = (byte(a, b)?, byte(c, d)?);
            Some((if high == 0 { low } else { b' ' }, depth + 5))
        }
        _ => None,
    }
}

fn byte(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}
