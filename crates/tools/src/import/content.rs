//! Finds frames by their content, because exporters store binary messages as text in many ways, and then call them text.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use livetape_core::{observer::is_push_frame, wire::read_push};

use crate::payload::is_fields;

/// Standard base64, with or without padding.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Maximum number of conversions of one message, such as base64 of mangled text.
const STEPS_MAX: u32 = 2;

/// Why a placeholder is skipped.
pub(super) const PLACEHOLDER: &str = "is a placeholder: the exporter dropped the bytes";

/// Decodes a frame that should be base64, but may be written in another way. The error says what it is instead.
pub(super) fn decode(text: &str) -> Result<Bytes, String> {
    frame_as(text).map_or_else(|| decode_plain(text), Ok)
}

/// Returns the frame of TikTok LIVE that a text is, as base64 or in another way.
pub(super) fn frame_as(text: &str) -> Option<Bytes> {
    let plain = BASE64.decode(text).ok().map(Bytes::from).filter(is_push_frame);
    plain.or_else(|| frame_in(&Bytes::copy_from_slice(text.as_bytes())))
}

/// Decodes base64, whatever it contains.
pub(super) fn decode_plain(text: &str) -> Result<Bytes, String> {
    or_reason(BASE64.decode(text).map(Bytes::from), text)
}

/// Decodes a single message like [`decode`], from base64 or hexadecimal digits.
pub(super) fn decode_message(text: &str) -> Result<Bytes, String> {
    let decoded = BASE64.decode(text).map(Bytes::from);
    match decoded {
        Ok(bytes) if is_fields(&bytes) => Ok(bytes),
        _ => match hex(text).filter(|bytes| is_fields(bytes)) {
            Some(bytes) => Ok(bytes.into()),
            None => or_reason(decoded, text),
        },
    }
}

fn or_reason(decoded: Result<Bytes, base64::DecodeError>, text: &str) -> Result<Bytes, String> {
    if is_placeholder(text) {
        return Err(PLACEHOLDER.into());
    }
    decoded.map_err(|error| format!("is not base64: {error}"))
}

/// Maximum length of a placeholder, in bytes.
const PLACEHOLDER_BYTES_MAX: usize = 64;

/// Whether a program wrote what kind of data a message is instead of the data: `Binary Message`, `[object Blob]`.
pub(super) fn is_placeholder(text: &str) -> bool {
    const KINDS: [&str; 4] = ["binary", "blob", "arraybuffer", "uint8array"];
    const OTHERS: [&str; 9] = ["object", "message", "frame", "data", "b", "kb", "byte", "bytes", "length"];
    if text.len() > PLACEHOLDER_BYTES_MAX {
        return false;
    }
    // Java, C# and Python print the type of an array of bytes.
    if ["[B@", "System.Byte[]", "<memory at "].iter().any(|start| text.starts_with(start)) {
        return true;
    }
    let text = text.to_ascii_lowercase();
    let mut words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    words.clone().any(|word| KINDS.contains(&word))
        && words.all(|word| KINDS.contains(&word) || OTHERS.contains(&word) || is_number(word))
}

/// Returns the frame of TikTok LIVE that these bytes are, or that is written in them as text.
pub(super) fn frame_in(bytes: &Bytes) -> Option<Bytes> {
    search(bytes.clone(), STEPS_MAX)
}

fn search(bytes: Bytes, steps: u32) -> Option<Bytes> {
    if is_push_frame(&bytes) {
        return Some(bytes);
    }
    let text = std::str::from_utf8(&bytes).ok().filter(|_| steps > 0)?;
    let readings = [base64, hex, single_bytes, numbers, literal];
    readings.into_iter().find_map(|read| search(read(text)?.into(), steps - 1))
}

/// Whether only clients send such a frame.
pub(super) fn is_sent(bytes: &Bytes) -> bool {
    const TYPES: [&str; 3] = ["hb", "ack", "im_enter_room"];
    TYPES.contains(&read_push(bytes, &mut Vec::new()).payload_type.as_str())
}

/// Whether a message was binary, but was stored as text with replacement characters, which lost its bytes.
pub(super) fn is_destroyed(text: &str) -> bool {
    let is_binary = |c: char| c.is_control() && !c.is_whitespace();
    text.contains(char::REPLACEMENT_CHARACTER) && text.contains(is_binary)
}

/// Decodes base64 of either alphabet, also over several lines or in a `data:` URL.
fn base64(text: &str) -> Option<Vec<u8>> {
    const IN_URL: &str = ";base64,";
    let text = text.trim().trim_matches('"');
    let text = match text.starts_with("data:") {
        true => text.split_once(IN_URL)?.1,
        false => text,
    };
    let is_odd = |c: char| c.is_ascii_whitespace() || matches!(c, '-' | '_');
    let mut text = Cow::Borrowed(text);
    if text.contains(is_odd) {
        let standard = |c| match c {
            '-' => '+',
            '_' => '/',
            other => other,
        };
        text = text.chars().filter(|c| !c.is_ascii_whitespace()).map(standard).collect::<String>().into();
    }
    BASE64.decode(&*text).ok()
}

/// Decodes hexadecimal digits, such as `3a02`, `3a 02`, `3a:02`, `3A-02`, `0x3a, 0x02` and `\x3a\x02`.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let text =
        if text.contains('x') { Cow::from(text.replace("0x", "").replace("\\x", "")) } else { text.into() };
    let is_between = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b':' | b',' | b'-');
    let digits = text.bytes().filter(|byte| !is_between(byte)).map(|byte| char::from(byte).to_digit(16));
    let digits: Vec<u8> = digits.map(|digit| Some(digit? as u8)).collect::<Option<_>>()?;
    let pairs = digits.chunks(2).map(|pair| Some(pair[0] << 4 | pair.get(1)?));
    pairs.collect()
}

/// The characters of the bytes 0x80 to 0x9f in Windows-1252. The missing ones stay control characters.
const WINDOWS_1252: [(char, u8); 27] = [
    ('€', 0x80),
    ('‚', 0x82),
    ('ƒ', 0x83),
    ('„', 0x84),
    ('…', 0x85),
    ('†', 0x86),
    ('‡', 0x87),
    ('ˆ', 0x88),
    ('‰', 0x89),
    ('Š', 0x8a),
    ('‹', 0x8b),
    ('Œ', 0x8c),
    ('Ž', 0x8e),
    ('‘', 0x91),
    ('’', 0x92),
    ('“', 0x93),
    ('”', 0x94),
    ('•', 0x95),
    ('–', 0x96),
    ('—', 0x97),
    ('˜', 0x98),
    ('™', 0x99),
    ('š', 0x9a),
    ('›', 0x9b),
    ('œ', 0x9c),
    ('ž', 0x9e),
    ('Ÿ', 0x9f),
];
/// The character for the byte 0 in the encoding `x-user-defined`, in which bytes from 0x80 on have private characters.
const USER_DEFINED: u32 = 0xf700;

/// Returns the bytes that were read as Latin-1, Windows-1252 or `x-user-defined`; `None` if this changes nothing.
fn single_bytes(text: &str) -> Option<Vec<u8>> {
    let byte = |c: char| match u32::from(c) {
        code @ 0..=0xff => Some(code as u8),
        code @ 0xf780..=0xf7ff => Some((code - USER_DEFINED) as u8),
        _ => WINDOWS_1252.iter().find(|(known, _)| *known == c).map(|(_, byte)| *byte),
    };
    (!text.is_ascii()).then(|| text.chars().map(byte).collect())?
}

/// Reads the values of bytes: `8,1,16`, `[8,1,-62]` of Java, `{"0":8,"1":1}`, and `{"type":"Buffer","data":[8,1]}` of Node.
fn numbers(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    if text.starts_with("{\"0\"") {
        let bytes: BTreeMap<u32, f64> = serde_json::from_str(text).ok()?;
        return bytes.into_values().map(byte).collect();
    }
    let list = match text.starts_with(['[', '{']) {
        true => &text[text.find('[')? + 1..text.rfind(']')?],
        false => text,
    };
    list.split(',').map(|number| byte(number.trim().parse().ok()?)).collect()
}

/// Returns the byte with this value, which is signed in Java.
pub(super) fn byte(value: f64) -> Option<u8> {
    let is_byte = value.fract() == 0.0 && (-128.0..256.0).contains(&value);
    is_byte.then_some(value as i16 as u8)
}

/// Reads bytes as Python and Rust print them: `b'\x08\x01:\n'`.
fn literal(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().strip_prefix('b')?;
    let inner = ['\'', '"'].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))?;
    let (mut bytes, mut rest) = (Vec::new(), inner.as_bytes());
    while let [first, after @ ..] = rest {
        let (byte, length) = match (first, after) {
            (b'\\', [b'x', high, low, ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                ((digit(high)? << 4 | digit(low)?) as u8, 4)
            }
            (b'\\', [b'n', ..]) => (b'\n', 2),
            (b'\\', [b'r', ..]) => (b'\r', 2),
            (b'\\', [b't', ..]) => (b'\t', 2),
            (b'\\', [b'0', ..]) => (0, 2),
            (b'\\', [byte, ..]) => (*byte, 2),
            (byte, _) => (*byte, 1),
        };
        bytes.push(byte);
        rest = &rest[length..];
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A heartbeat with bytes of all kinds in its payload.
    fn frame() -> Vec<u8> {
        let payload: Vec<u8> = (0..=255).collect();
        [&b"\x3a\x02hb\x42\x80\x02"[..], &payload].concat()
    }

    /// Reads bytes as Latin-1.
    fn latin1(bytes: &[u8]) -> String {
        bytes.iter().copied().map(char::from).collect()
    }

    fn windows_1252(bytes: &[u8]) -> String {
        let read =
            |byte: u8| WINDOWS_1252.iter().find(|(_, known)| *known == byte).map_or(byte.into(), |it| it.0);
        bytes.iter().copied().map(read).collect()
    }

    fn user_defined(bytes: &[u8]) -> String {
        let read = |byte: u8| {
            if byte < 0x80 { byte.into() } else { char::from_u32(USER_DEFINED + u32::from(byte)).unwrap() }
        };
        bytes.iter().copied().map(read).collect()
    }

    #[test]
    fn frames_are_found_in_any_writing() {
        let frame = frame();
        let in_base64 = BASE64.encode(&frame);
        let in_hex: Vec<String> = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        let in_numbers: Vec<String> = frame.iter().map(u8::to_string).collect();
        let numbers = in_numbers.join(",");
        let indexed: Vec<String> =
            in_numbers.iter().enumerate().map(|(at, byte)| format!("\"{at}\":{byte}")).collect();
        let signed: Vec<String> = frame.iter().map(|byte| byte.cast_signed().to_string()).collect();
        let signed = format!("[{}]", signed.join(", "));
        let literal = format!("b\"{}\"", frame.escape_ascii());
        let lines: Vec<&str> =
            in_base64.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
        for text in [
            in_base64.clone(),
            format!("\"{in_base64}\""),
            lines.join("\r\n"),
            in_base64.trim_end_matches('=').replace('+', "-").replace('/', "_"),
            format!("data:application/octet-stream;base64,{in_base64}"),
            BASE64.encode(&in_base64),
            in_hex.concat(),
            in_hex.concat().to_uppercase(),
            in_hex.join(" "),
            in_hex.join(":"),
            in_hex.join("-").to_uppercase(),
            format!("0x{}", in_hex.join(", 0x")),
            format!("\\x{}", in_hex.join("\\x")),
            latin1(&frame),
            windows_1252(&frame),
            user_defined(&frame),
            latin1(latin1(&frame).as_bytes()),
            BASE64.encode(latin1(&frame)),
            format!("[{numbers}]"),
            format!("{{\"type\":\"Buffer\",\"data\":[{numbers}]}}"),
            format!("{{{}}}", indexed.join(",")),
            signed,
            literal,
            numbers,
        ] {
            assert_eq!(frame_in(&text.clone().into()).as_deref(), Some(&frame[..]), "{text}");
            assert_eq!(decode(&text).unwrap(), frame, "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_frames() {
        let destroyed = String::from_utf8_lossy(&frame()).into_owned();
        assert!(is_destroyed(&destroyed) && !is_destroyed("caf\u{fffd}\n") && !is_destroyed("a\u{1}b"));
        for text in
            ["", "hi", "{\"a\":1}", "[1,2]", "{\"0\":300}", "0x", "data:,x", "é", "8,1", destroyed.as_str()]
        {
            assert_eq!(frame_in(&text.to_owned().into()), None, "{text}");
        }
        assert_eq!(decode("AAAA").unwrap(), [0, 0, 0][..]);
        assert!(decode("***").is_err());
    }
}
