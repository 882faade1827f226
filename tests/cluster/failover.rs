//! Nodes are shut down or killed while they own the channel. `faults` does both with a replay at random.

use std::collections::BTreeSet;

use livetape_core::pace::Speed;
use livetape_engine::demo::{DEMO, DEMO_BYTES};
use livetape_mock::{Happened, MockTikTok, Scenario, ScenarioFile};
use serde_json::{Value, json};

use crate::support::{LEASE, Nats, Node, contents, node, numbers, take_owner};

/// Speed of replays and rooms: the demo then takes ten seconds.
const SPEED: u32 = 40;
/// Number of events before the owner ends.
const EVENTS: usize = 100;

/// Starts the demo.
fn play(node: &Node) {
    node.post("/replay/load", &json!({ "recording": "demo" }));
    node.post("/replay/speed", &json!({ "speed": SPEED }));
}

#[test]
fn an_order_during_a_handover_is_about_the_restored_replay() {
    let nats = Nats::start();
    let mut nodes: Vec<_> = (0..2).map(|_| Node::with(&mut node(&nats.url(), "60s"))).collect();
    play(&nodes[0]);
    let owner = take_owner(&mut nodes);
    let feed = nodes[0].feed("0");
    (0..EVENTS).for_each(|_| drop(feed.next().unwrap()));
    owner.process.signal("TERM");
    let paused = nodes[0].post("/replay/pause", &Value::Null);
    assert!(paused["offsetMs"].as_u64() > Some(0), "{paused}");
    let replay = |node: &Node| node.request("GET", "/replay", &Value::Null).1;
    nodes[0].process.until("This node owns the channel");
    let injected = nodes[0].post("/inject", &json!({ "type": "chat", "user": "ann", "comment": "here" }));
    let now = replay(&nodes[0]);
    assert_eq!((&now["state"], &now["offsetMs"]), (&json!("paused"), &injected["offsetMs"]), "{now}");
}

#[test]
fn a_room_has_one_connection_and_survives_its_node() {
    survives(LEASE, drop);
}

/// Long before its lease would end.
#[test]
fn a_node_that_is_stopped_leaves_its_room_to_another_at_once() {
    survives("60s", |owner| {
        owner.process.signal("TERM");
        assert_eq!(owner.process.wait().0, Some(0));
    });
}

fn survives(lease: &str, end: impl FnOnce(Node)) {
    let nats = Nats::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let scenario =
        ScenarioFile::from(Scenario::live("ann").recording(DEMO).speed(Speed::Times(SPEED.into())));
    let mock = runtime.block_on(MockTikTok::start(scenario.with_recording(DEMO, DEMO_BYTES))).unwrap();
    let mut nodes: Vec<_> =
        (0..3).map(|_| Node::with(node(&nats.url(), lease).args(["--upstream", &mock.url()]))).collect();
    nodes[0].post("/connect/ann", &Value::Null);
    let owner = take_owner(&mut nodes);
    let feeds: Vec<_> = nodes.iter().map(|node| node.feed("0")).collect();
    let mut logs: Vec<Vec<_>> =
        feeds.iter().map(|feed| (0..EVENTS).map(|_| feed.next().unwrap()).collect()).collect();
    end(owner);
    logs[0].extend(feeds[0].until(|event| event["type"] == "connection_closed"));
    let closed = logs[0].last().unwrap();
    assert!(
        closed.contains("the node of this connection is gone") && closed.contains(r#""willRetry":true"#),
        "{closed}"
    );
    logs[0].extend(feeds[0].until(|event| event["type"] == "connection_created"));
    logs[0].extend((0..EVENTS).map(|_| feeds[0].next().unwrap()));
    assert_eq!(nodes[1].request("DELETE", "/connect/ann", &Value::Null).0, 200);
    logs.iter_mut().zip(&feeds).for_each(|(log, feed)| log.extend(feed.to_end()));
    assert!(logs[0] == logs[1]);
    assert!(numbers(&logs[0]).is_sorted_by(|a, b| a < b));
    let ids: Vec<_> =
        contents(&logs[0]).iter().filter_map(|event| Some(event["id"].as_str()?.to_owned())).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "history that TikTok repeats");
    let mut open = 0;
    for entry in mock.received() {
        match entry.what {
            Happened::Upgrade { .. } => open += 1,
            Happened::Closed { .. } => open -= 1,
            _ => {}
        }
        assert!(open <= 1, "two connections at once");
    }
}
