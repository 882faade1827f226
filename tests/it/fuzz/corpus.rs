//! Valid inputs, from the committed fixtures and in every format that can be imported, and mutations of them.

use std::{fs, io::Write as _, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use livetape_core::recording::{Reader, What, Writer, records::Header};
use livetape_tools::{
    export,
    import::{CaptureFormat, ImportOptions, import_capture},
};
use proptest::{collection::vec, prelude::*, sample::Index};
use tungstenite::protocol::frame::{
    Frame,
    coding::{Data, OpCode},
};

use super::clients::upgrade;

/// Number of records of the recordings that other formats are exported from.
const RECORDS: usize = 60;

/// Returns the files with this ending in a folder of the repository.
pub(super) fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(folder).expect("the folder is committed");
    let mut paths = Vec::from_iter(entries.map(|entry| entry.expect("a readable folder").path()));
    paths.retain(|path| path.extension().is_some_and(|found| found == ending));
    // The order of a folder is random.
    paths.sort();
    assert!(!paths.is_empty());
    paths.iter().map(|path| fs::read(path).expect("a readable file")).collect()
}

/// Damaged and intact recordings, and the beginning of a real one.
pub(super) fn recordings() -> Vec<Vec<u8>> {
    [files("fixtures/golden", "bin"), vec![beginning()]].concat()
}

/// Frames of TikTok.
pub(super) fn frames() -> Vec<Vec<u8>> {
    let sessions = files("fixtures/webcast", "jsonl");
    let lines =
        sessions.iter().flat_map(|text| text.split(|byte| *byte == b'\n')).filter(|line| !line.is_empty());
    let frame = |line: &[u8]| {
        let line: serde_json::Value = serde_json::from_slice(line).ok()?;
        STANDARD.decode(line["frame"].as_str()?).ok()
    };
    let frames = Vec::from_iter(lines.filter_map(frame));
    assert!(frames.len() > RECORDS);
    frames
}

/// Frames of a client: requests to the lobby, a message in pieces, binary data, control frames.
pub(super) fn client_frames() -> Vec<Vec<u8>> {
    let data =
        |kind, payload: &[u8], is_final| Frame::message(payload.to_vec(), OpCode::Data(kind), is_final);
    let text = |payload: &str| data(Data::Text, payload.as_bytes(), true);
    let join = text(r#"{"type":"join_room","room_id":"a"}"#);
    let message = text(r#"{"type":"room_message","room_id":"a","message":{"x":[1]}}"#);
    let (open, end) = (data(Data::Text, br#"{"type":"#, false), data(Data::Continue, br#""ping"}"#, true));
    let conversations = [
        vec![join, message, text("plain")],
        vec![open, Frame::ping(vec![1, 2]), end, Frame::pong(Vec::new())],
        vec![data(Data::Binary, &[7; 300], true), Frame::close(None)],
    ];
    let encode = |frames: Vec<Frame>| {
        let mut bytes = Vec::new();
        for mut frame in frames {
            frame.header_mut().mask = Some([1, 2, 3, 4]);
            frame.format(&mut bytes).expect("memory does not fail");
        }
        bytes
    };
    conversations.map(encode).to_vec()
}

/// Requests to the mock.
pub(super) fn requests() -> Vec<Vec<u8>> {
    let scenario = "speed = 10\nend = \"stay\"\n";
    let length = scenario.len();
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\ncookie: ttwid=1\r\n\r\n");
    let room =
        upgrade("/webcast/im/ws_proxy/ws_reuse_supplement/?room_id=7240536397118808469&unique_id=demo");
    let texts = [
        get("/@demo/live") + &get("/api-live/user/room/?aid=1988&uniqueId=demo&sourceType=54"),
        get("/webcast/fetch?room_id=7240536397118808469&unique_id=demo") + &get("/__admin/log"),
        format!(
            "PUT /__admin/scenario HTTP/1.1\r\ncontent-length: {length}\r\nexpect: 100-continue\r\n\r\n{scenario}"
        ),
    ];
    let with_frames = client_frames().into_iter().map(|frames| [room.as_bytes(), &frames].concat());
    texts.into_iter().map(String::into_bytes).chain(with_frames).collect()
}

/// Returns the first [`RECORDS`] records of a recording.
pub(super) fn beginning() -> Vec<u8> {
    let whole =
        fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/recordings/short.bin")).expect("it is committed");
    let mut reader = Reader::open(&whole[..]).expect("it is intact");
    let header = Header { wall_anchor_ns: Some(0), ..Header::default() };
    let mut writer = Writer::new(Vec::new(), &header).expect("memory does not fail");
    for _ in 0..RECORDS {
        let record = reader.next().expect("memory does not fail").expect("it is longer");
        if !matches!(record.item.what, What::Header(_)) {
            writer.write(&record.item).expect("memory does not fail");
        }
    }
    writer.finish().expect("memory does not fail")
}

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
            export::jsonl(&recording[..], &mut out).expect("an intact recording");
        }
        CaptureFormat::Piratetok => {
            each(
                |_, frame| [&u32::try_from(frame.len()).unwrap().to_le_bytes()[..], frame].concat(),
                &mut out,
            );
        }
        CaptureFormat::Messages => each(|ms, frame| message(ms, frame).into_bytes(), &mut out),
        CaptureFormat::Trace => {
            each(|ms, frame| format!(",{}", message(ms, frame).trim()).into_bytes(), &mut out);
            return [
                &b"{\"type\":\"resource-snapshot\",\"snapshot\":{\"_resourceType\":\"websocket\",\"_webSocketMessages\":["[..],
                &out[1..],
                b"],\"request\":{\"url\":\"wss://webcast-ws.tiktok.com/webcast/im/\"}}}\n",
            ]
            .concat();
        }
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

/// Maximum number of edits of an input.
const EDITS_MAX: usize = 8;
/// Maximum length of a mutated input, in bytes.
const INPUT_BYTES_MAX: usize = 1 << 20;

/// Edits of one input.
#[derive(Clone, Debug)]
pub(super) struct Mutation {
    input: Index,
    edits: Vec<Edit>,
}

/// A change at a position.
#[derive(Clone, Debug)]
enum Edit {
    Flip(Index, u8),
    Set(Index, u8),
    /// Overwrites a number with this many bytes.
    Number(Index, u64, usize),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    /// Repeats a stretch of this length.
    Repeat(Index, usize, usize),
    /// Inserts a stretch of another input.
    Splice(Index, Index, Index, usize),
    Truncate(Index),
}

pub(super) fn mutations() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    let number = prop_oneof![
        0..300_u64,
        any::<u64>(),
        prop::sample::select(vec![
            u64::MAX,
            1 << 63,
            (1 << 63) - 1,
            1 << 31,
            (1 << 31) - 1,
            u64::from(u32::MAX),
            1 << 24
        ]),
    ];
    let byte =
        prop_oneof![any::<u8>(), prop::sample::select(b"\0\xff\x7f\x80\"'{}[]:,\\\n\r -09ae.%=".to_vec())];
    let length = || prop_oneof![4 => 1..16_usize, 1 => 1..2000_usize];
    let edit = prop_oneof![
        3 => (at(), 0..8_u8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        3 => (at(), byte).prop_map(|(at, byte)| Edit::Set(at, byte)),
        2 => (at(), number, prop::sample::select(vec![2, 4, 8])).prop_map(|(at, number, size)| Edit::Number(at, number, size)),
        1 => (at(), vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        2 => (at(), length()).prop_map(|(at, length)| Edit::Remove(at, length)),
        1 => (at(), length(), 1..30_usize).prop_map(|(at, length, times)| Edit::Repeat(at, length, times)),
        2 => (at(), at(), at(), length()).prop_map(|(at, other, from, length)| Edit::Splice(at, other, from, length)),
        1 => at().prop_map(Edit::Truncate),
    ];
    (at(), vec(edit, 0..EDITS_MAX)).prop_map(|(input, edits)| Mutation { input, edits })
}

impl Mutation {
    /// Returns the mutated input.
    pub(super) fn apply(&self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = corpus[self.input.index(corpus.len())].clone();
        for edit in &self.edits {
            edit.apply(&mut bytes, corpus);
            bytes.truncate(INPUT_BYTES_MAX);
        }
        bytes
    }
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        // A position may be the end, where only insertions have an effect.
        let position = |at: &Index| at.index(bytes.len() + 1);
        match self {
            Self::Flip(at, bit) => {
                let at = position(at);
                bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << bit);
            }
            Self::Set(at, new) => {
                let at = position(at);
                bytes.get_mut(at).into_iter().for_each(|byte| *byte = *new);
            }
            Self::Number(at, number, size) => {
                let at = position(at);
                let size = (*size).min(bytes.len() - at);
                bytes[at..at + size].copy_from_slice(&number.to_le_bytes()[..size]);
            }
            Self::Insert(at, new) => {
                let at = position(at);
                bytes.splice(at..at, new.iter().copied());
            }
            Self::Remove(at, length) => {
                let at = position(at);
                bytes.drain(at..bytes.len().min(at + length));
            }
            Self::Repeat(at, length, times) => {
                let at = position(at);
                let stretch = bytes[at..bytes.len().min(at + length)].repeat(*times);
                bytes.splice(at..at, stretch);
            }
            Self::Splice(at, other, from, length) => {
                let (at, other) = (position(at), &corpus[other.index(corpus.len())]);
                let from = from.index(other.len() + 1);
                bytes.splice(at..at, other[from..other.len().min(from + length)].iter().copied());
            }
            Self::Truncate(at) => bytes.truncate(position(at)),
        }
    }
}
