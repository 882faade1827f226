//! Recordings for tests, and helpers that decode them.

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    recording::{Flags, Frame, Item, Opcode, Reader, What, Writer, records},
};
use livetape_feed::hub::Filter;
use serde_json::Value;

use crate::support::payloads::fixture;

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

/// Returns the items of each shipped recording.
pub(crate) fn shipped_recordings() -> Vec<(String, Vec<Item>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/recordings");
    let paths: BTreeSet<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let files = paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "bin"));
    let items = files.map(|path| {
        let mut reader = Reader::open(std::fs::File::open(path).unwrap()).unwrap();
        let items = std::iter::from_fn(|| reader.next().unwrap()).map(|record| record.item).collect();
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), items)
    });
    items.collect()
}

/// Builds an item of connection 1.
pub(crate) fn item(offset_ms: u64, what: What) -> Item {
    Item { offset: Duration::from_millis(offset_ms), conn: 1, flags: Flags::default(), what }
}

/// Reads `fixtures/webcast/session-<n>.expected.json`.
pub(crate) fn expected_session(n: u32) -> Value {
    serde_json::from_str(&fixture(&format!("session-{n}.expected.json"))).unwrap()
}

/// Writes `items` to a sealed recording whose offset 0 is 2024-01-01T00:00:00Z.
pub(crate) fn recording(items: &[Item]) -> Bytes {
    let header =
        records::Header { wall_anchor_ns: Some(1_704_067_200_000_000_000), ..records::Header::default() };
    let mut writer = Writer::new(Vec::new(), &header).unwrap();
    for item in items {
        writer.write(item).unwrap();
    }
    writer.finish().unwrap().into()
}

/// Returns all events of `items` as JSON, in order.
pub(crate) fn decode(items: &[Item], filter: &Filter, dedup: bool) -> Vec<Value> {
    let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup });
    for item in items {
        decoder.handle(item);
    }
    decoder.flush(items.last().map_or(Duration::ZERO, |item| item.offset));
    take(&mut decoder, filter)
}

/// Takes the pending events of `decoder`, numbered from 1.
pub(crate) fn take(decoder: &mut Decoder, filter: &Filter) -> Vec<Value> {
    let mut events = Vec::new();
    for (event, seq) in decoder.take_events().zip(1..) {
        let mut json = Vec::new();
        if filter.encode("test", seq, &event, &mut json) {
            events.push(serde_json::from_slice(&json).unwrap());
        }
    }
    events
}
