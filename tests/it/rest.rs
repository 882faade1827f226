//! REST: all kinds of responses.

use std::sync::{Arc, Mutex};

use livetape::control::{Driver, Nodes, Order, ReplayPhase, ReplayState, SourceState, Speed};
use serde_json::{Value, json};

use crate::support::{HttpResponse, Rig};

/// Formats the relevant parts of a response for a snapshot.
fn shown(answer: &HttpResponse) -> Value {
    let mut body = answer.json();
    for (redacted, with) in [("uptime", json!("[seconds]")), ("memory", json!("[memory]"))] {
        if let Some(value) = body.get_mut(redacted) {
            *value = with;
        }
    }
    let header = |name| answer.header(name).map_or(Value::Null, Value::from);
    json!({ "status": answer.status, "type": header("content-type"), "allow": header("allow"), "body": body })
}

async fn show(rig: &Rig, requests: &[(&str, &str, &str)]) -> Value {
    let mut all = serde_json::Map::new();
    for (method, path, body) in requests {
        let name = format!("{method} {path} {body}").trim_end().to_owned();
        all.insert(name, shown(&rig.http(method, path, body).await));
    }
    all.into()
}

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

#[tokio::test(start_paused = true)]
async fn rest_responds_while_idle() {
    let rig = Rig::start();
    let requests = [
        ("GET", "/health", ""),
        ("GET", "/status", ""),
        ("GET", "/status/ann", ""),
        ("GET", "/replay", ""),
        ("POST", "/replay/play", ""),
        ("GET", "/nowhere", ""),
        ("POST", "/nowhere", ""),
        ("POST", "/health", ""),
        ("DELETE", "/", ""),
        ("POST", "/events", ""),
        ("GET", "/replay/seek", ""),
        ("POST", "/replay/jump", ""),
    ];
    insta::assert_json_snapshot!(show(&rig, &requests).await);
}

#[tokio::test(start_paused = true)]
async fn rest_responds_while_connected() {
    let rig = Rig::start();
    connect(rig.driver());
    let _socket = rig.ws("").await;
    let requests = [
        ("GET", "/health", ""),
        ("GET", "/status", ""),
        ("GET", "/status/@Ann", ""),
        ("GET", "/status/bob", ""),
        ("GET", "/status/%ff", ""),
        ("GET", "/replay", ""),
    ];
    insta::assert_json_snapshot!(show(&rig, &requests).await);
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
    let requests = [
        ("POST", "/replay/play", "{"),
        ("POST", "/replay/play", r#"{"speed":2}"#),
        ("POST", "/replay/play", "[1]"),
        ("POST", "/replay/seek", ""),
        ("POST", "/replay/seek", r#"{"offset":"-5s"}"#),
        ("POST", "/replay/seek", r#"{"offset":-5}"#),
        ("POST", "/replay/seek", r#"{"offset":1e300}"#),
        ("POST", "/replay/seek", r#"{"offset":"soon"}"#),
        ("POST", "/replay/seek", r#"{"offset":null}"#),
        ("POST", "/replay/speed", r#"{"speed":0}"#),
        ("POST", "/replay/speed", r#"{"speed":"fast"}"#),
        ("POST", "/replay/speed", r#"{"speed":1001}"#),
        ("POST", "/replay/step", r#"{"count":0}"#),
        ("POST", "/replay/step", r#"{"count":-1}"#),
        ("POST", "/replay/loop", r#"{"laps":0}"#),
        ("POST", "/replay/loop", r#"{"from":"10s","to":"5s"}"#),
        ("POST", "/replay/load", r#"{"recording":"../secret"}"#),
        ("POST", "/replay/load", r#"{"recording":""}"#),
    ];
    insta::assert_json_snapshot!(show(&rig, &requests).await);
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
    assert!(answer.body.starts_with("livetape ") && answer.body.contains("POST /shutdown"));
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
