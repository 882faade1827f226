//! Importing the output of `export` yields the same events.

use livetape_core::recording::{Item, Reader, What};
use livetape_tools::{export::har, import::ImportOptions};
use serde_json::Value;

use super::{events, import};

fn shipped(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../../recordings/{name}.bin", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn items(bytes: &[u8]) -> Vec<Item> {
    let (mut reader, mut items) = (Reader::open(bytes).unwrap(), Vec::new());
    while let Some(record) = reader.next().unwrap() {
        items.push(record.item);
    }
    items
}

/// A HAR cannot contain livetape's own events about a lost connection.
fn of_the_room(items: &[Item]) -> Vec<Value> {
    let mut events = events(items);
    events.retain(|event| event["type"] != "error");
    for (event, seq) in events.iter_mut().zip(1..) {
        event["seq"] = seq.into();
    }
    events
}

#[test]
fn an_exported_har_is_imported_to_the_same_events() {
    for name in ["demo", "cut-streaks", "gifts", "short", "quiet", "busy", "raid", "battle", "everything"] {
        let bytes = shipped(name);
        let mut exported = Vec::new();
        har(|| Ok(&bytes[..]), &mut exported).unwrap();
        let (again, report) = import(&bytes::Bytes::from(exported), &ImportOptions::default()).unwrap();
        assert_eq!(
            report.frames,
            items(&bytes).iter().filter(|item| is_frame(item)).count() as u64,
            "{name}"
        );
        let (ours, theirs) = (of_the_room(&again), of_the_room(&items(&bytes)));
        assert!(theirs.len() > 100, "{name}: {}", theirs.len());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(ours, theirs, "{name}");
        }
        assert_eq!(ours.len(), theirs.len(), "{name}");
    }
}

fn is_frame(item: &Item) -> bool {
    matches!(item.what, What::Frame(_))
}
