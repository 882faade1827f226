//! Tokens of the user that the main channel shows: both have one connection, and each its own stream.

use livetape_core::pace::Speed;
use serde_json::{Value, json};

use crate::{
    support::{Feed, after, numbers, polled, take_owner},
    upstream::{Show, is_chat},
};

/// Number of chats to read before and after something happens.
const CHATS: usize = 10;
/// Time until the claim of a node that has gone expires: longer than a busy machine takes for a request.
const LONGER_LEASE: &str = "10s";
/// Number of times that a room is tried. Together they take less time than a room without readers stays open.
const TRIES: usize = 5;

fn show(max_live: &'static str) -> Show {
    Show::start(|it| it.speed(Speed::Times(20.into())), max_live)
}

fn chats(feed: &Feed) -> Vec<String> {
    (0..CHATS).flat_map(|_| feed.until(is_chat)).collect()
}

fn is_opened(event: &Value) -> bool {
    event["type"] == "connection_created"
}

/// Reads until the room is connected again.
fn reopened(feed: &Feed) -> Vec<String> {
    let mut log = feed.until(|event| event["type"] == "connection_closed");
    log.extend(feed.until(is_opened));
    log
}

#[test]
fn tokens_read_the_same_at_all_nodes() {
    let show = show("1");
    let mut nodes: Vec<_> = (0..3).map(|_| show.node()).collect();
    nodes[0].post("/connect/ann", &Value::Null);
    let owner = take_owner(&mut nodes);
    let at_owner = owner.room("t-ann");
    let mut log_of_owner = chats(&at_owner);
    let feeds: Vec<_> = nodes.iter().map(|node| node.room("t-ann")).collect();
    let mut logs: Vec<_> = feeds.iter().map(chats).collect();
    assert!(logs[0] == logs[1] && logs[0] == log_of_owner);
    assert_eq!(show.connections(), (1, 1));
    // The next owner of the main channel continues both.
    drop(owner);
    log_of_owner.extend(std::iter::from_fn(|| at_owner.next()));
    logs[0].extend(reopened(&feeds[0]));
    logs[0].extend(chats(&feeds[0]));
    let last = numbers(&logs[0]).last().copied();
    logs[1].extend(feeds[1].until(|event| event["seq"].as_u64() == last));
    assert!(logs[0] == logs[1] && logs[0].starts_with(&log_of_owner));
    let next = after(log_of_owner.last().unwrap());
    let continued = nodes[1].room_since("t-ann", &next).until(|event| event["seq"].as_u64() == last);
    assert_eq!(continued, logs[0][log_of_owner.len()..]);
    polled(|| nodes.iter().any(|node| node.status()["state"] == "connected").then_some(()));
    assert_eq!(show.connections(), (2, 1));
    // Their sockets are closed with the room.
    assert_eq!(nodes[0].request("DELETE", "/connect/ann", &Value::Null).0, 200);
    for feed in &feeds {
        let rest: Vec<_> = std::iter::from_fn(|| feed.next()).collect();
        assert!(rest.last().unwrap().contains(r#""type":"disconnected""#), "{rest:?}");
    }
}

/// The next owner of the main channel may be a node without readers of the room.
#[test]
fn a_room_keeps_its_stream_if_only_one_node_has_followed_it() {
    let show = show("1");
    let mut nodes: Vec<_> = (0..4).map(|_| show.node()).collect();
    nodes[0].post("/connect/ann", &Value::Null);
    let owner = take_owner(&mut nodes);
    // The one that asks for the lease last.
    let room = nodes[2].room("t-ann");
    let mut log = chats(&room);
    drop(owner);
    log.extend(reopened(&room));
    log.extend(chats(&room));
    let numbers = numbers(&log);
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
}

#[test]
fn the_main_channel_takes_over_the_room_of_a_token_at_another_node() {
    let show = show("1");
    let mut nodes = vec![show.node(), show.node()];
    // The main channel is owned by the node that was first.
    let owner = take_owner(&mut nodes);
    let other = &nodes[0];
    let room = other.room("t-ben");
    let mut log = chats(&room);
    let feed = owner.feed("0");
    owner.post("/connect/ben", &Value::Null);
    feed.until(is_opened);
    log.extend(reopened(&room));
    log.extend(chats(&room));
    assert!(numbers(&log).is_sorted_by(|a, b| a < b));
    assert_eq!(show.connections(), (2, 1));
    // Back to the node with the reader.
    let log_of_owner = chats(&feed);
    owner.process.signal("TERM");
    assert_eq!(owner.process.wait().0, Some(0));
    reopened(&room);
    room.until(is_chat);
    let continued = other.feed(&after(log_of_owner.last().unwrap()));
    reopened(&continued);
    assert_eq!(show.connections(), (3, 1));
}

#[test]
fn the_main_channel_follows_the_room_of_a_token_at_its_node() {
    let show = show("2");
    let mut nodes = vec![show.node(), show.node()];
    let owner = take_owner(&mut nodes);
    let room = owner.room("t-ann");
    room.until(is_chat);
    let feed = nodes[0].feed("0");
    nodes[0].post("/connect/ann", &Value::Null);
    feed.until(is_chat);
    assert_eq!(show.connections(), (1, 1));
    // The token's room stays, also if that of the main channel becomes another.
    nodes[0].post("/connect/ben", &Value::Null);
    feed.until(is_opened);
    room.until(is_chat);
    assert_eq!((owner.status()["username"].clone(), show.connections()), (json!("ben"), (2, 1)));
}

#[test]
fn both_continue_when_nats_returns() {
    let mut show = show("1");
    let mut nodes = vec![show.node(), show.node()];
    nodes[0].post("/connect/ann", &Value::Null);
    let owner = take_owner(&mut nodes);
    let feeds = [owner.feed("0"), nodes[0].room("t-ann"), owner.room("t-ann")];
    feeds.iter().for_each(|feed| drop(chats(feed)));
    show.nats.kill();
    // Longer than a lease.
    while show.is_connected() {}
    show.nats.restart();
    for feed in &feeds {
        reopened(feed);
        chats(feed);
    }
    assert_eq!(show.connections(), (2, 1));
}

#[test]
fn a_room_that_the_main_channel_has_left_needs_no_slot() {
    let show = show("1");
    let node = show.node();
    let feed = node.feed("0");
    // The slot may be on its way back, but it is not kept for the channel of the room.
    let connect = |user: &str| {
        let connected = || node.request("POST", &format!("/connect/{user}"), &Value::Null).0 == 200;
        assert!((0..TRIES).any(|_| connected()), "{user}");
        feed.until(is_opened);
    };
    for _ in 0..5 {
        connect("ann");
        assert_eq!(node.request("DELETE", "/connect/ann", &Value::Null).0, 200);
    }
    connect("ann");
    // The room is replaced while its own channel is still being opened.
    connect("ben");
    let room = node.room("t-ben");
    room.until(is_chat);
    let injected = node.post("/inject", &json!({ "type": "chat", "user": "eve", "comment": "hi" }));
    room.until(|event| event["id"] == injected["ids"][0]);
    assert_eq!(show.connections(), (7, 1));
}

#[test]
fn a_user_of_another_node_is_refused() {
    let show = show("1");
    let node = show.node_with(LONGER_LEASE);
    // A claim of a node that does not know the token's room.
    show.nats.publish("$KV.livetape-test.user.carl", b"{}");
    let (status, refused) = node.request("POST", "/connect/carl", &Value::Null);
    assert_eq!((status, &refused["error"]["code"]), (503, &"capacity".into()), "{refused}");
    node.process.until(r#"cause="user_elsewhere""#);
    let cause = r#"livetape_rooms_refused_total{code="capacity",cause="user_elsewhere"} 1"#;
    let metrics = node.text("/metrics");
    assert!(metrics.contains(cause), "{metrics}");
    assert_eq!(show.connections(), (0, 0));
}

#[test]
fn the_slot_of_a_room_that_moves_is_waited_for() {
    let show = show("1");
    let node = show.node();
    // A node that has left the room of its tokens, but has not released the slot.
    show.nats.publish("$KV.livetape-test.place.0", b"{}");
    let feed = node.feed("0");
    node.post("/connect/ben", &Value::Null);
    feed.until(is_chat);
    assert_eq!(show.connections(), (1, 1));
}

#[test]
fn a_room_that_lost_its_claim_can_be_followed() {
    let show = show("1");
    let node = show.node();
    let room = node.room("t-ann");
    room.until(is_chat);
    show.nats.publish("$KV.livetape-test.user.ann", b"{}");
    node.process.until("may no longer connect");
    reopened(&room);
    let feed = node.feed("0");
    node.post("/connect/ann", &Value::Null);
    feed.until(is_chat);
    assert_eq!(show.connections(), (2, 1));
}
