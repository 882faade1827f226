//! `fixtures/compat` has the interfaces of the last release. Later versions may add to them, as
//! docs/compatibility.md promises. `LIVETAPE_COMPAT=update cargo test -p livetape-server --test it compatibility` writes those
//! of this version, for a release.

mod shape;

use std::{fmt::Write as _, fs};

use livetape_core::error::Code;
use livetape_mock::Scenario;
use livetape_server::API_VERSION;
use serde_json::{Value, json};

use self::shape::{breaks, shape};
use crate::{
    openapi::document,
    support::{
        Rig,
        repository::repository,
        scenarios::{names, scenario_path},
    },
};

/// The last release, without its patch level.
const RELEASE: &str = "0.1";
/// Its version of the API. A larger one allows incompatible changes.
const RELEASE_API: u32 = 1;

/// Returns a committed file, which `LIVETAPE_COMPAT=update` writes first.
fn committed(name: &str, current: &str) -> String {
    let path = repository().join("fixtures/compat").join(RELEASE).join(name);
    if std::env::var_os("LIVETAPE_COMPAT").is_some_and(|it| it == "update") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, current).unwrap();
    }
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every line of the last release is still there.
#[track_caller]
fn assert_contains(old: &str, new: &str, name: &str) {
    let gone: Vec<_> = old.lines().filter(|line| new.lines().all(|it| it != *line)).collect();
    assert!(gone.is_empty(), "{name} changed since {RELEASE}: {gone:#?}");
}

#[tokio::test(start_paused = true)]
async fn events_and_rest_only_grow() {
    assert_eq!(API_VERSION, RELEASE_API, "after an incompatible change, update RELEASE");
    let rig = Rig::start();
    for (name, path) in [("events.json", "/schema/events.json"), ("openapi.json", "/openapi.json")] {
        let new = shape(&document(&rig, path).await);
        let old = serde_json::from_str(&committed(name, &format!("{new}\n"))).unwrap();
        let breaks = breaks(&old, &new);
        assert!(breaks.is_empty(), "{path} is incompatible with {RELEASE}: {breaks:#?}");
    }
}

#[test]
fn codes_keep_their_numbers() {
    let mut new = String::new();
    for code in Code::ALL {
        let (http, close, exit) = (code.http_status(), code.close_code(), code.exit_code());
        writeln!(new, "{code} http {http} close {close} exit {exit}").unwrap();
    }
    assert_contains(&committed("codes.txt", &new), &new, "codes");
}

#[test]
fn golden_recordings_stay_the_same() {
    let folder = repository().join("fixtures/golden");
    let mut new: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|file| {
            let file = file.unwrap();
            let checksum = crc32fast::hash(&fs::read(file.path()).unwrap());
            format!("{} {checksum:08x}\n", file.file_name().into_string().unwrap())
        })
        .collect();
    new.sort();
    let new = new.concat();
    assert_contains(&committed("golden.txt", &new), &new, "fixtures/golden");
}

#[test]
fn scenarios_of_the_last_release_load() {
    const START: &str = "=== ";
    let mut new = String::new();
    for name in names() {
        let text = fs::read_to_string(scenario_path(&name)).unwrap();
        let lines: Vec<_> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        writeln!(new, "{START}{name}\n{}", lines.join("\n")).unwrap();
    }
    let old = committed("scenarios.txt", &new);
    for scenario in old.split(START).skip(1) {
        let (name, text) = scenario.split_once('\n').unwrap();
        Scenario::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// Changes a document, and returns what that breaks.
async fn after(path: &str, change: impl FnOnce(&mut Value)) -> Vec<String> {
    let old = shape(&document(&Rig::start(), path).await);
    let mut new = old.clone();
    change(&mut new);
    assert_ne!(old, new, "the change did nothing");
    breaks(&old, &new)
}

#[tokio::test(start_paused = true)]
async fn removed_and_changed_parts_are_found() {
    let events = "/schema/events.json";
    let broken = after(events, |new| {
        drop(new["$defs"]["ChatEvent"]["properties"].as_object_mut().unwrap().remove("ts"));
    });
    assert_eq!(broken.await, ["/$defs/ChatEvent/properties/ts is gone"]);
    let broken = after(events, |new| {
        new["$defs"]["AccessControl"]["properties"]["verifySeconds"]["type"] = "string".into();
    });
    assert_eq!(broken.await.len(), 1);
    let broken =
        after(events, |new| drop(new["$defs"]["AccessControl"]["required"].as_array_mut().unwrap().pop()));
    assert_eq!(broken.await, ["/$defs/AccessControl/properties/verifySeconds is not always there"]);
    assert_eq!(after(events, |new| drop(new["oneOf"].as_array_mut().unwrap().pop())).await.len(), 1);

    let rest = "/openapi.json";
    let broken = after(rest, |new| drop(new["paths"].as_object_mut().unwrap().remove("/inject")));
    assert_eq!(broken.await, ["/paths//inject is gone"]);
    let broken = after(rest, |new| {
        new["components"]["schemas"]["Seek"]["required"] = json!(["offset", "speed"]);
        new["components"]["schemas"]["Seek"]["properties"]["speed"] = json!({ "type": "number" });
    });
    assert_eq!(broken.await, ["/components/schemas/Seek/properties/speed is required now"]);
    let broken = after(rest, |new| {
        new["paths"]["/events"]["get"]["parameters"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "name": "x", "in": "query", "required": true }));
    });
    assert_eq!(broken.await, ["/paths//events/get/parameters requires \"x\""]);
}

#[tokio::test(start_paused = true)]
async fn additions_pass() {
    let added = after("/schema/events.json", |new| {
        new["$defs"]["ChatEvent"]["properties"]["mood"] = json!({ "type": "string" });
        new["$defs"]["ChatEvent"]["required"].as_array_mut().unwrap().push("mood".into());
        new["$defs"]["MoodEvent"] = json!({ "type": "object" });
        new["oneOf"].as_array_mut().unwrap().push(json!({ "$ref": "#/$defs/MoodEvent" }));
    });
    assert_eq!(added.await, [""; 0]);
    let added = after("/openapi.json", |new| {
        new["paths"]["/mood"] = json!({ "get": { "responses": {} } });
        new["components"]["schemas"]["Seek"]["properties"]["mood"] = json!({ "type": "string" });
        new["paths"]["/events"]["get"]["parameters"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "name": "mood", "in": "query" }));
    });
    assert_eq!(added.await, [""; 0]);
}
