//! Scrubbed recordings: only people are replaced.

mod audit;
mod people;
mod tools;
mod tree;

use std::sync::LazyLock;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use livetape_core::{
    recording::{
        Frame, Item, Opcode, Reader, What,
        records::{ConnOpen, Http, http::Role},
    },
    wire::{Batch, BatchInfo, Message, Push, write_batch, write_push, zip},
};
use livetape_tools::scrub::{Key, Report, Scrubber, scrub};
use serde_json::Value;

use crate::support::{fixture::fixture, item, recording, session_items};

fn key(byte: u8) -> Key {
    Key::new(&[byte; 32])
}

/// Scrubs a recording.
fn scrubbed(file: &[u8], key: Key) -> (Vec<u8>, Report) {
    let mut out = Vec::new();
    let report = scrub(file, file, &mut out, Scrubber::new(key)).unwrap();
    (out, report)
}

fn items(file: &[u8]) -> Vec<Item> {
    let mut reader = Reader::open(file).unwrap();
    let mut items = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        items.push(record.item);
    }
    assert!(reader.report().is_whole());
    items
}

/// A recording of every payload of `fixtures/webcast/messages.jsonl`, many per frame, some compressed.
fn all_payloads() -> Vec<Item> {
    let open = ConnOpen {
        room_id: 7_309_142_864_777_853_434,
        unique_id: "host_078".into(),
        url: "wss://webcast.example/webcast/im/?room_id=7309142864777853434&msToken=x&cursor=c".into(),
        ..ConnOpen::default()
    };
    let mut all = vec![item(0, What::ConnOpen(open)), item(0, What::Http(lookup()))];
    let messages: Vec<Message> = fixture("messages.jsonl").lines().zip(1..).map(message).collect();
    for (batch, number) in messages.chunks(9).zip(1_u64..) {
        let info = BatchInfo { cursor: format!("c{number}"), need_ack: true, ..BatchInfo::default() };
        let batch = write_batch(&Batch { messages: batch.to_vec(), info });
        let (payload, compress_type) = match number % 4 {
            0 => (batch, "none"),
            _ => (zip(&batch), "gzip"),
        };
        let push = Push {
            seq_id: number,
            log_id: number,
            payload_type: "msg".into(),
            payload_encoding: "pb".into(),
            compress_type: compress_type.into(),
            payload,
        };
        all.push(item(number * 100, What::Frame(Frame { opcode: Opcode::BINARY, bytes: write_push(&push) })));
    }
    all
}

fn message((line, msg_id): (&str, i64)) -> Message {
    let line: Value = serde_json::from_str(line).unwrap();
    let payload = BASE64_STANDARD.decode(line["payload"].as_str().unwrap()).unwrap().into();
    Message { method: line["method"].as_str().unwrap().into(), payload, msg_id, is_history: false }
}

fn lookup() -> Http {
    let body = r#"{"data":{"user":{"id":"6838000111222333444","uniqueId":"host_078","nickname":"Ann Smith",
        "secUid":"MS4wLjABAAAAplantedplantedplanted","roomId":"7309142864777853434","bioDescription":"mail me: ann@smith.example",
        "avatarThumb":"https://p16-sign-sg.tiktokcdn.com/aweme/100x100/tos-alisg-avt-0068/9f8e7d6c5b4a.webp?x-expires=1"},
        "stats":{"followerCount":1234}},"statusCode":0}"#;
    Http {
        role: Role::Lookup.into(),
        request_line:
            "GET https://www.tiktok.com/api-live/user/room/?uniqueId=host_078&msToken=planted HTTP/1.1".into(),
        status: 200,
        body: Bytes::from_static(body.as_bytes()),
        ..Http::default()
    }
}

/// A recording before and after it was scrubbed with the first key.
struct Tested {
    name: &'static str,
    file: Bytes,
    out: Vec<u8>,
    report: Report,
}

/// Scrubbed once for all tests. The first has all payloads.
static TESTED: LazyLock<Vec<Tested>> = LazyLock::new(|| {
    let all = [
        ("all payloads", all_payloads()),
        ("session 1", session_items(1)),
        ("session 2", session_items(2)),
        ("session 3", session_items(3)),
    ];
    let scrub = |(name, items): (&'static str, Vec<Item>)| {
        let file = recording(&items);
        let (out, report) = scrubbed(&file, key(1));
        Tested { name, file, out, report }
    };
    all.map(scrub).into()
});

/// Encodes a number as a varint of protobuf.
fn put(number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_varint(number, &mut bytes);
    bytes
}
