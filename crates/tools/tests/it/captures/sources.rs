//! Archives of captures, and files next to them.

use std::{
    cell::Cell,
    collections::BTreeMap,
    io::{self, Cursor, Read, Seek, SeekFrom, Write as _},
    rc::Rc,
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use livetape_tools::import::{Input, Scratch, Source};

use super::{
    assert_same_events,
    captures::{STARTED, URL, chrome, entry, har, messages},
    import, options,
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

#[test]
fn gzip_and_zip_are_decompressed() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(chrome().as_bytes()).unwrap();
    assert_same_events(&import(&Bytes::from(gzip.finish().unwrap()), &options()).unwrap().0);

    for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
        let (capture, lines) = attached("0a1b.jsonl");
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let how = zip::write::SimpleFileOptions::default().compression_method(method);
        for (name, text) in [("0a1b.jsonl", lines), ("har.har", capture)] {
            archive.start_file(name, how).unwrap();
            archive.write_all(text.as_bytes()).unwrap();
        }
        let bytes = archive.finish().unwrap().into_inner();
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
