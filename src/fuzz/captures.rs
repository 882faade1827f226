//! Captures in every format that can be imported, with frames of a recording.

use std::io::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use livetape_tools::{
    export,
    import::{CaptureFormat, ImportOptions, import_capture},
};

use super::corpus::{beginning, frames};

/// Number of frames in a capture that is written here.
const FRAMES: usize = 20;
/// Time of the first frame, in Unix milliseconds: 2025-09-09T18:44:49Z.
const START_MS: usize = 1_757_443_489_000;

/// A capture in each format, the HAR also compressed.
pub(super) fn captures() -> Vec<Vec<u8>> {
    let mut captures = Vec::from(CaptureFormat::ALL.map(capture));
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&capture(CaptureFormat::Har)).expect("memory does not fail");
    captures.push(packed.finish().expect("memory does not fail"));
    captures
}

fn capture(format: CaptureFormat) -> Vec<u8> {
    let (recording, mut out) = (beginning(), Vec::new());
    match format {
        CaptureFormat::Har => {
            export::har(|| Ok(&recording[..]), &mut out).expect("an intact recording");
        }
        CaptureFormat::Lines => {
            export::jsonl(&recording[..], &mut out, None).expect("an intact recording");
        }
        CaptureFormat::Piratetok => {
            export::piratetok(&recording[..], &mut out, None).expect("an intact recording");
        }
        CaptureFormat::Messages => each(|ms, frame| message(ms, frame).into_bytes(), &mut out),
        CaptureFormat::Gotiktoklive => each(|ms, frame| traced(ms, frame).into_bytes(), &mut out),
        CaptureFormat::Mitmproxy => return flow(),
    }
    out
}

/// Writes some frames with `write`, a second apart.
fn each(write: impl Fn(usize, &[u8]) -> Vec<u8>, out: &mut Vec<u8>) {
    for (number, frame) in frames().iter().take(FRAMES).enumerate() {
        out.extend(write(START_MS + 1000 * number, frame));
    }
}

/// A line of Playwright's frames.
fn message(ms: usize, frame: &[u8]) -> String {
    format!("{{\"type\":\"receive\",\"time\":{ms},\"opcode\":2,\"data\":\"{}\"}}\n", STANDARD.encode(frame))
}

/// A line of gotiktoklive's trace.
fn traced(ms: usize, frame: &[u8]) -> String {
    let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("2025-09-09 18:45:{:02}.000<= {hex}\n", (ms - START_MS) / 1000)
}

/// A flow of mitmproxy.
fn flow() -> Vec<u8> {
    let text = |text: &str| net(';', text.as_bytes());
    let bytes = |text: &[u8]| net(',', text);
    let number = |number: usize| net('#', number.to_string().as_bytes());
    let dict = |pairs: &[(&str, Vec<u8>)]| {
        net(
            '}',
            &pairs.iter().flat_map(|(key, value)| [text(key), value.clone()].concat()).collect::<Vec<_>>(),
        )
    };
    let (yes, no) = (net('!', b"true"), net('!', b"false"));
    let mut messages = Vec::new();
    let message = |ms: usize, frame: &[u8]| {
        let time = net('^', format!("{}.5", ms / 1000).as_bytes());
        net(']', &[number(2), no.clone(), bytes(frame), time, no.clone(), yes.clone()].concat())
    };
    each(message, &mut messages);
    let header = net(']', &[bytes(b"handshake-msg"), bytes(b"ok")].concat());
    dict(&[
        ("version", number(21)),
        ("type", text("http")),
        (
            "request",
            dict(&[
                ("host", text("webcast-ws.tiktok.com")),
                ("port", number(443)),
                ("method", bytes(b"GET")),
                ("scheme", bytes(b"https")),
                ("authority", bytes(b"")),
                ("path", bytes(b"/webcast/im/ws_proxy/ws_reuse_supplement/?room_id=7240536397118808469")),
            ]),
        ),
        (
            "response",
            dict(&[("status_code", number(101)), ("headers", net(']', &header)), ("content", net('~', b""))]),
        ),
        (
            "websocket",
            dict(&[
                ("messages", net(']', &messages)),
                ("close_code", number(4404)),
                ("close_reason", text("gone")),
            ]),
        ),
    ])
}

/// A typed netstring.
fn net(kind: char, value: &[u8]) -> Vec<u8> {
    [format!("{}:", value.len()).as_bytes(), value, kind.to_string().as_bytes()].concat()
}

#[test]
fn every_capture_is_imported_as_its_format() {
    for (capture, format) in
        captures().into_iter().zip(CaptureFormat::ALL.into_iter().chain([CaptureFormat::Har]))
    {
        let (options, mut out) =
            (ImportOptions { user: Some("ann".into()), ..ImportOptions::default() }, Vec::new());
        let report = import_capture(&Bytes::from(capture), &mut out, &options).unwrap();
        assert_eq!(report.format, format);
        assert!(report.frames >= FRAMES as u64 && report.broken.is_none(), "{format}: {report}");
    }
}
