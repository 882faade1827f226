//! What a capture is packed in, and what stands beside it.

use std::{
    collections::BTreeMap,
    io::{self, Cursor, Write as _},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use livetape::tools::import::{Input, Source};

use super::{
    assert_same_events, import,
    make::{STARTED, URL, chrome, har, messages},
    options,
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
}

/// A HAR whose frames stand in a file of their own, and that file.
fn attached(file: &str) -> (String, String) {
    let entry = format!(
        r#"{{"startedDateTime":"{STARTED}","request":{{"method":"GET","url":"{URL}"}},"response":{{"status":101,"content":{{"size":-1,"_file":"{file}"}}}},"_resourceType":"websocket"}}"#
    );
    let lines = messages(|ms| ms).iter().map(|message| format!("{message}\n")).collect();
    (har("Playwright", "1.65.1", &[entry]), lines)
}

#[test]
fn frames_that_stand_beside_the_har_are_found() {
    let (capture, lines) = attached("0a1b.jsonl");
    let files = Files { capture: capture.into(), beside: [("0a1b.jsonl", lines.into())].into() };
    assert_same_events(&import(&files, &options()).unwrap().0);
    let missing = Files { beside: BTreeMap::new(), ..files };
    let said = import(&missing, &options()).unwrap_err().to_string();
    assert!(said.contains("0a1b.jsonl, which the capture names"), "{said}");
}

#[test]
fn a_har_names_no_file_elsewhere() {
    for name in ["../secret", "/etc/passwd", "a/b", "..", "c:\\\\x"] {
        let (capture, _) = attached(name);
        let said = import(&Bytes::from(capture), &options()).unwrap_err().to_string();
        assert!(said.contains("no plain name"), "{name}: {said}");
    }
}

#[test]
fn gzip_and_zip_are_unpacked() {
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
