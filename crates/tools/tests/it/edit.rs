//! `repair`, `cut`, `merge` and `mark` keep all items, and report every loss.

use std::time::Duration;

use livetape_core::recording::{Item, Loss, Reader, What, Writer, records};
use livetape_feed::hub::Filter;
use livetape_tools::{
    edit::{Error, Input, cut, find_marker, mark, merge, repair},
    verify::verify,
};
use serde_json::Value;

use crate::support::{
    boundaries, decode, filtered, item,
    messages::{self, show},
    recording, seed, session_items,
};

/// Returns the header of a file and its items, without metadata.
fn read(bytes: &[u8]) -> (records::Header, Vec<Item>) {
    let mut reader = Reader::open(bytes).unwrap();
    let (mut header, mut items) = (None, Vec::new());
    while let Some(record) = reader.next().unwrap() {
        match record.item.what {
            What::Header(found) => drop(header.get_or_insert(*found)),
            What::Checkpoint(_) | What::End(_) => {}
            _ => items.push(record.item),
        }
    }
    assert!(reader.report().is_whole() && reader.report().sealed, "{:?}", reader.report());
    (header.unwrap(), items)
}

fn ms(offset_ms: u64) -> Duration {
    Duration::from_millis(offset_ms)
}

fn cut_out(bytes: &[u8], start_ms: u64, end_ms: u64) -> Vec<u8> {
    let mut out = Vec::new();
    cut(bytes, &mut out, ms(start_ms), Some(ms(end_ms))).unwrap();
    out
}

/// Returns the events of a file with their times of receipt.
fn events(bytes: &[u8]) -> Vec<Value> {
    let (header, mut items) = read(bytes);
    items.insert(0, Item { conn: 0, ..item(0, What::Header(Box::new(header))) });
    decode(&items, &Filter::default(), true)
}

#[test]
fn a_range_of_a_recording_with_a_lost_header_reports_the_loss() {
    let mut bytes = recording(&show()).to_vec();
    bytes[16 + 40] ^= 1;
    for start in [0, 950, 2_100] {
        let part = cut_out(&bytes, start, 2_400);
        let verdict = verify(&part[..]).unwrap();
        assert_eq!(verdict.report.lost_in_gaps, 1, "{start}");
    }
    // Damage before the range does not count, except in the header.
    let mut bytes = recording(&show()).to_vec();
    let second = 16 + 16 + u32::from_le_bytes(bytes[20..24].try_into().unwrap()) as usize;
    bytes[second + 20] ^= 1;
    assert_eq!(verify(&cut_out(&bytes, 950, 2_400)[..]).unwrap().report.lost_in_gaps, 0);
}

#[test]
fn a_range_plays_like_a_replay_that_starts_there() {
    let whole = recording(&show());
    for (start, end) in [(0, 100_000), (950, 72_050), (70_200, 73_200), (71_000, 73_000), (2_100, 2_400)] {
        let part = cut_out(&whole, start, end);
        let (header, items) = read(&part);
        assert_eq!(header.wall_anchor_ns, Some(1_704_067_200_000_000_000 + start as i64 * 1_000_000));

        let mut decoder = livetape_core::decoder::Decoder::new(livetape_core::decoder::DecoderOptions {
            replay: true,
            dedup: true,
        });
        let (header, all) = read(&whole);
        decoder.restore(&Item { conn: 0, ..item(0, What::Header(Box::new(header))) });
        let before = all.iter().filter(|item| item.offset < ms(start));
        before.for_each(|item| decoder.restore(item));
        decoder.announce_restored(ms(start));
        let range = all.iter().filter(|item| item.offset >= ms(start) && item.offset < ms(end));
        let mut last = ms(start);
        for item in range {
            last = item.offset;
            decoder.handle(item);
        }
        decoder.flush(last);
        let seeked = filtered(decoder.take_events(), &Filter::default());
        assert_eq!(events(&part), seeked, "{start} to {end}");
        assert!(items.iter().all(|item| item.offset < ms(end - start)));
    }
}

#[test]
fn parts_are_merged_into_the_whole() {
    let items = session_items(1);
    let whole = recording(&items);
    let parts = [cut_out(&whole, 0, 100_000), cut_out(&whole, 100_000, 500_000)];
    let frames = |bytes: &[u8]| {
        let frames = read(bytes).1.into_iter().filter(|item| matches!(item.what, What::Frame(_)));
        Vec::from_iter(frames.map(|item| (item.offset, item.what)))
    };
    let mut out = Vec::new();
    let inputs = parts.iter().zip(["a", "b"]);
    let inputs =
        inputs.map(|(part, name)| Input { name: name.into(), file: &part[..], offset: None }).collect();
    let merged = merge(inputs, &mut out, false).unwrap();
    assert_eq!(frames(&out), frames(&whole));
    // It may be another connection.
    assert_eq!((merged.files, merged.connections, merged.loss), (2, 2, Loss::default()));
}

#[test]
fn merged_rooms_keep_their_connections_apart() {
    let of = |user: &str, room, anchor: i64| {
        let items = [
            messages::open(7, 0, user, room),
            messages::on(7, messages::frame(500, vec![])),
            messages::close(7, 900, 1000, false),
        ];
        let header = records::Header {
            wall_anchor_ns: Some(anchor),
            privacy: if room == 1 { 2 } else { 3 },
            tags: [("user".into(), user.into()), ("show".into(), "x".into())].into(),
            ..Default::default()
        };
        let mut writer = Writer::new(Vec::new(), &header).unwrap();
        items.iter().for_each(|item| writer.write(item).unwrap());
        writer.finish().unwrap()
    };
    let (ann, bob) = (of("ann", 1, 5_000_000_000), of("bob", 2, 4_750_000_000));
    let input = |name: &str, file, offset| Input { name: name.to_owned(), file, offset };
    let mut out = Vec::new();
    merge(vec![input("ann", &ann[..], None), input("bob", &bob[..], None)], &mut out, false).unwrap();
    let (header, items) = read(&out);
    let seen = Vec::from_iter(items.iter().map(|item| (item.offset.as_millis(), item.conn)));
    assert_eq!(seen, [(0, 1), (250, 2), (500, 1), (750, 2), (900, 1), (1150, 2)]);
    assert_eq!((header.wall_anchor_ns, header.privacy), (Some(4_750_000_000), 2));
    assert_eq!(Vec::from_iter(header.tags), [("show".to_owned(), "x".to_owned())]);

    let mut out = Vec::new();
    let inputs = vec![input("ann", &ann[..], Some(ms(0))), input("bob", &bob[..], Some(ms(600)))];
    merge(inputs, &mut out, false).unwrap();
    let seen = Vec::from_iter(read(&out).1.iter().map(|item| (item.offset.as_millis(), item.conn)));
    assert_eq!(seen, [(0, 1), (500, 1), (600, 2), (900, 1), (1100, 2), (1500, 2)]);
}

#[test]
fn recordings_that_begin_more_than_a_week_apart_are_merged_only_by_force() {
    let of_seconds = |seconds: i64| {
        let wall_anchor_ns = Some(seconds * 1_000_000_000);
        let header = records::Header { wall_anchor_ns, ..Default::default() };
        Writer::new(Vec::new(), &header).unwrap().finish().unwrap()
    };
    let of = |days: i64| of_seconds(days * 24 * 60 * 60);
    let (monday, sunday, later) = (of(1), of(7), of(2_200));
    let merged = |files: [&[u8]; 2], offset, force| {
        let inputs = files.into_iter().zip(["a", "b"]);
        let inputs = inputs.map(|(file, name)| Input { name: name.into(), file, offset });
        merge(inputs.collect(), Vec::new(), force).map(|merged| merged.files)
    };
    assert_eq!(merged([&sunday, &monday], None, false).unwrap(), 2);
    let error = merged([&later, &monday], None, false).unwrap_err();
    assert_eq!(error.to_string(), "a starts more than 7 days after b");
    assert!(merged([&of_seconds(8 * 24 * 60 * 60 + 1), &monday], None, false).is_err());
    assert_eq!(merged([&later, &monday], None, true).unwrap(), 2);
    assert_eq!(merged([&later, &monday], Some(Duration::ZERO), false).unwrap(), 2);
}

#[test]
fn recordings_without_a_clock_are_not_merged() {
    let file = Writer::new(Vec::new(), &records::Header::default()).unwrap().finish().unwrap();
    let inputs = ["a", "b"].map(|name| Input { name: name.into(), file: &file[..], offset: None });
    let error = merge(inputs.into(), Vec::new(), false).unwrap_err();
    assert_eq!(error.to_string(), "a has no wall time");
}

#[test]
fn a_marker_is_inserted_and_found_again() {
    let whole = recording(&show());
    let mut out = Vec::new();
    mark(&whole[..], &mut out, ms(900), "raid").unwrap();
    let (mut items, marked) = (read(&whole).1, read(&out).1);
    let at = marked.iter().position(|item| matches!(item.what, What::Marker(_))).unwrap();
    assert_eq!(marked[at].offset, ms(900));
    items.insert(at, marked[at].clone());
    assert_eq!(marked, items);
    assert!(marked[at - 1].offset == ms(900) && marked[at + 1].offset > ms(900));
    assert_eq!(find_marker(&out[..], "raid").unwrap(), ms(900));
    let error = find_marker(&out[..], "battle").unwrap_err();
    assert_eq!(error.to_string(), "unknown marker `battle`: choose one of `raid` at 00:00:00.900");
    assert!(matches!(mark(&whole[..], Vec::new(), ms(90_000), "x"), Err(Error::BeyondEnd(_))));
    for label in ["", "\x1b[2J", &"x".repeat(201)] {
        assert!(matches!(mark(&whole[..], Vec::new(), ms(0), label), Err(Error::BadLabel)));
    }
    let behind = cut(&whole[..], Vec::new(), ms(90_000), None);
    assert!(matches!(behind, Err(Error::BeyondEnd(_))));
}

/// Flips a thousand bits, one at a time: each loses at most one record, corrupts none, and the repaired file
/// is complete.
#[test]
fn a_thousand_flipped_bits_are_repaired() {
    let whole = recording(&session_items(3)[..60]);
    let original = numbered(&whole);
    let mut random = seed();
    for _ in 0..1000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bit = (random >> 20) as usize % (whole.len() * 8);
        let mut damaged = whole.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let mut repaired = Vec::new();
        let report = repair(&damaged[..], &mut repaired).unwrap();
        assert!(report.is_change(), "bit {bit}");
        let kept = numbered(&repaired);
        let is_end = |record: &(u32, Item)| matches!(record.1.what, What::End(_));
        let wrong = kept.iter().find(|record| !original.contains(record) && !is_end(record));
        assert_eq!(wrong, None, "bit {bit}");
        assert!(kept.len() + 1 >= original.len(), "bit {bit}: {} records lost", original.len() - kept.len());
        let after = verify(&repaired[..]).unwrap().report;
        assert_eq!((after.damaged_bytes, after.tail_bytes, after.sealed), (0, 0, true), "bit {bit}");

        let mut again = Vec::new();
        assert!(!repair(&repaired[..], &mut again).unwrap().is_change(), "bit {bit}");
        assert!(again == repaired, "bit {bit}: repaired again, it is another");
    }
}

fn numbered(bytes: &[u8]) -> Vec<(u32, Item)> {
    let mut reader = Reader::open(bytes).unwrap();
    let mut records = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        records.push((record.rec_no, record.item));
    }
    records
}

#[test]
fn golden_damage_is_repaired() {
    for name in ["every-type", "minimal", "unsealed", "flipped-bit", "hole", "cut-tail", "damaged-preamble"] {
        let path = format!("{}/../../fixtures/golden/{name}.bin", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).unwrap();
        let mut out = Vec::new();
        let repaired = repair(&bytes[..], &mut out).unwrap();
        let expected = matches!(name, "unsealed" | "flipped-bit" | "cut-tail" | "damaged-preamble");
        assert_eq!(repaired.is_change(), expected, "{name}");
        assert_eq!(out != bytes, expected, "{name}");
        let kept = numbered(&bytes);
        assert_eq!(numbered(&out)[..kept.len()], kept, "{name}: numbers and times stay");
    }
}

#[test]
fn a_truncation_stays_known_after_a_repair() {
    let whole = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/short.bin")).unwrap();
    for cut in [whole.len() / 2, whole.len() - 50] {
        let mut out = Vec::new();
        let repaired = repair(&whole[..cut], &mut out).unwrap();
        assert!(repaired.report.tail_bytes > 0, "cut within a record");
        assert_eq!(verify(&out[..]).unwrap().exit_code(), 3);
    }
}

/// Found by simulation: the last record is damaged and the recording is unsealed.
#[test]
fn a_damaged_last_record_stays_known_after_an_edit() {
    let mut bytes =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/golden/unsealed.bin")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let lost = |bytes: &[u8]| verify(bytes).unwrap().report.loss().records;
    let (mut repaired, mut marked) = (Vec::new(), Vec::new());
    assert_eq!(repair(&bytes[..], &mut repaired).unwrap().report.missing, 1);
    mark(&bytes[..], &mut marked, Duration::ZERO, "x").unwrap();
    assert_eq!([lost(&repaired), lost(&marked)], [lost(&bytes); 2]);
}

/// Found by fuzzing: no record after the header is readable.
#[test]
fn a_merge_reports_the_losses_of_a_recording_without_readable_records() {
    let mut bytes =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/golden/unsealed.bin")).unwrap();
    let [second, third] = [1, 2].map(|at| boundaries(&bytes)[at]);
    bytes.truncate(third);
    bytes[second + 20] ^= 1;
    let report = |bytes: &[u8]| verify(bytes).unwrap().report;
    assert_eq!((report(&bytes).records, report(&bytes).missing), (1, 1));
    let mut merged = Vec::new();
    merge(vec![Input { name: "a".into(), file: &bytes[..], offset: None }], &mut merged, false).unwrap();
    assert_eq!(report(&merged).loss().records, 1);
}

/// Found by fuzzing.
#[test]
fn a_damaged_record_after_the_end_stays_known_after_a_repair() {
    let mut bytes = recording(&show()).to_vec();
    let starts = boundaries(&bytes);
    let end = starts[starts.len() - 2];
    bytes.extend_from_within(end..);
    // With the next number, the checksum is wrong.
    let length = bytes.len();
    bytes[length - (length - end) / 2 + 8] += 1;
    let missing = |bytes: &[u8]| verify(bytes).unwrap().report.missing;
    let mut repaired = Vec::new();
    repair(&bytes[..], &mut repaired).unwrap();
    assert_eq!([missing(&bytes), missing(&repaired)], [1, 1]);
}

#[test]
fn the_report_of_a_repair_lists_each_loss() {
    let bytes =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/golden/flipped-bit.bin")).unwrap();
    insta::assert_snapshot!(repair(&bytes[..], Vec::new()).unwrap(), @r"
    14 records kept, last at 00:01:03.000
    at byte 259: 43 bytes dropped, 1 record lost
    ");
}
