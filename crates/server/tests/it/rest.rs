//! REST: all kinds of responses, rooms with scripted answers, `/connections` and `/metrics`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use livetape_core::error::{Code, Problem};
use livetape_feed::{
    control::{Check, Driver, Figure, Nodes, Order, Refusal, ReplayPhase, ReplayState, SourceState, Speed},
    hub::Limits,
};
use livetape_server::{Access, Config, Tokens};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::support::{Rig, assert_same, chats, read, read_all, wait};

pub(crate) fn replaying() -> ReplayState {
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
        refused: None,
        happened: None,
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
    // All nodes would be avoided at once, although clients can read what is there.
    rig.control.set_nodes(Nodes { unowned: Some("why".to_owned()), ..state(true) });
    let ready = rig.http("GET", "/ready", "").await;
    let expected = json!({ "status": "ok", "owner": null, "unowned": "why" });
    assert_eq!((ready.status, ready.json()), (200, expected));
}

// REST routes of rooms: `/connect` and `/test`, with scripted answers of the channel.

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
        ("step", r#"{"count":-2,"unit":"events"}"#),
        ("seek", r#"{"seq":7}"#),
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
        POST /replay/play [1] → the body is not valid: not an object → send JSON as described in GET /openapi.json
        POST /replay/play "x" → the body is not valid: not an object → send JSON as described in GET /openapi.json
        POST /connect {"source":5} → the body is not valid: expected value at line 1 column 11 → send JSON as described in GET /openapi.json
        POST /replay/seek → the body is not valid: it must have either `offset` or `seq` → send JSON as described in GET /openapi.json
        POST /replay/seek {"offset":5,"seq":5} → the body is not valid: it must have either `offset` or `seq` → send JSON as described in GET /openapi.json
        POST /replay/seek {"seq":-5} → the body is not valid: invalid value: integer `-5`, expected a whole number, 0 or more at line 1 column 9 → send JSON as described in GET /openapi.json
        POST /replay/seek {"offset":"-5s"} → `-5s` is not a time: write it like 1m30s, 1500ms, 00:01:30.5, or in seconds → see GET /openapi.json for valid requests
        POST /replay/seek {"offset":-5} → -5.0 is not an offset: write a number of seconds, from 0 to a year → see GET /openapi.json for valid requests
        POST /replay/seek {"offset":1e300} → 1e300 is not an offset: write a number of seconds, from 0 to a year → see GET /openapi.json for valid requests
        POST /replay/seek {"offset":"soon"} → `soon` is not a time: write it like 1m30s, 1500ms, 00:01:30.5, or in seconds → see GET /openapi.json for valid requests
        POST /replay/seek {"offset":null} → `null` is not an offset: write it like "1m30s", or as a number of seconds → see GET /openapi.json for valid requests
        POST /replay/speed {"speed":0} → `0` is not a speed: use a number from 0.1 to 1000, or `max` → see GET /openapi.json for valid requests
        POST /replay/speed {"speed":"fast"} → `fast` is not a speed: use a number from 0.1 to 1000, or `max` → see GET /openapi.json for valid requests
        POST /replay/speed {"speed":1001} → `1001` is not a speed: use a number from 0.1 to 1000, or `max` → see GET /openapi.json for valid requests
        POST /replay/step {"count":0} → `count`: 0 is not a number of steps from 1 to 10000, or from -1 to -10000 back → see GET /openapi.json for valid requests
        POST /replay/step {"count":-10001} → `count`: -10001 is not a number of steps from 1 to 10000, or from -1 to -10000 back → see GET /openapi.json for valid requests
        POST /replay/step {"count":1.5} → the body is not valid: invalid type: floating point `1.5`, expected a whole number at line 1 column 12 → send JSON as described in GET /openapi.json
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

/// Answers like a channel: `ann` gets connected, all others are rate limited.
async fn drive_rooms(mut driver: Driver) {
    driver.update_status(|status| status.username = Some("ann".to_owned()));
    let limited = || Refusal {
        problem: Problem::new(
            Code::RateLimited,
            "[Rate Limited] Too many connections started, try again later",
        ),
        retrying: true,
        retry_after: Some(Duration::from_millis(1_200)),
    };
    driver.tester = Box::new(|user, answer| {
        let check = Check {
            exists: Some(true),
            live: Some(false),
            code: Some(Code::UserOffline),
            username: user,
            ..Check::default()
        };
        answer.accept(check);
    });
    while let Some(order) = driver.next_order().await {
        match order {
            Order::Connect(user, answer) if user == "ann" => answer.accept(driver.status()),
            Order::Disconnect(user, answer) if user == "ann" => answer.accept(driver.status()),
            Order::Disconnect(user, answer) => {
                answer.refuse(livetape_feed::control::not_current(&user));
            }
            other => other.refuse(limited()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rooms_are_managed_over_rest() {
    let mut rig = Rig::start();
    let driver = rig.take_driver();
    tokio::spawn(drive_rooms(driver));
    let mut all = serde_json::Map::new();
    for (method, path) in [
        ("POST", "/connect/ann"),
        ("POST", "/connect/ben"),
        ("DELETE", "/connect/ann"),
        ("DELETE", "/connect/ben"),
        ("GET", "/test/cid"),
        ("GET", "/connect/ann"),
        ("POST", "/connect/"),
    ] {
        let answer = rig.http(method, path, "").await;
        let retry_after = answer.header("retry-after").map_or(Value::Null, Value::from);
        let told = json!({"status": answer.status, "retryAfter": retry_after, "body": answer.json()});
        all.insert(format!("{method} {path}"), told);
    }
    insta::assert_json_snapshot!(all);
}

// `GET /connections`: what clients asked for, and the last that have left.

const TOKEN: &str = "0123456789abcdef";

async fn listed(rig: &Rig) -> Value {
    wait(Duration::from_millis(1)).await;
    rig.http("GET", &format!("/connections?token={TOKEN}"), "").await.json()
}

/// Returns the only connection that has left.
async fn only_left(rig: &Rig) -> Value {
    let mut all = listed(rig).await;
    let [left] = &mut all["left"].as_array_mut().unwrap()[..] else { panic!("{all}") };
    left.take()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_back_is_listed_with_what_it_was_sent_again() {
    let rig = Rig::start();
    rig.hub.publish(&chats(5));
    let mut first = rig.ws("?since=0&gifts=raw&on_gap=close").await;
    let open = listed(&rig).await["connections"][0].clone();
    assert_eq!((&open["query"], &open["resent"]), (&json!("since=0&gifts=raw&on_gap=close"), &json!(5)));
    read(&mut first, 5).await;
    wait(Duration::from_secs(2)).await;
    first.close(Some(CloseFrame { code: 4999.into(), reason: "enough".into() })).await.unwrap();
    read_all(&mut first).await;
    let left = only_left(&rig).await;
    for field in ["id", "clientId", "path", "query", "createdAt", "resent"] {
        assert_eq!(left[field], open[field], "{field}");
    }
    assert_eq!(
        [&left["code"], &left["reason"], &left["byServer"]],
        [&json!(4999), &json!("enough"), &json!(false)]
    );
    assert_eq!([&left["position"], &left["lag"]], [5, 0]);
    assert_ne!(left["leftAt"], left["createdAt"]);
    assert!(left["sentBytes"].as_u64().unwrap() > 500, "{left}");

    rig.hub.publish(&chats(3));
    let _again = rig.ws("?since=s%3A5").await;
    let _fresh = rig.ws("").await;
    let _silent = rig.ws("ws?feed=0").await;
    let all = listed(&rig).await;
    let asked = |it: &Value| [it["query"].clone(), it["resent"].clone()];
    assert_eq!(
        all["connections"].as_array().unwrap().iter().map(asked).collect::<Vec<_>>(),
        [[json!("since=s%3A5"), json!(3)], [json!(""), json!(0)], [json!("feed=0"), Value::Null]]
    );
    assert_eq!(all["left"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_gap_only_the_rest_of_the_backlog_is_sent_again() {
    let rig = Rig::ring(8);
    rig.hub.publish(&chats(12));
    let _late = rig.ws("?since=s:2&on_gap=skip").await;
    assert_eq!(listed(&rig).await["connections"][0]["resent"], 8);
}

#[tokio::test(start_paused = true)]
async fn tokens_are_masked_in_queries() {
    let tokens = Tokens::new(vec![TOKEN.to_owned().into()]);
    let access = Access { tokens, ..Access::default() };
    let guarded = Rig::with(Limits::default(), Config { access, ..Config::default() });
    for rig in [Rig::start(), guarded] {
        drop(rig.ws(&format!("?raw=1&token={TOKEN}&since=0")).await);
        let _open = rig.ws(&format!("ws?token={TOKEN}")).await;
        let all = listed(&rig).await;
        assert_eq!(all["left"][0]["query"], "raw=1&token=***&since=0");
        assert_eq!(all["connections"][0]["query"], "token=***");
        assert!(!all.to_string().contains(TOKEN), "{all}");
    }
}

#[tokio::test(start_paused = true)]
async fn connections_that_left_report_who_ended_them() {
    for (order, expected) in [
        (Some(r#"{"code":4000,"reason":"because"}"#), json!([4000, "because", true])),
        (Some(r#"{"abort":true}"#), json!([1006, "", true])),
        (None, json!([1006, "", false])),
    ] {
        let rig = Rig::start();
        let mut socket = rig.ws("").await;
        if let Some(order) = order {
            rig.http("POST", "/connections/close", order).await;
            read_all(&mut socket).await;
        }
        drop(socket);
        let left = only_left(&rig).await;
        assert_eq!(json!([left["code"], left["reason"], left["byServer"]]), expected);
    }
    let rig = Rig::start();
    let mut socket = rig.ws("").await;
    socket.close(None).await.unwrap();
    read_all(&mut socket).await;
    assert_eq!(only_left(&rig).await["code"], 1005);
}

#[tokio::test(start_paused = true)]
async fn the_last_hundred_that_have_left_are_listed_in_order() {
    let rig = Rig::start();
    for i in 0..103 {
        drop(rig.ws(&format!("ws?client_id=c{i}")).await);
        wait(Duration::from_millis(1)).await;
    }
    let all = listed(&rig).await;
    let names = all["left"].as_array().unwrap().iter().map(|it| it["clientId"].as_str().unwrap().to_owned());
    assert_eq!(names.collect::<Vec<_>>(), (3..103).map(|i| format!("c{i}")).collect::<Vec<_>>());
    assert_eq!(all["connections"], json!([]));
}

/// Sockets may leave at once, while the response is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_that_are_closed_are_returned_with_their_positions() {
    for _ in 0..20 {
        let rig = Rig::start();
        rig.hub.publish(&chats(3));
        let mut sockets = Vec::new();
        for _ in 0..64 {
            sockets.push(rig.ws("?since=0").await);
        }
        let closed = rig.http("POST", "/connections/close", r#"{"abort":true}"#).await.json();
        let closed = closed["connections"].as_array().unwrap();
        assert_eq!(closed.len(), sockets.len());
        for connection in closed {
            assert_eq!(connection["resent"], 3, "{connection}");
        }
    }
}

// `/metrics`.

/// Returns the value of a metric.
fn value(text: &str, line: &str) -> Option<f64> {
    text.lines().find_map(|it| it.strip_prefix(line)?.strip_prefix(' ')?.parse().ok())
}

async fn scrape(rig: &Rig) -> String {
    let answer = rig.http("GET", "/metrics", "").await;
    let content_type = Some("text/plain; version=0.0.4; charset=utf-8");
    assert_eq!((answer.status, answer.header("content-type")), (200, content_type));
    lint(&answer.body);
    answer.body
}

/// Checks the rules of `promtool check metrics` that these metrics could break.
#[track_caller]
fn lint(text: &str) {
    let mut kinds = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", _, help] => assert!(!help.is_empty(), "{line}"),
            ["#", "TYPE", name, kind] => {
                assert!(kinds.insert(name, kind).is_none(), "{line}: twice");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
                assert!(name.bytes().all(is_plain) && !name.contains(kind), "{line}");
                for word in
                    ["_ms", "_us", "_milliseconds", "_kib", "_mib", "_minutes", "_count", "_sum", "_bucket"]
                {
                    assert!(!name.ends_with(word), "{line}");
                }
            }
            _ => {
                let name = line.split(['{', ' ']).next().unwrap();
                let of = name.strip_suffix("_sum").or(name.strip_suffix("_count")).unwrap_or(name);
                let kind = kinds.get(of).unwrap_or_else(|| panic!("{line}: without a type"));
                assert!(*kind == "summary" || !line.contains("{quantile="), "{line}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn activity_is_counted() {
    let rig = Rig::start();
    connect(rig.driver());
    rig.driver().update_status(|status| {
        status.counts.duplicates.insert("gift_final", 3);
        status.counts.count_unknown("WebcastMadeUp\"\n{}");
        status.counts.count_unknown("WebcastKaraokeReqMessage");
    });
    let webhook = Arc::<livetape_feed::control::WebhookState>::default();
    webhook.delivered.store(7, Ordering::Relaxed);
    webhook.failed.store(2, Ordering::Relaxed);
    rig.driver().update_upstream(|upstream| {
        upstream.reconnects = 4;
        upstream.failures.insert(Code::RateLimited, 2);
        upstream.recorder_lost = 6;
        upstream.webhook = Some(webhook);
        upstream.drift = Some(Arc::new(5.into()));
    });
    let mut socket = rig.ws("").await;
    let events = chats(5);
    rig.hub.publish(&events);
    let bytes: usize = read(&mut socket, 5).await.iter().map(String::len).sum();
    rig.http("GET", "/status/nobody", "").await;
    rig.http("GET", "/status/somebody", "").await;
    rig.http("GET", "/nowhere/1", "").await;
    rig.raw("GET / HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n").await;
    read_all(&mut rig.ws("ws/nobody").await).await;
    let text = scrape(&rig).await;
    for (line, expected) in [
        ("livetape_events_total{type=\"chat\"}", 7.0),
        ("livetape_duplicates_total{reason=\"gift_final\"}", 3.0),
        ("livetape_unknown_methods_total{method=\"(others)\"}", 1.0),
        ("livetape_unknown_methods_total{method=\"WebcastKaraokeReqMessage\"}", 1.0),
        ("livetape_source_state{state=\"connected\"}", 1.0),
        ("livetape_source_state{state=\"idle\"}", 0.0),
        ("livetape_reconnects_total", 4.0),
        ("livetape_upstream_failures_total{code=\"rate_limited\"}", 2.0),
        ("livetape_recorder_lost_total", 6.0),
        ("livetape_recorder_waiting_items", 0.0),
        ("livetape_recorder_failures_total", 0.0),
        ("livetape_drift_total", 5.0),
        ("livetape_webhook_events_total{outcome=\"delivered\"}", 7.0),
        ("livetape_webhook_events_total{outcome=\"failed\"}", 2.0),
        ("livetape_webhook_events_total{outcome=\"skipped\"}", 0.0),
        ("livetape_connections_refused_total{reason=\"all\"}", 0.0),
        ("livetape_connections_refused_total{reason=\"address\"}", 0.0),
        ("livetape_http_refused_total{code=\"not_found\",cause=\"not_found\"}", 3.0),
        ("livetape_http_refused_total{code=\"forbidden_host\",cause=\"forbidden_host\"}", 1.0),
        ("livetape_sockets_turned_away_total{code=\"unauthorized\",cause=\"unauthorized\"}", 1.0),
        ("livetape_subscribers", 1.0),
        ("livetape_connections", 1.0),
        ("livetape_feed_events_total", 5.0),
        ("livetape_feed_bytes_total", bytes as f64),
        ("livetape_slow_consumers_total", 0.0),
        ("livetape_http_requests_total{route=\"/status/{user}\",method=\"GET\",status=\"404\"}", 2.0),
        (concat!("livetape_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0),
    ] {
        assert_eq!(value(&text, line), Some(expected), "{line}\n{text}");
    }
    assert!(!text.contains("nowhere") && !text.contains("MadeUp"), "user-controlled names are never labels");
    // OpenMetrics names the family of a counter without `_total`.
    let types = || text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let families: BTreeSet<_> =
        types().map(|(name, _)| name.strip_suffix("_total").unwrap_or(name)).collect();
    assert_eq!(families.len(), types().count(), "{text}");
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn servers_in_one_process_do_not_mix() {
    let (one, other) = (Rig::start(), Rig::start());
    one.http("GET", "/health", "").await;
    let requests = "livetape_http_requests_total{route=\"/health\",method=\"GET\",status=\"200\"}";
    assert_eq!(value(&scrape(&one).await, requests), Some(1.0));
    assert_eq!(value(&scrape(&other).await, requests), None);
}

#[tokio::test(start_paused = true)]
async fn subscribers_that_fall_behind_are_counted() {
    let rig = Rig::with(Limits { events_max: 8, ..Limits::default() }, Default::default());
    let _socket = rig.ws("").await;
    for _ in 0..40 {
        rig.hub.publish(&chats(8));
        tokio::task::yield_now().await;
    }
    assert_eq!(value(&scrape(&rig).await, "livetape_slow_consumers_total"), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn figures_of_processes_that_share_channels_are_shown() {
    let rig = Rig::start();
    let figure = |name, labels, value| Figure { name, help: "Help.", labels, value };
    let figures = vec![
        figure("livetape_planted_lag", vec![("channel", "main"), ("node", "a")], 7),
        figure("livetape_planted_total", vec![("channel", "main"), ("outcome", "stored")], 0),
    ];
    rig.control.set_nodes(Nodes { figures, ..Nodes::default() });
    let text = scrape(&rig).await;
    for (line, expected) in [
        ("livetape_planted_lag{channel=\"main\",node=\"a\"}", 7.0),
        ("livetape_planted_total{channel=\"main\",outcome=\"stored\"}", 0.0),
    ] {
        assert_eq!(value(&text, line), Some(expected), "{text}");
    }
    assert!(text.contains("# TYPE livetape_planted_lag gauge\n"), "{text}");
    assert!(text.contains("# TYPE livetape_planted_total counter\n"), "{text}");
}
