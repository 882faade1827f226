//! `/openapi.json` and `/schema/events.json` match the server: addresses, requests, responses and events.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Duration,
};

use futures_util::SinkExt as _;
use livetape_core::event::KINDS;
use livetape_engine::source::{Step, Tape};
use livetape_feed::hub::{Filter, Limits};
use livetape_server::{Config, Recordings};
use serde_json::{Map, Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    schema::Schema,
    support::{HttpResponse, Rig, decode, read, read_all, repository, wait},
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
    let (mut used, mut names) = (Map::new(), vec![name.clone()]);
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
    assert_eq!(schema["oneOf"].as_array().unwrap().len(), KINDS.len() + 2, "a gap and an overlay, too");
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
    let mut validators = BTreeMap::new();
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
    let text = fs::read_to_string(repository().join("crates/core/tests/it/snapshots/kinds.snap")).unwrap();
    let snapshots: BTreeMap<String, Value> =
        serde_json::from_str(text.rsplit("---\n").next().unwrap()).unwrap();
    let mut seen = BTreeSet::new();
    for snapshot in snapshots.values() {
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
    assert!(names("/ws").is_superset(&feed), "{:?}", names("/ws"));
    // Lines cannot tell of changes of an overlay.
    assert!(feed.remove("overlay") && !names("/events").contains("overlay"));
    for path in ["/events", "/ws"] {
        assert!(names(path).is_superset(&feed), "{path}: {:?}", names(path));
    }
    // The channel of a token has no observers.
    assert!(feed.remove("observer"));
    feed.insert("overlay".to_owned());
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
    // An upload creates or replaces.
    let upload = &api["paths"]["/recordings/{name}"]["put"]["responses"];
    assert!(["200", "201", "default"].iter().all(|status| upload[status].is_object()), "{upload}");
}

/// An empty body is read as `{}`. A body is required where that is invalid, or where it would replace
/// existing data.
#[tokio::test(start_paused = true)]
async fn a_body_is_required_if_an_empty_one_is_rejected() {
    let rig = Rig::start();
    let api = document(&rig, "/openapi.json").await;
    let (mut bodies, mut required) = (0, BTreeSet::new());
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let Some(body) = operation.get("requestBody") else { continue };
            bodies += 1;
            let is_required = body["required"] == true;
            if method != "put" {
                let answer = rig.http(&method.to_uppercase(), &path.replace(['{', '}'], ""), "").await;
                assert_eq!(is_required, answer.status == 400, "{method} {path}: {answer:?}");
            }
            required.extend(is_required.then(|| format!("{method} {path}")));
        }
    }
    // Both kinds exist.
    assert!(required.len() > 8 && required.len() < bodies, "{required:?}");
}

/// A duplicate key would go unnoticed in parsed JSON, which keeps only one of them.
#[tokio::test(start_paused = true)]
async fn the_timeline_of_a_recording_has_the_requested_number_of_buckets() {
    let answer = Rig::start().http("GET", "/recordings/demo?buckets=3", "").await;
    assert_eq!(answer.body.matches(r#""timeline":"#).count(), 1);
    assert!(answer.json()["timeline"]["total"].as_array().unwrap().len() <= 3);
}

/// So do those of other addresses, which `sessions` compares.
#[tokio::test(start_paused = true)]
async fn responses_of_plain_addresses_match_their_schemas() {
    let rig = Rig::start();
    let api = document(&rig, "/openapi.json").await;
    // Those that need neither a parameter nor a body.
    let plain = api["paths"].as_object().unwrap().iter().filter(|(route, methods)| {
        let content = &methods["get"]["responses"]["200"]["content"];
        !route.contains('{') && !content["application/json"].is_null()
    });
    let mut count = 0;
    for (path, methods) in plain {
        let answer = rig.http("GET", path, "").await;
        let responses = &methods["get"]["responses"];
        let described = responses.get(answer.status.to_string());
        assert_eq!(described.is_some(), answer.status < 300, "{path}: {answer:?}");
        fits(&api, described.unwrap_or(&responses["default"]), &answer);
        count += 1;
    }
    assert!(count > 8, "{count}");
}

pub(crate) fn schema_of(api: &Value, response: &Value) -> Schema {
    let mut schema = response["content"]["application/json"]["schema"].clone();
    schema["components"] = json!({ "schemas": api["components"]["schemas"] });
    closed(schema)
}

pub(crate) fn fits(api: &Value, response: &Value, answer: &HttpResponse) {
    schema_of(api, response).check(&answer.json()).unwrap();
}

/// Generators of clients know `{}`, not `true`, and no empty media types.
#[tokio::test(start_paused = true)]
async fn every_property_and_body_has_an_object_as_schema() {
    let api = document(&Rig::start(), "/openapi.json").await;
    assert_properties_are_objects(&api["components"]);
    for name in api["components"]["schemas"].as_object().unwrap().keys() {
        let schema = format!("#/components/schemas/{name}");
        Schema::new(&json!({ "$ref": schema, "components": api["components"] }));
    }
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
    assert_ne!(schema.get("default"), Some(&Value::Null), "{schema}");
    for property in schema["properties"].as_object().into_iter().flat_map(|map| map.values()) {
        assert!(property.is_object(), "{schema}");
    }
    let values = schema.as_object().into_iter().flat_map(|map| map.values());
    values.chain(schema.as_array().into_iter().flatten()).for_each(assert_properties_are_objects);
}

// The schemas of request bodies in `/openapi.json` accept exactly what the server accepts.

/// Valid bodies that contain every property of a schema, for each of its variants.
fn bodies() -> Vec<(&'static str, &'static str, Value)> {
    let who = json!({ "uniqueId": "ann", "nickname": "Ann", "avatar": "" });
    let injected = [
        json!({ "type": "chat", "user": who, "comment": "hi", "language": "de", "isHistory": true, "mentioned": "ben" }),
        json!({ "type": "gift", "user": "ann", "gift": "Rose", "count": 2, "combo": true, "diamonds": 1, "pictureUrl": "" }),
        json!({ "type": "gift", "user": "ann", "gift": "Rose", "diamonds": 1, "giftId": 1, "giftType": 1, "repeatEnd": true, "receiver": "ben" }),
        json!({ "type": "like", "user": "ann", "count": 2, "total": 5 }),
        json!({ "type": "member", "user": "ann", "memberCount": 5 }),
        json!({ "type": "follow", "user": "ann", "followCount": 5 }),
        json!({ "type": "share", "user": "ann", "shareCount": 5 }),
        json!({ "type": "repost", "user": "ann", "displayType": "", "label": "" }),
        json!({ "type": "subscribe", "user": "ann", "months": 2 }),
        json!({ "type": "question", "user": "ann", "question": "?" }),
        json!({ "type": "emote", "user": "ann", "emoteId": "1", "pictureUrl": "" }),
        json!({ "type": "envelope", "user": "ann", "diamonds": 5, "people": 2 }),
        json!({ "type": "battle", "user": "ann", "opponent": "ben", "points": 1, "opponentPoints": 2, "over": true }),
        json!({ "type": "poll", "user": "ann", "question": "?", "options": ["yes", "no"] }),
        json!({ "type": "end" }),
        json!({ "type": "raw", "method": "WebcastChatMessage", "payload": "GgJoaQ==" }),
        json!({ "type": "room_user", "viewerCount": 5 }),
    ];
    let mut bodies = vec![
        ("PATCH", "/recordings/{name}", json!({ "name": "other" })),
        ("POST", "/recordings/{name}/cut", json!({ "name": "part", "from": 1, "to": "1h", "scrub": false })),
        ("POST", "/broadcast", json!({ "message": 1, "room": "a", "metadata": { "team": "red" } })),
        // With `abort`, the others may not be given.
        ("POST", "/connections/{id}/close", json!({ "code": 1000, "reason": "bye" })),
        ("POST", "/connections/{id}/close", json!({ "abort": false })),
        ("POST", "/connections/close", json!({ "reason": "bye" })),
        ("POST", "/connections/{id}/messages", json!({ "message": 1 })),
        ("POST", "/connect", json!({ "source": "tab", "user": "ann", "tab": 1 })),
        ("POST", "/mock", json!({ "scenario": "none" })),
        ("POST", "/replay/load", json!({ "recording": "none" })),
        ("POST", "/replay/loop", json!({ "laps": 3, "from": 1, "to": "1h" })),
        ("POST", "/replay/pause", json!({})),
        ("POST", "/replay/play", json!({})),
        ("POST", "/replay/seek", json!({ "offset": "1m30s" })),
        ("POST", "/replay/seek", json!({ "seq": 1 })),
        ("POST", "/replay/speed", json!({ "speed": 2 })),
        ("POST", "/replay/step", json!({ "count": 1 })),
        (
            "POST",
            "/rooms",
            json!({ "id": "a", "name": "A", "description": "", "maxConnections": 5, "metadata": {} }),
        ),
        ("POST", "/rooms/{id}/messages", json!({ "message": 1 })),
        ("PUT", "/connections/{id}/metadata", json!({ "team": "red" })),
        ("PUT", "/overlays/{kind}/{name}/settings", json!({ "settings": "a=b", "replaces": "" })),
    ];
    bodies.extend(injected.map(|body| ("POST", "/inject", body)));
    bodies
}

/// Values at the boundaries of types and ranges, and texts in the forms that the server reads.
fn values() -> Vec<Value> {
    let numbers =
        [0, 1, -1, 123, 999, 1000, 1004, 5000, 65_536, i64::from(i32::MAX), i64::from(i32::MAX) + 1];
    let texts = [
        "",
        " ",
        "a",
        " a",
        "a b",
        "a/b",
        ".a",
        "a\n",
        "user:ann",
        "max",
        "1",
        "1.5",
        "-1",
        "1m30s",
        "1m 30s ",
        "00:01:30.5",
        "1:60",
        "30s1m",
        "5ms",
        "1h5ms",
        "1.",
        "null",
        "GgJoaQ==",
        "GgJoaQ",
    ];
    let mut values = vec![
        json!(null),
        json!(true),
        json!(0.05),
        json!(1.5),
        json!(4_294_967_295_u32),
        json!(4_294_967_296_u64),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e300),
        json!([]),
        json!([null]),
        json!([null, null]),
        json!(["a", "b"]),
        json!(["a", "b", "c"]),
        json!(vec!["a"; 11]),
        json!({}),
        json!({ "a": 1 }),
        json!({ "uniqueId": " " }),
        json!({ "uniqueId": "ann", "nickname": null }),
        json!({ "uniqueId": "ann", "a": 1 }),
    ];
    values.extend(numbers.map(Value::from));
    values.extend(texts.map(Value::from));
    values
}

/// Parts of messages about two fields that do not go together, which a schema cannot compare.
const RELATIONS: [&str; 3] = ["is not after its start", "is not another host", "has neither code nor reason"];

/// Returns the body with each of its properties removed or replaced, one at a time, and bodies of other
/// types.
fn variations(body: &Value) -> Vec<Value> {
    let body = body.as_object().unwrap();
    let with = |key: &str, value: Option<Value>| {
        let mut changed: Map<String, Value> = body.clone();
        match value {
            Some(value) => drop(changed.insert(key.to_owned(), value)),
            None => drop(changed.remove(key)),
        }
        Value::Object(changed)
    };
    let mut all = values();
    all.push(Value::Object(body.clone()));
    all.push(with("nosuchkey", Some(1.into())));
    for key in body.keys() {
        all.push(with(key, None));
        all.extend(values().into_iter().map(|value| with(key, Some(value))));
    }
    all
}

fn schema(api: &Value, method: &str, path: &str) -> Schema {
    let content = &api["paths"][path][method.to_lowercase()]["requestBody"]["content"];
    let mut schema = content["application/json"]["schema"].clone();
    assert!(schema.is_object(), "{method} {path}");
    schema["components"] = json!({ "schemas": api["components"]["schemas"] });
    Schema::new(&schema)
}

#[tokio::test(start_paused = true)]
async fn a_body_is_valid_exactly_if_the_server_accepts_it() {
    let mut rig = Rig::start();
    // Orders fail instead of waiting for a source.
    drop(rig.take_driver());
    let api = document(&rig, "/openapi.json").await;
    let mut wrong = Vec::new();
    for (method, path, body) in bodies() {
        let schema = schema(&api, method, path);
        let address = path.replace(['{', '}'], "");
        for body in variations(&body) {
            let answer = rig.http(method, &address, &body.to_string()).await;
            if RELATIONS.iter().any(|part| answer.body.contains(part)) {
                continue;
            }
            let (is_valid, is_accepted) = (schema.check(&body).is_ok(), answer.status != 400);
            if is_valid != is_accepted {
                wrong.push(format!(
                    "{method} {path} {body}: valid {is_valid}, {} {}",
                    answer.status, answer.body
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of\n{}", wrong.len(), wrong.join("\n"));
}

/// Every JSON body is tested above.
#[tokio::test(start_paused = true)]
async fn every_request_with_a_body_is_tested() {
    let api = document(&Rig::start(), "/openapi.json").await;
    let tested = bodies();
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation["requestBody"]["content"].get("application/json").is_some() {
                let is_it = |it: &(&str, &str, Value)| it.0.eq_ignore_ascii_case(method) && it.1 == path;
                assert!(tested.iter().any(is_it), "{method} {path}");
            }
        }
    }
}

// Responses and messages of busy servers match `/openapi.json`.

/// Messages in both directions on `/ws` match the document.
#[tokio::test(start_paused = true)]
async fn messages_between_clients_match_their_schemas() {
    let rig = Rig::start();
    let api = document(&rig, "/openapi.json").await;
    let of = |name: &str| {
        let mut schema = json!({ "$ref": format!("#/components/schemas/{name}") });
        schema["components"] = json!({ "schemas": api["components"]["schemas"] });
        Schema::new(&schema)
    };
    let (said, asked) = (of("ServerMessage"), of("ClientMessage"));
    let mut ann = rig.try_ws("ws?feed=0&client_id=ann").await.unwrap();
    let mut ben = rig.try_ws("ws?feed=0&client_id=ben").await.unwrap();
    let messages = [
        json!({ "type": "join_room", "room_id": "a" }),
        json!({ "type": "room_message", "room_id": "a", "message": { "x": [1] } }),
        json!({ "type": "set_metadata", "key": "k", "value": [1] }),
        json!({ "type": "ping", "timestamp": 5 }),
        json!({ "type": "leave_room", "room_id": "a" }),
        json!({ "type": "join_room", "room_id": "user:nobody" }),
        json!({ "type": "leave_room", "room_id": "none" }),
    ];
    for message in messages {
        asked.check(&message).unwrap();
        ann.send(Message::text(message.to_string())).await.unwrap();
    }
    ann.send(Message::text(r#"{"type":"anything","a":1}"#)).await.unwrap();
    assert!(asked.check(&json!({ "type": "join_room" })).is_err(), "a room is named");
    wait(Duration::from_secs(31)).await;
    drop(ann);
    wait(Duration::from_secs(1)).await;
    rig.control.shut_down();
    let mut seen = BTreeSet::new();
    for text in read_all(&mut ben).await.texts {
        let message: Value = serde_json::from_str(&text).unwrap();
        said.check(&message).unwrap();
        seen.insert(message["type"].as_str().unwrap().to_owned());
    }
    let expected = ["broadcast", "client_disconnected", "system", "welcome"];
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[tokio::test(start_paused = true)]
async fn messages_to_pages_of_overlays_match_their_schema() {
    let folder = tempfile::tempdir().unwrap();
    let recordings = Recordings { directory: folder.path().into(), ..Recordings::default() };
    let rig = Rig::with(Limits::default(), Config { recordings, ..Config::default() });
    let schema = closed(document(&rig, "/schema/events.json").await);
    let mut page = rig.ws("?overlay=goal/Rent").await;
    rig.http("PUT", "/overlays/goal/Rent/settings", r#"{"settings":"goal=5"}"#).await;
    let told = read(&mut page, 2).await;
    for (message, settings) in told.iter().zip(["null", "\"goal=5\""]) {
        assert_eq!(*message, format!(r#"{{"type":"overlay","overlay":"goal/Rent","settings":{settings}}}"#));
        schema.check(&serde_json::from_str(message).unwrap()).unwrap();
    }
}

// What `/schema/events.json` tells generators of code: which schema a type has, and which fields are always
// there.

/// With a discriminator, a program looks at one schema instead of a hundred.
#[tokio::test(start_paused = true)]
async fn each_type_of_message_names_its_only_schema() {
    let rig = Rig::start();
    let events = document(&rig, "/schema/events.json").await;
    let api = document(&rig, "/openapi.json").await;
    for (message, document, path) in [
        (&events, &events, "/$defs"),
        (&api["components"]["schemas"]["Message"], &api, "/components/schemas"),
    ] {
        assert_eq!(message["discriminator"]["propertyName"], "type");
        let mapping = message["discriminator"]["mapping"].as_object().unwrap();
        let types: BTreeSet<&str> = mapping.keys().map(String::as_str).collect();
        assert_eq!(types, KINDS.iter().copied().chain(["gap", "overlay"]).collect());
        let listed: BTreeSet<&str> =
            message["oneOf"].as_array().unwrap().iter().map(|it| it["$ref"].as_str().unwrap()).collect();
        let mapped: BTreeSet<&str> = mapping.values().map(|it| it.as_str().unwrap()).collect();
        assert_eq!((listed.len(), &listed), (types.len(), &mapped));
        for (kind, reference) in mapping {
            let reference = reference.as_str().unwrap();
            assert!(reference.starts_with(&format!("#{path}/")), "{reference}");
            let schema = document.pointer(&reference[1..]).unwrap();
            // An outage of a node also has the type `error`.
            let parts = schema["anyOf"].as_array().cloned().unwrap_or_else(|| vec![schema.clone()]);
            for part in parts {
                let part = part["$ref"].as_str().map_or(&part, |it| document.pointer(&it[1..]).unwrap());
                assert_eq!(part["properties"]["type"]["const"], **kind);
            }
        }
    }
}

/// Fields without a value are either absent or `null`, and the schema tells which.
#[tokio::test(start_paused = true)]
async fn optional_properties_are_never_null() {
    fn check(schema: &Value, at: &str) {
        let required = schema["required"].as_array();
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            let is_required = required.is_some_and(|it| it.iter().any(|it| it == key));
            let null = json!("null");
            let types = property["type"].as_array().is_some_and(|it| it.contains(&null));
            let options =
                property["anyOf"].as_array().is_some_and(|it| it.contains(&json!({ "type": null })));
            assert!(is_required || !(types || options), "{at}/{key}: {property}");
        }
        for (key, part) in schema.as_object().into_iter().flatten() {
            check(part, &format!("{at}/{key}"));
        }
    }
    let schema = document(&Rig::start(), "/schema/events.json").await;
    check(&schema, "");
    for kind in ["Chat", "Gift", "Like", "Member", "Social", "EmoteChat", "Question", "Subscribe"] {
        let required = schema["$defs"][format!("{kind}Data")]["required"].as_array().unwrap();
        assert!(["sender", "user"].iter().all(|key| required.iter().any(|it| it == key)), "{kind}");
    }
}
