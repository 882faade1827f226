//! The committed recordings hold the frames of the fixtures, byte for byte.

use std::{fs, path::Path, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use livetape::{
    sans_io::recording::{Reader, What},
    tools::{info::info, verify::verify},
};

#[path = "../../../xtask/src/recordings.rs"]
mod recordings;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_recordings_are_what_the_fixtures_give() {
    for (name, session) in recordings::RECORDINGS {
        let made = recordings::make(root(), session).unwrap();
        let committed = fs::read(root().join(name)).unwrap();
        assert!(made == committed, "{name} is not what {session} gives: run cargo xtask fixture");
    }
}

#[test]
fn their_frames_are_those_of_the_lines() {
    for (name, session) in recordings::RECORDINGS {
        let lines = fs::read_to_string(root().join(format!("{session}.jsonl"))).unwrap();
        let mut lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let mut reader = Reader::open(fs::File::open(root().join(name)).unwrap()).unwrap();
        while let Some(record) = reader.next().unwrap() {
            let What::Frame(frame) = record.item.what else { continue };
            let line = lines.next().unwrap();
            let offset_ms = line["offset_ms"].as_u64().unwrap();
            assert_eq!(record.item.offset, Duration::from_millis(offset_ms));
            assert_eq!(frame.bytes, BASE64_STANDARD.decode(line["frame"].as_str().unwrap()).unwrap());
        }
        assert_eq!(lines.next(), None);
        assert!(reader.report().is_whole() && reader.report().sealed);
    }
}

/// The figures of fixtures/webcast/README.md.
#[test]
fn they_are_what_their_documentation_says() {
    let expected = [("demo", 402, 199, 923), ("gifts", 151, 82, 356), ("short", 351, 131, 204)];
    for (name, seconds, frames, messages) in expected {
        let open = || fs::File::open(root().join(format!("recordings/{name}.bin"))).unwrap();
        let (info, verdict) = (info(open()).unwrap(), verify(open()).unwrap());
        assert_eq!((info.duration_ms + 500) / 1000, seconds, "{name}");
        assert_eq!((verdict.frames, verdict.messages, verdict.exit_code()), (frames, messages, 0), "{name}");
        assert_eq!(verdict.faults, Default::default(), "{name}");
        assert_eq!(info.header.unwrap().privacy, "scrubbed");
    }
}
