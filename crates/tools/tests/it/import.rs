//! `import` of both kinds of lines, valid and invalid.

use std::{collections::BTreeSet, fs, io::BufReader};

use livetape_core::{
    recording::{Item, Reader, What, records::Header},
    wire::{Push, read_batch, read_push, unzip},
};
use livetape_tools::{
    import::{Error, ImportOptions, ImportReport, LINE_BYTES_MAX, import},
    verify::verify,
};
use serde_json::Value;

use crate::support::{expected_session, fixture};

fn options() -> ImportOptions {
    ImportOptions { name: "show".into(), ..ImportOptions::default() }
}

fn imported(lines: &str) -> (Vec<Item>, ImportReport) {
    let mut bytes = Vec::new();
    let report = import(lines.as_bytes(), &mut bytes, &options()).unwrap();
    (items(&bytes), report)
}

fn items(bytes: &[u8]) -> Vec<Item> {
    let mut reader = Reader::open(bytes).unwrap();
    let mut items = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        items.push(record.item);
    }
    assert!(reader.report().is_whole() && reader.report().sealed);
    items
}

fn header(items: &[Item]) -> &Header {
    let What::Header(header) = &items[0].what else { panic!("the first record is the header") };
    header
}

/// Returns connection, user and room of each opened connection.
fn openings(items: &[Item]) -> Vec<(u32, &str, i64)> {
    let opening = |item: &'_ Item| matches!(item.what, What::ConnOpen(_)).then_some(item.conn);
    let opened = items.iter().filter_map(|item| Some((opening(item)?, item)));
    opened
        .map(|(conn, item)| match &item.what {
            What::ConnOpen(open) => (conn, open.unique_id.as_str(), open.room_id),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn offsets_ms(items: &[Item]) -> Vec<u128> {
    let frames = items.iter().filter(|item| matches!(item.what, What::Frame(_)));
    frames.map(|item| item.offset.as_millis()).collect()
}

/// A chat's common data in Base64: message 5 of room 9.
const PAYLOAD: &str = "CgQQBRgJ";

fn message(time: &str, host: &str) -> String {
    format!(r#"{{{time},"host":"{host}","method":"WebcastChatMessage","payload":"{PAYLOAD}"}}"#)
}

#[test]
fn frame_lines_contain_their_room_and_their_start() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/webcast/session-2.jsonl");
    let text = fs::read_to_string(path).unwrap();
    let (items, report) = imported(&text);
    let (lines, expected) = (text.lines().count() as u64, expected_session(2));
    assert_eq!(openings(&items), [(1, "show", expected["room_id"].as_str().unwrap().parse().unwrap())]);
    assert_eq!((report.lines, report.frames, report.connections), (lines, lines, 1));
    assert_eq!(report.messages, expected["messages_before_dedup"]);
    assert_eq!((report.bad_lines, report.clamped), (0, 0));
    let header = header(&items);
    assert!(header.wall_anchor_ns.is_some_and(|ns| ns / 1_000_000_000 > 1_690_000_000));
    assert_eq!((header.source.as_str(), header.privacy().as_str_name()), ("lines", "PRIVACY_PRIVATE"));
    assert!(!items.iter().any(|item| matches!(item.what, What::ConnClose(_))));
}

#[test]
fn message_lines_become_a_connection_a_host_and_batches() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/webcast/messages.jsonl");
    let mut bytes = Vec::new();
    let report = import(BufReader::new(fs::File::open(path).unwrap()), &mut bytes, &options()).unwrap();
    let lines = Vec::from_iter(
        fixture("messages.jsonl").lines().map(|line| serde_json::from_str::<Value>(line).unwrap()),
    );
    let count = lines.len() as u64;
    assert_eq!((report.lines, report.messages, report.bad_lines, report.clamped), (count, count, 0, 0));
    let items = items(&bytes);
    let openings = openings(&items);
    let hosts = lines.iter().map(|line| line["host"].as_str().unwrap()).collect::<BTreeSet<_>>().len();
    assert_eq!((report.connections, openings.len()), (hosts as u64, hosts));
    assert!(openings.iter().all(|(_, user, _)| user.starts_with("host_")));
    assert_eq!(openings.iter().filter(|(_, _, room_id)| *room_id == 0).count(), ROOMLESS);
    let verdict = verify(&bytes[..]).unwrap();
    assert_eq!((verdict.messages, verdict.exit_code()), (count, 0));
    let mut again = Vec::new();
    import(BufReader::new(fs::File::open(path).unwrap()), &mut again, &options()).unwrap();
    assert!(bytes == again, "the same lines give the same bytes");
}

/// Hosts in `messages.jsonl` whose messages contain no room ID.
const ROOMLESS: usize = 9;

#[test]
fn a_run_of_one_host_and_time_is_one_batch() {
    let lines = [
        message(r#""ts_ms":1000"#, "a"),
        message(r#""ts_ms":1000"#, "a"),
        message(r#""ts_ms":1000"#, "b"),
        message(r#""ts_ms":1250"#, "a"),
    ];
    let (items, report) = imported(&lines.join("\n"));
    assert_eq!(openings(&items), [(1, "a", 9), (2, "b", 9)]);
    assert_eq!((report.frames, report.messages, report.connections), (3, 4, 2));
    assert_eq!(offsets_ms(&items), [0, 0, 250]);
    assert_eq!(header(&items).wall_anchor_ns, Some(1_000_000_000));

    let frames = items.iter().filter_map(|item| match &item.what {
        What::Frame(frame) => Some(read_push(&frame.bytes, &mut Vec::new())),
        _ => None,
    });
    let frames: Vec<Push> = frames.collect();
    let ids = Vec::from_iter(frames.iter().map(|push| (push.seq_id, push.log_id)));
    assert_eq!(ids, [(1, 1), (1, 2), (2, 3)]);
    let batch = read_batch(&unzip(frames[0].payload.clone(), &mut Vec::new()), &mut Vec::new());
    assert_eq!(Vec::from_iter(batch.messages.iter().map(|message| message.msg_id)), [5, 5]);
    assert!(batch.info.is_first && batch.info.now_ms == 1000);
}

#[test]
fn a_room_named_later_applies_from_the_start() {
    let roomless = message(r#""ts_ms":1000"#, "a").replace(PAYLOAD, "CgIQBQ");
    let lines = [roomless, message(r#""ts_ms":1001"#, "b"), message(r#""ts_ms":2000"#, "a")];
    assert_eq!(openings(&imported(&lines.join("\n")).0), [(1, "a", 9), (2, "b", 9)]);
}

#[test]
fn user_and_room_apply_to_lines_without_a_host() {
    let lines = format!(
        "{}\n{}",
        message(r#""offset_ms":0"#, "a").replace(r#""host":"a","#, ""),
        message(r#""offset_ms":0"#, "a")
    );
    let mut bytes = Vec::new();
    let options = ImportOptions { user: Some("somebody".into()), room_id: Some(7), ..options() };
    import(lines.as_bytes(), &mut bytes, &options).unwrap();
    let items = items(&bytes);
    assert_eq!(openings(&items), [(1, "somebody", 7), (2, "a", 9)]);
    assert_eq!(header(&items).wall_anchor_ns, None);
}

#[test]
fn connections_are_limited() {
    let frames = (0..1002).map(|conn| format!(r#"{{"offset_ms":1,"conn":{conn},"frame":"OgJoYg"}}"#));
    let messages = (0..1002).map(|host| message(r#""offset_ms":1"#, &host.to_string()));
    for lines in [Vec::from_iter(frames), Vec::from_iter(messages)] {
        let (_, report) = imported(&lines.join("\n"));
        assert_eq!((report.connections, report.bad_lines), (1000, 2));
    }
}

#[test]
fn decreasing_times_are_clamped_and_counted() {
    let times = ["-5", "100", "40", "100.5", "8e7"];
    let lines = times.map(|time| format!(r#"{{"offset_ms":{time},"frame":"OgJoYg"}}"#));
    let (clamped, report) = imported(&lines.join("\n"));
    assert_eq!(offsets_ms(&clamped), [0, 100, 100, 100, 80_000_000]);
    assert_eq!(report.clamped, 2);

    let lines = r#"{"offset_ms":1,"frame":"OgJoYg"}
        {"offset_ms":1e30,"frame":"OgJoYg"}"#;
    let mut bytes = Vec::new();
    import(lines.as_bytes(), &mut bytes, &ImportOptions { keep_clock: true, ..options() }).unwrap();
    assert_eq!(offsets_ms(&items(&bytes)), [1, 9_000_000_000_000]);
}

#[test]
fn a_payload_is_read_in_any_writing() {
    let line = |payload: &str| message(r#""ts_ms":1000"#, "a").replace(&format!(r#""{PAYLOAD}""#), payload);
    let buffer = r#"{"type":"Buffer","data":[10,4,16,5,24,9]}"#;
    let object = r#"{"0":10,"1":4,"2":16,"3":5,"4":24,"5":9}"#;
    for payload in [r#""0a0410051809""#, "[10,4,16,5,24,9]", buffer, object] {
        let (items, report) = imported(&line(payload));
        assert_eq!((openings(&items), report.bad_lines), (vec![(1, "a", 9)], 0), "{payload}");
    }
    for payload in ["[10,256]", "[]", "null", "1.5", "{}"] {
        let (_, report) = imported(&format!("{}\n{}", line(&format!(r#""{PAYLOAD}""#)), line(payload)));
        assert_eq!(report.bad_lines, 1, "{payload}");
    }
}

#[test]
fn times_of_lines_may_be_dates() {
    let line = |time: &str| message(&format!(r#""ts_ms":{time}"#), "a");
    let times = [r#""1970-01-01T00:00:01Z""#, r#""1970-01-01T01:00:01.250+01:00""#, r#""1500""#, "1750"];
    let (items, report) = imported(&times.map(line).join("\n"));
    assert_eq!((offsets_ms(&items), report.bad_lines), (vec![0, 250, 500, 750], 0));
    assert_eq!(header(&items).wall_anchor_ns, Some(1_000_000_000));
    // A date without a zone is ambiguous.
    for time in [r#""1970-01-01T00:00:02""#, r#""2""#, r#""soon""#, "true"] {
        let (_, report) = imported(&format!("{}\n{}", line("1000"), line(time)));
        let is_number = time == r#""2""#;
        assert_eq!(report.bad_lines, u64::from(!is_number), "{time}");
    }
}

#[test]
fn lines_without_times_are_imported_at_a_rate() {
    let frame = r#"{"frame":"OgJoYg"}"#;
    let untimed = message("", "a").replace("{,", "{");
    for line in [frame, &untimed] {
        let (mut bytes, options) = (Vec::new(), ImportOptions { rate: 10.0, ..options() });
        let report = import([line; 3].join("\n").as_bytes(), &mut bytes, &options).unwrap();
        let items = items(&bytes);
        assert_eq!((offsets_ms(&items), report.bad_lines), (vec![0, 100, 200], 0), "{line}: {report}");
        assert_eq!(header(&items).timing().as_str_name(), "TIMING_UNTIMED");
        assert_eq!(report.notes, ["The capture has no times: imported at 10 frames per second (--rate)"]);
    }
    // Among lines with times, such a line cannot be placed.
    let (_, report) = imported(&format!("{frame}\n{}", frame.replace('{', r#"{"offset_ms":1,"#)));
    assert_eq!((report.frames, report.bad_lines_listed[0].line), (1, 1));
    assert_eq!(report.bad_lines_listed[0].reason, "neither offset_ms nor ts_ms");
}

#[test]
fn fragments_of_frames_are_joined() {
    let line = |conn: u32, opcode: u32, frame: &str| {
        format!(r#"{{"offset_ms":1,"conn":{conn},"opcode":{opcode},"fin":false,"frame":"{frame}"}}"#)
    };
    let lines = [
        line(1, 0, "Yg=="),
        line(1, 2, "OgJo"),
        line(2, 2, "OgI="),
        line(1, 9, ""),
        line(1, 0, "Yg=="),
        line(2, 0, "aA=="),
        line(2, 0, "Yg=="),
        line(2, 2, "OgJoYg=="),
        // Close code 1000, reason `bye`.
        line(2, 8, "A+hieWU="),
    ];
    let (items, report) = imported(&lines.join("\n"));
    let shown = items.iter().filter_map(|item| match &item.what {
        What::Frame(frame) => Some(format!("{} {} {:?}", item.conn, frame.opcode.0, frame.bytes)),
        What::ConnClose(close) => Some(format!("{} {} {}", item.conn, close.code, close.reason)),
        _ => None,
    });
    let shown: Vec<String> = shown.collect();
    let frame = r#"2 b":\x02hb""#;
    assert_eq!(
        shown,
        [format!("1 {frame}"), format!("2 {frame}"), format!("2 {frame}"), "2 1000 bye".into()]
    );
    assert_eq!((report.frames, report.bad_lines), (3, 1), "{report}");
    assert_eq!(report.bad_lines_listed[0].reason, "a continuation without a first frame");

    let unmarked = r#"{"offset_ms":1,"frame":"OgJo"}"#;
    let (_, report) = imported(&[unmarked, r#"{"offset_ms":2,"frame":"OgJoYg=="}"#].join("\n"));
    assert!(report.is_lossy() && report.notes[0].contains("joined by their `opcode`"), "{report}");
}

#[test]
fn a_placeholder_in_place_of_a_frame_is_named() {
    for text in [
        "Binary Message",
        "[object Blob]",
        "<binary data: 328 bytes>",
        "ArrayBuffer(328)",
        "[B@6d06d69c",
        "System.Byte[]",
    ] {
        let line = format!(r#"{{"offset_ms":1,"frame":"{text}"}}"#);
        let error = import(line.as_bytes(), Vec::new(), &options()).unwrap_err().to_string();
        assert!(error.ends_with("frame is a placeholder: the exporter dropped the bytes"), "{error}");
    }
    for value in ["{}", "[]"] {
        let line = format!(r#"{{"offset_ms":1,"frame":{value}}}"#);
        let error = import(line.as_bytes(), Vec::new(), &options()).unwrap_err().to_string();
        assert!(error.ends_with("has no bytes: the exporter dropped them"), "{error}");
    }
}

#[test]
fn bad_lines_are_counted_and_the_first_are_listed() {
    let good = r#"{"offset_ms":1,"frame":"OgJoYg=="}"#;
    let bad = [
        "{",
        r#"{"offset_ms":1}"#,
        r#"{"frame":"OgJoYg=="}"#,
        r#"{"offset_ms":1,"frame":"***"}"#,
        &message(r#""offset_ms":1"#, "a"),
        r#"{"offset_ms":"1","frame":""}"#,
    ];
    let lines = format!("\u{feff}{good}\r\n\r\n{}\n{good}", bad.join("\n"));
    let (_, report) = imported(&lines);
    assert_eq!((report.lines, report.frames, report.bad_lines), (8, 2, 6));
    let numbers = Vec::from_iter(report.bad_lines_listed.iter().map(|bad| bad.line));
    assert_eq!(numbers, [3, 4, 5, 6, 7, 8]);
    let (_, report) = imported(&[good, &"x\n".repeat(50)].join("\n"));
    assert_eq!((report.bad_lines, report.bad_lines_listed.len()), (50, 10));
}

#[test]
fn an_endless_line_is_skipped_in_bounded_memory() {
    let good = r#"{"offset_ms":1,"frame":"OgJoYg=="}"#;
    let lines = format!("{good}\n{}\n{good}", "x".repeat(LINE_BYTES_MAX + 5));
    let (_, report) = imported(&lines);
    assert_eq!((report.frames, report.bad_lines), (2, 1));
    assert_eq!(report.bad_lines_listed[0].reason, "longer than 25165824 bytes");
}

#[test]
fn a_frame_above_the_limit_is_skipped() {
    let line = |frame: &str| format!(r#"{{"offset_ms":1,"frame":"{frame}"}}"#);
    let (hb, large) = (line("OgJoYg"), line(&"A".repeat((16 << 20) / 3 * 4)));
    let (_, report) = imported(&[&*hb, &large, &hb].join("\n"));
    assert_eq!((report.frames, report.bad_lines_listed[0].line), (2, 2));
    assert_eq!(report.bad_lines_listed[0].reason, "the frame is too large");
}

#[test]
fn frames_are_recorded_whatever_they_contain() {
    // Only a gzip header, in a frame of type `msg`.
    let (items, report) = imported(r#"{"offset_ms":1,"frame":"OgNtc2dCAx+LCA=="}"#);
    assert_eq!(offsets_ms(&items), [1]);
    assert_eq!(Vec::from_iter(report.faults), [("bad_gzip", 1)]);
}

#[test]
fn an_input_without_frames_is_rejected_before_anything_is_written() {
    for (input, message) in [
        ("", "the input is empty: expected one JSON object per line"),
        ("\n \n", "the input is empty: expected one JSON object per line"),
        (
            "{\"a\":1}\n",
            "none of 1 lines holds a frame or a message: line 1: neither frame nor method and payload",
        ),
    ] {
        let mut bytes = Vec::new();
        let error = import(input.as_bytes(), &mut bytes, &options()).unwrap_err();
        assert_eq!((error.to_string().as_str(), bytes.len()), (message, 0));
    }
    let binary = import(&b"\x00\xff\x1f\n\x8b"[..], Vec::new(), &options());
    assert!(matches!(binary, Err(Error::NotJson(bad)) if bad.line == 1));
}
