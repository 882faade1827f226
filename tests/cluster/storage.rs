//! What NATS stores of each channel, and for how long; more events than NATS takes, and larger ones.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use livetape_core::{
    event::{Id, Person, compose},
    pace::Speed,
    recording::{Flags, Frame, Item, Opcode, What, Writer, records},
    wire::{self, Batch, Message, Push},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    proxy::{self, To},
    support::{
        LEASE, Nats, Node, Process, after, assert_same, contents, demo, livetape, node, numbers, polled,
        take_owner,
    },
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

/// Long enough for a server that stands still.
const LONG_LEASE: &str = "60s";
/// Minutes of a made-up show: more events than may wait at an owner.
const MINUTES: &str = "30";
/// Number of equal answers after which a replay stands still.
const STILL: usize = 100;
/// Length of a chat of control characters. In JSON, each has six bytes, so that the event does not fit into a
/// message.
const LARGE: usize = 200_000;

/// Starts a node that plays the recordings of a folder.
fn player(nats: &Nats, lease: &str, folder: &Path) -> Node {
    Node::with(node(&nats.url(), lease).arg("--recordings").arg(folder))
}

/// Waits until the position of the replay no longer changes.
fn stands_still(node: &Node) {
    let (mut last, mut times) = (Value::Null, 0);
    polled(|| {
        let position = node.status()["counts"].clone();
        times = if position == last { times + 1 } else { 0 };
        last = position;
        (times == STILL).then_some(())
    });
}

#[test]
fn a_replay_waits_for_nats_and_loses_nothing() {
    let (nats, folder) = (Nats::start(), TempDir::new().unwrap());
    let path = folder.path().join("busy.bin");
    let made = livetape(&["synth", "--minutes", MINUTES, "-o"]).arg(&path).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let node = player(&nats, LONG_LEASE, folder.path());
    let feed = node.feed("0");
    node.post("/replay/load", &json!({ "recording": "busy" }));
    node.post("/replay/pause", &Value::Null);
    node.post("/replay/speed", &json!({ "speed": "max" }));
    nats.signal("STOP");
    // Answered only after its events were broadcast.
    let _answer = node.send("POST", "/replay/play", "");
    stands_still(&node);
    nats.signal("CONT");
    let log = feed.to_end();
    let output = livetape(&["events", "--raw"]).arg(&path).output().unwrap();
    let expected: Vec<_> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_same(&contents(&log), &contents(&expected));
    let handovers = node.text("/metrics");
    assert!(
        handovers.contains("\nlivetape_cluster_handovers_total{channel=\"main\"} 1\n"),
        "it stayed the owner"
    );
}

/// Writes a recording of chats, a second apart.
fn record(path: &Path, chats: &[&str]) {
    let item = |offset, what| Item { offset, conn: 1, flags: Flags::default(), what };
    let second = std::time::Duration::from_secs(1);
    let header = records::Header { wall_anchor_ns: Some(1_704_067_200_000_000_000), ..Default::default() };
    let mut writer = Writer::new(Vec::new(), &header).unwrap();
    let open = records::ConnOpen { room_id: 7, unique_id: "ann".into(), attempt: 1, ..Default::default() };
    writer.write(&item(second, What::ConnOpen(open))).unwrap();
    let ben = Person { user_id: Id(5), unique_id: "ben".into(), nickname: "Ben".into(), avatar: "".into() };
    for (chat, msg_id) in chats.iter().zip(1_i64..) {
        let stamp = compose::Stamp { msg_id, room_id: 7, create_time: 1_704_067_200_000 };
        let messages: Vec<Message> = vec![compose::chat(stamp, &ben, chat)];
        let payload = wire::write_batch(&Batch { messages, ..Batch::default() });
        let push =
            Push { payload_type: "msg".into(), payload_encoding: "pb".into(), payload, ..Push::default() };
        let frame = Frame { opcode: Opcode::BINARY, bytes: wire::write_push(&push) };
        writer.write(&item(second * (1 + u32::try_from(msg_id).unwrap()), What::Frame(frame))).unwrap();
    }
    std::fs::write(path, writer.finish().unwrap()).unwrap();
}

#[test]
fn an_event_that_does_not_fit_is_reported_in_its_place() {
    let (nats, folder) = (Nats::start(), TempDir::new().unwrap());
    record(&folder.path().join("large.bin"), &["before", &"\u{1}".repeat(LARGE), "after"]);
    let nodes = [player(&nats, LEASE, folder.path()), player(&nats, LEASE, folder.path())];
    let feeds = nodes.each_ref().map(|node| node.feed("0"));
    nodes[1].post("/replay/load", &json!({ "recording": "large" }));
    nodes[1].post("/replay/speed", &json!({ "speed": "max" }));
    let logs = feeds.each_ref().map(crate::support::Feed::to_end);
    assert!(logs[0] == logs[1]);
    assert_eq!(numbers(&logs[0]), [1, 2, 3, 4, 5]);
    let events = contents(&logs[0]);
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["connection_created", "chat", "error", "chat", "disconnected"]);
    let error = &events[2]["data"];
    assert_eq!((&error["code"], &error["retrying"]), (&json!("too_large"), &json!(true)));
    assert!(error["message"].as_str().unwrap().contains("an event of type `chat` is missing"), "{error}");
    polled(|| nodes.iter().find(|node| node.is_owner())).process.until("too large for a shared channel");
}
