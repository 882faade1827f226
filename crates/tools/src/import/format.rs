//! Capture formats, and their detection from the first bytes.

use std::fmt;

use bytes::Bytes;
use livetape_core::observer::is_push_frame;
use serde::{Serialize, de::IgnoredAny};

use super::{
    Error,
    captured::Capture,
    gotiktoklive::Gotiktoklive,
    har::{Har, MESSAGES, Messages, Trace},
    mitm::Mitmproxy,
    piratetok::Piratetok,
    source::Unpacked,
};

pub(super) const PEEK_BYTES: usize = 64 << 10;
/// Maximum plausible length of a frame in a piratetok capture, in bytes.
const FRAME_BYTES_MAX: u32 = 16 << 20;
/// First bytes of a recording.
const RECORDING: &[u8] = b"\x89LTAP";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CaptureFormat {
    /// JSON lines with frames or messages.
    #[default]
    Lines,
    /// HTTP archive of a browser or proxy; also compressed with gzip, or in Playwright's zip.
    Har,
    /// Network log of a Playwright trace; also in the trace's zip.
    Trace,
    /// Frames that Playwright stores in a separate file, one JSON object per line.
    Messages,
    Mitmproxy,
    /// Capture of piratetok: pairs of length and frame.
    Piratetok,
    /// Trace of gotiktoklive: time, direction and hexadecimal data.
    Gotiktoklive,
}

/// Name, detection and reader of a format.
#[derive(Debug)]
pub struct Row {
    /// Name for `--format` and in JSON.
    pub name: &'static str,
    /// Name in texts.
    pub title: &'static str,
    /// One line of help.
    pub help: &'static str,
    /// Producers, how they write the format, and the unit of their times: rows of `docs/import.md`.
    pub producers: &'static [[&'static str; 3]],
    /// The `source` in the header.
    pub(super) source: &'static str,
    /// Whether a capture starts in this format. The first match in [`CaptureFormat::ALL`] wins.
    is_start: fn(&Start<'_>) -> bool,
    /// Creates the reader; `None` for JSON lines, which are imported while they are read.
    pub(super) read: for<'a> fn(&'a Unpacked<'a>) -> Option<Box<dyn Capture + 'a>>,
}

impl CaptureFormat {
    /// All formats, in the order of the help.
    pub const ALL: [Self; 7] = [
        Self::Har,
        Self::Trace,
        Self::Messages,
        Self::Mitmproxy,
        Self::Piratetok,
        Self::Gotiktoklive,
        Self::Lines,
    ];

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.row().name == name)
    }

    #[must_use]
    pub const fn row(self) -> &'static Row {
        match self {
            Self::Har => &Row {
                name: "har",
                title: "HAR",
                help: "HAR of Chrome, Edge, Playwright or mitmproxy; also .har.gz and Playwright's .zip",
                producers: &[
                    [
                        "HAR of Chrome and Edge",
                        "*Export HAR*",
                        "seconds; if there are no dates, relative to the connection's start",
                    ],
                    [
                        "HAR of Playwright 1.62 and later",
                        "`recordHar: { path, content: 'embed' }`, or `'attach'` with its files beside it, or a `.zip`",
                        "milliseconds",
                    ],
                    [
                        "HAR of Playwright 1.61",
                        "as for 1.62",
                        "elapsed seconds added to the start in Unix milliseconds, a bug that the import corrects",
                    ],
                    ["HAR of mitmproxy", "`mitmdump --set hardump=show.har`", "seconds"],
                ],
                source: "har",
                is_start: |start| start.json == Some(Self::Har),
                read: |input| Some(Box::new(Har(input))),
            },
            Self::Trace => &Row {
                name: "trace",
                title: "Playwright's trace",
                help: "Playwright's trace.zip, or a .network file unpacked from it",
                producers: &[[
                    "traces of Playwright 1.61 and later",
                    "`tracing.start()`, or `trace: 'on'` of its test runner: `trace.zip`, or its `.network` file with the folder `resources` beside it",
                    "as in its HAR",
                ]],
                source: "har",
                is_start: |start| start.json == Some(Self::Trace),
                read: |input| Some(Box::new(Trace(input))),
            },
            Self::Messages => &Row {
                name: "messages",
                title: "Playwright's frames",
                help: "Playwright's .jsonl of frames, without its HAR",
                producers: &[[
                    "frames of Playwright without a HAR",
                    "the `.jsonl` that `'attach'` writes, even after a crash",
                    "milliseconds",
                ]],
                source: "har",
                is_start: |start| start.json == Some(Self::Messages),
                read: |input| Some(Box::new(Messages(input))),
            },
            Self::Mitmproxy => &Row {
                name: "mitmproxy",
                title: "mitmproxy's flows",
                help: "flows of mitmproxy 7 and later",
                producers: &[[
                    "flows of mitmproxy 7 and later",
                    "`mitmdump -w show.mitm`. Dropped frames are skipped, injected ones marked",
                    "seconds",
                ]],
                source: "mitm",
                is_start: |start| is_netstring(start.bytes),
                read: |input| Some(Box::new(Mitmproxy(input))),
            },
            Self::Piratetok => &Row {
                name: "piratetok",
                title: "piratetok's frames",
                help: "piratetok's captures",
                producers: &[[
                    "piratetok's captures",
                    "`record_capture`: received frames only",
                    "none: `--rate` frames per second",
                ]],
                source: "piratetok",
                is_start: |start| start.json.is_none() && is_length_and_frame(start.bytes),
                read: |input| Some(Box::new(Piratetok(input))),
            },
            Self::Gotiktoklive => &Row {
                name: "gotiktoklive",
                title: "gotiktoklive's trace",
                help: "gotiktoklive's traces",
                producers: &[["gotiktoklive's traces", "`EnableWSTrace`", "milliseconds, read as UTC"]],
                source: "gotiktoklive",
                is_start: |start| is_trace(start.text),
                read: |input| Some(Box::new(Gotiktoklive(input))),
            },
            Self::Lines => &Row {
                name: "lines",
                title: "JSON lines",
                help: "JSON lines, see below",
                producers: &[[
                    "JSON lines",
                    "see `livetape import --help`",
                    "milliseconds, or dates; if none has one, `--rate` frames per second",
                ]],
                source: "lines",
                // The reader of JSON lines reports an empty capture, and other lines before the first.
                is_start: |start| {
                    start.json == Some(Self::Lines) || start.text.is_empty() || has_json_line(start.text)
                },
                read: |_| None,
            },
        }
    }
}

impl fmt::Display for CaptureFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().title)
    }
}

struct Start<'a> {
    bytes: &'a [u8],
    /// The text without leading whitespace.
    text: &'a [u8],
    /// The format, if the text is a JSON object or a list of them.
    json: Option<CaptureFormat>,
}

/// Detects the format from the first bytes.
pub(super) fn recognise(bytes: &[u8]) -> Result<CaptureFormat, Error> {
    if bytes.starts_with(RECORDING) {
        return Err(Error::Recording);
    }
    let text = bytes.trim_ascii_start();
    let object = text.strip_prefix(b"[").unwrap_or(text).trim_ascii_start();
    let is_empty_list = object.starts_with(b"]") && text.starts_with(b"[");
    let json = (object.starts_with(b"{") || is_empty_list).then(|| json(object)).transpose()?;
    let start = Start { bytes, text, json };
    CaptureFormat::ALL.into_iter().find(|format| (format.row().is_start)(&start)).ok_or(Error::Unrecognised)
}

/// Recognises JSON by the names of its fields, spelled in any way that the readers accept.
fn json(text: &[u8]) -> Result<CaptureFormat, Error> {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_whole = serde_json::from_slice::<IgnoredAny>(line).is_ok();
    let are_lines = is_whole && !text[line.len()..].trim_ascii().is_empty();
    let spelling = |text: &[u8]| -> Vec<u8> {
        text.iter().filter(|byte| !matches!(byte, b'_' | b'-')).map(u8::to_ascii_lowercase).collect()
    };
    let all = spelling(if are_lines { line } else { text });
    let has = |name: &str| memchr::memmem::find(&all, format!("\"{name}\"").as_bytes()).is_some();
    let is_message = ["opcode", "send", "sent", "receive", "received"].into_iter().any(has);
    let begins = |name: &str| all[1..].trim_ascii_start().starts_with(format!("\"{name}\"").as_bytes());
    Ok(if begins("log") {
        CaptureFormat::Har
    } else if has("contextoptions") {
        let what = "these are the actions of a trace of Playwright: import its .zip or .network file";
        return Err(Error::NoFrames(what.into()));
    } else if has("network.websocketframereceived") || has("network.websocketcreated") {
        return Err(Error::NoFrames("these are events of Chrome's DevTools: `record --cdp` reads them from Chrome itself, or export a HAR".into()));
    } else if has("resourcesnapshot") {
        CaptureFormat::Trace
    } else if !are_lines
        && (["log", "entries", "websocket", "websocketmessages", "response"].into_iter().any(has)
            || MESSAGES.into_iter().any(begins))
    {
        CaptureFormat::Har
    } else if is_message && has("data") {
        CaptureFormat::Messages
    } else {
        CaptureFormat::Lines
    })
}

/// Whether a log has a JSON object on a line.
fn has_json_line(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.any(|line| line.starts_with(b"{\"") && serde_json::from_slice::<IgnoredAny>(line).is_ok())
}

/// Detects `71000000:7:version;2:21#…`
fn is_netstring(start: &[u8]) -> bool {
    let digits = start.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let next = start.get(digits + 1).copied().unwrap_or_default();
    (1..=12).contains(&digits) && start.get(digits) == Some(&b':') && next.is_ascii_digit()
}

/// Detects `2023-09-13 18:49:50.293<= 0a0b…`
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
        // Too long to be parsed completely, so the first field must belong to a push frame.
        None => rest.first().is_some_and(|key| (1..=9).contains(&(key >> 3)) && matches!(key & 7, 0 | 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_detected_from_the_first_bytes() {
        for (start, format) in [
            (&b"{\"log\":{"[..], CaptureFormat::Har),
            (
                b"{\"version\":\"1.2\",\"entries\":[{\"request\":{\"method\":\"GET\"},\"response\":{",
                CaptureFormat::Har,
            ),
            (b"[\n{\"request\":{},\n\"response\":{}}]", CaptureFormat::Har),
            (
                b"{\"type\":\"resource-snapshot\",\"snapshot\":{\"request\":{},\"response\":{}}}\n",
                CaptureFormat::Trace,
            ),
            (b"[{\"type\":\"receive\",\n\"time\":1,\"data\":\"OgJoYg==\"}]", CaptureFormat::Messages),
            (b"{\"Type\":\"receive\",\"OpCode\":2,\"Data\":\"OgJoYg==\"}\n", CaptureFormat::Messages),
            (b"[\n{\"offset_ms\":1,\"frame\":\"OgJoYg==\"}]", CaptureFormat::Lines),
            (b"[]", CaptureFormat::Lines),
            (b"{\n \"comment\": \"x\",\n \"log\": {", CaptureFormat::Har),
            (b"{\"offset_ms\":1,\"frame\":\"OgJoYg==\"}\n{\"log\":1}", CaptureFormat::Lines),
            (
                b"{\"type\":\"receive\",\"time\":1,\"opcode\":2,\"data\":\"OgJoYg==\"}\n",
                CaptureFormat::Messages,
            ),
            (b"1234:7:version;2:21#", CaptureFormat::Mitmproxy),
            (b"2023-09-13 18:49:50.293<= 3a026862\n", CaptureFormat::Gotiktoklive),
            (b"\x04\0\0\0\x3a\x02hb", CaptureFormat::Piratetok),
            (b" \n", CaptureFormat::Lines),
        ] {
            assert_eq!(recognise(start).unwrap(), format, "{start:?}");
        }
        assert!(matches!(recognise(b"\x89LTAP\r\n"), Err(Error::Recording)));
        for nothing in [&b"\0\0\0\0"[..], b"<html>", b"\x04\0\0\0\xff\xff\xff\xff", b"12:30"] {
            assert!(!matches!(recognise(nothing), Ok(CaptureFormat::Piratetok)), "{nothing:?}");
        }
        assert!(matches!(recognise(b"<html>"), Err(Error::Unrecognised)));
    }

    #[test]
    fn every_format_has_one_name_for_flags_and_json() {
        for format in CaptureFormat::ALL {
            assert_eq!(serde_json::to_value(format).unwrap(), format.row().name);
            assert_eq!(CaptureFormat::named(format.row().name), Some(format));
        }
    }
}
