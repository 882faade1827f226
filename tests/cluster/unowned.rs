//! No node owns the channel, although NATS can be reached.

use serde_json::{Value, json};

use crate::support::{Feed, Nats, Node, polled};

const BUCKET: &str = "KV_livetape-test";

/// Changes a setting of the bucket of leases.
fn set(nats: &Nats, setting: &str, value: impl Into<Value>) -> Value {
    let info = nats.request(&format!("$JS.API.STREAM.INFO.{BUCKET}"), "");
    let mut config = serde_json::from_str::<Value>(&info).unwrap()["config"].take();
    let before = std::mem::replace(&mut config[setting], value.into());
    let answer = nats.request(&format!("$JS.API.STREAM.UPDATE.{BUCKET}"), &config.to_string());
    assert!(!answer.contains(r#""error""#), "{answer}");
    before
}

fn told(feed: &Feed) -> Value {
    let log = feed.until(|event| event["data"]["code"] == "cluster_unowned");
    serde_json::from_str(log.last().unwrap()).unwrap()
}

fn inject(node: &Node) -> (u16, Value) {
    node.request("POST", "/inject", &json!({ "type": "chat", "user": "ann", "comment": "hi" }))
}

fn chat(node: &Node) -> u16 {
    inject(node).0
}

/// Checks that every node tells that nobody owns the channel, and why.
fn check(nodes: &[Node], feeds: &[Feed], why: &str) {
    for (node, feed) in nodes.iter().zip(feeds) {
        let error = told(feed);
        assert_eq!((&error["data"]["retrying"], &error["seq"]), (&json!(true), &Value::Null));
        let cluster = polled(|| {
            let cluster = node.status()["cluster"].clone();
            (!cluster["unowned"].is_null()).then_some(cluster)
        });
        assert_eq!((&cluster["owner"], &cluster["reachable"]), (&Value::Null, &json!(true)));
        for text in [&cluster["unowned"], &error["data"]["message"]] {
            assert!(text.as_str().unwrap().contains(why), "{text}");
        }
        let (status, ready) = node.request("GET", "/ready", &Value::Null);
        assert_eq!((status, &ready["owner"], &ready["unowned"]), (200, &Value::Null, &cluster["unowned"]));
        polled(|| {
            node.text("/metrics").contains("livetape_cluster_unowned{channel=\"main\"} 1\n").then_some(())
        });
        let (status, refused) = inject(node);
        assert_eq!((status, &refused["error"]["code"]), (503, &json!("cluster_unowned")), "{refused}");
        assert!(refused["error"]["message"].as_str().unwrap().contains(why), "{refused}");
        // New readers learn it, too, and get the backlog.
        told(&node.feed("0"));
        node.feed("0").until(|event| event["type"] == "chat");
    }
}

/// Checks that the channel goes on, in the same stream.
fn check_goes_on(nodes: &[Node], feeds: &[Feed]) {
    polled(|| (chat(&nodes[0]) == 200).then_some(()));
    for feed in feeds {
        let last = feed.until(|event| event["type"] == "chat").pop().unwrap();
        assert_eq!(serde_json::from_str::<Value>(&last).unwrap()["seq"], 2, "{last}");
    }
}

/// The same, and that the nodes say so.
fn check_return(nodes: Vec<Node>, feeds: &[Feed]) {
    check_goes_on(&nodes, feeds);
    for node in nodes {
        polled(|| node.status()["cluster"]["unowned"].is_null().then_some(()));
        node.process.signal("TERM");
        let (_, output) = node.process.wait();
        assert_eq!(output.matches("No node owns the channel").count(), 1, "{output}");
        assert!(output.contains("JetStream takes messages again"), "{output}");
    }
}

/// Starts two nodes whose readers have one event.
fn start(nats: &Nats) -> (Vec<Node>, Vec<Feed>) {
    let nodes = vec![Node::start(nats), Node::start(nats)];
    let feeds: Vec<_> = nodes.iter().map(|node| node.feed("0")).collect();
    assert_eq!(chat(&nodes[0]), 200);
    feeds.iter().for_each(|feed| drop(feed.until(|event| event["type"] == "chat")));
    (nodes, feeds)
}

#[test]
fn nothing_plays_while_no_node_owns_the_channel() {
    let nats = Nats::start();
    let (nodes, _) = start(&nats);
    nodes[0].post("/replay/load", &json!({ "recording": "demo" }));
    let replays = |node: &Node| node.status()["mode"] == "replay";
    let owner = polled(|| nodes.iter().find(|node| node.is_owner()));
    nodes.iter().for_each(|node| polled(|| replays(node).then_some(())));
    let before = set(&nats, "max_msg_size", 10);
    // It has closed its source, and the others do not know yet.
    let ended = polled(|| Some(owner.status()).filter(|status| status["mode"] == "idle"));
    assert_ne!(ended["cluster"]["owner"], *owner.name);
    for node in &nodes {
        polled(|| (!node.status()["cluster"]["unowned"].is_null() && !replays(node)).then_some(()));
        assert_eq!(node.request("GET", "/replay", &Value::Null).0, 409);
    }
    set(&nats, "max_msg_size", before);
    nodes.iter().for_each(|node| polled(|| replays(node).then_some(())));
}

#[test]
fn nodes_tell_that_no_lease_can_be_stored() {
    let nats = Nats::start();
    let (nodes, feeds) = start(&nats);
    let before = set(&nats, "max_msg_size", 10);
    check(&nodes, &feeds, "message size exceeds maximum allowed");
    set(&nats, "max_msg_size", before);
    check_return(nodes, &feeds);
}

#[test]
fn a_bucket_that_stores_nothing_is_replaced() {
    let nats = Nats::start();
    let (nodes, feeds) = start(&nats);
    let created = || {
        let info = nats.request(&format!("$JS.API.STREAM.INFO.{BUCKET}"), "");
        serde_json::from_str::<Value>(&info).unwrap()["created"].clone()
    };
    let before = created();
    set(&nats, "max_bytes", 1);
    polled(|| (!created().is_null() && created() != before).then_some(()));
    check_goes_on(&nodes, &feeds);
}
