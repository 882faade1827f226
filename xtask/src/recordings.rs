//! Generates the committed recordings. `cargo xtask codegen recordings` writes them, and a test in tests/it/tools
//! compares them.

use std::{error::Error, fs, io::BufReader, path::Path, time::Duration};

use livetape::{
    sans_io::recording::{
        Flags, Item, Reader, What, Writer,
        records::{
            Header,
            header::{Privacy, Timing},
        },
    },
    tools::{
        import::{ImportOptions, import},
        scrub::{KEY_BYTES, Key, Scrubber},
        synth::{self, Length, Profile, synth},
    },
};

#[path = "deal.rs"]
mod deal;
#[path = "finals.rs"]
mod finals;

/// The built-in recording.
pub(crate) const DEMO: &str = "recordings/demo.bin";
/// The demo's gifts and chats, with streaks as incomplete as in the source.
pub(crate) const CUT_STREAKS: &str = "recordings/cut-streaks.bin";
/// The scrubbing key. It need not be secret, because the people are fictional already. With this key, all
/// people of the demo get different names.
const PUBLIC_KEY: &[u8; KEY_BYTES] = b"livetape: the people of the demo";

/// Name of each recording and of its frame lines.
pub(crate) const RECORDINGS: [(&str, &str); 4] = [
    (DEMO, "fixtures/webcast/session-1"),
    (CUT_STREAKS, "fixtures/webcast/session-1"),
    ("recordings/gifts.bin", "fixtures/webcast/session-2"),
    ("recordings/short.bin", "fixtures/webcast/session-3"),
];

/// Name, profile and length in minutes of each synthetic recording.
pub(crate) const SHOWS: [(&str, Profile, u64); 5] = [
    ("recordings/quiet.bin", Profile::Quiet, 3),
    ("recordings/busy.bin", Profile::Busy, 1),
    ("recordings/raid.bin", Profile::Raid, 3),
    ("recordings/battle.bin", Profile::Battle, 2),
    ("recordings/everything.bin", Profile::Everything, 2),
];

/// Name, source and bytes of a recording.
pub(crate) type Made = (&'static str, String, Vec<u8>);

/// Generates all committed recordings.
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

/// Generates the recording of `<session>.jsonl`. Replaces its people and their texts with readable fictional
/// ones, so that an audit finds nothing. Spreads the messages of session 1 evenly; in the demo, all streaks
/// end.
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
    deal::replace_chats(&mut items)?;
    match name {
        DEMO => {
            finals::add_finals(&mut items)?;
            deal::deal(&mut items, room_id, false);
        }
        CUT_STREAKS => deal::deal(&mut items, room_id, true),
        _ => {}
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
        // Every record of these recordings is edited.
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
        // The session has shortened gaps and overlapping rooms.
        timing: Timing::Estimated,
        // The bytes must not depend on the version of livetape.
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
