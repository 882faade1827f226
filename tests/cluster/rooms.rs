//! Rooms of tokens: each is the same at all nodes.

use livetape_core::pace::Speed;
use livetape_mock::Happened;
use serde_json::Value;

use crate::{
    support::{Feed, after, polled},
    upstream::{Show, is_chat, open},
};

/// Number of chats to read before and after a kill.
const CHATS: usize = 20;

fn chats(feed: &Feed) -> Vec<String> {
    (0..CHATS).flat_map(|_| feed.until(is_chat)).collect()
}

fn to_close(feed: &Feed) -> Vec<String> {
    std::iter::from_fn(|| feed.next()).collect()
}

#[test]
fn a_room_is_the_same_at_all_nodes_and_survives_its_owner() {
    let show = Show::start(|it| it.speed(Speed::Times(40.into())), "9");
    let mut nodes: Vec<_> = (0..3).map(|_| show.node()).collect();
    let feeds = open(&nodes, "t-ann");
    let mut logs: Vec<_> = feeds.iter().map(chats).collect();
    assert!(logs[0] == logs[1] && logs[1] == logs[2]);
    drop(nodes.remove(0));
    logs[0].extend(to_close(&feeds[0]));
    let next = after(logs[0].last().unwrap());
    logs[1].extend(feeds[1].until(|event| event["type"] == "connection_closed"));
    assert!(logs[1].last().unwrap().contains("the node of this connection is gone"));
    logs[1].extend(feeds[1].until(|event| event["type"] == "connection_created"));
    logs[1].extend(chats(&feeds[1]));
    let end: Value = serde_json::from_str(logs[1].last().unwrap()).unwrap();
    let is_end = |event: &Value| event["seq"] == end["seq"];
    logs[2].extend(feeds[2].until(is_end));
    assert!(logs[2] == logs[1] && logs[1].starts_with(&logs[0]));
    // A reader of the first node continues at the last one.
    let continued = nodes[1].room_since("t-ann", &next).until(is_end);
    assert_eq!(continued, logs[1][logs[0].len()..]);
    assert_eq!(show.connections(), (2, 1));
}

#[test]
fn a_room_stays_open_as_long_as_any_node_has_readers() {
    // The demo then takes longer than a room without readers stays open.
    let show = Show::start(|it| it.speed(Speed::Times(4.into())), "9");
    let nodes = [(); 2].map(|()| show.node_with("60s"));
    let of_owner = [nodes[0].room("t-ann"), nodes[0].room("t-ben")];
    of_owner.iter().for_each(|feed| drop(feed.until(is_chat)));
    let elsewhere = nodes[1].room("t-ann");
    elsewhere.until(is_chat);
    drop(of_owner);
    let is_left = || show.mock.received().iter().any(|entry| matches!(entry.what, Happened::Closed { .. }));
    while !is_left() {
        elsewhere.next().unwrap();
    }
    elsewhere.until(is_chat);
    assert_eq!(show.connections(), (2, 1));
}

#[test]
fn the_limit_of_a_cluster_names_itself() {
    let show = Show::start(|it| it.speed(Speed::Times(4.into())), "1");
    let nodes = [show.node(), show.node()];
    let room = nodes[0].room("t-ann");
    room.until(is_chat);
    let error = nodes[1].room("t-ben").next().unwrap();
    let message = "the maximum number of live rooms in the cluster, 1, is connected";
    assert!(error.contains(message) && error.contains(r#""code":"capacity""#), "{error}");
    nodes[1].process.until(r#"cause="live_rooms_of_cluster""#);
    let cause = r#"livetape_sockets_turned_away_total{code="capacity",cause="live_rooms_of_cluster"} 1"#;
    polled(|| nodes[1].text("/metrics").contains(cause).then_some(()));
}
