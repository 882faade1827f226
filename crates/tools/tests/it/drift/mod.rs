//! Planted changes are found, and captures of the same rooms or of the same week have none.
//!
//! `planted.jsonl` has a change per line, made in every recorded message of `method`:
//!
//! - `path`: names of `proto/webcast.proto` or numbers, joined by dots: `user.badges.3`. Empty for the method
//! - `change`: `new` (a field that did not exist), `gone`, `retyped`, `repeated`, `empty` or `constant`
//! - `to`, of what is new or retyped: `number`, `text`, `message`, `bytes` or `fixed64`
//!
//! At least [`OCCURRENCES_MIN`] recorded messages must have the field.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use livetape_core::{
    event,
    recording::{Item, Reader, What},
    wire::{Message, RawField, RawFields, RawValue, Schema, write_bytes, write_number},
};
use livetape_samples::{fixture, repository, session_items};
use livetape_tools::drift::{Baseline, Comparison, Is, Place, Profile, compare};
use prost::encoding::{WireType, encode_key};
use serde::Deserialize;
use serde_json::Value;

/// Minimum number of recorded messages in which a field occurs that a change can be planted in.
const OCCURRENCES_MIN: usize = 20;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Planted {
    method: String,
    path: String,
    change: String,
    #[serde(default)]
    to: String,
}

/// Changes the messages of a method one by one.
#[derive(Default)]
struct Planter {
    changed: usize,
    constant: Option<Vec<u8>>,
}

impl Planter {
    fn plant(
        &mut self,
        bytes: &[u8],
        schema: Option<&'static Schema>,
        path: &[&str],
        by: &Planted,
    ) -> Vec<u8> {
        let mut out = Vec::new();
        let named = schema.and_then(|schema| schema.fields.iter().find(|field| field.name == path[0]));
        let number = named.map_or_else(|| path[0].parse().expect(path[0]), |field| field.number);
        let field = schema.and_then(|schema| schema.field(number));
        for raw in RawFields::of(bytes) {
            match (raw.number == number, raw.bytes(), path.len()) {
                (false, ..) => out.extend(raw.whole),
                (true, _, 1) => self.change(&raw, by, &mut out),
                (true, Some(inner), _) => {
                    let schema = field.and_then(|field| field.kind.schema());
                    write_bytes(number, &self.plant(inner, schema, &path[1..], by), &mut out);
                }
                (true, None, _) => panic!("{by:?}: not a message"),
            }
        }
        if path.len() == 1 && by.change == "new" {
            self.changed += 1;
            self.value(number, by, &mut out);
        }
        out
    }

    fn change(&mut self, raw: &RawField<'_>, by: &Planted, out: &mut Vec<u8>) {
        self.changed += 1;
        match by.change.as_str() {
            "gone" => {}
            "retyped" => self.value(raw.number, by, out),
            "repeated" => out.extend([raw.whole, raw.whole].concat()),
            "empty" => match raw.value {
                RawValue::Bytes(_) => write_bytes(raw.number, b"", out),
                _ => write_number(raw.number, 0, out),
            },
            "constant" => out.extend(&*self.constant.get_or_insert_with(|| raw.whole.to_vec())),
            change => panic!("{by:?}: {change}"),
        }
    }

    fn value(&self, number: u32, by: &Planted, out: &mut Vec<u8>) {
        let value = self.changed as u64 + 1000;
        match by.to.as_str() {
            "number" => write_number(number, value, out),
            "text" => write_bytes(number, format!("text {value}").as_bytes(), out),
            "message" => {
                let mut inner = Vec::new();
                write_number(1, value, &mut inner);
                write_bytes(2, b"text", &mut inner);
                write_bytes(number, &inner, out);
            }
            "bytes" => write_bytes(number, &[&[0xff; 12][..], &value.to_be_bytes()].concat(), out),
            "fixed64" => {
                encode_key(number, WireType::SixtyFourBit, out);
                out.extend(value.to_le_bytes());
            }
            to => panic!("{by:?}: to {to}"),
        }
    }
}

fn messages() -> Vec<(Message, String, i64)> {
    let lines = fixture("messages.jsonl");
    let read = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let payload = STANDARD.decode(line["payload"].as_str().unwrap()).unwrap().into();
        let method = line["method"].as_str().unwrap().into();
        let host = line["host"].as_str().unwrap().to_owned();
        (Message { method, payload, ..Message::default() }, host, line["ts_ms"].as_i64().unwrap())
    };
    lines.lines().map(read).collect()
}

fn profile<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Profile {
    let mut profile = Profile::default();
    messages.into_iter().for_each(|message| profile.take_message(message, Place::default()));
    profile
}

/// Gives all messages the room of the first.
fn in_one_room(messages: &mut [Message]) {
    let (mut planter, path) = (Planter::default(), ["1", "3"]);
    let by =
        Planted { method: String::new(), path: path.join("."), change: "constant".into(), to: String::new() };
    // In a few methods, the first field is something else.
    let has_common =
        |it: &&mut Message| RawFields::of(&it.payload).all(|raw| raw.number != 1 || raw.bytes().is_some());
    for message in messages.iter_mut().filter(has_common) {
        message.payload = planter.plant(&message.payload, None, &path, &by).into();
    }
}

fn planted() -> Vec<Planted> {
    let lines = include_str!("planted.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

/// Returns the path with the names of the schema.
fn named(by: &Planted) -> String {
    let mut schema = event::schema(&by.method);
    let part = |part: &str| {
        let field = schema.and_then(|schema| {
            let is_it = |number: u32| part == number.to_string();
            schema.fields.iter().find(|field| field.name == part || is_it(field.number))
        });
        schema = field.and_then(|field| field.kind.schema());
        field.map_or(part, |field| field.name).to_owned()
    };
    by.path.split('.').map(part).collect::<Vec<_>>().join(".")
}

#[test]
fn planted_changes_are_found() {
    let mut recorded = Vec::from_iter(messages().into_iter().map(|(message, ..)| message));
    // As if they came from one room: in the file, a method comes from some rooms only.
    recorded.sort_by_key(|message| crc32fast::hash(&message.payload));
    in_one_room(&mut recorded);
    let old = Baseline::Capture(profile(&recorded));
    let (mut missed, all) = (Vec::new(), planted());
    for by in &all {
        let (mut planter, mut changed) = (Planter::default(), recorded.clone());
        if by.path.is_empty() {
            match by.change.as_str() {
                "gone" => changed.retain(|message| message.method != by.method),
                "new" => changed.push(Message { method: by.method.as_str().into(), ..Message::default() }),
                change => panic!("{by:?}: {change}"),
            }
        }
        let path = Vec::from_iter(by.path.split('.'));
        let of_method = changed.iter_mut().filter(|message| message.method == by.method);
        for message in of_method.filter(|_| !by.path.is_empty()) {
            let schema = event::schema(&message.method);
            message.payload = planter.plant(&message.payload, schema, &path, by).into();
        }
        assert!(by.path.is_empty() || planter.changed >= OCCURRENCES_MIN, "{by:?}: {}", planter.changed);
        let found = compare(&old, &profile(&changed)).findings;
        let is_it = |is: Is, method: &str, path: &str| {
            is.name() == by.change && method == by.method && path == named(by)
        };
        if !found.iter().any(|finding| is_it(finding.is, &finding.method, &finding.path)) {
            missed.push(format!("{by:?}: {found:?}"));
        }
    }
    println!("{} of {} found", all.len() - missed.len(), all.len());
    // Of 40 changes, at least 38 have to be found.
    assert!(missed.len() * 20 <= all.len(), "{}", missed.join("\n"));
}

#[track_caller]
fn assert_no_alarm(what: &str, halves: [&Profile; 2]) {
    let [first, second] = halves;
    for (old, new) in [(first, second), (second, first)] {
        let found = compare(&Baseline::Capture(old.clone()), new);
        assert!(found.findings.is_empty(), "{what}: {:#?}", found.findings);
    }
}

fn halves_of(items: &[Item]) -> [Profile; 2] {
    let (mut first, mut second) = (Profile::default(), Profile::default());
    for (at, item) in items.iter().enumerate() {
        let half = if at < items.len() / 2 { &mut first } else { &mut second };
        half.take(item, at as u64);
    }
    [first, second]
}

#[test]
fn halves_of_a_room_do_not_differ() {
    for session in 1..=3 {
        let [first, second] = halves_of(&session_items(session));
        assert!(first.messages > 50 && second.messages > 50);
        assert_no_alarm(&format!("session {session}"), [&first, &second]);
    }
    for entry in std::fs::read_dir(repository().join("recordings")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "bin") {
            let mut reader = Reader::open(std::fs::File::open(&path).unwrap()).unwrap();
            let records = std::iter::from_fn(|| reader.next().unwrap());
            let items = Vec::from_iter(records.map(|record| record.item));
            let [first, second] = halves_of(&items);
            assert_no_alarm(&path.display().to_string(), [&first, &second]);
        }
    }
}

#[test]
fn recordings_of_a_week_do_not_differ() {
    const WEEK_MS: i64 = 7 * 86_400_000;
    /// Number of messages of a room that is compared with the others.
    const ROOM_MESSAGES_MIN: usize = 15;
    let mut weeks = BTreeMap::<i64, Vec<(Message, String)>>::new();
    for (message, host, at) in messages() {
        weeks.entry(at / WEEK_MS).or_default().push((message, host));
    }
    assert!(weeks.len() > 5);
    for (week, messages) in &weeks {
        let part = |is_in: &dyn Fn(usize, &str) -> bool| {
            let chosen = messages.iter().enumerate().filter(|(at, (_, host))| is_in(*at, host));
            profile(chosen.map(|(_, (message, _))| message))
        };
        let hosts = BTreeSet::from_iter(messages.iter().map(|(_, host)| host.as_str()));
        let even: HashSet<_> = hosts.iter().step_by(2).copied().collect();
        assert_no_alarm(
            &format!("week {week}, rooms"),
            [&part(&|_, host| even.contains(host)), &part(&|_, host| !even.contains(host))],
        );
        let middle = messages.len() / 2;
        assert_no_alarm(
            &format!("week {week}, time"),
            [&part(&|at, _| at < middle), &part(&|at, _| at >= middle)],
        );
        let is_busy =
            |one: &&str| messages.iter().filter(|(_, host)| host == one).count() >= ROOM_MESSAGES_MIN;
        for one in hosts.into_iter().filter(is_busy) {
            let rooms = [&part(&|_, host| host == one), &part(&|_, host| host != one)];
            assert_no_alarm(&format!("week {week}, {one}"), rooms);
        }
    }
}

#[test]
fn recorded_messages_are_as_in_the_schema() {
    let all = messages();
    let found = compare(&Baseline::Schema, &profile(all.iter().map(|(message, ..)| message)));
    assert!(found.findings.is_empty(), "{:#?}", found.findings);
    assert!(found.unnamed > 500, "{}", found.unnamed);
}

#[test]
fn changes_of_types_and_methods_need_no_capture() {
    let of_schema = |method: &str, payload: &'static [u8]| -> Comparison {
        let message =
            Message { method: method.into(), payload: Bytes::from_static(payload), ..Message::default() };
        compare(&Baseline::Schema, &profile([&message]))
    };
    let found = |method, payload| {
        let findings = of_schema(method, payload).findings;
        findings.into_iter().map(|it| (it.is, it.path)).collect::<Vec<_>>()
    };
    let chat = "WebcastChatMessage";
    assert_eq!(found(chat, b"\x18\x05"), [(Is::Retyped, "content".into())]);
    assert_eq!(found(chat, b"\x1a\x01a\x1a\x01b"), [(Is::Repeated, "content".into())]);
    assert_eq!(found("WebcastNewMessage", b"\x08\x01"), [(Is::New, String::new())]);
    assert_eq!(found("WebcastKaraokeReqMessage", b"\x08\x01"), [], "the app has this method");
    assert_eq!(found(chat, b"\x1a\x01a\xf8\x3f\x01"), []);
    assert_eq!(of_schema(chat, b"\x1a\x01a\xf8\x3f\x01").unnamed, 1);
}

#[test]
fn deep_and_damaged_payloads_are_compared() {
    let mut payload = b"\x08\x01".to_vec();
    for _ in 0..1000 {
        let inner = std::mem::take(&mut payload);
        write_bytes(2, &inner, &mut payload);
    }
    for payload in [payload, vec![0x0b; 500], vec![0xff; 500]] {
        let message =
            Message { method: "WebcastChatMessage".into(), payload: payload.into(), ..Message::default() };
        let _ = compare(&Baseline::Schema, &profile([&message]));
    }
}

#[test]
fn malformed_messages_are_counted_and_not_compared() {
    let mut profile = Profile::default();
    let message = Message {
        method: "WebcastChatMessage".into(),
        payload: Bytes::from_static(b"\x0a\x7f"),
        ..Message::default()
    };
    profile.take_message(&message, Place::default());
    assert_eq!((profile.messages, profile.malformed), (1, 1));

    // A frame that is cut off.
    for mut item in session_items(1) {
        if let What::Frame(frame) = &mut item.what {
            frame.bytes = frame.bytes.slice(..frame.bytes.len() - 1);
            profile.take(&item, 1);
            break;
        }
    }
    assert_eq!(profile.malformed, 2);
}
