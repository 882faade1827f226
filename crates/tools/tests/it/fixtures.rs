//! The committed recordings: those of the fixtures exist only as files, and `cargo xtask codegen recordings`
//! writes the synthetic ones. The demo is the first thing that users see, so it shows everything early and is never quiet for
//! long.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use livetape_core::{
    recording::{Item, Reader, What, records::header::Privacy},
    wire::{read_batch, read_push, unzip},
};
use livetape_feed::hub::Filter;
use livetape_tools::{
    info::info,
    scrub::phrases,
    synth::{Length, Profile, SynthOptions, synth},
    verify::verify,
};
use serde_json::Value;

use crate::support::{decode, repository};

/// The built-in recording.
const DEMO: &str = "demo.bin";
/// The demo's gifts and chats, with streaks as incomplete as in the source.
const CUT_STREAKS: &str = "cut-streaks.bin";

/// Name of each recording and of its frame lines.
const SESSIONS: [(&str, &str); 4] = [
    (DEMO, "fixtures/webcast/session-1"),
    (CUT_STREAKS, "fixtures/webcast/session-1"),
    ("gifts.bin", "fixtures/webcast/session-2"),
    ("short.bin", "fixtures/webcast/session-3"),
];

/// Name, profile and length in minutes of each synthetic recording, as in `.ci/run`.
const SHOWS: [(&str, Profile, u64); 6] = [
    ("quiet.bin", Profile::Quiet, 3),
    ("busy.bin", Profile::Busy, 1),
    ("raid.bin", Profile::Raid, 3),
    ("battle.bin", Profile::Battle, 2),
    ("everything.bin", Profile::Everything, 2),
    ("guests.bin", Profile::Guests, 2),
];

fn committed(name: &str) -> Vec<u8> {
    fs::read(repository().join("recordings").join(name)).unwrap()
}

/// Name and source of each recording.
fn sources() -> impl Iterator<Item = (&'static str, String)> {
    let sessions = SESSIONS.map(|(name, session)| (name, format!("{session}.jsonl")));
    let shows =
        SHOWS.map(|(name, profile, _)| (name, format!("livetape synth --profile {}", profile.name())));
    sessions.into_iter().chain(shows)
}

#[test]
fn the_synthetic_recordings_can_be_generated() {
    for (name, profile, minutes) in SHOWS {
        let options = SynthOptions { seed: 1, profile, length: Length::Minutes(minutes) };
        let made = synth(Vec::new(), &options).unwrap();
        assert!(made == committed(name), "{name} is stale: run cargo xtask codegen recordings");
    }
}

/// Maximum size of a committed recording.
const COMMITTED_BYTES_MAX: u64 = 1 << 20;

/// The repository contains no data of real people.
#[test]
fn every_committed_recording_is_synthetic_or_scrubbed() {
    for entry in fs::read_dir(repository().join("recordings")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name == "README.md" || is_ignored(&path) {
            continue;
        }
        assert!(sources().any(|(known, _)| known == name), "{name} is not listed in this test");
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
fn is_ignored(path: &Path) -> bool {
    let mut git = std::process::Command::new("git");
    let status = git.args(["check-ignore", "--quiet"]).arg(path).current_dir(repository()).status();
    status.is_ok_and(|status| status.success())
}

/// In the demo, the host returns from a pause, and streaks without a final got one. `cut-streaks.bin` has
/// only some of the methods.
#[test]
fn the_recordings_contain_the_messages_of_the_sessions() {
    for (name, session) in SESSIONS {
        let expected = fs::read_to_string(repository().join(format!("{session}.expected.json"))).unwrap();
        let expected: Value = serde_json::from_str(&expected).unwrap();
        let mut methods: BTreeMap<String, u64> =
            serde_json::from_value(expected["methods_before_dedup"].clone()).unwrap();
        match name {
            DEMO => {
                *methods.get_mut("WebcastControlMessage").unwrap() += 1;
                *methods.get_mut("WebcastGiftMessage").unwrap() += 8;
            }
            CUT_STREAKS => methods.retain(|method, _| SHOWN.contains(&&**method)),
            _ => {}
        }
        let (mut found, bytes) = (BTreeMap::new(), committed(name));
        let mut reader = Reader::open(&bytes[..]).unwrap();
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
    let readme = fs::read_to_string(repository().join("recordings/README.md")).unwrap();
    for (file, _) in sources() {
        let bytes = committed(file);
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
        let row = format!("| `{file}` | {cut} of {} | {lost} of {all} |", streaks.len());
        assert!(cut == 0 || readme.contains(&row), "a row of recordings/README.md should be\n{row}");
        assert_eq!(cut > 0, readme.contains(&format!("| `{file}` | {cut} of")), "{file}");
    }
}

/// The table in recordings/README.md matches the files.
#[test]
fn the_recordings_match_their_documentation() {
    let readme = fs::read_to_string(repository().join("recordings/README.md")).unwrap();
    for (file, source) in sources() {
        let bytes = committed(file);
        let (info, verdict) = (info(&bytes[..]).unwrap(), verify(&bytes[..]).unwrap());
        assert_eq!((verdict.exit_code(), verdict.faults), (0, Default::default()), "{file}");
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

/// Time by which every kind of event has appeared.
const OPENING_MS: u64 = 15_000;
/// Maximum time without an event.
const SILENCE_MS_MAX: u64 = 5_000;
/// Number of messages in a streak, without its final.
const STREAK_MIN: usize = 3;

fn items(name: &str) -> Vec<Item> {
    let path = format!("{}/../../recordings/{name}.bin", env!("CARGO_MANIFEST_DIR"));
    let mut reader = Reader::open(fs::File::open(path).unwrap()).unwrap();
    let mut items = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        items.push(record.item);
    }
    items
}

/// Returns the events of the demo and their offsets, in ms.
fn demo() -> Vec<(u64, Value)> {
    let items = items("demo");
    let unix_ms = |event: &Value| {
        let time: jiff::Timestamp = event["ts"].as_str().unwrap().parse().unwrap();
        time.as_millisecond()
    };
    let events = decode(&items, &Filter::default(), true);
    let start_ms = unix_ms(&events[0]);
    let offset_ms = |event: &Value| u64::try_from(unix_ms(event) - start_ms).unwrap();
    events.into_iter().map(|event| (offset_ms(&event), event)).collect()
}

/// Kinds of events that overlays show.
fn is_visible(event: &Value) -> bool {
    ["chat", "gift", "like", "social", "member"].iter().any(|kind| event["type"] == *kind)
}

#[test]
fn every_event_type_for_overlays_occurs_in_the_first_15_seconds() {
    let mut events = demo();
    events.retain(|(offset_ms, _)| *offset_ms <= OPENING_MS);
    let count = |is_it: &dyn Fn(&Value) -> bool| events.iter().filter(|(_, event)| is_it(event)).count();
    assert!(count(&|event| event["type"] == "chat" && event["data"]["isHistory"] != true) >= 2, "chats");
    assert!(count(&|event| event["data"]["action"] == "follow") >= 1, "a follow");
    assert!(count(&|event| event["type"] == "like") >= 1, "likes");
    assert!(count(&|event| event["data"]["viewerCount"].as_u64() > Some(0)) >= 1, "viewers");
    let mut streaks = BTreeMap::new();
    for (_, event) in events.iter().filter(|(_, event)| event["type"] == "gift") {
        let group = event["data"]["groupId"].as_str().unwrap().to_owned();
        let (messages, ended) = streaks.entry(group).or_insert((0, false));
        *messages += usize::from(event["data"]["repeatDelta"] != 0);
        *ended |= event["data"]["repeatEnd"] == true;
    }
    assert!(streaks.values().any(|(messages, ended)| *messages >= STREAK_MIN && *ended), "{streaks:?}");
}

#[test]
fn a_visible_event_occurs_at_least_every_5_seconds() {
    let events = demo();
    let end_ms = events.last().unwrap().0;
    let visible = events.iter().filter(|(_, event)| is_visible(event)).map(|(offset_ms, _)| *offset_ms);
    let mut last_ms = 0;
    for offset_ms in visible.chain([end_ms]) {
        assert!(offset_ms - last_ms <= SILENCE_MS_MAX, "nothing from {last_ms} ms to {offset_ms} ms");
        last_ms = offset_ms;
    }
}

#[test]
fn names_of_people_in_the_demo_are_unique() {
    fn walk(value: &Value, people: &mut BTreeMap<String, String>) {
        if let (Some(name), Some(id)) = (value["uniqueId"].as_str(), value["userId"].as_str())
            && !name.is_empty()
            && id != "0"
        {
            let before = people.insert(name.to_owned(), id.to_owned());
            assert!(before.is_none_or(|before| before == id), "{name}");
        }
        match value {
            Value::Object(fields) => fields.values().for_each(|value| walk(value, people)),
            Value::Array(values) => values.iter().for_each(|value| walk(value, people)),
            _ => {}
        }
    }
    let mut people = BTreeMap::new();
    demo().iter().for_each(|(_, event)| walk(event, &mut people));
    assert!(people.len() > 300, "{}", people.len());
}

#[test]
fn chats_in_shipped_recordings_are_our_phrases() {
    for name in ["demo", "cut-streaks", "gifts", "short"] {
        for event in decode(&items(name), &Filter::default(), true) {
            if event["type"] == "chat" {
                let text = event["data"]["comment"].as_str().unwrap();
                assert!(phrases().any(|(_, phrase)| phrase == text), "{name}: {text}");
            }
        }
    }
}

#[test]
fn the_host_pauses_once_and_returns() {
    let events = demo();
    let states: Vec<_> = events.iter().filter(|(_, event)| event["type"] == "control").collect();
    let said: Vec<_> = states.iter().map(|(_, event)| event["data"]["state"].as_str().unwrap()).collect();
    assert_eq!(said, ["paused", "resumed"]);
    let items = items("demo");
    assert!(items.iter().any(|item| matches!(&item.what, What::End(_))));
}
