//! How the committed recordings are made. `cargo xtask fixture` writes them, a test in tests/it/tools compares them.

use std::{error::Error, fs, io::BufReader, path::Path, time::Duration};

use livetape::{
    sans_io::{
        recording::{
            Flags, Item, Reader, What, Writer,
            records::{
                Header,
                header::{Privacy, Timing},
            },
        },
        scrub::{KEY_BYTES, Key, Scrubber},
    },
    tools::{
        import::{ImportOptions, import},
        synth::{self, Length, Profile, synth},
    },
};

#[path = "deal.rs"]
mod deal;

/// The recording that is built in.
const DEMO: &str = "recordings/demo.bin";
/// The key need not be secret: who is replaced was made up already. With this one no two people of the demo get one name.
const PUBLIC_KEY: &[u8; KEY_BYTES] = b"livetape: the people of the demo";

/// The name of the recording, and the frame lines that it is made of.
pub(crate) const RECORDINGS: [(&str, &str); 3] = [
    (DEMO, "fixtures/webcast/session-1"),
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
        all.push((name, format!("{session}.jsonl"), make(root, name, session)?));
    }
    for (name, profile, minutes) in SHOWS {
        let options = synth::SynthOptions { seed: 1, profile, length: Length::Minutes(minutes) };
        all.push((
            name,
            format!("livetape synth --profile {}", profile.name()),
            synth(Vec::new(), &options)?,
        ));
    }
    Ok(all)
}

/// The bytes of the recording made of `<session>.jsonl`: its people and what they wrote are made up once more, from lists, so
/// that it can be read and an audit finds nothing. The messages of the demo are dealt anew.
pub(crate) fn make(root: &Path, name: &str, session: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let imported = imported(root, session)?;
    let (mut header, mut items, mut room_id) = (None, Vec::new(), 0);
    let mut reader = Reader::open(&imported[..])?;
    while let Some(record) = reader.next()? {
        match record.item.what {
            What::Header(found) => header = header.or(Some(found)),
            What::End(_) | What::Checkpoint(_) => {}
            What::ConnOpen(ref open) => {
                room_id = open.room_id;
                items.push(record.item);
            }
            _ => items.push(record.item),
        }
    }
    let header = header.ok_or("no header")?;
    deal::speak(&mut items)?;
    if name == DEMO {
        deal::deal(&mut items, room_id);
    }
    let mut scrubber = Scrubber::new(Key::new(PUBLIC_KEY)).readable();
    scrubber.collect(&Item {
        offset: Duration::ZERO,
        conn: 0,
        flags: Flags::default(),
        what: What::Header(header.clone()),
    })?;
    items.iter().try_for_each(|item| scrubber.collect(item))?;
    let tags = header.tags.clone();
    let header = Header { tags, ..scrubber.header(header) };
    let mut writer = Writer::new(Vec::new(), &header)?;
    for item in items {
        // Every record of these is edited.
        let scrubbed = scrubber.scrub(item).ok_or("a record was dropped")?;
        writer.write(&Item { flags: Flags::default(), ..scrubbed })?;
    }
    Ok(writer.finish()?)
}

fn imported(root: &Path, session: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let lines = BufReader::new(fs::File::open(root.join(format!("{session}.jsonl")))?);
    let expected = fs::read(root.join(format!("{session}.expected.json")))?;
    let expected: serde_json::Value = serde_json::from_slice(&expected)?;
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned).ok_or("not a text");
    let options = ImportOptions {
        user: Some(text(&expected["hosts"][0])?),
        room_id: Some(text(&expected["room_id"])?.parse()?),
        privacy: Privacy::Scrubbed,
        // Gaps were shortened, and rooms laid over each other.
        timing: Timing::Estimated,
        // The bytes must not change with the version of livetape.
        tool_version: String::new(),
        tags: [("provenance".to_owned(), format!("{session}.jsonl"))].into(),
        ..ImportOptions::default()
    };
    let mut bytes = Vec::new();
    let report = import(lines, &mut bytes, &options)?;
    if report.bad_lines > 0 || !report.faults.is_empty() {
        return Err(format!("{session}: {report:?}").into());
    }
    Ok(bytes)
}
