//! Archives of captures, and files next to them.

use std::{
    cell::Cell,
    collections::BTreeMap,
    io::{self, Cursor, Read, Seek, SeekFrom, Write as _},
    rc::Rc,
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use livetape_tools::import::{CaptureFormat, Input, Scratch, Source};
use serde_json::{Value, json};

use super::{
    assert_same_events,
    captures::{STARTED, URL, chrome, entry, flow, flowing, har, messages},
    import, imported, options,
};

/// Files in memory; the first is the capture.
struct Files {
    capture: Bytes,
    beside: BTreeMap<&'static str, Bytes>,
}

impl Source for Files {
    fn open(&self) -> io::Result<Box<dyn Input>> {
        Ok(Box::new(Cursor::new(self.capture.clone())))
    }

    fn open_beside(&self, name: &str) -> io::Result<Box<dyn Input>> {
        let found = self.beside.get(name).cloned();
        found
            .map(|bytes| Box::new(Cursor::new(bytes)) as Box<dyn Input>)
            .ok_or(io::ErrorKind::NotFound.into())
    }

    fn scratch(&self) -> io::Result<Box<dyn Scratch>> {
        Ok(Box::new(Cursor::new(Vec::new())))
    }
}

/// A HAR with its frames in a separate file, and that file.
fn attached(file: &str) -> (String, String) {
    let socket = format!(
        r#"{{"startedDateTime":"{STARTED}","request":{{"method":"GET","url":"{URL}"}},"response":{{"status":101,"content":{{"size":-1,"_file":"{file}"}}}},"_resourceType":"websocket"}}"#
    );
    let lines = messages(|ms| ms).iter().map(|message| format!("{message}\n")).collect();
    (har("Playwright", "1.65.1", &[socket]), lines)
}

#[test]
fn frames_in_files_next_to_the_har_are_found() {
    let (capture, lines) = attached("0a1b.jsonl");
    let files = Files { capture: capture.into(), beside: [("0a1b.jsonl", lines.into())].into() };
    assert_same_events(&import(&files, &options()).unwrap().0);
    let missing = Files { beside: BTreeMap::new(), ..files };
    let said = import(&missing, &options()).unwrap_err().to_string();
    assert!(said.contains("0a1b.jsonl, which the capture refers to"), "{said}");
}

#[test]
fn a_har_cannot_refer_to_files_elsewhere() {
    for name in ["../secret", "/etc/passwd", "a/b", "..", "c:\\\\x"] {
        let (capture, _) = attached(name);
        let said = import(&Bytes::from(capture), &options()).unwrap_err().to_string();
        assert!(said.contains("not a plain file name"), "{name}: {said}");
    }
}

pub(super) fn zipped(files: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let how = zip::write::SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in files {
        archive.start_file(*name, how).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A line of a network log, and the frames in their file.
fn network(key: &str, file: &str, messages: &[Value]) -> (String, String) {
    let name = if key == "_file" { format!("resources/{file}") } else { file.to_owned() };
    let snapshot = json!({
        "startedDateTime": STARTED,
        "request": { "method": "GET", "url": URL, "headers": [{ "name": "Cookie", "value": "sessionid=planted" }] },
        "response": { "status": 101, "headers": [], "content": { "size": -1, "mimeType": "x-unknown", key: name } },
        "_resourceType": "websocket",
    });
    let line = json!({ "type": "resource-snapshot", "snapshot": snapshot }).to_string() + "\n";
    (line, messages.iter().map(|message| format!("{message}\n")).collect())
}

const ACTIONS: &str = r#"{"version":10,"type":"context-options","origin":"library","playwrightVersion":"VERSION","options":{}}
{"type":"before","callId":"call@6"}
"#;

/// The trace of Playwright, whose network log refers to files with this key.
pub(super) fn trace(key: &str, messages: &[Value]) -> Vec<u8> {
    let page = json!({ "type": "resource-snapshot", "snapshot": { "request": { "method": "GET", "url": "https://h/" }, "response": { "status": 200 }, "startedDateTime": STARTED } });
    let (line, frames) = network(&format!("_{key}"), "0a1b.jsonl", messages);
    let network = format!("{page}\n{line}");
    let actions = ACTIONS.replace("VERSION", if key == "sha1" { "1.62.0" } else { "1.65.1" });
    zipped(
        &[
            ("trace.trace", actions.as_bytes()),
            ("trace.network", network.as_bytes()),
            ("resources/page@1.jpeg", b"\xff\xd8"),
            ("resources/0a1b.jsonl", frames.as_bytes()),
        ],
        zip::CompressionMethod::Deflated,
    )
}

#[test]
fn playwrights_traces_decode_to_the_played_events() {
    for (key, version) in [("file", "1.65.1"), ("sha1", "1.62.0")] {
        let (items, report) = imported(trace(key, &messages(|ms| ms)));
        assert_same_events(&items);
        assert_eq!((report.format, report.producer), (CaptureFormat::Trace, format!("Playwright {version}")));
        assert_eq!((report.frames, report.bad_lines, report.left_out), (82, 0, 0));
        assert!(!format!("{items:?}").contains("planted"));
    }
}

/// The test runner keeps a log for each browser context.
#[test]
fn each_network_log_of_a_trace_is_read() {
    let all = messages(|ms| ms);
    let (first, second) = all.split_at(40);
    let (one, one_frames) = network("_sha1", "1.jsonl", first);
    let (two, two_frames) = network("_sha1", "2.jsonl", second);
    let files: [(&str, &[u8]); 5] = [
        ("test.trace", b"{}"),
        ("0-trace.network", one.as_bytes()),
        ("1-trace.network", two.as_bytes()),
        ("resources/1.jsonl", one_frames.as_bytes()),
        ("resources/2.jsonl", two_frames.as_bytes()),
    ];
    let (_, report) = imported(zipped(&files, zip::CompressionMethod::Deflated));
    assert_eq!((report.connections, report.frames, report.bad_lines), (2, 82, 0), "{report}");
    // A file that is missing costs its connection.
    let (_, report) = imported(zipped(&files[..4], zip::CompressionMethod::Stored));
    assert_eq!((report.frames, report.bad_lines), (40, 1), "{report}");
    assert!(report.is_lossy() && report.bad_lines_listed[0].reason.contains("2.jsonl"), "{report}");
}

#[test]
fn an_unpacked_or_truncated_trace_is_read() {
    let (line, frames) = network("_file", "0a1b.jsonl", &messages(|ms| ms));
    let beside = [
        ("resources/0a1b.jsonl", Bytes::from(frames)),
        ("trace.trace", ACTIONS.replace("VERSION", "1.61.0").into()),
    ];
    let files = Files { capture: line.clone().into(), beside: beside.into() };
    let (_, report) = import(&files, &options()).unwrap();
    assert_eq!((report.frames, report.producer.as_str()), (82, "Playwright 1.61.0"), "{report}");
    assert!(report.notes.iter().any(|note| note.contains("1.61")), "{report}");
    let broken = format!("{line}{}", &line[..line.len() / 2]);
    let (_, report) = import(&Files { capture: broken.into(), ..files }, &options()).unwrap();
    assert_eq!((report.frames, report.bad_lines), (82, 1), "{report}");
    let said = import(&Bytes::from(ACTIONS), &options()).unwrap_err().to_string();
    assert!(said.contains("import its .zip or .network file"), "{said}");
}

#[test]
fn a_trace_without_frames_says_which_version_stores_them() {
    let page = json!({ "type": "resource-snapshot", "snapshot": { "request": { "method": "GET", "url": "https://h/" }, "response": { "status": 200 } } }).to_string();
    for (version, expected) in
        [("1.55.1", "Playwright 1.55.1 does not save them"), ("1.65.1", "no request opened a WebSocket")]
    {
        let actions = ACTIONS.replace("VERSION", version);
        let files: [(&str, &[u8]); 2] =
            [("trace.trace", actions.as_bytes()), ("trace.network", page.as_bytes())];
        let said = super::error(zipped(&files, zip::CompressionMethod::Stored)).to_string();
        assert!(said.contains(expected), "{said}");
    }
}

/// Archives of operating systems, and of others than Playwright.
#[test]
fn a_capture_in_an_archive_is_found() {
    let chrome = chrome();
    let hidden: (&str, &[u8]) = ("__MACOSX/._show.har", b"\0\x05\x16\x07");
    let stored = zip::CompressionMethod::Stored;
    assert_same_events(&imported(zipped(&[hidden, ("my show/SHOW.HAR", chrome.as_bytes())], stored)).0);
    assert_same_events(&imported(zipped(&[hidden, ("my show/flows", &flow(21, flowing()))], stored)).0);
    let (capture, lines) = attached("0a1b.jsonl");
    let files: [(&str, &[u8]); 2] = [("a/har.har", capture.as_bytes()), ("a/0a1b.jsonl", lines.as_bytes())];
    assert_same_events(&imported(zipped(&files, stored)).0);
    for (files, expected) in [
        (
            vec![("readme.txt", &b"x"[..]), ("b.txt", b"y")],
            "no .har or .network file, and none of readme.txt, b.txt is a capture",
        ),
        (
            vec![("readme.txt", &b"x"[..]), ("a.jsonl", lines.as_bytes()), ("b.jsonl", lines.as_bytes())],
            "no .har or .network file, but a.jsonl, b.jsonl: unpack it and import one of them",
        ),
        (vec![("r/trace.zip", b"PK"), ("b.txt", b"y")], "it has r/trace.zip: unpack it and import that file"),
        (vec![hidden], "it has no files"),
    ] {
        let said = super::error(zipped(&files, stored)).to_string();
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn an_archive_whose_files_are_opened_again_and_again_is_not_a_capture() {
    let message = messages(|ms| ms)[3].to_string() + "\n";
    let frames = message.repeat((15 << 20) / message.len());
    let line = network("_file", "0a1b.jsonl", &[]).0;
    let files: [(&str, &[u8]); 2] =
        [("trace.network", &line.repeat(4).into_bytes()), ("resources/0a1b.jsonl", frames.as_bytes())];
    let scratch = Rc::<Cell<u64>>::default();
    let capture = Bounded(zipped(&files, zip::CompressionMethod::Deflated).into(), Rc::clone(&scratch));
    let (_, report) = import(&capture, &options()).unwrap();
    assert!(report.broken.as_ref().unwrap().contains("more than 100 times its size"), "{report}");
    assert!(report.is_lossy() && scratch.get() < 64 << 20, "{} bytes were stored", scratch.get());
}

/// A capture that counts the bytes of its scratch file.
struct Bounded(Bytes, Rc<Cell<u64>>);

struct CountedScratch(Cursor<Vec<u8>>, Rc<Cell<u64>>);

impl io::Write for CountedScratch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.set(self.1.get() + bytes.len() as u64);
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for CountedScratch {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl Seek for CountedScratch {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl Source for Bounded {
    fn open(&self) -> io::Result<Box<dyn Input>> {
        self.0.open()
    }

    fn open_beside(&self, name: &str) -> io::Result<Box<dyn Input>> {
        self.0.open_beside(name)
    }

    fn scratch(&self) -> io::Result<Box<dyn Scratch>> {
        Ok(Box::new(CountedScratch(Cursor::new(Vec::new()), Rc::clone(&self.1))))
    }
}

#[test]
fn gzip_and_zip_are_decompressed() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(chrome().as_bytes()).unwrap();
    assert_same_events(&import(&Bytes::from(gzip.finish().unwrap()), &options()).unwrap().0);

    for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
        let (capture, lines) = attached("0a1b.jsonl");
        let bytes = zipped(&[("0a1b.jsonl", lines.as_bytes()), ("har.har", capture.as_bytes())], method);
        assert_same_events(&import(&Bytes::from(bytes), &options()).unwrap().0);
    }
}

/// A capture that counts the bytes read from it.
struct Counted(Bytes, Rc<Cell<u64>>);

struct CountedInput(Cursor<Bytes>, Rc<Cell<u64>>);

impl Read for CountedInput {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(bytes)?;
        self.1.set(self.1.get() + read as u64);
        Ok(read)
    }
}

impl Seek for CountedInput {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl Source for Counted {
    fn open(&self) -> io::Result<Box<dyn Input>> {
        Ok(Box::new(CountedInput(Cursor::new(self.0.clone()), Rc::clone(&self.1))))
    }

    fn open_beside(&self, name: &str) -> io::Result<Box<dyn Input>> {
        self.0.open_beside(name)
    }

    fn scratch(&self) -> io::Result<Box<dyn Scratch>> {
        self.0.scratch()
    }
}

/// Maximum number of bytes read to recognize the format.
const PEEKED_BYTES_MAX: u64 = 128 << 10;

#[test]
fn a_capture_of_many_connections_is_read_once() {
    let entries: Vec<String> = messages(|ms| ms / 1e3)
        .iter()
        .cycle()
        .take(300)
        .map(|message| entry(URL, STARTED, std::slice::from_ref(message)))
        .collect();
    let capture = Bytes::from(har("WebInspector", "537.36", &entries));
    let read = Rc::<Cell<u64>>::default();
    let (_, report) = import(&Counted(capture.clone(), Rc::clone(&read)), &options()).unwrap();
    assert_eq!((report.connections, report.frames), (300, 300));
    let bytes = capture.len() as u64;
    assert!(read.get() <= bytes + PEEKED_BYTES_MAX, "{} bytes of {bytes} were read", read.get());
}

#[test]
fn a_missing_response_file_costs_no_frames() {
    let lookup = format!(
        r#"{{"startedDateTime":"{STARTED}","request":{{"method":"GET","url":"https://webcast.tiktok.com/webcast/room/info/"}},"response":{{"status":200,"content":{{"_file":"gone.json"}}}}}}"#
    );
    let socket = entry(URL, STARTED, &messages(|ms| ms));
    let capture = Bytes::from(har("Playwright", "1.65.1", &[lookup, socket]));
    let (_, report) = import(&capture, &options()).unwrap();
    assert_eq!((report.frames, report.exchanges, report.bad_lines), (82, 0, 1), "{report}");
    assert!(report.is_lossy() && report.bad_lines_listed[0].reason.contains("gone.json"), "{report}");
}

#[test]
fn an_overlong_response_costs_no_frames() {
    let body = "A".repeat(25 << 20);
    let info = format!(
        r#"{{"response":{{"status":200,"content":{{"text":"{body}"}}}},"request":{{"method":"GET","url":"https://webcast.tiktok.com/webcast/room/info/"}}}}"#
    );
    let socket = entry(URL, STARTED, &messages(|ms| ms));
    let (_, report) = import(&Bytes::from(har("Playwright", "1.65.1", &[info, socket])), &options()).unwrap();
    assert_eq!((report.frames, report.exchanges, report.bad_lines), (82, 0, 1), "{report}");
}
