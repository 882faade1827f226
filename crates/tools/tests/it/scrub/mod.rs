//! Scrubbed recordings: only people are replaced.

mod audit;
mod people;
mod planted;
mod tree;

use std::sync::LazyLock;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use livetape_core::{
    recording::{
        Frame, Item, Opcode, Reader, What,
        records::{ConnOpen, Http, header::Privacy, http::Role},
    },
    wire::{Batch, BatchInfo, Message, Push, write_batch, write_push, zip},
};
use livetape_tools::scrub::{Error, Key, PROFILE, ScrubReport, Scrubber, scrub};
use serde_json::Value;

use crate::support::{fixture, item, recording, session_items};

fn key(byte: u8) -> Key {
    Key::new(&[byte; 32])
}

/// Scrubs a recording.
fn scrubbed(file: &[u8], key: Key) -> (Vec<u8>, ScrubReport) {
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

/// A recording of every payload of `fixtures/webcast` and `webcast-2026`, many per frame, some compressed.
fn all_payloads() -> Vec<Item> {
    let open = ConnOpen {
        room_id: 7_309_142_864_777_853_434,
        unique_id: "host_078".into(),
        url: "wss://webcast.example/webcast/im/?room_id=7309142864777853434&msToken=x&cursor=c".into(),
        ..ConnOpen::default()
    };
    let mut all = vec![item(0, What::ConnOpen(open)), item(0, What::Http(lookup()))];
    let later =
        ["made-up", "response"].map(|name| fixture(&format!("../webcast-2026/{name}.messages.jsonl")));
    let lines = fixture("messages.jsonl") + &later.concat();
    let messages: Vec<Message> = lines.lines().zip(1..).map(message).collect();
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
    report: ScrubReport,
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

#[test]
fn scrubbing_twice_with_one_key_changes_nothing() {
    for Tested { name, out, report, .. } in &*TESTED {
        assert!(!report.copied && report.identities > 20, "{name}: {report:?}");
        let (twice, report) = scrubbed(out, key(1));
        assert!(report.copied && twice == *out, "{name}");
    }
    let Tested { file, out, .. } = &TESTED[0];
    assert!(scrubbed(file, key(1)).0 == *out, "the same key gives the same bytes");
}

#[test]
fn another_key_gives_other_pseudonyms() {
    let Tested { file, out, .. } = &TESTED[0];
    let (two, report) = scrubbed(file, key(2));
    assert!(two != *out && !report.again);
    let (again, report) = scrubbed(out, key(2));
    assert!(report.again && !report.copied && again != *out);
}

#[test]
fn the_header_records_the_scrub() {
    let mut headers = 0;
    for item in items(&TESTED[0].out) {
        let What::Header(header) = item.what else { continue };
        headers += 1;
        assert_eq!((header.privacy(), header.scrub_profile.as_str()), (Privacy::Scrubbed, PROFILE));
        assert_eq!(header.scrub_key_fingerprint, key(1).fingerprint()[..]);
    }
    assert!(headers > 0);
}

#[test]
fn damaged_records_become_a_gap() {
    let mut file = TESTED[0].file.to_vec();
    let middle = file.len() / 2;
    file[middle] ^= 0x10;
    let (out, report) = scrubbed(&file, key(1));
    assert!(report.lost() && report.damage.missing == 1, "{report:?}");
    let is_gap =
        |item: &Item| matches!(&item.what, What::Gap(gap) if gap.records == 1 && gap.reason == "damaged");
    assert_eq!(items(&out).iter().filter(|item| is_gap(item)).count(), 1);

    let cut = &file[..middle];
    let (out, report) = scrubbed(cut, key(1));
    assert!(report.lost());
    let mut reader = Reader::open(&out[..]).unwrap();
    while reader.next().unwrap().is_some() {}
    assert!(!reader.report().sealed, "a truncated file is not sealed");
}

#[test]
fn a_damaged_copy_is_not_written() {
    let mut damaged = TESTED[0].out.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let (out, report) = scrubbed(&damaged, key(1));
    assert!(!report.copied && report.lost() && out != damaged);
}

#[test]
fn records_of_unknown_types_are_dropped() {
    let other = What::Other { record_type: 200, opcode: 0, payload: b"Ann Smith"[..].into() };
    let (out, report) = scrubbed(&recording(&[item(0, other)]), key(1));
    assert_eq!(report.tally.dropped_records, 1);
    assert!(report.lost() && memchr::memmem::find(&out, b"Ann").is_none());
}

#[test]
fn files_that_are_not_recordings_are_rejected() {
    let tried =
        |bytes: &[u8]| scrub(bytes, bytes, Vec::new(), Scrubber::new(key(1))).map(|_| ()).unwrap_err();
    assert!(matches!(tried(b"GIF89a"), Error::Read(_)));
    assert!(matches!(tried(&recording(&[])[..16]), Error::Empty));
}
