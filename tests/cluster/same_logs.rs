//! All nodes show the same events, and obey at any node.

use serde_json::{Value, json};

use crate::support::{Nats, Node, after, assert_same, contents, demo, numbers, polled};

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
