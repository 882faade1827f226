//! The recorded sessions of `fixtures/webcast`, and what an independent client made of them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use livetape_core::recording::{Frame, Item, Opcode, What, records};
use serde_json::Value;

use super::{fixture::fixture, items::item};

/// Builds the items of `fixtures/webcast/session-<n>.jsonl`, without the importer.
pub(crate) fn session_items(n: u32) -> Vec<Item> {
    let expected = expected_session(n);
    let room_id = expected["room_id"].as_str().unwrap().parse().unwrap();
    let unique_id = expected["hosts"][0].as_str().unwrap().to_owned();
    let open = records::ConnOpen { room_id, unique_id, ..Default::default() };
    let lines = fixture(&format!("session-{n}.jsonl"));
    let frames = lines.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let bytes = STANDARD.decode(line["frame"].as_str().unwrap()).unwrap().into();
        item(line["offset_ms"].as_u64().unwrap(), What::Frame(Frame { opcode: Opcode::BINARY, bytes }))
    });
    std::iter::once(item(0, What::ConnOpen(open))).chain(frames).collect()
}

/// Reads `fixtures/webcast/session-<n>.expected.json`.
pub(crate) fn expected_session(n: u32) -> Value {
    serde_json::from_str(&fixture(&format!("session-{n}.expected.json"))).unwrap()
}
