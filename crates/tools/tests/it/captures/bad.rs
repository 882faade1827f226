//! Broken, malicious and unrelated captures.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write as _};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use livetape_tools::import::{Error, ImportOptions, Input, Scratch, Source};
use serde_json::json;

use super::{
    captures::{START_MS, STARTED, URL, chrome, entry, frames, har, messages},
    error, import, imported, offsets_ms, options,
};

#[test]
fn whole_frames_are_imported_from_truncated_json() {
    let whole = chrome();
    let (items, report) = imported(whole[..whole.len() / 2].to_owned());
    let ours = offsets_ms(&items);
    assert!(ours.len() > 10 && ours.len() < 82 && report.is_lossy(), "{}", ours.len());
    assert!(report.broken.as_ref().unwrap().contains("truncated at byte"), "{report}");
    assert!(report.to_string().contains("⚠️ The rest is missing: truncated"), "{report}");
    // Before the first frame there is nothing to import.
    assert!(matches!(error(whole[..60].to_owned()), Error::CutOff { at: 60 }));
    assert!(matches!(error(&b"{\"log\": {]}"[..]), Error::NotJsonAt { .. }));
    // Trailing data.
    let (_, report) = imported(whole + "{\"log\":{}}");
    assert!(report.frames == 82 && report.broken.is_some(), "{report}");
}

#[test]
fn a_har_without_frames_is_reported_with_a_hint() {
    let page = r#"{"startedDateTime":"2025-09-09T18:44:49.000Z","request":{"url":"https://www.tiktok.com/"},"response":{"status":200}}"#.to_owned();
    let socket = page.replace("https://www.tiktok.com/", URL);
    // Proxies write the scheme of the request that became a WebSocket.
    let upgraded = socket.replace("wss://", "https://").replace("\"status\":200", "\"status\":101");
    for (producer, version, entry, expected) in [
        ("Proxyman", "2.25.0", &upgraded, "its WebSockets were saved without their messages"),
        ("Firefox", "143.0", &socket, "Firefox does not save them, Chrome does"),
        ("Playwright", "1.60.0", &socket, "Playwright 1.60.0 does not save them, 1.62 and later do"),
        ("WebInspector", "537.36", &socket, "its WebSockets were saved without their messages"),
        (
            "WebInspector",
            "537.36",
            &page,
            "no request opened a WebSocket: in a browser, open the developer tools before the page",
        ),
    ] {
        let said = error(har(producer, version, std::slice::from_ref(entry))).to_string();
        assert!(said.contains(expected), "{producer}: {said}");
    }
    assert!(matches!(error(har("Firefox", "143.0", &[])), Error::NoFrames(_)));
}

#[test]
fn unrelated_frames_are_listed_and_can_be_selected() {
    let chat = json!({ "type": "receive", "time": START_MS, "opcode": 1, "data": "{\"hello\":1}" });
    let other = entry("wss://chat.example/socket?token=planted", STARTED, &[chat.clone(), chat]);
    let bytes = json!({ "type": "receive", "time": START_MS, "opcode": 2, "data": "/////w==" });
    let binary = entry("wss://data.example/", STARTED, &[bytes]);
    let capture = Bytes::from(har("Playwright", "1.65.1", &[other.clone(), binary.clone()]));
    let Err(Error::Unsure(candidates)) = import(&capture, &options()) else {
        panic!("they are not webcast's")
    };
    let listed: Vec<_> =
        candidates.iter().map(|found| (found.number, found.url.as_str(), found.messages)).collect();
    assert_eq!(listed, [(1, "wss://chat.example/socket", 2), (2, "wss://data.example/", 1)]);

    let chosen = |entries: &[u64]| ImportOptions { entries: entries.to_vec(), ..options() };
    let (_, report) = import(&capture, &chosen(&[2])).unwrap();
    assert!(report.frames == 1 && report.left_out == 1 && report.is_lossy(), "{report}");
    assert!(report.to_string().contains("0 % decoded"), "{report}");
    for entry in [0, 3, u64::MAX] {
        assert!(matches!(import(&capture, &chosen(&[entry])), Err(Error::NoEntry { there: 2, .. })));
    }
    // Next to a valid one, they are skipped.
    let webcast = entry(URL, STARTED, &messages(|ms| ms));
    let (_, report) = imported(har("Playwright", "1.65.1", &[other, webcast, binary]));
    assert_eq!((report.frames, report.connections, report.left_out), (82, 1, 2));
}

#[test]
fn content_counts_more_than_the_url() {
    let hidden = entry("wss://proxy.example/tunnel", STARTED, &messages(|ms| ms));
    assert_eq!(imported(har("Playwright", "1.65.1", &[hidden])).1.frames, 82);
}

#[test]
fn bad_messages_are_counted_and_the_rest_is_imported() {
    let mut all = messages(|ms| ms / 1e3);
    all[3]["data"] = json!("***");
    all[4]["type"] = json!("whispered");
    all[5] = json!({ "type": "receive", "opcode": null, "data": null });
    all[6] = json!("no message");
    (all[7]["opcode"], all[7]["data"]) = (json!(1e9), json!("AAAA"));
    all[8]["data"] = json!(null);
    all[9]["data"] = json!({ "a": 1 });
    all[10].as_object_mut().unwrap().remove("data");
    let (_, report) = imported(har("WebInspector", "1", &[entry(URL, STARTED, &all)]));
    assert_eq!((report.frames, report.bad_lines), (74, 8));
    assert!(report.to_string().contains("⚠️ 8 messages skipped:"), "{report}");

    let room = entry(URL, STARTED, &messages(|ms| ms / 1e3));
    let other =
        entry(URL, STARTED, &[]).replace(r#""_webSocketMessages":[]"#, r#""_webSocketMessages":{"0":1}"#);
    let (_, report) = imported(har("WebInspector", "1", &[room, other]));
    assert_eq!((report.frames, report.bad_lines), (82, 1), "{report}");
}

#[test]
fn frames_before_a_deeply_nested_value_or_the_end_of_a_short_gzip_are_imported() {
    let [first, second] = [1, 2].map(|_| entry(URL, STARTED, &messages(|ms| ms / 1e3)[..12]));
    let deep = second.replacen('{', &format!(r#"{{"x":{}{},"#, "[".repeat(300), "]".repeat(300)), 1);
    let (_, report) = imported(har("WebInspector", "1", &[first.clone(), deep]));
    assert!(report.frames == 12 && report.is_lossy(), "{report}");
    assert!(report.to_string().contains("nested too deeply"), "{report}");

    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(har("WebInspector", "1", &[first, second]).as_bytes()).unwrap();
    let mut packed = gzip.finish().unwrap();
    packed.truncate(packed.len() - 20);
    let (_, report) = imported(packed);
    assert!(report.frames >= 12 && report.is_lossy(), "{report}");
}

#[test]
fn a_byte_order_mark_is_ignored() {
    let (_, report) = imported("\u{feff}".to_owned() + &chrome());
    assert!(report.frames == 82 && !report.is_lossy(), "{report}");
}

/// `before`, then a repeated byte, then `behind`: a file larger than memory.
struct Endless {
    before: Vec<u8>,
    middle: u8,
    bytes: u64,
    behind: Vec<u8>,
}

struct Reading {
    inner: Box<dyn Read + Send>,
}

impl Read for Reading {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.inner.read(bytes)
    }
}

impl Seek for Reading {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Source for Endless {
    fn open(&self) -> io::Result<Box<dyn Input>> {
        let (before, behind) = (Cursor::new(self.before.clone()), Cursor::new(self.behind.clone()));
        let middle = io::repeat(self.middle).take(self.bytes);
        Ok(Box::new(Reading { inner: Box::new(before.chain(middle).chain(behind)) }))
    }

    fn open_beside(&self, _: &str) -> io::Result<Box<dyn Input>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn scratch(&self) -> io::Result<Box<dyn Scratch>> {
        Ok(Box::new(Cursor::new(Vec::new())))
    }
}

const TWO_GB: u64 = 2 << 30;

#[test]
fn a_text_of_two_gigabytes_is_an_error_and_does_not_exhaust_memory() {
    let whole = chrome();
    let (before, behind) = whole.split_at(whole.find("\"data\": \"").unwrap() + 20);
    let behind = behind.as_bytes().to_vec();
    for before in [before, "{\"log\":{\""] {
        let source = Endless { before: before.into(), middle: b'A', bytes: TWO_GB, behind: behind.clone() };
        let error = import(&source, &options()).unwrap_err();
        assert!(matches!(error, Error::TooLong { bytes: 25_165_824 }), "{error}");
        assert_eq!(error.to_string(), "a string is longer than 25165824 bytes, the limit for a frame");
    }
    let deep = Endless { before: b"{\"log\":".to_vec(), middle: b'[', bytes: TWO_GB, behind: vec![] };
    assert!(matches!(import(&deep, &options()), Err(Error::TooDeep { .. })));
    let line =
        Endless { before: b"2025-09-09 18:44:49.000<= ".to_vec(), middle: b'a', bytes: TWO_GB, behind };
    assert!(matches!(import(&line, &options()), Err(Error::TooLong { .. })));
}

#[test]
fn a_long_unneeded_text_is_skipped() {
    let video = "A".repeat(25 << 20);
    let entry = entry(URL, STARTED, &messages(|ms| ms / 1e3));
    let page = format!(
        r#"{{"request":{{"url":"https://v.example/"}},"response":{{"content":{{"text":"{video}"}}}}}}"#
    );
    assert_eq!(imported(har("WebInspector", "1", &[page, entry])).1.frames, 82);
}

#[test]
fn decompression_bombs_are_distinguished_from_captures() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(b"{\"log\":{\"comment\":\"").unwrap();
    for _ in 0..40 {
        gzip.write_all(&[b'A'; 1 << 20]).unwrap();
    }
    let said = error(gzip.finish().unwrap()).to_string();
    assert!(said.contains("not a capture"), "{said}");
}

#[test]
fn files_that_are_not_captures_are_reported_with_their_type() {
    assert!(matches!(error(&b"<html>"[..]), Error::Unrecognised));
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/short.bin");
    assert!(matches!(error(std::fs::read(demo).unwrap()), Error::Recording));
    assert!(matches!(error(&b"PK\x05\x06"[..]), Error::Archive(_)));
    let cut = error(&b"\x1f\x8b\x08"[..]);
    assert!(matches!(cut, Error::Read(_)), "{cut:?}");
    assert_eq!(frames().len(), 82);
}
