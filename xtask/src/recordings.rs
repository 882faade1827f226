//! How the committed recordings are made. `cargo xtask fixture` writes them, a test in tests/it/tools compares them.

use std::{error::Error, fs, io::BufReader, path::Path};

use livetape::{
    sans_io::recording::records::header::{Privacy, Timing},
    tools::{
        import::{Options, import},
        synth::{self, Length, Profile, synth},
    },
};

/// The name of the recording, and the frame lines that it is made of.
pub(crate) const RECORDINGS: [(&str, &str); 3] = [
    ("recordings/demo.bin", "fixtures/webcast/session-1"),
    ("recordings/gifts.bin", "fixtures/webcast/session-2"),
    ("recordings/short.bin", "fixtures/webcast/session-3"),
];

/// The name of a recording that is made up, what kind of show it is, and how many minutes of it.
pub(crate) const SHOWS: [(&str, Profile, u64); 4] = [
    ("recordings/quiet.bin", Profile::Quiet, 3),
    ("recordings/busy.bin", Profile::Busy, 1),
    ("recordings/raid.bin", Profile::Raid, 3),
    ("recordings/battle.bin", Profile::Battle, 2),
];

/// The name of a recording, what it is made of, and its bytes.
pub(crate) type Made = (&'static str, String, Vec<u8>);

/// Every committed recording.
pub(crate) fn all(root: &Path) -> Result<Vec<Made>, Box<dyn Error>> {
    let mut all = Vec::new();
    for (name, session) in RECORDINGS {
        all.push((name, format!("{session}.jsonl"), make(root, session)?));
    }
    for (name, profile, minutes) in SHOWS {
        let options = synth::Options { seed: 1, profile, length: Length::Minutes(minutes) };
        all.push((
            name,
            format!("livetape synth --profile {}", profile.name()),
            synth(Vec::new(), &options)?,
        ));
    }
    Ok(all)
}

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
