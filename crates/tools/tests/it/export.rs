//! `cat` and `export` are complete, and exports can be imported again.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use livetape_core::recording::{self, Item, Opcode, Reader, What};
use livetape_tools::{
    cat,
    export::{har, jsonl},
    import::{ImportOptions, import},
};
use serde_json::Value;

use crate::support::{messages::show, recording};

fn read(bytes: &[u8]) -> Vec<Item> {
    let (mut reader, mut items) = (Reader::open(bytes).unwrap(), Vec::new());
    while let Some(record) = reader.next().unwrap() {
        items.push(record.item);
    }
    items
}

/// Returns connection and bytes of every received binary frame.
fn received(items: &[Item]) -> Vec<(u32, Vec<u8>)> {
    let frames = items.iter().filter_map(|item| match &item.what {
        What::Frame(frame) if !item.flags.is_sent() && frame.opcode == Opcode::BINARY => {
            Some((item.conn, frame.bytes.to_vec()))
        }
        _ => None,
    });
    frames.collect()
}

fn frame_count(bytes: &[u8]) -> u64 {
    read(bytes).iter().filter(|item| matches!(item.what, What::Frame(_))).count() as u64
}

fn battle() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/battle.bin")).unwrap()
}

#[test]
fn frame_lines_are_imported_again() {
    let bytes = battle();
    let mut lines = Vec::new();
    let exported = jsonl(&bytes[..], &mut lines).unwrap();
    let (all, kept) = (frame_count(&bytes), received(&read(&bytes)).len() as u64);
    assert_eq!((exported.frames, exported.connections, exported.left_out), (kept, 2, all - kept));
    let mut again = Vec::new();
    import(&lines[..], &mut again, &ImportOptions::default()).unwrap();
    assert_eq!(received(&read(&again)), received(&read(&bytes)));
}

#[test]
fn an_exported_har_has_the_format_of_chrome() {
    let bytes = battle();
    let mut out = Vec::new();
    let open = || Ok::<_, recording::Error>(&bytes[..]);
    let exported = har(open, &mut out).unwrap();
    assert_eq!((exported.frames, exported.connections), (frame_count(&bytes), 2));
    let har: Value = serde_json::from_slice(&out).unwrap();
    let entries = har["log"]["entries"].as_array().unwrap();
    let items = read(&bytes);
    for (entry, conn) in entries.iter().zip(1..) {
        assert_eq!(entry["_resourceType"], "websocket");
        assert!(entry["request"]["url"].as_str().unwrap().contains("room_id=7300000000000000001"));
        let messages = entry["_webSocketMessages"].as_array().unwrap();
        let own =
            Vec::from_iter(items.iter().filter(|item| {
                item.conn == conn && matches!(item.what, What::Frame(_) | What::ConnClose(_))
            }));
        assert_eq!(messages.len(), own.len());
        for (message, item) in messages.iter().zip(own) {
            let time = message["time"].as_f64().unwrap() - 1_767_225_600.0;
            assert!((time - item.offset.as_secs_f64()).abs() < 1e-6);
            assert_eq!(message["type"], if item.flags.is_sent() { "send" } else { "receive" });
            let data = BASE64_STANDARD.decode(message["data"].as_str().unwrap()).unwrap();
            match &item.what {
                What::Frame(frame) => {
                    assert_eq!((&message["opcode"], &data[..]), (&2.into(), &frame.bytes[..]));
                }
                _ => assert_eq!(message["opcode"], 8),
            }
        }
    }
    assert_eq!(har["log"]["pages"][0]["title"], "https://www.tiktok.com/@synthetic_host/live");
}

#[test]
fn every_record_becomes_a_line() {
    let bytes =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/golden/every-type.bin")).unwrap();
    let (mut reader, mut json, mut text) = (Reader::open(&bytes[..]).unwrap(), String::new(), String::new());
    while let Some(record) = reader.next().unwrap() {
        json += &format!("{}\n", cat::json(&record));
        text += &format!("{}\n", cat::text(&record));
    }
    for line in text.lines() {
        assert!(unicode_width::UnicodeWidthStr::width(line) <= 80, "{line}");
    }
    insta::assert_snapshot!("cat_json", json);
    insta::assert_snapshot!("cat_text", text);
    let mut show_text = String::new();
    let shown = recording(&show());
    let mut reader = Reader::open(&shown[..]).unwrap();
    while let Some(record) = reader.next().unwrap() {
        show_text += &format!("{}\n", cat::text(&record));
    }
    insta::assert_snapshot!("cat_show", show_text);
}
