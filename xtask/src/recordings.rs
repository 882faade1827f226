// How the committed recordings are made. `cargo xtask fixture` writes them, a test in tests/it/tools compares them.

use std::{error::Error, fs, io::BufReader, path::Path};

use livetape::{
    sans_io::recording::records::header::{Privacy, Timing},
    tools::import::{Options, import},
};

/// The name of the recording, and the frame lines that it is made of.
pub(crate) const RECORDINGS: [(&str, &str); 3] = [
    ("recordings/demo.bin", "fixtures/webcast/session-1"),
    ("recordings/gifts.bin", "fixtures/webcast/session-2"),
    ("recordings/short.bin", "fixtures/webcast/session-3"),
];

/// The bytes of the recording made of `<session>.jsonl`; its user and room stand in `<session>.expected.json`.
pub(crate) fn make(root: &Path, session: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let lines = BufReader::new(fs::File::open(root.join(format!("{session}.jsonl")))?);
    let expected = fs::read(root.join(format!("{session}.expected.json")))?;
    let expected: serde_json::Value = serde_json::from_slice(&expected)?;
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned).ok_or("not a text");
    let options = Options {
        user: Some(text(&expected["hosts"][0])?),
        room_id: Some(text(&expected["room_id"])?.parse()?),
        privacy: Privacy::Scrubbed,
        // Gaps were shortened, and rooms laid over each other.
        timing: Timing::Estimated,
        // The bytes must not change with the version of livetape.
        tool_version: String::new(),
        tags: [("provenance".to_owned(), format!("{session}.jsonl"))].into(),
        ..Options::default()
    };
    let mut bytes = Vec::new();
    let report = import(lines, &mut bytes, &options)?;
    if report.bad_lines > 0 || !report.faults.is_empty() {
        return Err(format!("{session}: {report:?}").into());
    }
    Ok(bytes)
}
