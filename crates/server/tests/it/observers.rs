//! `observer=1`: observers neither hold up nor start a replay, and the server never waits for them.

use std::time::Duration;

use livetape_core::pace::Speed;
use livetape_engine::source::{ReplayOptions, Tape};
use livetape_feed::control::ReplayPhase;
use livetape_io::clock;
use serde_json::{Value, json};

use crate::support::{Rig, is_quiet, json as parse, read, read_all, recording, session_items, wait};

fn tape(session: u32) -> Tape {
    Tape::from_bytes("test", recording(&session_items(session)))
}

fn phase(rig: &Rig) -> Option<ReplayPhase> {
    rig.control.replay().map(|replay| replay.state)
}

#[tokio::test(start_paused = true)]
async fn a_waiting_replay_starts_with_a_client_or_play() {
    for starts_with_play in [true, false] {
        let mut rig = Rig::start();
        rig.replay(tape(3), ReplayOptions { wait_clients: 1, speed: Speed::Max, ..ReplayOptions::default() });
        let mut tab = rig.ws("?observer=1").await;
        let mut talker = rig.ws("ws?observer=1").await;
        assert_eq!(parse(&read(&mut talker, 1).await[0])["type"], "welcome");
        wait(Duration::from_secs(20)).await;
        assert_eq!(phase(&rig), Some(ReplayPhase::Waiting));
        assert!(is_quiet(&mut tab));
        if starts_with_play {
            assert_eq!(rig.http("POST", "/replay/play", "").await.status, 200);
        } else {
            drop(rig.ws("").await);
        }
        assert_eq!(parse(&read(&mut tab, 1).await[0])["type"], "connection_created");
        rig.control.shut_down();
    }
}

#[tokio::test(start_paused = true)]
async fn at_speed_max_stalled_observers_are_not_waited_for() {
    let mut rig = Rig::ring(64);
    let options = ReplayOptions { speed: Speed::Max, exit_when_done: true, ..ReplayOptions::default() };
    let _deaf = rig.ws("?observer=1").await;
    let start = clock::now();
    rig.replay(tape(2), options);
    let mut reader = rig.ws("?since=0").await;
    let log = read_all(&mut reader).await;
    assert_eq!(log.close, Some((1000, "recording_ended".to_owned())));
    rig.summary().await;
    assert!(clock::now() - start < Duration::from_secs(5), "{:?}", clock::now() - start);
}

#[tokio::test(start_paused = true)]
async fn observers_are_listed_separately_from_clients() {
    let rig = Rig::start();
    let counts = async || {
        let status = rig.http("GET", "/status", "").await.json();
        (status["clients"].clone(), status["observers"].clone())
    };
    assert_eq!(counts().await, (json!(0), json!(0)));
    let sockets = [rig.ws("").await, rig.ws("?observer=1").await, rig.ws("ws?observer=1").await];
    let silent = rig.ws("ws?observer=1&feed=0").await;
    assert_eq!(counts().await, (json!(1), json!(2)));
    let connections = rig.http("GET", "/connections", "").await.json();
    let observers: Vec<&Value> =
        connections["connections"].as_array().unwrap().iter().map(|it| &it["observer"]).collect();
    assert_eq!(observers, [false, true, true, true]);
    assert_eq!(rig.http("GET", "/health", "").await.json()["clients"], 1);
    let metrics = rig.http("GET", "/metrics", "").await.body;
    for line in ["livetape_subscribers 1", "livetape_observers 2"] {
        assert!(metrics.lines().any(|it| it == line), "{line}\n{metrics}");
    }
    drop((sockets, silent));
    wait(Duration::from_millis(1)).await;
    assert_eq!(counts().await, (json!(0), json!(0)));
}

#[tokio::test(start_paused = true)]
async fn observers_take_slots_like_clients() {
    let config = livetape_server::Config { subscribers_max: 2, ..Default::default() };
    let rig = Rig::with(livetape_feed::hub::Limits::default(), config);
    let _two = [rig.ws("?observer=1").await, rig.ws("").await];
    for query in ["?observer=1", ""] {
        assert_eq!(read_all(&mut rig.ws(query).await).await.close, Some((4102, "capacity".to_owned())));
    }
}

#[tokio::test(start_paused = true)]
async fn observers_skip_gaps() {
    let rig = Rig::ring(8);
    rig.hub.publish(&crate::support::chats(12));
    let mut tab = rig.ws("?since=s:2&observer=1").await;
    assert_eq!(read(&mut tab, 1).await, [r#"{"type":"gap","from":3,"to":4}"#]);
    let answer = rig.http("GET", "/events?observer=1&since=s:13", "").await;
    assert_eq!((answer.status, answer.code().as_str()), (410, "unknown_position"));
}

#[tokio::test(start_paused = true)]
async fn connections_report_their_filter() {
    let rig = Rig::start();
    let queries = ["", "?types=gift,chat&gifts=final", "?raw=1", "ws?gifts=delta", "?format=tikfinity"];
    let mut sockets = Vec::new();
    for query in queries {
        sockets.push(rig.ws(query).await);
    }
    let connections = rig.http("GET", "/connections", "").await.json();
    let filters: Vec<_> =
        connections["connections"].as_array().unwrap().iter().map(|it| &it["filter"]).collect();
    // In the order of the table of events.
    assert_eq!(filters, ["", "types=chat,gift&gifts=final", "raw=1", "gifts=delta", "format=tikfinity"]);
}

#[tokio::test(start_paused = true)]
async fn connections_report_how_far_they_have_read() {
    let rig = Rig::start();
    // The first reads nothing, and the second drops all events by its filter.
    let _sockets = [rig.ws("").await, rig.ws("?types=gift").await, rig.ws("ws/echo").await];
    let places = async || {
        wait(Duration::from_millis(1)).await;
        let connections = rig.http("GET", "/connections", "").await.json();
        let place = |it: &Value| [it["position"].as_u64(), it["lag"].as_u64()];
        connections["connections"].as_array().unwrap().iter().map(place).collect::<Vec<_>>()
    };
    assert_eq!(places().await, [[Some(0), Some(0)], [Some(0), Some(0)], [None, None]]);
    let long = vec![crate::support::chat(&"x".repeat(10_000)); 200];
    rig.hub.publish(&long);
    let found = places().await;
    assert_eq!(found[1..], [[Some(200), Some(0)], [None, None]]);
    let [Some(position), Some(lag)] = found[0] else { panic!("{found:?}") };
    assert!(lag > 50 && position + lag == 200, "{found:?}");
}
