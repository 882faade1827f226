//! The committed recordings hold the frames of the fixtures, byte for byte.

use std::{fs, path::Path, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use livetape::{
    sans_io::recording::{Reader, What, records::header::Privacy},
    tools::{info::info, verify::verify},
};

#[path = "../../../xtask/src/recordings.rs"]
mod recordings;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_recordings_are_what_the_fixtures_give() {
    for (name, source, made) in recordings::all(root()).unwrap() {
        let committed = fs::read(root().join(name)).unwrap();
        assert!(made == committed, "{name} is not what {source} gives: run cargo xtask fixture");
    }
}

/// The largest recording that is committed.
const COMMITTED_BYTES_MAX: u64 = 1 << 20;

/// Nothing of a real person enters the repository.
#[test]
fn whatever_lies_in_recordings_is_synthetic_or_scrubbed() {
    let known = recordings::all(root()).unwrap();
    for entry in fs::read_dir(root().join("recordings")).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("recordings/{}", path.file_name().unwrap().to_str().unwrap());
        if name == "recordings/README.md" || is_ignored(&name) {
            continue;
        }
        assert!(known.iter().any(|(known, ..)| *known == name), "{name} is not made by cargo xtask fixture");
        assert!(path.metadata().unwrap().len() <= COMMITTED_BYTES_MAX, "{name} is too large");
        let mut reader = Reader::open(fs::File::open(&path).unwrap()).unwrap();
        let mut headers = 0;
        while let Some(record) = reader.next().unwrap() {
            let What::Header(header) = record.item.what else { continue };
            headers += 1;
            let is_clean = matches!(header.privacy(), Privacy::Scrubbed | Privacy::Synthetic);
            assert!(is_clean, "{name} is {}: it must not be committed", header.privacy().as_str_name());
        }
        assert!(headers > 0 && reader.report().is_whole(), "{name} has no header, or is damaged");
    }
}

/// Recordings of one's own land in the same folder, and git does not take them.
fn is_ignored(name: &str) -> bool {
    let mut git = std::process::Command::new("git");
    let status = git.args(["check-ignore", "--quiet", name]).current_dir(root()).status();
    status.is_ok_and(|status| status.success())
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
