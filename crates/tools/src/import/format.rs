//! Which format a capture has: its first bytes tell.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;

use crate::sans_io::recognise::is_push_frame;

/// Bytes that are looked at.
pub(super) const PEEK_BYTES: usize = 64 << 10;
/// Longest frame that piratetok's files are believed to hold.
const FRAME_BYTES_MAX: u32 = 16 << 20;
/// The first bytes of a recording.
const RECORDING: &[u8] = b"\x89LTAP";

/// The format of a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON lines: frames or messages.
    #[default]
    Lines,
    /// The log of a browser or proxy, also packed by gzip, or in Playwright's zip.
    Har,
    /// The frames that Playwright writes beside a HAR, one JSON object a line.
    Messages,
    /// What mitmproxy saves.
    Mitmproxy,
    /// piratetok's captures: length and frame, again and again.
    Piratetok,
    /// gotiktoklive's traces: time, direction and hex.
    Gotiktoklive,
}

/// What was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recognised {
    As(Format),
    /// It is a recording already.
    Recording,
    Nothing,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lines => "JSON lines",
            Self::Har => "HAR",
            Self::Messages => "Playwright's frames",
            Self::Mitmproxy => "mitmproxy's flows",
            Self::Piratetok => "piratetok's frames",
            Self::Gotiktoklive => "gotiktoklive's trace",
        })
    }
}

/// The format that begins like this.
pub(super) fn recognise(start: &[u8]) -> Recognised {
    if start.starts_with(RECORDING) {
        return Recognised::Recording;
    }
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    if text.is_empty() {
        // The one who reads lines says that there are none.
        return Recognised::As(Format::Lines);
    }
    if text.starts_with(b"{") {
        return Recognised::As(json(text));
    }
    if is_netstring(start) {
        return Recognised::As(Format::Mitmproxy);
    }
    if is_trace(text) {
        return Recognised::As(Format::Gotiktoklive);
    }
    if is_length_and_frame(start) {
        return Recognised::As(Format::Piratetok);
    }
    Recognised::Nothing
}

fn json(text: &[u8]) -> Format {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let names = |name: &str| {
        let quoted = format!("\"{name}\"");
        memchr::memmem::find(line, quoted.as_bytes()).is_some()
    };
    let inside = text[1..].trim_ascii_start();
    if inside.starts_with(b"\"log\"") {
        return Format::Har;
    }
    let is_whole = serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok() || line.len() == text.len();
    match is_whole {
        true if names("opcode") && names("data") => Format::Messages,
        true if names("frame") || names("payload") || names("method") => Format::Lines,
        _ if memchr::memmem::find(text, b"\"log\"").is_some() => Format::Har,
        _ => Format::Lines,
    }
}

/// `71000000:7:version;2:21#…`
fn is_netstring(start: &[u8]) -> bool {
    let digits = start.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let next = start.get(digits + 1).copied().unwrap_or_default();
    (1..=12).contains(&digits) && start.get(digits) == Some(&b':') && next.is_ascii_digit()
}

/// `2023-09-13 18:49:50.293<= 0a0b…`
fn is_trace(text: &[u8]) -> bool {
    let pattern = b"0000-00-00 00:00:00.000";
    let matches = |(byte, pattern): (&u8, &u8)| {
        if *pattern == b'0' { byte.is_ascii_digit() } else { byte == pattern }
    };
    text.len() > pattern.len() && text.iter().zip(pattern).all(matches)
}

fn is_length_and_frame(start: &[u8]) -> bool {
    let Some((length, rest)) = start.split_first_chunk() else { return false };
    let length = u32::from_le_bytes(*length);
    if !(1..=FRAME_BYTES_MAX).contains(&length) {
        return false;
    }
    match rest.get(..length as usize) {
        Some(frame) => is_push_frame(&Bytes::copy_from_slice(frame)),
        // Too long to be looked at as a whole: the first field must be one of a push frame.
        None => rest.first().is_some_and(|key| (1..=9).contains(&(key >> 3)) && matches!(key & 7, 0 | 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell() {
        for (start, format) in [
            (&b"{\"log\":{"[..], Format::Har),
            (b"\xef\xbb\xbf{\n  \"log\": {", Format::Har),
            (b"{\n \"comment\": \"x\",\n \"log\": {", Format::Har),
            (b"{\"offset_ms\":1,\"frame\":\"OgJoYg==\"}\n{\"log\":1}", Format::Lines),
            (b"{\"type\":\"receive\",\"time\":1,\"opcode\":2,\"data\":\"OgJoYg==\"}\n", Format::Messages),
            (b"1234:7:version;2:21#", Format::Mitmproxy),
            (b"2023-09-13 18:49:50.293<= 3a026862\n", Format::Gotiktoklive),
            (b"\x04\0\0\0\x3a\x02hb", Format::Piratetok),
            (b" \n", Format::Lines),
        ] {
            assert_eq!(recognise(start), Recognised::As(format), "{start:?}");
        }
        assert_eq!(recognise(b"\x89LTAP\r\n"), Recognised::Recording);
        for nothing in [&b"\0\0\0\0"[..], b"<html>", b"\x04\0\0\0\xff\xff\xff\xff", b"12:30"] {
            assert!(!matches!(recognise(nothing), Recognised::As(Format::Piratetok)), "{nothing:?}");
        }
        assert_eq!(recognise(b"<html>"), Recognised::Nothing);
    }
}
