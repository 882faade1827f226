//! REST: all kinds of responses.

use std::sync::{Arc, Mutex};

use livetape_feed::control::{Driver, Nodes, Order, ReplayPhase, ReplayState, SourceState, Speed};
use serde_json::{Value, json};

use crate::support::{Rig, assert_same};

fn replaying() -> ReplayState {
    ReplayState {
        recording: "demo".to_owned(),
        state: ReplayPhase::Playing,
        offset_ms: 1500,
        duration_ms: Some(60_000),
        speed: Speed::Times(1.0),
        lap: 1,
        laps: Some(1),
        from_ms: 0,
        to_ms: Some(50_000),
        generation: 1,
        case: None,
    }
}

pub(crate) fn connect(driver: &Driver) {
    driver.set_replay(Some(replaying()));
    driver.update_status(|status| {
        status.state = SourceState::Connected;
        status.source = Some("replay");
        status.username = Some("ann".to_owned());
        status.room_id = Some("7548125753365269304".to_owned());
        status.counts.events.insert("chat", 7);
    });
}

/// Returns what `/health` and `/status` report of a server that has received nothing.
fn idle() -> (Value, Value) {
    let health = json!({
        "apiVersion": 1, "clients": 0, "mode": "idle", "readOnly": false, "status": "ok", "user": null,
        "version": env!("CARGO_PKG_VERSION"),
    });
    let status = json!({
        "attempt": 0, "behind": 0, "clients": 0, "mode": "idle", "nextRetryMs": null, "observers": 0,
        "roomId": null, "source": null, "state": "idle", "username": null,
        "counts": {
            "duplicates": {}, "events": {}, "faults": {}, "frames": 0, "messages": 0, "recordsMissing": 0,
            "unknownMethods": {}, "unreadableBytes": 0, "unsealed": false,
        },
        "lookups": {
            "available": null, "made": 0, "perMinute": null, "refused": 0, "remembered": 0,
            "retryAfterMs": null, "waiting": 0,
        },
    });
    (health, status)
}

/// Returns the health without the fields that depend on the machine.
async fn health(rig: &Rig) -> Value {
    let mut health = rig.http("GET", "/health", "").await.json();
    for (key, number) in [("memory", "/memory/rss"), ("uptime", "/uptime")] {
        assert!(health.pointer(number).is_some_and(Value::is_number), "{health}");
        health.as_object_mut().unwrap().remove(key);
    }
    health
}

#[tokio::test(start_paused = true)]
async fn rest_responds_while_idle() {
    let rig = Rig::start();
    let (healthy, status) = idle();
    assert_same(&health(&rig).await, &healthy);
    assert_same(&rig.http("GET", "/status", "").await.json(), &status);
    let rows = r#"
        GET /replay → no replay is running → load a recording first: POST /replay/load {"recording":"demo"}
        POST /replay/play → no replay is running → load a recording first: POST /replay/load {"recording":"demo"}"#;
    rig.rejects(409, "no_replay", rows).await;
    let rows = "
        GET /status/ann → `ann` is not the current user → see GET /status for the current user
        GET /nowhere → `/nowhere` does not exist → send GET / for the list of addresses
        POST /nowhere → `/nowhere` does not exist → send GET / for the list of addresses
        POST /replay/jump → `/replay/jump` does not exist → send GET / for the list of addresses";
    rig.rejects(404, "not_found", rows).await;
    for (method, path, allowed) in [
        ("POST", "/health", "GET,HEAD"),
        ("DELETE", "/", "GET,HEAD"),
        ("POST", "/events", "GET,HEAD"),
        ("GET", "/replay/seek", "POST"),
    ] {
        let error = format!("`{path}` does not accept this method → send GET / for the list of addresses");
        rig.rejects(405, "method_not_allowed", &format!("{method} {path} → {error}")).await;
        assert_eq!(rig.http(method, path, "").await.header("allow"), Some(allowed), "{method} {path}");
    }
}

#[tokio::test(start_paused = true)]
async fn rest_responds_while_connected() {
    let rig = Rig::start();
    connect(rig.driver());
    let _socket = rig.ws("").await;
    let (mut healthy, mut status) = idle();
    for (key, value) in [("mode", json!("replay")), ("clients", json!(1))] {
        (healthy[key], status[key]) = (value.clone(), value);
    }
    healthy["user"] = "ann".into();
    status["counts"]["events"] = json!({ "chat": 7 });
    let source = [("state", "connected"), ("source", "replay"), ("username", "ann")];
    for (key, value) in source.into_iter().chain([("roomId", "7548125753365269304")]) {
        status[key] = value.into();
    }
    assert_same(&health(&rig).await, &healthy);
    for path in ["/status", "/status/@Ann"] {
        assert_same(&rig.http("GET", path, "").await.json(), &status);
    }
    let replay = json!({
        "recording": "demo", "state": "playing", "offsetMs": 1500, "durationMs": 60_000, "speed": 1.0, "lap": 1,
        "laps": 1, "fromMs": 0, "toMs": 50_000, "generation": 1,
    });
    assert_same(&rig.http("GET", "/replay", "").await.json(), &replay);
    let bob = "GET /status/bob → `bob` is not the current user → see GET /status for the current user";
    rig.rejects(404, "not_found", bob).await;
    let no_utf8 =
        "GET /status/%ff → Invalid URL: Invalid UTF-8 in `user` → see GET /openapi.json for valid requests";
    rig.rejects(400, "bad_request", no_utf8).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_without_nats_is_up_but_not_ready() {
    let rig = Rig::start();
    let state = |reachable| Nodes { reachable, ..Nodes::default() };
    for (nodes, status, code) in [
        (None, 200, ""),
        (Some(state(true)), 200, ""),
        (Some(state(false)), 503, "cluster_unreachable"),
        (Some(state(true)), 200, ""),
    ] {
        if let Some(nodes) = nodes {
            rig.control.set_nodes(nodes);
        }
        let ready = rig.http("GET", "/ready", "").await;
        assert_eq!((ready.status, ready.code().as_str()), (status, code));
        assert_eq!(rig.http("GET", "/health", "").await.status, 200);
    }
}

/// Answers each command with the state and logs it.
async fn drive(mut driver: Driver, orders: Arc<Mutex<Vec<String>>>) {
    while let Some(Order::Replay(order, answer)) = driver.next_order().await {
        orders.lock().unwrap().push(format!("{order:?}"));
        answer.accept(replaying());
    }
}

#[tokio::test(start_paused = true)]
async fn orders_reach_the_replay() {
    let mut rig = Rig::start();
    connect(rig.driver());
    let driver = rig.take_driver();
    let noted = Arc::<Mutex<Vec<String>>>::default();
    tokio::spawn(drive(driver, Arc::clone(&noted)));
    let orders = [
        ("play", ""),
        ("play", "{}"),
        ("pause", ""),
        ("seek", r#"{"offset":"1m30s"}"#),
        ("seek", r#"{"offset":"00:01:30.5"}"#),
        ("seek", r#"{"offset":90.25}"#),
        ("speed", r#"{"speed":2}"#),
        ("speed", r#"{"speed":"max"}"#),
        ("step", ""),
        ("step", r#"{"count":3}"#),
        ("loop", ""),
        ("loop", r#"{"laps":3,"from":"10s","to":"1m"}"#),
        ("load", r#"{"recording":"demo"}"#),
    ];
    for (order, body) in orders {
        let answer = rig.http("POST", &format!("/replay/{order}"), body).await;
        assert_eq!((answer.status, &answer.json()["recording"]), (200, &"demo".into()), "{order} {body}");
    }
    insta::assert_json_snapshot!(*noted.lock().unwrap());
}

#[tokio::test(start_paused = true)]
async fn bad_orders_are_rejected() {
    let rig = Rig::start();
    connect(rig.driver());
    let rows = r#"
        POST /replay/play { → the body is not JSON: line 1, column 1 → send JSON as described in GET /openapi.json
        POST /replay/play {"speed":2} → the body is not valid: unknown field `speed`, there are no fields at line 1 column 8 → send JSON as described in GET /openapi.json
        POST /replay/play [1] → the body is not valid: a list, expected an object → send JSON as described in GET /openapi.json
        POST /replay/seek → the body is not valid: missing field `offset` at line 1 column 2 → send JSON as described in GET /openapi.json
        POST /replay/seek {"offset":"-5s"} → `-5s` is not a time: write it like 1m30s, 1500ms, 00:01:30.5, or in seconds → see GET /openapi.json for valid requests
        POST /replay/seek {"offset":-5} → -5.0 is not an offset: write a number of seconds, from 0 to a year → see GET /openapi.json for valid requests
        POST /replay/seek {"offset":1e300} → 1e300 is not an offset: write a number of seconds, from 0 to a year → see GET /openapi.json for valid requests
        POST /replay/seek {"offset":"soon"} → `soon` is not a time: write it like 1m30s, 1500ms, 00:01:30.5, or in seconds → see GET /openapi.json for valid requests
        POST /replay/seek {"offset":null} → `null` is not an offset: write it like "1m30s", or as a number of seconds → see GET /openapi.json for valid requests
        POST /replay/speed {"speed":0} → `0` is not a speed: use a number from 0.1 to 1000, or `max` → see GET /openapi.json for valid requests
        POST /replay/speed {"speed":"fast"} → `fast` is not a speed: use a number from 0.1 to 1000, or `max` → see GET /openapi.json for valid requests
        POST /replay/speed {"speed":1001} → `1001` is not a speed: use a number from 0.1 to 1000, or `max` → see GET /openapi.json for valid requests
        POST /replay/step {"count":0} → `count`: 0 is not a number of steps from 1 to 10000 → see GET /openapi.json for valid requests
        POST /replay/step {"count":-1} → the body is not valid: invalid value: integer `-1`, expected a whole number, 0 or more at line 1 column 11 → send JSON as described in GET /openapi.json
        POST /replay/loop {"laps":0} → `laps` must be at least 1; omit it to repeat until stopped → see GET /openapi.json for valid requests
        POST /replay/loop {"from":"10s","to":"5s"} → the end of the range, 5s, is not after its start, 10s → choose a later end
        POST /replay/load {"recording":"../secret"} → `../secret` is not the name of a recording → see GET /openapi.json for valid requests
        POST /replay/load {"recording":""} → `` is not the name of a recording → see GET /openapi.json for valid requests"#;
    rig.rejects(400, "bad_request", rows).await;
}

#[tokio::test(start_paused = true)]
async fn an_overlong_body_is_rejected() {
    let rig = Rig::start();
    let body = format!(r#"{{"offset":"{}"}}"#, "1".repeat(64 * 1024));
    let answer = rig.http("POST", "/replay/seek", &body).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
}

#[tokio::test(start_paused = true)]
async fn shutdown_responds_before_stopping() {
    let rig = Rig::start();
    let answer = rig.http("POST", "/shutdown", "").await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "status": "shutting_down" })));
    rig.serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_root_page_depends_on_the_accept_header() {
    let rig = Rig::start();
    let answer = rig.http("GET", "/", "").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    assert!(answer.body.starts_with("livetape ") && answer.body.contains("\nPOST   /shutdown"));
    let browser =
        "GET / HTTP/1.1\r\nhost: localhost\r\naccept: text/html,*/*;q=0.8\r\nconnection: close\r\n\r\n";
    let answer = rig.raw(browser).await;
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
}

#[tokio::test(start_paused = true)]
async fn a_malformed_upgrade_is_rejected_with_400() {
    let rig = Rig::start();
    let request = "GET / HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
    let mut stream = rig.connect().await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = tokio::io::AsyncReadExt::read(&mut stream, &mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("bad_request"), "{answer}");
}
