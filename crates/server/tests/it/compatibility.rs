//! `fixtures/compat` has the interfaces of the last release. Later versions may add to them, as
//! docs/compatibility.md promises. `LIVETAPE_COMPAT=update cargo test -p livetape-server --test it
//! compatibility` writes those of this version, for a release.

use std::{collections::BTreeSet, fmt::Write as _, fs};

use livetape_core::error::Code;
use livetape_mock::Scenario;
use livetape_server::API_VERSION;
use serde_json::{Map, Value, json};

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
        new["components"]["schemas"]["SetSpeed"]["required"] = json!(["speed", "mood"]);
        new["components"]["schemas"]["SetSpeed"]["properties"]["mood"] = json!({ "type": "number" });
    });
    assert_eq!(broken.await, ["/components/schemas/SetSpeed/properties/mood is required now"]);
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

/// Keys that may change: documentation, and limits of values.
const FREE: [&str; 13] = [
    "$schema",
    "default",
    "description",
    "example",
    "examples",
    "info",
    "maximum",
    "minimum",
    "openapi",
    "pattern",
    "summary",
    "tags",
    "title",
];
/// Keys whose value is a map with names of its own.
const NAMED: [&str; 3] = ["$defs", "properties", "schemas"];
const REFERENCE: &str = "#/components/schemas/";

/// Returns a document without the parts that may change.
fn shape(document: &Value) -> Value {
    match document {
        Value::Object(map) => Value::Object(stripped(map, true)),
        Value::Array(items) => items.iter().map(shape).collect(),
        other => other.clone(),
    }
}

fn stripped(map: &Map<String, Value>, has_free_keys: bool) -> Map<String, Value> {
    // A request that accepts more fields breaks nobody; a response with unknown fields is promised anyway.
    let is_free = |key: &str, value: &Value| {
        FREE.contains(&key) || (key == "additionalProperties" && value.is_boolean())
    };
    let kept = map.iter().filter(|(key, value)| !has_free_keys || !is_free(key, value));
    let shaped = kept.map(|(key, value)| match value {
        Value::Object(inner) if has_free_keys && NAMED.contains(&key.as_str()) => {
            (key.clone(), Value::Object(stripped(inner, false)))
        }
        _ => (key.clone(), shape(value)),
    });
    shaped.collect()
}

/// Returns what breaks programs that rely on `old`. Requests may require less, and responses may contain
/// more.
fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut requests = BTreeSet::new();
    collect_requests(old, &old["paths"], false, &mut requests);
    let mut compared = Comparison { requests, found: Vec::new() };
    compared.values(old, new, "", false);
    compared.found
}

/// Collects the names of all schemas that requests use, with those that they refer to.
fn collect_requests(document: &Value, part: &Value, is_request: bool, found: &mut BTreeSet<String>) {
    match part {
        Value::Object(map) => {
            let name = map.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix(REFERENCE));
            if let Some(name) = name.filter(|name| is_request && found.insert((*name).to_owned())) {
                collect_requests(document, &document["components"]["schemas"][name], true, found);
            }
            for (key, value) in map {
                collect_requests(document, value, is_request || is_sent_by_clients(key), found);
            }
        }
        Value::Array(items) => {
            items.iter().for_each(|item| collect_requests(document, item, is_request, found));
        }
        _ => {}
    }
}

fn is_sent_by_clients(key: &str) -> bool {
    ["parameters", "requestBody", "client"].contains(&key)
}

struct Comparison {
    /// Names of the schemas of requests.
    requests: BTreeSet<String>,
    found: Vec<String>,
}

impl Comparison {
    fn values(&mut self, old: &Value, new: &Value, at: &str, is_request: bool) {
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => self.objects(old, new, at, is_request),
            _ if old == new => {}
            // Two forms of the schema of any value.
            (Value::Bool(true), Value::Object(any)) if any.is_empty() => {}
            _ => self.found.push(format!("{at} was {old} and is {new}")),
        }
    }

    fn objects(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &str, is_request: bool) {
        for (key, was) in old {
            let (at, is) = (format!("{at}/{key}"), new.get(key).unwrap_or(&Value::Null));
            let is_request = is_request
                || is_sent_by_clients(key)
                || at == format!("/components/schemas/{key}") && self.requests.contains(key);
            match (key.as_str(), was, is) {
                ("required", Value::Array(_), _) => {}
                // A limit of numbers.
                ("format", Value::String(_), Value::String(_)) if is_request => {}
                ("enum" | "oneOf" | "anyOf" | "parameters", Value::Array(was), Value::Array(is)) => {
                    self.items(was, is, &at, is_request);
                }
                ("type", Value::Array(was), Value::Array(is)) if is_request => {
                    self.items(was, is, &at, is_request);
                }
                (_, _, Value::Null) => self.found.push(format!("{at} is gone")),
                _ => self.values(was, is, &at, is_request),
            }
        }
        self.required(&keys(old), &keys(new), at, is_request);
        let is_required = |map: &Map<String, Value>| map.get("required") == Some(&Value::Bool(true));
        if is_required(new) && !is_required(old) {
            self.found.push(format!("{at} is required now"));
        }
    }

    fn required(&mut self, old: &BTreeSet<&str>, new: &BTreeSet<&str>, at: &str, is_request: bool) {
        let (missing, what) =
            if is_request { (new - old, "is required now") } else { (old - new, "is not always there") };
        self.found.extend(missing.into_iter().map(|name| format!("{at}/properties/{name} {what}")));
    }

    /// Each old value, alternative or parameter fits a new one, and every new parameter is optional.
    fn items(&mut self, old: &[Value], new: &[Value], at: &str, is_request: bool) {
        for was in old {
            let fits = |is: &&Value| {
                let mut tried = Self { requests: self.requests.clone(), found: Vec::new() };
                tried.values(was, is, at, is_request);
                tried.found.is_empty()
            };
            if !new.iter().any(|is| fits(&is)) {
                self.found.push(format!("{at} has no {was}"));
            }
        }
        let known = |name: &Value| old.iter().any(|it| it["name"] == *name);
        let added = new.iter().filter(|it| it["required"] == true && !known(&it["name"]));
        self.found.extend(added.map(|it| format!("{at} requires {}", it["name"])));
    }
}

/// Returns the names of required properties.
fn keys(map: &Map<String, Value>) -> BTreeSet<&str> {
    map.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}
