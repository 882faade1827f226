//! `/openapi.json` and `/schema/events.json` match the server.

use std::{collections::BTreeSet, fs};

use livetape_core::event::KINDS;
use livetape_engine::source::{Step, Tape};
use livetape_feed::hub::Filter;
use serde_json::{Value, json};

use crate::{
    schema::Schema,
    support::{HttpResponse, Rig, decode, repository::repository},
};

pub(crate) async fn document(rig: &Rig, path: &str) -> Value {
    let answer = rig.http("GET", path, "").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    answer.json()
}

/// Makes every property that a schema does not list an error.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.contains_key("properties") && !map.contains_key("additionalProperties") {
                map.insert("additionalProperties".into(), false.into());
            }
            map.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

pub(crate) fn closed(mut schema: Value) -> Schema {
    close(&mut schema);
    Schema::new(&schema)
}

/// Returns the schema of a single event type, with the definitions that it uses: compiling all for each would take most
/// of the time.
pub(crate) fn of_type(schema: &Value, kind: &str) -> Value {
    let all = schema["$defs"].as_object().unwrap();
    let is_of = |(_, it): &(&String, &Value)| it["properties"]["type"]["const"] == kind;
    let (name, _) = all.iter().find(is_of).unwrap();
    let (mut used, mut names) = (serde_json::Map::new(), vec![name.clone()]);
    while let Some(name) = names.pop() {
        if !used.contains_key(&name) {
            let text = all[&name].to_string();
            names.extend(text.split("\"#/$defs/").skip(1).map(|it| it[..it.find('"').unwrap()].to_owned()));
            used.insert(name.clone(), all[&name].clone());
        }
    }
    json!({ "$ref": format!("#/$defs/{name}"), "$defs": used })
}

#[tokio::test(start_paused = true)]
async fn every_type_of_event_has_a_schema() {
    let schema = document(&Rig::start(), "/schema/events.json").await;
    assert_eq!(schema["oneOf"].as_array().unwrap().len(), KINDS.len() + 1, "a gap, too");
    for kind in KINDS {
        Schema::new(&of_type(&schema, kind));
    }
    closed(schema.clone()).check(&json!({ "type": "gap", "from": 5, "to": 9 })).unwrap();
    let chat = of_type(&schema, "chat");
    let definition = &schema["$defs"]["ChatEvent"];
    insta::assert_json_snapshot!(definition);
    let wrong = json!({ "type": "chat", "username": "x", "data": {}, "ts": 5, "replay": true, "stream": "s", "seq": 1 });
    assert!(Schema::new(&chat).check(&wrong).is_err());
}

#[tokio::test(start_paused = true)]
async fn every_recorded_event_fits_its_schema() {
    let schema = document(&Rig::start(), "/schema/events.json").await;
    let raw = Filter { raw: true, ..Filter::default() };
    let mut validators = std::collections::BTreeMap::new();
    for name in ["demo", "cut-streaks", "gifts", "short"] {
        let tape = Tape::find(repository().join(format!("recordings/{name}.bin"))).unwrap();
        let items: Vec<_> = tape
            .steps()
            .unwrap()
            .filter_map(|step| if let Step::Item(it) = step { Some(it) } else { None })
            .collect();
        for event in decode(&items, &raw, true) {
            let kind = event["type"].as_str().unwrap().to_owned();
            validators
                .entry(kind.clone())
                .or_insert_with(|| closed(of_type(&schema, &kind)))
                .check(&event)
                .unwrap();
        }
    }
    assert!(validators.len() > 60, "{:?}", validators.keys());
}

/// Validates the longest payload of each method, from its shortened snapshot.
#[tokio::test(start_paused = true)]
async fn every_kind_of_message_fits_its_schema() {
    let schema = document(&Rig::start(), "/schema/events.json").await;
    let folder = repository().join("crates/core/tests/it/snapshots/kinds");
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let body = text.splitn(3, "---\n").nth(2).unwrap();
        let snapshot: Value = serde_json::from_str(body).unwrap();
        let Some(kind) = snapshot["type"].as_str() else { continue };
        let mut data = uncut(snapshot["data"].clone());
        data["timestamp"] = json!("2026-01-01T00:00:00.000Z");
        let event = json!({
            "type": kind, "username": "x", "data": data, "ts": "2026-01-01T00:00:00.000Z", "replay": true,
            "stream": "s", "seq": 1,
        });
        closed(of_type(&schema, kind)).check(&event).unwrap();
        seen.insert(kind.to_owned());
    }
    // Types with a payload in `fixtures/webcast`.
    assert!(seen.len() > 60, "{seen:?}");
}

/// Removes the marks that replace shortened parts in snapshots.
fn uncut(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let is_mark =
                |it: &Value| it.as_str().is_some_and(|it| it.starts_with("… ") && it.ends_with(" more"));
            items.into_iter().filter(|it| !is_mark(it)).map(uncut).collect()
        }
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, uncut(value))).collect(),
        other => other,
    }
}

/// Returns the routes that a text mentions, such as `GET /rooms`, except `/` itself.
fn addresses(text: &str) -> BTreeSet<String> {
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || "`,|".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    let pairs = words
        .windows(2)
        .filter(|pair| methods.contains(&pair[0]) && pair[1].len() > 1 && pair[1].starts_with('/'));
    let path = |path: &str| path.split('?').next().unwrap().trim_end_matches(['.', ';', ':']).to_owned();
    pairs.map(|pair| format!("{} {}", pair[0].to_lowercase(), path(pair[1]))).collect()
}

#[tokio::test(start_paused = true)]
async fn the_list_of_addresses_and_the_reference_name_every_route() {
    let rig = Rig::start();
    let api = document(&rig, "/openapi.json").await;
    let paths = api["paths"].as_object().unwrap();
    let page = rig.http("GET", "/", "").await.body;
    let reference = fs::read_to_string(repository().join("docs/reference.md")).unwrap();
    for (name, text) in [("the page", &page), ("docs/reference.md", &reference)] {
        for address in addresses(text).iter().filter(|address| !address.ends_with('…')) {
            let (method, path) = address.split_once(' ').unwrap();
            // `/connect/ann` is an example of `/connect/{user}`, and `/connect` its short form.
            let fits = |known: &String| {
                let (known, path): (Vec<_>, Vec<_>) = (known.split('/').collect(), path.split('/').collect());
                let is_long_enough = known.len() == path.len()
                    || known.len() == path.len() + 1
                        && known.last().is_some_and(|part| part.starts_with('{'));
                is_long_enough
                    && known.iter().zip(path).all(|(known, part)| known.starts_with('{') || *known == part)
            };
            let is_there = paths.iter().any(|(known, methods)| fits(known) && methods.get(method).is_some());
            assert!(is_there, "{name} names {address}");
        }
        for path in paths.keys().filter(|path| *path != "/assets/{name}") {
            assert!(text.contains(path.as_str()), "{name} does not name {path}");
        }
        for parameter in api["paths"]["/"]["get"]["parameters"].as_array().unwrap() {
            let parameter = parameter["name"].as_str().unwrap();
            assert!(
                text.contains(&format!("{parameter}=")),
                "{name} does not name the parameter {parameter}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_feed_lists_the_feed_parameters() {
    let api = document(&Rig::start(), "/openapi.json").await;
    let names = |path: &str| -> BTreeSet<String> {
        let parameters = api["paths"][path]["get"]["parameters"].as_array().unwrap().iter();
        let in_query = parameters.filter(|parameter| parameter["in"] == "query");
        in_query.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
    };
    let mut feed = names("/");
    assert!(["since", "types", "gifts", "raw", "on_gap", "format"].iter().all(|name| feed.contains(*name)));
    for path in ["/events", "/ws"] {
        assert!(names(path).is_superset(&feed), "{path}: {:?}", names(path));
    }
    // The channel of a token has no observers.
    assert!(feed.remove("observer"));
    for path in ["/ws/{token}", "/ws/test/{token}"] {
        assert!(
            names(path).is_superset(&feed) && !names(path).contains("observer"),
            "{path}: {:?}",
            names(path)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn parameters_describe_their_values_and_the_page_is_listed() {
    let api = document(&Rig::start(), "/openapi.json").await;
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let schema = &parameter["schema"];
                Schema::new(schema);
                let known = ["enum", "pattern", "minimum", "minLength", "items", "anyOf"];
                let is_bound = known.iter().any(|key| schema.get(key).is_some());
                assert!(is_bound, "{method} {path}: {parameter}");
            }
        }
    }
    let root = &api["paths"]["/"]["get"]["responses"];
    assert!(root["101"].is_object() && root["200"]["content"]["text/html"].is_object(), "{root}");
}

/// An empty body is read as `{}`. A body is required where that is invalid, or where it would replace
/// existing data.
#[tokio::test(start_paused = true)]
async fn a_body_is_required_if_an_empty_one_is_rejected() {
    let rig = Rig::start();
    let api = document(&rig, "/openapi.json").await;
    let mut required = BTreeSet::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let Some(body) = operation.get("requestBody") else { continue };
            let is_required = body["required"] == true;
            if method != "put" {
                let answer = rig.http(&method.to_uppercase(), &path.replace(['{', '}'], ""), "").await;
                assert_eq!(is_required, answer.status == 400, "{method} {path}: {answer:?}");
            }
            required.extend(is_required.then(|| format!("{method} {path}")));
        }
    }
    let expected = [
        "patch /recordings/{name}",
        "post /broadcast",
        "post /connections/{id}/messages",
        "post /inject",
        "post /mock",
        "post /recordings/{name}/cut",
        "post /replay/load",
        "post /replay/seek",
        "post /replay/speed",
        "post /rooms/{id}/messages",
        "put /connections/{id}/metadata",
        "put /recordings/{name}",
    ];
    assert_eq!(required, expected.map(str::to_owned).into());
}

/// Fails if a list of required properties has duplicates, which JSON Schema forbids.
fn assert_required_are_unique(schema: &Value, at: &str) {
    if let Some(required) = schema.get("required").and_then(Value::as_array) {
        let names: BTreeSet<_> = required.iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(names.len(), required.len(), "{at}: {required:?}");
    }
    match schema {
        Value::Object(map) => {
            map.iter().for_each(|(key, it)| assert_required_are_unique(it, &format!("{at}/{key}")));
        }
        Value::Array(items) => items.iter().for_each(|it| assert_required_are_unique(it, at)),
        _ => {}
    }
}

#[tokio::test(start_paused = true)]
async fn no_property_is_listed_as_required_twice() {
    let rig = Rig::start();
    for path in ["/openapi.json", "/schema/events.json"] {
        assert_required_are_unique(&document(&rig, path).await, path);
    }
}

/// A duplicate key would go unnoticed in parsed JSON, which keeps only one of them.
#[tokio::test(start_paused = true)]
async fn the_timeline_of_a_recording_has_the_requested_number_of_buckets() {
    let answer = Rig::start().http("GET", "/recordings/demo?buckets=3", "").await;
    assert_eq!(answer.body.matches(r#""timeline":"#).count(), 1);
    assert!(answer.json()["timeline"]["total"].as_array().unwrap().len() <= 3);
}

/// Responses that need no source, and errors, match their schemas.
#[tokio::test(start_paused = true)]
async fn responses_match_their_schemas() {
    let rig = Rig::start();
    let api = document(&rig, "/openapi.json").await;
    let requests = [
        ("GET", "/health", "/health", ""),
        ("GET", "/ready", "/ready", ""),
        ("GET", "/status", "/status", ""),
        ("GET", "/status/ann", "/status/{user}", ""),
        ("GET", "/replay", "/replay", ""),
        ("POST", "/replay/seek", "/replay/seek", r#"{"offset":"soon"}"#),
        ("POST", "/inject", "/inject", r#"{"type":"gfit"}"#),
        ("GET", "/recordings", "/recordings", ""),
        ("GET", "/recordings/demo", "/recordings/{name}", ""),
        ("GET", "/recordings/none", "/recordings/{name}", ""),
        ("DELETE", "/recordings/demo", "/recordings/{name}", ""),
        ("POST", "/rooms", "/rooms", r#"{"id":"a","metadata":{"x":[1]}}"#),
        ("GET", "/rooms", "/rooms", ""),
        ("GET", "/rooms/a", "/rooms/{id}", ""),
        ("POST", "/rooms/a/messages", "/rooms/{id}/messages", r#"{"message":"hi"}"#),
        ("POST", "/broadcast", "/broadcast", r#"{"message":{"a":1}}"#),
        ("DELETE", "/rooms/a", "/rooms/{id}", ""),
        ("DELETE", "/rooms/a", "/rooms/{id}", ""),
        ("GET", "/connections", "/connections", ""),
        ("GET", "/connections/x", "/connections/{id}", ""),
        ("POST", "/connections/ann/messages", "/connections/{id}/messages", r#"{"message":1}"#),
        ("PUT", "/connections/ann/rooms/b", "/connections/{id}/rooms/{room}", ""),
        ("DELETE", "/connections/ann/rooms/b", "/connections/{id}/rooms/{room}", ""),
        ("DELETE", "/connections/ann/rooms/b", "/connections/{id}/rooms/{room}", ""),
        ("GET", "/stats", "/stats", ""),
        ("POST", "/shutdown", "/shutdown", ""),
    ];
    let _socket = rig.ws("").await;
    let _client = rig.ws("ws?client_id=ann").await;
    for (method, path, route, body) in requests {
        let answer = rig.http(method, path, body).await;
        let operation = &api["paths"][route][method.to_lowercase()];
        let responses = &operation["responses"];
        let described = responses.get(answer.status.to_string());
        assert_eq!(described.is_some(), answer.status < 300, "{method} {path}: {answer:?}");
        fits(&api, described.unwrap_or(&responses["default"]), &answer);
    }
}

pub(crate) fn fits(api: &Value, response: &Value, answer: &HttpResponse) {
    let mut schema = response["content"]["application/json"]["schema"].clone();
    schema["components"] = json!({ "schemas": api["components"]["schemas"] });
    closed(schema).check(&answer.json()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn replay_states_match_their_schema() {
    let rig = Rig::start();
    let api = document(&rig, "/openapi.json").await;
    crate::rest::connect(rig.driver());
    for path in ["/replay", "/status", "/health", "/status/ann"] {
        let route = path.replace("ann", "{user}");
        let answer = rig.http("GET", path, "").await;
        fits(&api, &api["paths"][&route]["get"]["responses"]["200"], &answer);
    }
}

/// Generators of clients know `{}`, not `true`, and no empty media types.
#[tokio::test(start_paused = true)]
async fn every_property_and_body_has_an_object_as_schema() {
    let api = document(&Rig::start(), "/openapi.json").await;
    assert_properties_are_objects(&api["components"]);
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap().values();
            let contents =
                responses.chain([&operation["requestBody"]]).filter_map(|it| it["content"].as_object());
            for (media_type, content) in contents.flatten() {
                assert!(content["schema"].is_object(), "{method} {path}: {media_type}");
            }
        }
    }
}

fn assert_properties_are_objects(schema: &Value) {
    for property in schema["properties"].as_object().into_iter().flat_map(|map| map.values()) {
        assert!(property.is_object(), "{schema}");
    }
    let values = schema.as_object().into_iter().flat_map(|map| map.values());
    values.chain(schema.as_array().into_iter().flatten()).for_each(assert_properties_are_objects);
}
