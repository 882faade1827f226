//! Valid inputs, from the committed fixtures.

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use livetape_core::recording::{Reader, What, Writer, records::Header};
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
