//! `import` of other formats: files in the documented format, generated from a session, decode to the same
//! events.

mod bad;
mod clocks;
mod contents;
mod har;
mod others;
mod sources;

use bytes::Bytes;
use livetape_core::recording::{Item, Reader, What, records::Header};
use livetape_feed::hub::Filter;
use livetape_tools::{
    export::har,
    import::{Error, ImportOptions, ImportReport, Source, import_capture},
};
use serde_json::Value;

use crate::support::{
    captures::{self, START_MS, session},
    decode, item,
};

fn options() -> ImportOptions {
    ImportOptions { user: Some("host_078".into()), name: "show".into(), ..ImportOptions::default() }
}

/// The result of importing a capture.
fn import(source: &dyn Source, options: &ImportOptions) -> Result<(Vec<Item>, ImportReport), Error> {
    let mut bytes = Vec::new();
    let report = import_capture(source, &mut bytes, options)?;
    let mut reader = Reader::open(&bytes[..]).unwrap();
    let mut items = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        items.push(record.item);
    }
    assert!(reader.report().is_whole() && reader.report().sealed);
    Ok((items, report))
}

fn imported(capture: impl Into<Bytes>) -> (Vec<Item>, ImportReport) {
    import(&capture.into(), &options()).unwrap()
}

fn error(capture: impl Into<Bytes>) -> Error {
    import(&capture.into(), &options()).unwrap_err()
}

fn header(items: &[Item]) -> &Header {
    let What::Header(header) = &items[0].what else { panic!("the first record is the header") };
    header
}

/// Decodes items, without events about connections, of which some producers have more.
fn events(items: &[Item]) -> Vec<Value> {
    let mut events = decode(items, &Filter::default(), true);
    events.retain(|event| event["type"] != "connection_closed");
    for (event, seq) in events.iter_mut().zip(1..) {
        event["seq"] = seq.into();
    }
    events
}

/// Returns the events of the session, at the time of the captures.
fn session_events() -> Vec<Value> {
    let start = Header { wall_anchor_ns: Some(START_MS * 1_000_000), ..Header::default() };
    let mut items = vec![item(0, What::Header(Box::new(start)))];
    items.extend(session());
    for item in &mut items {
        if let What::ConnOpen(open) = &mut item.what {
            open.unique_id = "host_078".into();
        }
    }
    events(&items)
}

#[track_caller]
fn assert_same_events(items: &[Item]) {
    let (ours, theirs) = (events(items), session_events());
    assert!(theirs.len() > 100, "{}", theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.len(), theirs.len());
}

/// Returns the times of the frames, in ms.
fn offsets_ms(items: &[Item]) -> Vec<u128> {
    let frames = items.iter().filter(|item| matches!(item.what, What::Frame(_)));
    frames.map(|item| item.offset.as_millis()).collect()
}

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

const SHIPPED: [&str; 10] =
    ["demo", "cut-streaks", "gifts", "short", "quiet", "busy", "raid", "battle", "everything", "guests"];

#[test]
fn an_exported_har_is_imported_to_the_same_events() {
    for name in SHIPPED {
        let bytes = shipped(name);
        let mut exported = Vec::new();
        har(|| Ok(&bytes[..]), &mut exported).unwrap();
        let (again, report) = import(&Bytes::from(exported), &ImportOptions::default()).unwrap();
        assert_eq!(
            report.frames,
            items(&bytes).iter().filter(|item| is_frame(item)).count() as u64,
            "{name}"
        );
        assert_eq!((report.clock_steps, report.clamped), (0, 0), "{name}: {report}");
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
