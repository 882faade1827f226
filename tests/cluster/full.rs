//! More events than NATS takes, and larger ones.

use std::path::Path;

use livetape_core::{
    event::{Id, Person, compose},
    recording::{Flags, Frame, Item, Opcode, What, Writer, records},
    wire::{self, Batch, Message, Push},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{LEASE, Nats, Node, assert_same, contents, livetape, node, numbers, polled};

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
