//! What NATS stores of each channel, and for how long.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use livetape_core::pace::Speed;
use serde_json::{Value, json};

use crate::{
    proxy::{self, To},
    support::{LEASE, Nats, Node, Process, after, assert_same, contents, demo, node, polled, take_owner},
    upstream::{Show, is_chat},
};

/// Bar for what NATS stores of a channel, in bytes.
const CHANNEL_BYTES_MAX: u64 = 32 << 20;
/// Size of a foreign message, in bytes.
const FOREIGN_BYTES: usize = 1_000_000;
/// Number of foreign messages: much more than NATS stores of a channel.
const FOREIGN: usize = 300;
/// Number of foreign messages at the end of a log that a new node reads.
const UNREAD: usize = 25;
/// Bar for what NATS sends to a node that asks once, in bytes.
const ASKED_BYTES_MAX: usize = 5 << 20;

/// Opens the room of a token, and returns when it has ended at all nodes.
fn play_to_end(node: &Node, token: &str) {
    let feed = node.room(token);
    while feed.next().is_some() {}
}

fn streams(nats: &Nats) -> String {
    nats.request("$JS.API.STREAM.NAMES", "")
}

#[test]
fn a_channel_with_many_events_does_not_displace_another() {
    let show = Show::start(|it| it.speed(Speed::Max), "9");
    let mut nodes: Vec<_> = (0..2).map(|_| show.node()).collect();
    nodes[0].post("/replay/load", &json!({ "recording": "demo" }));
    nodes[0].post("/replay/speed", &json!({ "speed": 40 }));
    let feed = nodes[0].feed("0");
    let mut log = feed.until(|event| event["seq"] == 100);
    nodes[0].post("/replay/pause", &Value::Null);
    play_to_end(&nodes[0], "t-ann");
    show.nats.fill("livetape.test.feed.user.ann", FOREIGN, FOREIGN_BYTES);
    // The next owner of the quiet channel continues the paused replay, in the same stream.
    drop(take_owner(&mut nodes));
    nodes[0].process.until("This node owns the channel");
    let feed = nodes[0].feed(&after(log.last().unwrap()));
    nodes[0].post("/replay/speed", &json!({ "speed": "max" }));
    nodes[0].post("/replay/play", &Value::Null);
    log.extend(feed.to_end());
    assert_same(&contents(&log), &demo());
    let state = show.nats.request("$JS.API.STREAM.INFO.livetape-test_user_ann", "");
    let state: Value = serde_json::from_str(&state).unwrap();
    let bytes = state["state"]["bytes"].as_u64().unwrap();
    assert!((1..=CHANNEL_BYTES_MAX).contains(&bytes), "{state}");
}

#[test]
fn logs_of_rooms_are_removed_after_their_events() {
    let show = Show::start(|it| it.speed(Speed::Max), "9");
    let first = show.node();
    play_to_end(&first, "t-ann");
    play_to_end(&first, "t-ben");
    assert!(streams(&show.nats).contains("livetape-test_user_ann"));
    // As NATS does after a day.
    show.nats.request("$JS.API.STREAM.PURGE.livetape-test_user_ann", "");
    let next = show.node();
    polled(|| (!streams(&show.nats).contains("livetape-test_user_ann")).then_some(()));
    let left = streams(&show.nats);
    assert!(left.contains("livetape-test_user_ben") && left.contains("livetape-test_main"), "{left}");
    // The room can be opened again.
    play_to_end(&next, "t-ann");
    assert!(streams(&show.nats).contains("livetape-test_user_ann"));
}

#[test]
fn a_node_asks_for_a_limited_size_of_the_log() {
    let nats = Nats::start();
    let first = Node::start(&nats);
    first.post("/inject", &json!({ "type": "chat", "user": "ann", "comment": "before" }));
    drop(first);
    nats.fill("livetape.test.feed.main", UNREAD, FOREIGN_BYTES);
    let (sent, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let told = Arc::clone(&most);
    let counted = proxy::start(&nats.address, move |to, bytes| {
        if to == To::Client {
            told.fetch_max(sent.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len(), Ordering::Relaxed);
        } else if String::from_utf8_lossy(bytes).contains("$JS.API.CONSUMER.MSG.NEXT.") {
            sent.store(0, Ordering::Relaxed);
        }
        true
    });
    let node = Node::with(&mut node(&nats.url_of(&counted), LEASE));
    node.feed("0").until(|event| event["type"] == "chat");
    let most = most.load(Ordering::Relaxed);
    assert!((FOREIGN_BYTES..ASKED_BYTES_MAX).contains(&most), "{most} bytes at once");
}

/// Storage for the main channel, but not for a room.
const STORAGE_OF_MAIN: &str = "jetstream: { max_file_store: 40MB }\n";
/// Storage for nothing.
const NO_STORAGE: &str = "jetstream: { max_file_store: 16MB }\n";

#[test]
fn without_storage_nodes_say_which_setting_to_raise() {
    let nats = Nats::configured(&[], NO_STORAGE);
    let nodes: Vec<_> = (0..3).map(|_| Process::start(&mut node(&nats.url(), LEASE))).collect();
    for node in nodes {
        let (exit, output) = node.wait();
        assert_eq!(exit, Some(1), "{output}");
        assert!(output.contains("JetStream refuses the stream `livetape-test_main`"), "{output}");
        assert!(output.contains("max_file_store"), "{output}");
    }
}

#[test]
fn without_storage_for_rooms_the_rest_works() {
    let show = Show::on(Nats::configured(&[], STORAGE_OF_MAIN), |it| it, "9");
    let starting: Vec<_> = (0..3)
        .map(|_| show.command(&show.nats.url(), &show.mock.url(), LEASE))
        .map(|mut command| thread::spawn(move || Node::with(&mut command)))
        .collect();
    let nodes: Vec<_> = starting.into_iter().map(|node| node.join().unwrap()).collect();
    for node in &nodes {
        let refused = node.room("t-ben").until(|event| event["type"] == "error").pop().unwrap();
        let refused: Value = serde_json::from_str(&refused).unwrap();
        assert_eq!(refused["data"]["code"], "cluster_unreachable", "{refused}");
        assert!(refused["data"]["hint"].as_str().unwrap().contains("max_file_store"), "{refused}");
    }
    let feed = nodes[0].feed("0");
    nodes[1].post("/connect/ann", &Value::Null);
    feed.until(is_chat);
    let node = nodes.into_iter().next_back().unwrap();
    node.process.signal("TERM");
    let (_, output) = node.process.wait();
    assert!(
        output.contains(" WARN ❌ JetStream refuses the room of @ben code=\"cluster_unreachable\""),
        "{output}"
    );
}
