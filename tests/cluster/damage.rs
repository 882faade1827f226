//! What administrators of NATS can do to the stream of a channel, and what others can publish there.

use livetape_cluster::ownership::{Body, Encoded, Epoch, Piece, Record};
use prost::Message as _;
use serde_json::{Value, json};

use crate::{
    outage::is_outage,
    support::{Feed, Nats, Node, after, assert_same, contents, demo, numbers, polled, take_owner},
};

const STREAM: &str = "livetape-test_main";
const FEED: &str = "livetape.test.feed.main";
/// Bytes of a record before its protobuf message.
pub(crate) const HEAD_BYTES: usize = 5;
/// Bar for what nodes store because of a forged message.
const STORED_MAX: u64 = 20;

/// Sends a request to the API of JetStream.
pub(crate) fn api(nats: &Nats, what: &str, body: &Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer: Value = serde_json::from_str(&nats.request(&format!("$JS.API.{what}"), &body)).unwrap();
    assert_eq!(answer["error"], Value::Null, "{what}");
    answer
}

pub(crate) fn info(nats: &Nats) -> Value {
    api(nats, &format!("STREAM.INFO.{STREAM}"), &Value::Null)
}

/// Changes a setting of the stream.
fn set(nats: &Nats, setting: &str, value: impl Into<Value>) -> Value {
    let mut config = info(nats)["config"].take();
    let before = std::mem::replace(&mut config[setting], value.into());
    api(nats, &format!("STREAM.UPDATE.{STREAM}"), &config);
    before
}

pub(crate) fn purge(nats: &Nats, body: &Value) {
    api(nats, &format!("STREAM.PURGE.{STREAM}"), body);
}

fn chat(node: &Node, comment: &str) -> Value {
    node.post("/inject", &json!({ "type": "chat", "user": "ann", "comment": comment }))
}

fn reads(feed: &Feed, comment: &str) -> String {
    feed.until(|event| event["data"]["comment"] == comment).pop().unwrap()
}

/// Starts a replay, and returns what all nodes have read up to event 50.
fn play(nodes: &[Node]) -> (Vec<Feed>, Vec<Vec<String>>) {
    let feeds: Vec<_> = nodes.iter().map(|node| node.feed("0")).collect();
    nodes[0].post("/replay/load", &json!({ "recording": "demo" }));
    nodes[0].post("/replay/speed", &json!({ "speed": 40 }));
    let logs = feeds.iter().map(|feed| feed.until(|event| event["seq"] == 50)).collect();
    (feeds, logs)
}

/// Plays the rest, and checks that all nodes have read all of the recording.
#[track_caller]
fn play_to_end(node: &Node, feeds: &[Feed], mut logs: Vec<Vec<String>>) {
    node.post("/replay/speed", &json!({ "speed": "max" }));
    logs.iter_mut().zip(feeds).for_each(|(log, feed)| log.extend(feed.to_end()));
    assert_same(&contents(&logs[0]), &demo());
    assert!(numbers(&logs[0]).is_sorted_by(|a, b| a < b));
    assert!(logs.iter().all(|log| *log == logs[0]));
}

#[test]
fn readers_learn_that_jetstream_refuses_messages() {
    let nats = Nats::start();
    let nodes = Node::three(&nats);
    let (feeds, mut logs) = play(&nodes);
    let before = set(&nats, "max_msg_size", 10);
    for (log, feed) in logs.iter_mut().zip(&feeds) {
        log.extend(feed.until(is_outage));
        let told: Value = serde_json::from_str(&log.pop().unwrap()).unwrap();
        assert_eq!((&told["data"]["retrying"], &told["seq"]), (&json!(true), &Value::Null));
        let message = told["data"]["message"].as_str().unwrap();
        assert!(message.contains("message size exceeds maximum allowed"), "{message}");
    }
    for node in &nodes {
        let refused = node.status()["cluster"]["refused"].to_string();
        assert!(refused.contains("message size exceeds"), "{refused}");
        assert_eq!(node.feed("0").until(is_outage).len(), 1, "new readers learn it, too");
    }
    let (status, answer) = nodes[1].request("POST", "/replay/pause", &Value::Null);
    assert_eq!((status, &answer["error"]["code"]), (503, &json!("cluster_unreachable")), "{answer}");
    set(&nats, "max_msg_size", before);
    polled(|| nodes.iter().all(|node| node.status()["cluster"]["refused"].is_null()).then_some(()));
    play_to_end(&nodes[1], &feeds, logs);
    let logged = nodes.into_iter().map(|node| {
        node.process.signal("TERM");
        node.process.wait().1.matches("JetStream refuses messages;").count()
    });
    assert_eq!(logged.sum::<usize>(), 1, "only the owner noticed, and warned once");
}

#[test]
fn an_idle_channel_continues_after_a_purge() {
    let nats = Nats::start();
    let mut nodes = vec![Node::start(&nats), Node::start(&nats)];
    let feeds: Vec<_> = nodes.iter().map(|node| node.feed("0")).collect();
    chat(&nodes[0], "1");
    let first = feeds.iter().map(|feed| reads(feed, "1")).next_back().unwrap();
    purge(&nats, &Value::Null);
    // A node that joins learns the stream and its last number from the owner.
    nodes.push(Node::start(&nats));
    let late = nodes[2].feed(&after(&first));
    chat(&nodes[2], "2");
    let second = feeds.iter().chain([&late]).map(|feed| reads(feed, "2")).next_back().unwrap();
    assert_eq!(numbers(&[first.clone(), second]), [1, 2]);
    // The next owner has nothing to read.
    purge(&nats, &Value::Null);
    drop(take_owner(&mut nodes));
    let late = nodes[0].feed(&after(&first));
    chat(&nodes[0], "3");
    let third = reads(&late, "3");
    let stream = |event: &str| after(event).split(':').next().unwrap().to_owned();
    assert_eq!((stream(&third), numbers(&[third])), (stream(&first), vec![3]));
}

#[test]
fn after_a_purge_while_nothing_runs_another_stream_begins() {
    let nats = Nats::start();
    let node = Node::start(&nats);
    chat(&node, "before");
    let before = reads(&node.feed("0"), "before");
    drop(node);
    purge(&nats, &Value::Null);
    let nodes = [Node::start(&nats), Node::start(&nats)];
    let feeds = nodes.each_ref().map(|node| node.feed("0"));
    chat(&nodes[1], "after");
    let logs = feeds.each_ref().map(|feed| reads(feed, "after"));
    assert_eq!(logs[0], logs[1]);
    let (status, answer) =
        nodes[0].request("GET", &format!("/events?since={}", after(&before)), &Value::Null);
    assert_eq!((status, &answer["error"]["code"]), (410, &json!("unknown_position")), "{answer}");
}

#[test]
fn a_channel_continues_after_everything_was_deleted() {
    let nats = Nats::start();
    let nodes = Node::three(&nats);
    let (feeds, _) = play(&nodes);
    nodes[0].post("/replay/pause", &Value::Null);
    for stream in ["KV_livetape-test", STREAM] {
        api(&nats, &format!("STREAM.DELETE.{stream}"), &Value::Null);
    }
    // The numbers of the old stream are void: readers are disconnected.
    feeds.iter().for_each(|feed| while feed.next().is_some() {});
    let feeds: Vec<_> = nodes.iter().map(|node| node.feed("0")).collect();
    chat(&nodes[1], "after");
    let logs: Vec<_> = feeds.iter().map(|feed| reads(feed, "after")).collect();
    assert!(logs[1] == logs[0] && logs[2] == logs[0]);
    assert_eq!(numbers(&logs), [1, 1, 1]);
}

#[test]
fn a_forged_record_costs_a_few_messages() {
    let nats = Nats::start();
    let nodes = Node::three(&nats);
    chat(&nodes[0], "1");
    type Forge = fn(&Record) -> (u64, String, Body);
    let forgeries: [Forge; 5] = [
        |it| {
            (it.epoch, it.node.clone(), Body::Piece(Piece { first: 2, events: vec![Encoded::default(); 3] }))
        },
        |it| {
            (
                it.epoch,
                it.node.clone(),
                Body::Piece(Piece { first: 1 << 52, events: vec![Encoded::default()] }),
            )
        },
        |it| (it.epoch + 1, "forged".into(), Body::Epoch(Epoch { head: 1, ..Epoch::default() })),
        |it| (it.epoch + 1, "forged".into(), Body::Epoch(Epoch { head: 1 << 53, ..Epoch::default() })),
        |_| (1 << 53, "forged".into(), Body::Epoch(Epoch { head: 1, ..Epoch::default() })),
    ];
    for (forge, number) in forgeries.iter().zip(2_u64..) {
        let before = info(&nats)["state"]["last_seq"].as_u64().unwrap();
        let last = Record::decode(&nats.last_stored(STREAM, FEED)[HEAD_BYTES..]).unwrap();
        let (epoch, node, body) = forge(&last);
        let forged = Record { epoch, node, after: before, body: Some(body), ..last };
        nats.publish(FEED, &forged.to_bytes());
        let comment = number.to_string();
        polled(|| {
            let body = json!({ "type": "chat", "user": "ann", "comment": comment });
            (nodes[1].request("POST", "/inject", &body).0 == 200).then_some(())
        });
        // The numbers of forged events are a gap, where readers are disconnected.
        nodes.iter().for_each(|node| drop(reads(&node.feed("0"), &comment)));
        let stored = info(&nats)["state"]["last_seq"].as_u64().unwrap() - before;
        assert!((1..=STORED_MAX).contains(&stored), "{stored} messages because of forgery {number}");
    }
    let logs: Vec<_> = nodes.iter().map(|node| node.feed("0")).map(|feed| reads(&feed, "6")).collect();
    assert!(logs[1] == logs[0] && logs[2] == logs[0]);
}
