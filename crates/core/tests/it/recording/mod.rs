//! The recording format: records are read back unchanged, and damage does not spread.

mod damage;
mod golden;

use std::{
    io::{self, Cursor, Write},
    time::Duration,
};

use bytes::Bytes;
use livetape_core::recording::{
    BODY_BYTES_MAX, Error, Flags, Frame, HTTP_BODY_BYTES_MAX, Item, Opcode, ReadReport, Reader, Record, What,
    Writer, record_type,
    records::{self, Header},
};
use proptest::prelude::*;

use crate::boundaries;

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
fn read(bytes: &[u8]) -> (Vec<Record>, ReadReport) {
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

/// Converts items to the form in which they are read back: in order of time, without repeated headers.
fn expected(items: &[Item]) -> Vec<Item> {
    let mut last = Duration::ZERO;
    let clamp = |item: &Item| {
        last = last.max(item.offset);
        Item { offset: last, ..item.clone() }
    };
    items.iter().map(clamp).collect()
}

fn without_frame_of_file(records: Vec<Record>) -> Vec<Item> {
    let inner = |record: &Record| !matches!(record.item.what, What::Header(_) | What::End(_));
    records.into_iter().filter(inner).map(|record| record.item).collect()
}

proptest! {
    #[test]
    fn any_items_round_trip(items in any_items()) {
        let bytes = sealed(&items);
        let (records, report) = read(&bytes);
        prop_assert!(report.is_whole() && report.sealed);
        prop_assert_eq!(report.clamped, 0);
        prop_assert_eq!(report.records as usize, records.len());
        prop_assert_eq!(without_frame_of_file(records), expected(&items));
    }

    #[test]
    fn reading_and_writing_again_changes_nothing(items in any_items()) {
        let bytes = unsealed(&items);
        let (records, _) = read(&bytes);
        let Some((first, rest)) = records.split_first() else { return Ok(()) };
        let What::Header(header) = &first.item.what else { panic!("a file starts with its header") };
        let mut again = Vec::new();
        let mut writer = Writer::new(&mut again, header).unwrap();
        for record in rest {
            writer.write(&record.item).unwrap();
        }
        prop_assert_eq!(&again, &bytes);

        let mut copy = Vec::new();
        let mut writer = Writer::new(&mut copy, header).unwrap();
        let mut reader = Reader::open(&bytes[..]).unwrap();
        reader.next_head().unwrap();
        while reader.next_head().unwrap().is_some() {
            writer.copy(reader.body().unwrap()).unwrap();
        }
        prop_assert_eq!(&copy, &bytes);
    }

    #[test]
    fn a_record_is_copied_unchanged(record_type in any::<u8>(), flags in any::<u8>(), payload in any_bytes()) {
        let what = What::Other { record_type, opcode: 0, payload };
        let bytes = unsealed(&[Item { flags: Flags(flags), ..item(0, what) }]);
        let mut copy = Vec::new();
        let mut writer = Writer::new(&mut copy, &Header::default()).unwrap();
        let mut reader = Reader::open(&bytes[..]).unwrap();
        reader.next_head().unwrap().unwrap();
        while reader.next_head().unwrap().is_some() {
            writer.copy(reader.body().unwrap()).unwrap();
        }
        prop_assert_eq!(copy, bytes);
    }
}

#[test]
fn a_known_type_with_a_broken_payload_is_carried_unchanged() {
    let what = What::Other { record_type: 5, opcode: 0, payload: Bytes::from_static(b"\x0a\xff") };
    let (records, report) = read(&sealed(&[item(0, what.clone())]));
    assert_eq!(records[1].item.what, what);
    assert!(report.is_whole());
}

#[test]
fn the_header_is_repeated_every_minute_of_stream_time() {
    let items = Vec::from_iter((0..5).map(|n| frame(n * 45_000, "x")));
    let (records, _) = read(&sealed(&items));
    let headers = records.iter().filter(|record| matches!(record.item.what, What::Header(_)));
    assert_eq!(Vec::from_iter(headers.map(|record| record.item.offset.as_secs())), [0, 90, 180]);
}

#[test]
fn the_latest_header_is_repeated() {
    let header =
        |source: &str| What::Header(Box::new(Header { source: source.into(), ..Default::default() }));
    let items = [frame(0, ""), item(50_000, header("merged")), frame(70_000, ""), frame(115_000, "")];
    let (records, _) = read(&sealed(&items));
    let headers = records.iter().filter_map(|record| match &record.item.what {
        What::Header(header) => Some((record.item.offset.as_secs(), header.source.as_str())),
        _ => None,
    });
    assert_eq!(Vec::from_iter(headers), [(0, ""), (50, "merged"), (115, "merged")]);
}

#[test]
fn a_checkpoint_contains_the_counts_and_the_time() {
    let mut writer = Writer::new(Vec::new(), &Header::default()).unwrap();
    writer.write(&frame(10, "abc")).unwrap();
    writer.checkpoint(Duration::from_secs(90)).unwrap();
    writer.write(&frame(80_000, "d")).unwrap();
    assert_eq!((writer.counts().records, writer.counts().clamped), (5, 1));
    assert_eq!(writer.last_offset(), Duration::from_secs(90));
    let length = writer.bytes_written();
    let bytes = writer.finish().unwrap();
    assert_eq!(read(&bytes).0.last().unwrap().item.offset, Duration::from_secs(90));
    assert_eq!(boundaries(&bytes)[5], length as usize);
}

#[test]
fn decreasing_offsets_are_clamped_and_counted() {
    let mut writer = Writer::new(Vec::new(), &Header::default()).unwrap();
    for offset_ms in [500, 200, 600] {
        writer.write(&frame(offset_ms, "x")).unwrap();
    }
    assert_eq!(writer.counts().clamped, 1);
    let (records, report) = read(&writer.finish().unwrap());
    let offsets = Vec::from_iter(records.iter().map(|record| record.item.offset.as_millis()));
    assert_eq!(offsets, [0, 500, 500, 600, 600]);
    assert_eq!(report.clamped, 0, "the file itself is in order");
}

#[test]
fn the_end_contains_the_counts() {
    let sent = Item { flags: Flags(Flags::SENT), ..frame(20, "abc") };
    let (records, _) = read(&sealed(&[frame(10, "ab"), sent, frame(1500, "")]));
    let What::End(end) = &records.last().unwrap().item.what else { panic!("sealed") };
    let counts =
        records::Counts { records: 4, frames_received: 2, frames_sent: 1, frame_bytes: 5, clamped: 0 };
    assert_eq!((end.counts, end.duration_ns), (Some(counts), 1_500_000_000));
}

#[test]
fn the_largest_frame_is_written_and_a_larger_one_rejected() {
    let largest = vec![7; BODY_BYTES_MAX - 16];
    let mut writer = Writer::new(Vec::new(), &Header::default()).unwrap();
    writer.write(&frame(0, largest.clone())).unwrap();
    let too_large = writer.write(&frame(1, vec![7; BODY_BYTES_MAX - 15])).unwrap_err();
    assert_eq!(too_large.to_string(), "a record of 16777217 bytes is too large: the limit is 16777216 bytes");
    writer.write(&frame(2, "after")).unwrap();
    let (records, report) = read(&writer.finish().unwrap());
    assert!(report.is_whole());
    assert_eq!(records.len(), 4);
    assert_eq!(records[1].item, frame(0, largest));
}

#[test]
fn a_long_http_body_is_cut_off_and_flagged() {
    let http = |bytes| What::Http(records::Http { body: vec![1; bytes].into(), ..Default::default() });
    let items = [item(0, http(HTTP_BODY_BYTES_MAX)), item(0, http(HTTP_BODY_BYTES_MAX + 1))];
    let (records, _) = read(&sealed(&items));
    assert_eq!(records[1].item, items[0]);
    assert_eq!(records[2].item, Item { flags: Flags(Flags::TRUNCATED), ..items[0].clone() });
}

/// Accepts `left` bytes, then fails.
struct FullDisk {
    left: usize,
}

impl Write for FullDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.left);
        self.left -= taken;
        if taken == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn after_a_failed_write_nothing_more_is_written() {
    let mut writer = Writer::new(FullDisk { left: 100 }, &Header::default()).unwrap();
    assert!(matches!(writer.write(&frame(0, vec![0; 200])), Err(Error::Write(_))));
    assert!(matches!(writer.write(&frame(0, "")), Err(Error::Failed)));
    assert!(matches!(writer.flush(), Err(Error::Failed)));
    assert!(matches!(writer.finish(), Err(Error::Failed)));
}

#[test]
fn heads_describe_records_and_allow_seeking_back() {
    let bytes = sealed(&Vec::from_iter((0..50).map(|n| frame(n * 100, format!("frame {n}")))));
    let mut reader = Reader::open(Cursor::new(&bytes)).unwrap();
    let mut heads = Vec::new();
    while let Some(head) = reader.next_head().unwrap() {
        assert_eq!(reader.body().unwrap().payload().len(), head.payload_bytes);
        heads.push(head);
    }
    let starts = boundaries(&bytes);
    assert_eq!(Vec::from_iter(heads.iter().map(|head| head.position as usize)), starts[..starts.len() - 1]);

    let late = heads.iter().find(|head| head.offset >= Duration::from_millis(2050)).unwrap();
    assert_eq!((late.record_type, late.rec_no), (record_type::FRAME, 22));
    for _ in 0..2 {
        reader.seek(late).unwrap();
        assert_eq!(reader.body(), None);
        let record = reader.next().unwrap().unwrap();
        assert_eq!(record, Record { rec_no: 22, item: frame(2100, "frame 21") });
    }
}

#[test]
fn damage_that_is_read_twice_is_reported_once() {
    let mut bytes = sealed(&Vec::from_iter((0..9).map(|n| frame(n, "frame"))));
    let damaged = boundaries(&bytes)[4] + 20;
    bytes[damaged] ^= 1;
    let report = read(&bytes).1;
    let mut reader = Reader::open(Cursor::new(&bytes)).unwrap();
    let first = reader.next_head().unwrap().unwrap();
    for _ in 0..3 {
        while reader.next().unwrap().is_some() {}
        assert_eq!(reader.report(), &report);
        reader.seek(&first).unwrap();
    }
}
