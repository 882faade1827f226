//! The schemas of request bodies in `/openapi.json` accept exactly what the server accepts.

use serde_json::{Map, Value, json};

use crate::{openapi::document, schema::Schema, support::Rig};

/// Valid bodies that contain every property of a schema, for each of its variants.
fn bodies() -> Vec<(&'static str, &'static str, Value)> {
    let who = json!({ "uniqueId": "ann", "nickname": "Ann", "avatar": "" });
    let injected = [
        json!({ "type": "chat", "user": who, "comment": "hi" }),
        json!({ "type": "gift", "user": "ann", "gift": "Rose", "count": 2, "combo": true, "diamonds": 1, "pictureUrl": "" }),
        json!({ "type": "like", "user": "ann", "count": 2, "total": 5 }),
        json!({ "type": "member", "user": "ann", "memberCount": 5 }),
        json!({ "type": "follow", "user": "ann", "followCount": 5 }),
        json!({ "type": "share", "user": "ann", "shareCount": 5 }),
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
        ("POST", "/mock", json!({ "scenario": "none" })),
        ("POST", "/replay/load", json!({ "recording": "none" })),
        ("POST", "/replay/loop", json!({ "laps": 3, "from": 1, "to": "1h" })),
        ("POST", "/replay/pause", json!({})),
        ("POST", "/replay/play", json!({})),
        ("POST", "/replay/seek", json!({ "offset": "1m30s" })),
        ("POST", "/replay/speed", json!({ "speed": 2 })),
        ("POST", "/replay/step", json!({ "count": 1 })),
        (
            "POST",
            "/rooms",
            json!({ "id": "a", "name": "A", "description": "", "maxConnections": 5, "metadata": {} }),
        ),
        ("POST", "/rooms/{id}/messages", json!({ "message": 1 })),
        ("PUT", "/connections/{id}/metadata", json!({ "team": "red" })),
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
