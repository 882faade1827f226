//! Views of bytes: raw, decompressed, and with each encoding of text undone.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use livetape_core::wire::{UNZIPPED_BYTES_MAX, gzip_member};
use memchr::memmem;

/// Maximum nesting of encodings.
const DEPTH_MAX: usize = 4;
/// Maximum number of views per record. The result tells whether the limit was exceeded.
pub(super) const VIEWS_MAX: usize = 4096;
/// Maximum total size of the views of a record, in bytes.
pub(super) const VIEW_BYTES_MAX: usize = 64 << 20;
/// Minimum length of base64 text, in characters. Shorter runs of letters are ordinary words.
const BASE64_CHARS_MIN: usize = 20;
/// Minimum length of text in hexadecimal digits, and in UTF-16, in characters.
const HEX_CHARS_MIN: usize = 16;
const WIDE_CHARS_MIN: usize = 4;
/// Base64 with and without padding, and with any bits after the last byte.
pub(super) const BASE64: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
/// First bytes of gzip data with its only compression method.
const GZIP: [u8; 3] = [0x1f, 0x8b, 8];

/// Decoded bytes, and the encodings that were undone: `gzip > base64`.
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    pub(super) way: String,
    depth: usize,
}

/// Returns all views of `bytes`, and `false` if there are more than the limits allow.
pub(super) fn views(bytes: &[u8]) -> (Vec<View>, bool) {
    let mut all = vec![View { bytes: bytes.to_vec(), way: String::new(), depth: 0 }];
    let (mut at, mut left, mut complete) = (0, VIEW_BYTES_MAX.saturating_sub(bytes.len()), true);
    while at < all.len() {
        if all[at].depth < DEPTH_MAX {
            let (unpacked, is_whole) = unpack(&mut all[at].bytes, left);
            complete &= is_whole;
            let undone: Vec<_> = unpacked.into_iter().chain(within(&all[at].bytes)).collect();
            for (way, bytes) in undone {
                let fits = all.len() < VIEWS_MAX && bytes.len() <= left;
                if !fits {
                    return (all, false);
                }
                left -= bytes.len();
                let before = &all[at];
                let joined =
                    if before.way.is_empty() { way.to_owned() } else { format!("{} > {way}", before.way) };
                let depth = before.depth + 1;
                all.push(View { bytes, way: joined, depth });
            }
        }
        at += 1;
    }
    (all, complete)
}

/// Decompresses the gzip data in `bytes`, at most `left` bytes. Complete gzip data is removed from `bytes`, because
/// compressed bytes contain random matches. Also returns whether all of it was decompressed.
fn unpack(bytes: &mut Vec<u8>, mut left: usize) -> (Vec<(&'static str, Vec<u8>)>, bool) {
    let (mut found, mut rest, mut from, mut complete) = (Vec::new(), Vec::new(), 0, true);
    for at in memmem::find_iter(bytes, &GZIP) {
        if at < from {
            continue;
        }
        if left == 0 || found.len() >= VIEWS_MAX {
            complete = false;
            break;
        }
        let most = left.min(UNZIPPED_BYTES_MAX);
        let Some(member) = gzip_member(&bytes[at..], most) else { continue };
        // Data that breaks off is that of a damaged or a random stream.
        complete &= member.length.is_some() || member.plain.len() < most;
        left -= member.plain.len();
        if let Some(length) = member.length {
            rest.extend_from_slice(&bytes[from..at]);
            rest.push(0);
            from = at + length;
            if !member.header.is_empty() {
                found.push(("header of gzip", member.header));
            }
        }
        if !member.plain.is_empty() {
            found.push(("gzip", member.plain));
        }
    }
    rest.extend_from_slice(&bytes[from..]);
    *bytes = rest;
    (found, complete)
}

fn within(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut found: Vec<_> = base64_runs(bytes).map(|bytes| ("base64", bytes)).collect();
    found.extend(hex_runs(bytes).map(|bytes| ("hexadecimal", bytes)));
    found.extend(wide_runs(bytes).into_iter().map(|bytes| ("UTF-16", bytes)));
    if let Some(plain) = percent(bytes) {
        found.push(("percent-encoding", plain));
    }
    if let Some(plain) = escapes(bytes) {
        found.push(("JSON", plain));
    }
    found
}

/// Whether a byte can be part of base64, in either alphabet.
pub(super) fn is_base64(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

fn base64_runs(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let engines =
        [&alphabet::STANDARD, &alphabet::URL_SAFE].map(|letters| GeneralPurpose::new(letters, BASE64));
    let runs = bytes.split(|byte| !is_base64(byte)).filter(|run| run.len() >= BASE64_CHARS_MIN);
    // A preceding byte that happens to be a letter, such as a length, must not hide the match.
    let starts = runs.flat_map(|run| (0..4).map(move |start| &run[start..]));
    starts.filter_map(move |run| {
        // One character beyond a whole number of bytes is cut off.
        let run = if run.len() % 4 == 1 { &run[..run.len() - 1] } else { run };
        let plain = engines.iter().find_map(|engine| engine.decode(run).ok())?;
        // Words and numbers also decode, but to noise.
        is_worth_it(&plain).then_some(plain)
    })
}

/// Decodes text in hexadecimal digits.
fn hex_runs(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let runs = bytes.split(|byte| !byte.is_ascii_hexdigit()).filter(|run| run.len() >= HEX_CHARS_MIN);
    // A preceding byte may happen to be a digit.
    let starts = runs.flat_map(|run| (0..2).map(move |start| &run[start..]));
    starts.filter_map(|run| {
        let plain: Vec<u8> = run.chunks_exact(2).filter_map(byte).collect();
        let text = std::str::from_utf8(&plain).ok()?;
        (!text.contains(char::is_control)).then_some(plain)
    })
}

/// Decodes two hexadecimal digits.
fn byte(pair: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
}

/// Decodes ASCII text in UTF-16, in which every other byte is zero.
fn wide_runs(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut runs, mut run) = (Vec::new(), Vec::new());
    let mut at = 0;
    let mut end = |run: &mut Vec<u8>| {
        if run.len() >= WIDE_CHARS_MIN {
            runs.push(std::mem::take(run));
        }
        run.clear();
    };
    // After its first byte, text in either order is a character and a zero byte again and again.
    while let Some(pair) = bytes.get(at..at + 2) {
        if matches!(pair, [b' '..=b'~', 0]) {
            run.push(pair[0]);
            at += 2;
            continue;
        }
        // The last character in the other order has no zero byte after it.
        if !run.is_empty() && matches!(pair[0], b' '..=b'~') {
            run.push(pair[0]);
        }
        end(&mut run);
        at += 1;
    }
    if !run.is_empty()
        && let Some(last @ b' '..=b'~') = bytes.get(at)
    {
        run.push(*last);
    }
    end(&mut run);
    runs
}

/// Whether decoded bytes are worth inspecting: compressed, text, or bytes with text in them, which has a zero byte after
/// each character in UTF-16.
fn is_worth_it(bytes: &[u8]) -> bool {
    let printable = bytes.iter().filter(|byte| matches!(byte, 0 | b' '..=b'~')).count();
    memmem::find(bytes, &GZIP).is_some() || std::str::from_utf8(bytes).is_ok() || printable * 2 > bytes.len()
}

/// Decodes `%41` to `A`; returns `None` if there are no such escapes.
fn percent(bytes: &[u8]) -> Option<Vec<u8>> {
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let code = |at: usize| Some((digit(at + 1)? * 16 + digit(at + 2)?) as u8);
    let first = memchr::memchr_iter(b'%', bytes).find(|at| code(*at).is_some())?;
    let mut out = bytes[..first].to_vec();
    let mut at = first;
    while let Some(byte) = bytes.get(at) {
        let decoded = (*byte == b'%').then(|| code(at)).flatten();
        out.push(decoded.unwrap_or(*byte));
        at += if decoded.is_some() { 3 } else { 1 };
    }
    Some(out)
}

/// Decodes `\u0041` and `\/` to `A` and `/`; returns `None` if there are no such escapes.
fn escapes(bytes: &[u8]) -> Option<Vec<u8>> {
    let is_escape = |at: &usize| matches!(bytes.get(at + 1), Some(b'u' | b'/' | b'"' | b'\\'));
    memchr::memchr_iter(b'\\', bytes).find(is_escape)?;
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, bytes.get(at + 1)) {
            (b'\\', Some(b'u')) => {
                let (c, length) = unicode(&bytes[at..]).unwrap_or((char::REPLACEMENT_CHARACTER, 2));
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                at += length;
            }
            (b'\\', Some(next @ (b'/' | b'"' | b'\\'))) => {
                out.push(*next);
                at += 2;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    Some(out)
}

/// Decodes the character of `\uXXXX`, or of a surrogate pair. Also returns the length of the escape.
fn unicode(bytes: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let first = unit(0)?;
    if let Some(c) = char::from_u32(u32::from(first)) {
        return Some((c, 6));
    }
    let pair = char::decode_utf16([first, unit(6)?]).next()?.ok()?;
    Some((pair, 12))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    use flate2::{Compression, GzBuilder};
    use livetape_core::wire::zip;

    use super::*;

    fn finds(bytes: &[u8], way: &str) {
        let (all, complete) = views(bytes);
        let found = all.iter().find(|view| memmem::find(&view.bytes, "Ann Smïth".as_bytes()).is_some());
        assert_eq!((found.map(|view| view.way.as_str()), complete), (Some(way), true));
    }

    #[test]
    fn each_encoding_is_undone() {
        let secret = "hello Ann Smïth, how are you?";
        finds(secret.as_bytes(), "");
        finds(&[b"x", &zip(secret.as_bytes())[..]].concat(), "gzip");
        finds(BASE64_STANDARD.encode(secret).as_bytes(), "base64");
        finds(BASE64_URL_SAFE_NO_PAD.encode(format!("?>?>{secret}")).as_bytes(), "base64");
        finds(b"a=Ann%20Sm%C3%AFth&b", "percent-encoding");
        finds(br#"{"a":"Ann Sm\u00efth"}"#, "JSON");
        finds(b"x416e6e20536dc3af7468", "hexadecimal");
        finds(&[zip(b"first").to_vec(), zip(secret.as_bytes()).to_vec()].concat(), "gzip");
        let mut named = GzBuilder::new().comment(secret).write(Vec::new(), Compression::fast());
        named.write_all(b"plain").unwrap();
        finds(&named.finish().unwrap(), "header of gzip");
        let nested = BASE64_STANDARD.encode(zip(b"{\"a\":\"Ann Sm\\u00efth\"}"));
        finds(&zip(nested.as_bytes()), "gzip > base64 > gzip > JSON");
    }

    #[test]
    fn wide_text_is_undone() {
        let text = "Ann Smith";
        for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            let wide: Vec<u8> = text.encode_utf16().flat_map(bytes).collect();
            for (before, after) in [("", ""), ("x", "y"), ("\u{1}", "\u{1}"), ("xy", "")] {
                let around = [before.as_bytes(), &wide, after.as_bytes()].concat();
                let (all, complete) = views(&around);
                let found = all.iter().find(|view| memmem::find(&view.bytes, text.as_bytes()).is_some());
                assert_eq!(found.map(|view| view.way.as_str()), Some("UTF-16"), "{around:?}");
                assert!(complete);
            }
        }
    }

    #[test]
    fn data_beyond_the_limit_is_reported() {
        let bomb = zip(&vec![0; UNZIPPED_BYTES_MAX + 1]);
        assert!(!views(&bomb).1);
        assert!(views(&zip(&vec![0; UNZIPPED_BYTES_MAX])).1);
        // Each start of gzip data in it decompresses to as much again.
        let many = bomb.repeat(2 * VIEW_BYTES_MAX / UNZIPPED_BYTES_MAX);
        let (all, complete) = views(&many);
        let total: usize = all.iter().map(|view| view.bytes.len()).sum();
        assert!(!complete && total <= VIEW_BYTES_MAX + many.len(), "{total}");
    }

    #[test]
    fn compressed_bytes_are_not_searched_in_other_encodings() {
        let mut packed = zip(b"hello hello hello").to_vec();
        let at = packed.len() - 9;
        packed.splice(at..at, *b"%41@");
        // Malformed gzip is searched in every encoding.
        assert!(views(&packed).0.iter().any(|view| view.way.starts_with("percent-encoding")));
        // 100 stored bytes that look like an email address in percent-encoding. Only the decompressed bytes
        // are searched.
        let stored = zip(b"ann%40host.org\x00\x01\x02");
        let ways: Vec<_> = views(&stored).0.into_iter().map(|view| view.way).collect();
        assert_eq!(ways, ["", "gzip", "gzip > percent-encoding"]);
    }

    #[test]
    fn views_are_bounded() {
        let many = "aGVsbG8gQW5uIFNtaXRo!".repeat(5 * VIEWS_MAX);
        let (all, complete) = views(many.as_bytes());
        assert!(all.len() <= VIEWS_MAX && !complete);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_have_views(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            views(&bytes);
        }
    }
}
