//! `info`, `diff`, `verify` and the timeline: what is in recordings.

use std::{fs, time::Duration};

use livetape_core::recording::{Flags, Frame, Item, Opcode, What, Writer, records::Header};
use livetape_tools::{
    diff::{Change, DiffCounts, WINDOW, diff},
    info::info,
    timeline::{Timeline, chart},
    verify::{Verification, verify},
};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use crate::support::assert_same;

fn golden(name: &str) -> Vec<u8> {
    fs::read(format!("{}/../../fixtures/golden/{name}.bin", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn the_text_fits_a_terminal() {
    let demo = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/demo.bin")).unwrap();
    let text = info(&demo[..]).unwrap().to_string();
    insta::assert_snapshot!(text);
    for line in text.lines() {
        assert!(line.width() <= 80, "{line}");
    }
}

#[test]
fn the_json_has_the_same_content() {
    let mut json = serde_json::to_value(info(&golden("every-type")[..]).unwrap()).unwrap();
    let timeline = chart(&golden("every-type")[..]).unwrap().timeline(52);
    assert_same(&json["timeline"].take(), &serde_json::to_value(timeline).unwrap());
    let connection = json!({
        "conn": 1, "user": "host_078", "roomId": "7309142864777853434", "openedMs": 120, "frames": 3,
    });
    let expected = json!({
        "header": {
            "tool": "", "toolVersion": "", "source": "", "started": null, "timing": "unknown",
            "privacy": "unknown", "scrubProfile": "", "scrubKeyFingerprint": "", "tags": {},
        },
        "sealed": true, "records": 15, "durationMs": 63_000, "framesReceived": 2, "framesSent": 1,
        "frameBytes": 15, "connectionCount": 1, "connections": [connection], "markers": 1, "lostInGaps": 12,
        "events": { "connection_closed": 1, "connection_created": 1, "error": 1, "unknown": 1 },
        "users": 0, "gifts": { "count": 0, "diamonds": 0, "kinds": {} }, "timeline": null,
        "damage": {
            "preambleDamaged": false, "newerMinor": null, "missingRecords": 0, "stretches": 0, "bytes": 0,
            "tailBytes": 0, "clamped": 0,
        },
    });
    assert_same(&json, &expected);
}

#[test]
fn an_unsealed_file_may_lack_its_end() {
    let text = info(&golden("unsealed")[..]).unwrap().to_string();
    assert!(text.starts_with("recording    not sealed, 14 records, last at 00:01:03.000\n"), "{text}");
    assert!(
        text.contains("missing      12 records lost while recording; not sealed: the end may be missing\n"),
        "{text}"
    );
}

#[test]
fn damage_is_reported() {
    let missing = |name: &str| {
        let text = info(&golden(name)[..]).unwrap().to_string();
        text.lines().find_map(|line| line.strip_prefix("missing      ").map(str::to_owned)).unwrap()
    };
    let gap = "12 records lost while recording";
    assert_eq!(missing("minimal"), "nothing");
    assert_eq!(missing("flipped-bit"), format!("1 record at 1 place, 43 bytes; {gap}"));
    assert_eq!(missing("hole"), format!("4 records at 1 place, 0 bytes; {gap}"));
    assert_eq!(missing("cut-tail"), "truncated at the end: 25 bytes; not sealed: the end may be missing");
    assert_eq!(missing("damaged-preamble"), format!("the preamble is damaged; {gap}"));
}

fn timeline(path: &str, buckets: usize) -> Timeline {
    let bytes = fs::read(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    chart(&bytes[..]).unwrap().timeline(buckets)
}

#[test]
fn the_timeline_of_the_demo_in_twelve_buckets() {
    let timeline = timeline("recordings/demo.bin", 12);
    assert_eq!((timeline.duration_ms, timeline.bucket_ms, timeline.types.len()), (402_438, 33_792, 65));
    assert_eq!(timeline.total, [82, 73, 72, 80, 74, 81, 72, 74, 69, 76, 70, 69]);
    for (kind, counts) in [
        ("chat", [10, 5, 5, 5, 4, 6, 4, 5, 5, 5, 5, 4]),
        ("emote", [0, 3, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("envelope", [5, 11, 4, 2, 5, 3, 0, 0, 10, 9, 1, 1]),
        ("gift", [13, 3, 6, 8, 8, 10, 4, 8, 3, 4, 4, 4]),
        ("pictionary_exit", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ] {
        assert_eq!(timeline.types[kind], counts, "{kind}");
    }
    for (bucket, total) in timeline.total.iter().enumerate() {
        assert_eq!(timeline.types.values().map(|counts| counts[bucket]).sum::<u64>(), *total, "{bucket}");
    }
    let [connection] = &timeline.connections[..] else { panic!("{:?}", timeline.connections) };
    assert_eq!(
        (&*connection.user, connection.opened_ms, connection.closed_ms),
        ("lilac_tunnel6448", 0, None)
    );
}

#[test]
fn markers_gaps_and_connections_are_listed() {
    insta::assert_json_snapshot!(timeline("fixtures/golden/every-type.bin", 4));
}

#[test]
fn damage_appears_as_a_gap() {
    let gaps = timeline("fixtures/golden/hole.bin", 4).gaps;
    let damage: Vec<_> = gaps.iter().filter(|gap| gap.reason == "damage").collect();
    assert_eq!((damage.len(), damage[0].records), (1, 4), "{gaps:?}");
}

fn verified(name: &str) -> Verification {
    verify(&golden(name)[..]).unwrap()
}

fn of_frame(bytes: &'static [u8]) -> Verification {
    let what = What::Frame(Frame { opcode: Opcode::BINARY, bytes: bytes.into() });
    let mut writer = Writer::new(Vec::new(), &Header::default()).unwrap();
    writer.write(&Item { offset: Duration::ZERO, conn: 1, flags: Flags::default(), what }).unwrap();
    verify(&writer.finish().unwrap()[..]).unwrap()
}

#[test]
fn the_exit_code_reports_missing_data() {
    assert_eq!(verified("minimal").exit_code(), 0);
    // Items that the recorder lost also count as missing.
    for name in ["every-type", "unsealed", "flipped-bit", "hole", "cut-tail", "damaged-preamble"] {
        assert_eq!(verified(name).exit_code(), 3, "{name}");
    }
    assert_eq!(of_frame(b"\x3a\x02hb").exit_code(), 0);
    let bad_gzip = of_frame(b"\x3a\x03msg\x42\x03\x1f\x8b\x08");
    assert_eq!((bad_gzip.unreadable, bad_gzip.faults["bad_gzip"], bad_gzip.exit_code()), (1, 1, 3));
    // A chat with a truncated payload: the batch is intact, but the message is not.
    let bad_message = of_frame(b"\x3a\x03msg\x42\x19\x0a\x17\x0a\x12WebcastChatMessage\x12\x01\x0a");
    assert_eq!((bad_message.faults.len(), bad_message.exit_code()), (1, 3), "{bad_message}");
    let nothing = verify(&Writer::new(Vec::new(), &Header::default()).unwrap().get_ref()[..16]).unwrap();
    assert_eq!(nothing.exit_code(), 1);
}

#[test]
fn the_text_lists_the_damage() {
    insta::assert_snapshot!(verified("flipped-bit"), @r"
    sealed, 14 records, last at 00:01:03.000
    decoded: frames 2, batches 1, messages 0
    at byte 259: 43 bytes unreadable, 1 record missing
    lost while recording: 12 records
    incomplete: 13 records missing; 43 bytes unreadable
    ");
}

fn chat(id: usize, comment: &str) -> Value {
    json!({"type": "chat", "id": id.to_string(), "data": {"sender": "ann", "comment": comment, "timestamp": "t"},
           "ts": format!("{id}"), "seq": id, "stream": "s"})
}

fn compared(before: &[Value], after: &[Value]) -> (Vec<Change>, DiffCounts) {
    let mut changes = Vec::new();
    let stream = |event: &Value| Ok::<_, ()>(event.clone());
    let counts = diff(before.iter().map(stream), after.iter().map(stream), |change| {
        changes.push(change);
        Ok(())
    });
    (changes, counts.unwrap())
}

fn chats(ids: impl IntoIterator<Item = usize>) -> Vec<Value> {
    ids.into_iter().map(|id| chat(id, "hi")).collect()
}

#[test]
fn fields_added_by_the_server_are_not_a_difference() {
    let before = chats(0..10);
    let mut after = before.clone();
    for event in &mut after {
        (event["seq"], event["ts"], event["stream"]) = (99.into(), "later".into(), "other".into());
    }
    let (changes, counts) = compared(&before, &after);
    assert!(changes.is_empty() && counts.is_same() && counts.same == 10);
}

#[test]
fn additions_removals_and_changes_are_reported_in_order() {
    let mut after = chats((0..20).filter(|id| *id != 3));
    after[6]["data"]["comment"] = "ho".into();
    after.insert(10, chat(100, "new"));
    let (changes, counts) = compared(&chats(0..20), &after);
    let text = String::from_iter(changes.iter().map(ToString::to_string));
    insta::assert_snapshot!(format!("{text}{counts}"), @r#"
    - chat 💬 ann: hi
    ~ chat 💬 ann: hi
        data.comment: "hi" → "ho"
    + chat 💬 ann: new
    1 added, 1 removed, 1 changed, 18 equal
    "#);
    let json = serde_json::to_value(&changes[1]).unwrap();
    let fields = json!([{"path": "data.comment", "before": "hi", "after": "ho"}]);
    assert_eq!(
        (&json["change"], &json["event"]["id"], &json["fields"]),
        (&"changed".into(), &"7".into(), &fields)
    );
}

#[test]
fn an_inferred_final_with_another_count_is_changed() {
    let inferred = |streak: &str, count: i64| {
        let data = json!({"streakId": streak, "repeatCount": count, "repeatDelta": 0, "isFinal": true, "inferred": true});
        json!({"type": "gift", "data": data, "ts": "t", "seq": 1, "stream": "s"})
    };
    let before = [inferred("1", 5), inferred("2", 7), inferred("3", 1)];
    let after = [inferred("1", 5), inferred("2", 9), inferred("3", 1)];
    let (changes, counts) = compared(&before, &after);
    assert_eq!(counts, DiffCounts { same: 2, changed: 1, ..DiffCounts::default() });
    let Change::Changed { fields, .. } = &changes[0] else { panic!("{changes:?}") };
    assert_eq!((fields.len(), &*fields[0].path, &fields[0].after), (1, "data.repeatCount", &json!(9)));
}

#[test]
fn streams_with_nothing_in_common_differ_in_everything() {
    let (_, counts) = compared(&chats(0..5000), &chats(10_000..13_000));
    assert_eq!((counts.removed, counts.added, counts.same), (5000, 3000, 0));
    let (_, counts) = compared(&[], &chats(0..3));
    assert_eq!((counts.added, counts.removed), (3, 0));
}

#[test]
fn a_gap_within_the_window_only_removes_events() {
    let hole = WINDOW / 2;
    let (_, counts) =
        compared(&chats(0..4000), &chats((0..4000).filter(|id| !(500..500 + hole).contains(id))));
    assert_eq!((counts.removed, counts.added, counts.same), (hole as u64, 0, (4000 - hole) as u64));
}
