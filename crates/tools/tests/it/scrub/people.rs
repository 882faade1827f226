//! Scrubbing removes all people from a recording, and keeps everything else.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use flate2::read::MultiGzDecoder;
use livetape_feed::hub::Filter;
use serde_json::Value;
use std::io::Read as _;

use super::{TESTED, Tested, items, put};
use crate::support::{decode, fixture};

/// Minimum length of a text; shorter ones occur by chance.
const CHARS_MIN: usize = 6;

/// IDs, names and texts of people, as decoded by another library.
fn people() -> (BTreeSet<u64>, BTreeSet<String>) {
    const IDS: [&str; 3] = ["userId", "receiverUserId", "hostUserId"];
    const NAMES: [&str; 7] =
        ["uniqueId", "nickname", "comment", "questionText", "description", "imageUrl", "label"];
    let (mut ids, mut names) = (BTreeSet::new(), BTreeSet::new());
    let mut open: Vec<Value> =
        fixture("expected.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    while let Some(value) = open.pop() {
        match value {
            Value::Array(values) => open.extend(values),
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::String(text) if IDS.contains(&name.as_str()) => {
                            ids.extend(text.parse::<u64>().ok().filter(|id| *id > 0));
                        }
                        // Names of rankings belong to the app.
                        Value::String(text) if NAMES.contains(&name.as_str()) && !text.contains("anking") => {
                            names.insert(text);
                        }
                        other => open.push(other),
                    }
                }
            }
            _ => {}
        }
    }
    names.retain(|name| name.trim().chars().count() >= CHARS_MIN);
    ids.extend([1, 2, 3].map(room_id));
    assert!(ids.len() > 150 && names.len() > 400, "{} {}", ids.len(), names.len());
    (ids, names)
}

/// Returns `bytes` and everything that can be decompressed from them.
fn unpacked(bytes: &[u8], depth: usize, all: &mut Vec<Vec<u8>>) {
    all.push(bytes.to_vec());
    if depth == 0 {
        return;
    }
    for (at, _) in bytes.windows(3).enumerate().filter(|(_, window)| *window == [0x1f, 0x8b, 8]) {
        let mut plain = Vec::new();
        if MultiGzDecoder::new(&bytes[at..]).read_to_end(&mut plain).is_ok() || !plain.is_empty() {
            unpacked(&plain, depth - 1, all);
        }
    }
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    for run in bytes.split(|byte| !is_base64(byte)).filter(|run| run.len() >= 16) {
        let whole = &run[..run.len() / 4 * 4];
        if let Ok(plain) = STANDARD_NO_PAD.decode(whole) {
            all.push(plain);
        }
    }
}

fn room_id(session: u32) -> u64 {
    crate::support::expected_session(session)["room_id"].as_str().unwrap().parse().unwrap()
}

#[test]
fn no_person_is_left_after_scrubbing() {
    let (ids, names) = people();
    for Tested { name, file, out, .. } in &*TESTED {
        let mut views = Vec::new();
        unpacked(out, 2, &mut views);
        let bytes = views.concat();
        let mut seen = 0;
        let whole = {
            let mut views = Vec::new();
            unpacked(file, 2, &mut views);
            views.concat()
        };
        let mut search = |needle: &[u8], what: &dyn std::fmt::Display| {
            seen += usize::from(memchr::memmem::find(&whole, needle).is_some());
            assert!(memchr::memmem::find(&bytes, needle).is_none(), "{name}: {what} is left");
        };
        for id in &ids {
            search(id.to_string().as_bytes(), id);
            search(&put(*id), id);
            search(&id.to_le_bytes(), id);
        }
        names.iter().for_each(|name| search(name.as_bytes(), name));
        // The search finds people in the original.
        assert!(seen > 50, "{name}: {seen}");
        for planted in ["planted", "Ann Smith", "smith.example", "9f8e7d6c5b4a", "MS4wLjAB", "host_0"] {
            assert!(memchr::memmem::find(&bytes, planted.as_bytes()).is_none(), "{name}: {planted} is left");
        }
    }
}

/// Compares, and collects the replacement of each person, and the keys of changed texts with what contains them.
fn compare(
    path: &str,
    before: &Value,
    after: &Value,
    who: &mut BTreeMap<String, BTreeSet<String>>,
    keys: &mut BTreeMap<String, BTreeSet<String>>,
    wrong: &mut BTreeMap<String, String>,
) {
    match (before, after) {
        (Value::Object(one), Value::Object(two)) if one.keys().eq(two.keys()) => {
            for (name, value) in one {
                compare(&format!("{path}.{name}"), value, &two[name], who, keys, wrong);
            }
        }
        (Value::Array(one), Value::Array(two)) if one.len() == two.len() => {
            one.iter().zip(two).for_each(|(one, two)| compare(path, one, two, who, keys, wrong));
        }
        (Value::String(one), Value::String(two)) => {
            assert_eq!(one.is_empty(), two.is_empty(), "{path}: {one} {two}");
            if path.ends_with("niqueId") || path.ends_with("serId") {
                who.entry(one.clone()).or_default().insert(two.clone());
            }
            if one != two {
                let (parents, key) = path.rsplit_once('.').unwrap();
                let parent = parents.rsplit_once('.').map_or("event", |(_, parent)| parent);
                keys.entry(parent.to_owned()).or_default().insert(key.to_owned());
            }
        }
        (one, two) if one == two => {}
        (one, two) => {
            let short = |value: &Value| value.to_string().chars().take(60).collect::<String>();
            let name = path.rsplit('.').next().unwrap_or_default();
            wrong
                .entry(name.to_owned())
                .or_insert_with(|| format!("{path}: {} became {}", short(one), short(two)));
        }
    }
}

#[test]
fn events_are_equal_except_for_people() {
    let mut keys = BTreeMap::new();
    for Tested { name, file, out, .. } in &*TESTED {
        let events = |file: &[u8]| decode(&items(file), &Filter { raw: true, ..Filter::default() }, true);
        let (before, after) = (events(file), events(out));
        assert_eq!(before.len(), after.len(), "{name}");
        let (mut who, mut wrong) = (BTreeMap::new(), BTreeMap::new());
        for (one, two) in before.iter().zip(&after) {
            let kind = one["type"].as_str().unwrap_or_default();
            if kind != "raw" {
                compare(kind, one, two, &mut who, &mut keys, &mut wrong);
            }
        }
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
        // Replacements are consistent and unique.
        assert!(who.len() > 20, "{name}: {}", who.len());
        assert!(who.values().all(|others| others.len() == 1), "{name}: {who:#?}");
        let others: BTreeSet<_> = who.values().flatten().collect();
        assert_eq!(others.len(), who.len(), "{name}");
    }
    // A list to review: texts of people, links to them, and ids.
    let line =
        |(parent, keys)| format!("{parent}: {}\n", Vec::from_iter::<BTreeSet<String>>(keys).join(", "));
    insta::assert_snapshot!("replaced", keys.into_iter().map(line).collect::<String>());
}
