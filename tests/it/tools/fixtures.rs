//! The committed recordings equal the output of `cargo xtask codegen recordings`, byte for byte.

use std::{collections::BTreeMap, fs, path::Path, sync::LazyLock, time::Duration};

use livetape::{
    hub::Filter,
    sans_io::{
        recording::{Reader, What, records::header::Privacy},
        wire::{read_batch, read_push, unzip},
    },
    tools::{info::info, verify::verify},
};

use crate::support::decode;

#[path = "../../../xtask/src/recordings.rs"]
mod recordings;

/// Made once for all tests: path, source and bytes.
static MADE: LazyLock<Vec<recordings::Made>> = LazyLock::new(|| recordings::all(root()).unwrap());

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_recordings_match_the_fixtures() {
    for (name, source, made) in &*MADE {
        let committed = fs::read(root().join(name)).unwrap();
        assert!(*made == committed, "{name} is not what {source} gives: run cargo xtask codegen recordings");
    }
}

/// Maximum size of a committed recording.
const COMMITTED_BYTES_MAX: u64 = 1 << 20;

/// The repository contains no data of real people.
#[test]
fn every_committed_recording_is_synthetic_or_scrubbed() {
    for entry in fs::read_dir(root().join("recordings")).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("recordings/{}", path.file_name().unwrap().to_str().unwrap());
        if name == "recordings/README.md" || is_ignored(&name) {
            continue;
        }
        assert!(
            MADE.iter().any(|(known, ..)| *known == name),
            "{name} is not made by cargo xtask codegen recordings"
        );
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

/// Users' own recordings go to the same folder, so git ignores them.
fn is_ignored(name: &str) -> bool {
    let mut git = std::process::Command::new("git");
    let status = git.args(["check-ignore", "--quiet", name]).current_dir(root()).status();
    status.is_ok_and(|status| status.success())
}

/// In the demo, the host returns from a pause, and streaks without a final got one. `cut-streaks.bin` has
/// only some of the methods.
#[test]
fn the_recordings_contain_the_messages_of_the_sessions() {
    for (name, session) in recordings::RECORDINGS {
        let expected = fs::read_to_string(root().join(format!("{session}.expected.json"))).unwrap();
        let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
        let mut methods: BTreeMap<String, u64> =
            serde_json::from_value(expected["methods_before_dedup"].clone()).unwrap();
        match name {
            recordings::DEMO => {
                *methods.get_mut("WebcastControlMessage").unwrap() += 1;
                *methods.get_mut("WebcastGiftMessage").unwrap() += 8;
            }
            recordings::CUT_STREAKS => methods.retain(|method, _| SHOWN.contains(&&**method)),
            _ => {}
        }
        let mut found = BTreeMap::new();
        let mut reader = Reader::open(fs::File::open(root().join(name)).unwrap()).unwrap();
        while let Some(record) = reader.next().unwrap() {
            let What::Frame(frame) = record.item.what else { continue };
            let push = read_push(&frame.bytes, &mut Vec::new());
            if push.payload_type == "msg" {
                let payload = unzip(push.payload, &mut Vec::new());
                for message in read_batch(&payload, &mut Vec::new()).messages {
                    *found.entry(message.method.to_string()).or_default() += 1;
                }
            }
        }
        assert!(reader.report().is_whole() && reader.report().sealed);
        assert_eq!(found, methods, "{name}");
    }
}

/// Methods of events that overlays show, which are all that `cut-streaks.bin` contains.
const SHOWN: [&str; 6] = [
    "WebcastChatMessage",
    "WebcastGiftMessage",
    "WebcastLikeMessage",
    "WebcastMemberMessage",
    "WebcastRoomUserSeqMessage",
    "WebcastSocialMessage",
];

/// An overlay that counts a streak at its end misses no gift, except in the recordings that the README lists.
#[test]
fn streaks_of_shipped_recordings_end() {
    let readme = fs::read_to_string(root().join("recordings/README.md")).unwrap();
    for (name, _, bytes) in &*MADE {
        let (mut reader, mut items) = (Reader::open(&bytes[..]).unwrap(), Vec::new());
        while let Some(record) = reader.next().unwrap() {
            items.push(record.item);
        }
        let (mut streaks, mut all) = (BTreeMap::new(), 0);
        for gift in decode(&items, &Filter::default(), true).iter().filter(|event| event["type"] == "gift") {
            let gift = &gift["data"];
            let diamonds = gift["diamonds"].as_i64().unwrap();
            all += diamonds;
            if gift["streakId"] != "" {
                let (worth, ended) = streaks.entry(gift["streakId"].to_string()).or_insert((0, false));
                *worth += diamonds;
                *ended |= gift["isFinal"] == true;
            }
        }
        let cut = streaks.values().filter(|(_, ended)| !ended);
        let (cut, lost) = cut.fold((0, 0), |(cut, lost), (worth, _)| (cut + 1, lost + worth));
        let file = name.strip_prefix("recordings/").unwrap();
        let row = format!("| `{file}` | {cut} of {} | {lost} of {all} |", streaks.len());
        assert!(cut == 0 || readme.contains(&row), "a row of recordings/README.md should be\n{row}");
        assert_eq!(cut > 0, readme.contains(&format!("| `{file}` | {cut} of")), "{file}");
    }
}

/// The table in recordings/README.md matches the files.
#[test]
fn the_recordings_match_their_documentation() {
    let readme = fs::read_to_string(root().join("recordings/README.md")).unwrap();
    for (name, source, bytes) in &*MADE {
        let (info, verdict) = (info(&bytes[..]).unwrap(), verify(&bytes[..]).unwrap());
        assert_eq!((verdict.exit_code(), verdict.faults), (0, Default::default()), "{name}");
        let file = name.strip_prefix("recordings/").unwrap();
        let length = Duration::from_secs((info.duration_ms + 500) / 1000);
        let (minutes, seconds) = (length.as_secs() / 60, length.as_secs() % 60);
        let user = &info.connections[0].user;
        let room = &info.connections[0].room_id;
        let row = format!(
            "| `{file}` | {minutes}:{seconds:02} | {} | {} | {user}, {room} | `{source}` |",
            info.frames_received, verdict.messages
        );
        assert!(readme.contains(&row), "a row of recordings/README.md should be\n{row}");
    }
}
