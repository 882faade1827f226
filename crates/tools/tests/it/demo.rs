//! The demo is the first thing that users see, so it shows everything early and is never quiet for long.

use std::{collections::BTreeMap, fs};

use livetape_core::recording::{Item, Reader, What};
use livetape_feed::hub::Filter;
use livetape_tools::scrub::phrases;
use serde_json::Value;

use crate::support::decode;

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
