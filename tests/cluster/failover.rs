//! Nodes are killed, stopped and shut down while they own the channel.

use std::collections::BTreeSet;

use livetape_core::pace::Speed;
use livetape_engine::demo::{DEMO, DEMO_BYTES};
use livetape_mock::{Happened, MockTikTok, Scenario, ScenarioFile};
use serde_json::{Value, json};

use crate::support::{
    LEASE, Nats, Node, after, assert_same, contents, demo, node, numbers, polled, take_owner,
};

/// Speed of replays and rooms: the demo then takes ten seconds.
const SPEED: u32 = 40;
/// Number of events between two kills.
const EVENTS: usize = 100;

/// Number of kills; the nightly chore sets more.
fn kills() -> usize {
    std::env::var("LIVETAPE_CLUSTER_KILLS").map_or(5, |kills| kills.parse().unwrap())
}

/// Starts the demo.
fn play(node: &Node) {
    node.post("/replay/load", &json!({ "recording": "demo" }));
    node.post("/replay/speed", &json!({ "speed": SPEED }));
}

#[test]
fn a_replay_continues_when_its_node_is_killed() {
    let nats = Nats::start();
    let mut nodes = Node::three(&nats);
    let mut read = Vec::new();
    play(&nodes[0]);
    let mut position = "0".to_owned();
    for kill in 0..kills() {
        if kill > 0 && kill.is_multiple_of(5) {
            // The demo is long enough for this many kills.
            let feed = nodes[0].feed(&position);
            // The owner was just killed, and on a busy machine the next one may lose the channel before it
            // has stored the order.
            let speed = json!({ "speed": "max" });
            polled(|| (nodes[0].request("POST", "/replay/speed", &speed).0 == 200).then_some(()));
            read.extend(feed.to_end());
            check(&nodes, &read);
            play(&nodes[0]);
            position = after(read.last().unwrap());
            read.clear();
        }
        // This reader loses its node, and continues at another.
        let owner = take_owner(&mut nodes);
        let feed = owner.feed(&position);
        read.extend((0..EVENTS).map(|_| feed.next().unwrap()));
        drop(owner);
        read.extend(std::iter::from_fn(|| feed.next()));
        position = after(read.last().unwrap());
        nodes.push(Node::start(&nats));
        // Shown by the nightly chore, where this takes minutes.
        println!("{} of {} processes killed", kill + 1, kills());
    }
    let feed = nodes[0].feed(&position);
    nodes[0].post("/replay/speed", &json!({ "speed": "max" }));
    read.extend(feed.to_end());
    check(&nodes, &read);
}

/// Compares what a reader has read since the start of a replay with the demo, and with the backlog of each
/// node.
fn check(nodes: &[Node], read: &[String]) {
    let all = numbers(read);
    assert!(all.is_sorted_by(|a, b| a < b));
    // Ids of later replays end in `~generation`.
    let without_generation = |mut event: Value| {
        for pointer in ["/id", "/data/streakId"] {
            if let Some(Value::String(id)) = event.pointer_mut(pointer) {
                id.truncate(id.find('~').unwrap_or(id.len()));
            }
        }
        event
    };
    let shown: Vec<_> = contents(read).into_iter().map(without_generation).collect();
    assert_same(&shown, &demo());
    for node in nodes {
        let backlog = node.feed("0");
        let first = backlog.until(|event| event["seq"] == all[0]).pop().unwrap();
        let rest = (1..read.len()).map(|_| backlog.next().unwrap());
        assert!(std::iter::once(first).chain(rest).eq(read.iter().cloned()));
    }
}

#[test]
fn a_stopped_owner_that_wakes_up_publishes_nothing() {
    let nats = Nats::start();
    let mut nodes = Node::three(&nats);
    play(&nodes[0]);
    let owner = take_owner(&mut nodes);
    let of_owner = owner.feed("0");
    let feed = nodes[0].feed("0");
    let mut log = (0..EVENTS).map(|_| feed.next().unwrap()).collect::<Vec<_>>();
    owner.process.signal("STOP");
    nodes[0].process.until("new owner");
    // Longer than three leases.
    let minutes = |event: &Value| event["ts"].as_str().unwrap()[14..16].parse::<u32>().unwrap();
    let woken = minutes(&serde_json::from_str(log.last().unwrap()).unwrap()) + 2;
    log.extend(feed.until(|event| minutes(event) >= woken));
    owner.process.signal("CONT");
    owner.process.until("lost the channel");
    nodes[1].post("/replay/speed", &json!({ "speed": "max" }));
    log.extend(feed.to_end());
    assert_same(&contents(&log), &demo());
    assert_same(&of_owner.to_end(), &log);
    assert_same(&nodes[1].feed("0").to_end(), &log);
}

#[test]
fn a_node_that_shuts_down_hands_over_at_once() {
    let nats = Nats::start();
    // If the lease had to expire, the test would take longer than it waits.
    let mut nodes: Vec<_> = (0..2).map(|_| Node::with(&mut node(&nats.url(), "60s"))).collect();
    play(&nodes[0]);
    let owner = take_owner(&mut nodes);
    let feed = nodes[0].feed("0");
    let mut log = (0..EVENTS).map(|_| feed.next().unwrap()).collect::<Vec<_>>();
    owner.process.signal("TERM");
    assert_eq!(owner.process.wait().0, Some(0));
    nodes[0].process.until("This node owns the channel");
    nodes[0].post("/replay/speed", &json!({ "speed": "max" }));
    log.extend(feed.to_end());
    assert_same(&contents(&log), &demo());
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
    let nats = Nats::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let scenario =
        ScenarioFile::from(Scenario::live("ann").recording(DEMO).speed(Speed::Times(SPEED.into())));
    let mock = runtime.block_on(MockTikTok::start(scenario.with_recording(DEMO, DEMO_BYTES))).unwrap();
    let mut nodes: Vec<_> =
        (0..3).map(|_| Node::with(node(&nats.url(), LEASE).args(["--upstream", &mock.url()]))).collect();
    nodes[0].post("/connect/ann", &Value::Null);
    let owner = take_owner(&mut nodes);
    let feeds: Vec<_> = nodes.iter().map(|node| node.feed("0")).collect();
    let mut logs: Vec<Vec<_>> =
        feeds.iter().map(|feed| (0..EVENTS).map(|_| feed.next().unwrap()).collect()).collect();
    drop(owner);
    logs[0].extend(feeds[0].until(|event| event["type"] == "connection_closed"));
    assert!(logs[0].last().unwrap().contains("the node of this connection is gone"));
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
