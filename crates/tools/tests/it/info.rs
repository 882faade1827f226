//! `info`: a summary of a recording, as text and JSON.

use std::fs;

use livetape_tools::{info::info, timeline::chart};
use serde_json::json;
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
