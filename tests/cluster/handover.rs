//! Planned restarts: a room moves to another node, and nothing of it is missing.

use livetape_core::pace::Speed;
use serde_json::{Value, json};

use crate::{
    support::{Feed, Node, after, demo, node, take_owner},
    upstream::{Show, is_chat, open},
};

/// Long enough for a node to connect on a busy machine. If it had to expire, the tests would take longer than they wait.
const LEASE: &str = "60s";
/// Speed of the show: it then takes 27 seconds.
const SPEED: u32 = 15;
const RESTARTS: usize = 3;
/// Number of events before and after a restart.
const EVENTS: usize = 100;

fn show() -> Show {
    // The slot moves with the room, too.
    Show::start(|it| it.speed(Speed::Times(SPEED.into())), "1")
}

fn read(feed: &Feed) -> Vec<Value> {
    (0..EVENTS).map(|_| serde_json::from_str(&feed.next().unwrap()).unwrap()).collect()
}

fn ids<'a>(events: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    events.into_iter().filter_map(|event| Some(event["id"].as_str()?.to_owned())).collect()
}

/// Checks that nothing of the show is missing, and nothing there twice, between the first event and the last.
#[track_caller]
fn assert_complete(events: &[Value]) {
    let (shown, all) = (ids(events), ids(&demo()));
    let first = all.iter().position(|id| *id == shown[0]).unwrap();
    assert_eq!(shown, all[first..][..shown.len()]);
}

#[track_caller]
fn assert_moves(events: &[Value], expected: usize) {
    let closed: Vec<_> = events.iter().filter(|event| event["type"] == "connection_closed").collect();
    assert_eq!(closed.len(), expected, "{closed:#?}");
    for event in closed {
        let told = ["code", "reason", "willRetry"].map(|key| &event["data"][key]);
        assert_eq!(told, [&json!(1000), &json!("another node continues the room"), &json!(true)]);
    }
}

#[test]
fn planned_restarts_lose_nothing_of_a_room() {
    let show = show();
    // Without tokens for the same user.
    let start = || {
        Node::with(node(&show.nats.url(), LEASE).args(["--upstream", &show.mock.url(), "--max-live", "1"]))
    };
    let mut nodes = vec![start(), start()];
    nodes[0].post("/connect/ann", &Value::Null);
    let mut since = "0".to_owned();
    for _ in 0..RESTARTS {
        let owner = take_owner(&mut nodes);
        let feed = nodes[0].feed(&since);
        read(&feed);
        owner.process.signal("TERM");
        assert_eq!(owner.process.wait().0, Some(0));
        since = after(feed.until(|event| event["type"] == "connection_created").last().unwrap());
        nodes.push(start());
    }
    let log = nodes[0].feed("0").to_end();
    let log: Vec<_> = log.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    assert_complete(&log);
    // The last one is the end of the show.
    let last = log.iter().rposition(|event: &Value| event["type"] == "connection_closed").unwrap();
    assert_moves(&log[..last], RESTARTS);
    assert_eq!(show.connections(), (RESTARTS + 1, 2));
}

#[test]
fn a_room_of_a_token_moves() {
    let show = show();
    let mut nodes: Vec<Node> = vec![show.node_with(LEASE), show.node_with(LEASE)];
    let feeds = open(&nodes, "t-ann");
    let mut log = read(&feeds[1]);
    feeds[0].until(is_chat);
    let owner = nodes.remove(0);
    owner.process.signal("TERM");
    assert_eq!(owner.process.wait().0, Some(0));
    let moved = feeds[1].until(|event| event["type"] == "connection_created");
    log.extend(moved.iter().map(|event| serde_json::from_str(event).unwrap()));
    log.extend(read(&feeds[1]));
    assert_complete(&log);
    assert_moves(&log, 1);
    assert_eq!(show.connections(), (2, 2));
}
