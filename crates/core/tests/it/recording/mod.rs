//! The recording format: records are read back unchanged, and damage does not spread.

mod damage;
mod golden;
mod hostile;
mod roundtrip;
mod seek;

use std::time::Duration;

use bytes::Bytes;
use livetape_core::recording::{
    Flags, Frame, Item, Opcode, Reader, Record, Report, What, Writer,
    records::{self, Header},
};
use proptest::prelude::*;

use crate::support::boundaries::boundaries;

/// A received frame.
fn frame(offset_ms: u64, bytes: impl Into<Bytes>) -> Item {
    let what = What::Frame(Frame { opcode: Opcode::BINARY, bytes: bytes.into() });
    Item { offset: Duration::from_millis(offset_ms), conn: 1, flags: Flags::default(), what }
}

/// An item without a connection.
fn item(offset_ms: u64, what: What) -> Item {
    Item { offset: Duration::from_millis(offset_ms), conn: 0, flags: Flags::default(), what }
}

/// Writes `items` to a file without `End`.
fn unsealed(items: &[Item]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, &Header::default()).unwrap();
    for item in items {
        writer.write(item).unwrap();
    }
    bytes
}

/// Writes `items` to a sealed file.
fn sealed(items: &[Item]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &Header::default()).unwrap();
    for item in items {
        writer.write(item).unwrap();
    }
    writer.finish().unwrap()
}

/// Reads everything readable in `bytes`, a recording.
fn read(bytes: &[u8]) -> (Vec<Record>, Report) {
    let mut reader = Reader::open(bytes).unwrap();
    let mut records = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        records.push(record);
    }
    (records, reader.report().clone())
}

prop_compose! {
    fn any_item()(
        offset_ms in 0u64..300_000,
        conn in 0u32..4,
        flags in any::<u8>(),
        what in any_what(),
    ) -> Item {
        Item { offset: Duration::from_millis(offset_ms), conn, flags: Flags(flags), what }
    }
}

fn any_bytes() -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..80).prop_map(Bytes::from)
}

/// Some payloads are recordings themselves, with the same record numbers as the records around them.
fn any_payload() -> BoxedStrategy<Bytes> {
    let embedded = proptest::collection::vec(any_bytes(), 0..8).prop_map(|payloads| {
        Bytes::from(sealed(&Vec::from_iter(payloads.into_iter().map(|payload| frame(0, payload)))))
    });
    prop_oneof![2 => any_bytes(), 1 => embedded].boxed()
}

fn any_what() -> impl Strategy<Value = What> {
    prop_oneof![
        4 => (any::<u8>(), any_payload())
            .prop_map(|(opcode, bytes)| What::Frame(Frame { opcode: Opcode(opcode), bytes })),
        1 => (any::<i64>(), ".*", any::<u32>()).prop_map(|(room_id, unique_id, attempt)| {
            What::ConnOpen(records::ConnOpen { room_id, unique_id, attempt, ..Default::default() })
        }),
        1 => (any_payload(), ".*", any::<u32>()).prop_map(|(body, request_line, status)| {
            What::Http(records::Http { body, request_line, status, ..Default::default() })
        }),
        1 => ".*".prop_map(|label| What::Marker(records::Marker { label })),
        1 => any::<i64>().prop_map(|wall_ns| What::ClockAnchor(records::ClockAnchor { wall_ns })),
        1 => (any::<u32>(), ".*", any::<i32>(), any::<bool>()).prop_map(|(code, reason, who, will_retry)| {
            What::ConnClose(records::ConnClose { code, reason, who, will_retry })
        }),
        1 => (any::<u64>(), ".*").prop_map(|(records, reason)| {
            What::Gap(records::Gap { records, reason, ..Default::default() })
        }),
        1 => (".*", any::<Option<u64>>()).prop_map(|(code, retry_after_ms)| {
            What::Status(records::Status { code, retry_after_ms, ..Default::default() })
        }),
        1 => (13u8.., any::<u8>(), any_payload()).prop_map(|(record_type, opcode, payload)| {
            What::Other { record_type, opcode, payload }
        }),
    ]
}

pub(crate) fn any_items() -> impl Strategy<Value = Vec<Item>> {
    proptest::collection::vec(any_item(), 0..12)
}
