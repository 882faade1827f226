//! All nodes show the same events, and obey at any node. Orders while NATS cannot be reached are refused, and not executed
//! later.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, json};

use crate::{
    proxy::{self, To},
    support::{LEASE, Nats, Node, after, assert_same, contents, demo, node, numbers, polled, take_owner},
};

/// The reason of a node that knows that it cannot reach NATS. Otherwise it would wait for three seconds, and
/// give another.
const AT_ONCE: &str = "this node cannot reach NATS";

/// Tries to inject a chat. Returns the status and the code of the error.
fn order(node: &Node, comment: &str) -> (u16, Value) {
    let chat = json!({ "type": "chat", "user": "ann", "comment": comment });
    node.request("POST", "/inject", &chat)
}

fn inject(node: &Node, comment: &str) -> (u16, Value) {
    let (status, answer) = order(node, comment);
    (status, answer["error"]["code"].clone())
}

fn reaches_nats(node: &Node, expected: bool) {
    polled(|| (node.status()["cluster"]["reachable"] == expected).then_some(()));
}

/// Returns the comments of all chats, up to this one.
fn comments(node: &Node, last: &str) -> Vec<String> {
    let comment = |event: &Value| event["data"]["comment"].as_str().unwrap_or_default().to_owned();
    let log = node.feed("0").until(|event| comment(event) == last);
    let events = log.iter().map(|event| serde_json::from_str(event).unwrap());
    events.filter(|event: &Value| event["type"] == "chat").map(|event| comment(&event)).collect()
}

fn refused() -> (u16, Value) {
    (503, json!("cluster_unreachable"))
}

fn done() -> (u16, Value) {
    (200, Value::Null)
}

#[test]
fn a_node_without_nats_refuses_orders_at_once_and_never_executes_them() {
    let mut nats = Nats::start();
    let nodes = [Node::start(&nats), Node::start(&nats)];
    assert_eq!(inject(&nodes[0], "before"), done());
    nats.kill();
    for node in &nodes {
        reaches_nats(node, false);
        let (status, answer) = order(node, "during");
        assert_eq!((status, &answer["error"]["message"]), (503, &json!(AT_ONCE)));
    }
    nats.restart();
    nodes.iter().for_each(|node| reaches_nats(node, true));
    assert_eq!(inject(&nodes[1], "after"), done());
    nodes.iter().for_each(|node| assert_eq!(comments(node, "after"), ["before", "after"]));
}

#[test]
fn an_order_that_arrives_late_is_not_executed() {
    let nats = Nats::start();
    let owner = Node::start(&nats);
    // What the other node sends arrives later, and nothing comes back.
    let (gate, is_closed) = (Arc::new(RwLock::new(())), Arc::new(AtomicBool::new(false)));
    let (passing, closed) = (Arc::clone(&gate), Arc::clone(&is_closed));
    let late = proxy::start(&nats.address, move |to, _| match to {
        To::Client => !closed.load(Ordering::Relaxed),
        To::Server => passing.read().is_ok(),
    });
    let mut nodes = vec![owner, Node::with(&mut node(&nats.url_of(&late), LEASE))];
    assert_eq!(inject(&nodes[1], "before"), done());
    let owner = take_owner(&mut nodes);
    let closing = gate.write().unwrap();
    is_closed.store(true, Ordering::Relaxed);
    assert_eq!(inject(&nodes[0], "late"), refused());
    is_closed.store(false, Ordering::Relaxed);
    drop(closing);
    reaches_nats(&nodes[0], true);
    // It is refused until JetStream has answered again.
    polled(|| (inject(&nodes[0], "after") == done()).then_some(()));
    assert_eq!(comments(&owner, "after"), ["before", "after"]);
}

#[test]
fn an_order_is_answered_after_its_effects_are_stored() {
    let nats = Nats::start();
    let is_cut = Arc::new(AtomicBool::new(false));
    let cut = Arc::clone(&is_cut);
    let cutting = proxy::start(&nats.address, move |_, _| !cut.load(Ordering::Relaxed));
    let owner = Node::with(&mut node(&nats.url_of(&cutting), LEASE));
    polled(|| owner.is_owner().then_some(()));
    is_cut.store(true, Ordering::Relaxed);
    // It has no events yet, but the next owner could not know what to play.
    let (status, answer) = owner.request("POST", "/replay/load", &json!({ "recording": "demo" }));
    assert_eq!((status, &answer["error"]["code"]), (504, &json!("unconfirmed")), "{answer}");
}

#[test]
fn a_captured_order_is_not_executed_again() {
    let nats = Nats::start();
    let mut nodes = vec![Node::start(&nats), Node::start(&nats)];
    let owner = take_owner(&mut nodes);
    let mut socket = nats.stranger();
    let subject = format!("livetape.test.order.{}", owner.name);
    socket.write_all(format!("SUB {subject} 1\r\nPING\r\n").as_bytes()).unwrap();
    let mut lines = BufReader::new(socket.try_clone().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "PONG"));
    assert_eq!(inject(&nodes[0], "once"), done());
    let captured = lines.find(|line| line.contains("once")).unwrap();
    let length = captured.len();
    // While the node that sent it lives, and after its end.
    for node in [Some(&nodes[0]), None] {
        if node.is_none() {
            nodes[0].process.signal("KILL");
        }
        let replay = format!("SUB _INBOX.test 2\r\nPUB {subject} _INBOX.test {length}\r\n{captured}\r\n");
        socket.write_all(replay.as_bytes()).unwrap();
        assert!(lines.any(|line| line.starts_with("MSG _INBOX.test 2 ")));
        let answer = lines.next().unwrap();
        assert_eq!(serde_json::from_str::<Value>(&answer).unwrap()["reply"], Value::Null, "{answer}");
    }
    assert_eq!(inject(&owner, "after"), done());
    assert_eq!(comments(&owner, "after"), ["once", "after"]);
}

#[test]
fn readers_of_a_replay_have_equal_logs() {
    let nats = Nats::start();
    let nodes = Node::three(&nats);
    let feeds: Vec<_> = nodes.iter().map(|node| node.feed("0")).collect();
    nodes[0].post("/replay/load", &json!({ "recording": "demo" }));
    nodes[1].post("/replay/pause", &Value::Null);
    let state = nodes[2].post("/replay/speed", &json!({ "speed": "max" }));
    assert_eq!((&state["state"], &state["speed"]), (&json!("paused"), &json!("max")));
    let injected = nodes[0].post("/inject", &json!({ "type": "chat", "user": "ann", "comment": "hi" }));
    nodes[2].post("/replay/play", &Value::Null);
    let logs: Vec<_> = feeds.iter().map(|feed| feed.to_end()).collect();
    assert!(numbers(&logs[0]).is_sorted_by(|a, b| a < b));
    assert!(logs[1] == logs[0] && logs[2] == logs[0]);
    let (ours, others): (Vec<_>, Vec<_>) =
        logs[0].iter().partition(|line| line.contains(r#""injected":true"#));
    assert_eq!(
        numbers(&ours.into_iter().cloned().collect::<Vec<_>>()),
        [injected["seqs"][0].as_u64().unwrap()]
    );
    assert_same(&contents(others), &demo());

    // A reader continues at any node, and a late one gets the whole backlog there.
    let middle = after(&logs[0][99]);
    assert_eq!(nodes[2].feed(&middle).to_end(), logs[0][100..]);
    assert_eq!(nodes[1].feed("0").to_end(), logs[0]);
    let (status, _) = nodes[1].request("GET", "/events?since=another-stream:1", &Value::Null);
    assert_eq!(status, 410);
}

#[test]
fn every_node_shows_the_cluster() {
    let nats = Nats::start();
    let nodes = Node::three(&nats);
    let feed = nodes[2].feed("0");
    nodes[0].post("/replay/load", &json!({ "recording": "demo" }));
    feed.until(|event| event["type"] == "chat");
    let mut names: Vec<_> = nodes.iter().map(|node| node.name.clone()).collect();
    names.sort();
    for node in &nodes {
        // Nodes report several times within a lease.
        let status = polled(|| {
            let status = node.status();
            let knows_all = status["cluster"]["nodes"].as_array().unwrap().len() == 3;
            (knows_all && status["mode"] == "replay").then_some(status)
        });
        let cluster = &status["cluster"];
        let shown: Vec<_> = cluster["nodes"].as_array().unwrap().iter().map(|node| &node["node"]).collect();
        assert_eq!(json!(shown), json!(names));
        assert_eq!((&cluster["node"], &cluster["reachable"]), (&json!(node.name), &json!(true)));
        assert!(names.iter().any(|name| cluster["owner"] == **name));
    }
    // Errors come from the owner, too.
    let refused: Vec<_> =
        nodes.iter().map(|node| node.request("POST", "/connect/ann", &Value::Null)).collect();
    for (status, answer) in &refused {
        assert_eq!((*status, &answer["error"]["code"]), (409, &json!("replay_running")));
    }
}

/// Returns the value of a metric.
fn metric(node: &Node, name: &str) -> Option<u64> {
    let text = node.text("/metrics");
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn metrics_show_the_cluster() {
    let nats = Nats::start();
    let nodes = Node::three(&nats);
    let feed = nodes[2].feed("0");
    nodes[0].post("/replay/load", &json!({ "recording": "demo" }));
    nodes[0].post("/replay/speed", &json!({ "speed": "max" }));
    feed.to_end();
    let owner = nodes.iter().position(Node::is_owner).unwrap();
    for (at, node) in nodes.iter().enumerate() {
        let expected = [
            ("livetape_cluster_reachable", 1),
            ("livetape_cluster_nodes", 3),
            (r#"livetape_cluster_leases{channel="main"}"#, u64::from(at == owner)),
            (r#"livetape_cluster_lag_messages{channel="main"}"#, 0),
            // What happened before a node joined is not counted there.
            (r#"livetape_cluster_handovers_total{channel="main"}"#, u64::from(at == owner)),
            (r#"livetape_cluster_leases{channel="users"}"#, 0),
        ];
        polled(|| expected.iter().all(|(name, value)| metric(node, name) == Some(*value)).then_some(()));
        let stored = metric(node, r#"livetape_cluster_publishes_total{channel="main",outcome="stored"}"#);
        assert_eq!(stored.is_some_and(|stored| stored > 1), at == owner);
    }
}
