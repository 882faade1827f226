//! The storage of NATS is older than what it has acknowledged.

use serde_json::{Value, json};

use crate::{
    damage::purge,
    support::{
        Feed, Nats, Node, after, assert_same, contents, demo, nats_server, numbers, polled, take_owner,
    },
};

#[test]
fn the_nats_of_the_compose_file_syncs_what_it_acknowledges() {
    let folder = tempfile::TempDir::new().unwrap();
    let config = include_str!("../../examples/cluster/nats.conf");
    assert!(config.contains("sync_interval: always"));
    let path = folder.path().join("nats.conf");
    std::fs::write(&path, config.replace("/data", &folder.path().display().to_string())).unwrap();
    let output = nats_server().arg("-t").arg("-c").arg(&path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // nats-server of Debian 12 is too old.
    let is_too_old = said.contains(r#"unknown field "sync_interval""#);
    assert!(output.status.success() || is_too_old, "{said}");
}

/// Broadcasts a chat, as soon as the node reaches NATS and the channel has an owner.
fn chat(node: &Node, number: usize) {
    let chat = json!({ "type": "chat", "user": "ann", "comment": number.to_string() });
    polled(|| (node.request("POST", "/inject", &chat).0 == 200).then_some(()));
}

fn reads(feed: &Feed, number: usize) -> Vec<String> {
    let number = number.to_string();
    feed.until(|event| event["data"]["comment"] == number.as_str())
}

fn stream(event: &str) -> String {
    after(event).split(':').next().unwrap().to_owned()
}

/// Shuts nodes down together.
fn shut_down(nodes: Vec<Node>) {
    nodes.iter().for_each(|node| node.process.signal("TERM"));
    for node in nodes {
        assert_eq!(node.process.wait().0, Some(0));
    }
}

#[test]
fn numbers_that_were_acknowledged_are_not_used_again() {
    let mut nats = Nats::start();
    let nodes = [Node::start(&nats), Node::start(&nats)];
    (1..=5).for_each(|number| chat(&nodes[0], number));
    let copy = nats.copy_storage();
    nats.restart();
    let feed = nodes[1].feed("0");
    reads(&feed, 5);
    (6..=10).for_each(|number| chat(&nodes[1], number));
    let known = reads(&feed, 10).pop().unwrap();
    // Power cut.
    drop(nodes);
    nats.put_back(copy);
    nats.restart();
    let nodes = [Node::start(&nats), Node::start(&nats)];
    chat(&nodes[0], 11);
    for node in &nodes {
        let log = reads(&node.feed("0"), 11);
        assert_ne!(stream(log.last().unwrap()), stream(&known));
        let (status, answer) = node.request("GET", &format!("/events?since={}", after(&known)), &Value::Null);
        assert_eq!((status, &answer["error"]["code"]), (410, &json!("unknown_position")), "{answer}");
    }
}

#[test]
fn a_node_that_lives_knows_that_the_storage_went_back() {
    let mut nats = Nats::start();
    let nodes = [Node::start(&nats), Node::start(&nats)];
    let feed = nodes[1].feed("0");
    (1..=5).for_each(|number| chat(&nodes[0], number));
    reads(&feed, 5);
    let copy = nats.copy_storage();
    nats.restart();
    (6..=10).for_each(|number| chat(&nodes[1], number));
    let known = reads(&feed, 10).pop().unwrap();
    nats.put_back(copy);
    nats.restart();
    // Its readers are disconnected.
    while feed.next().is_some() {}
    chat(&nodes[0], 11);
    let logs = [&nodes[0], &nodes[1]].map(|node| reads(&node.feed("0"), 11).pop().unwrap());
    assert_eq!(logs[0], logs[1]);
    assert_ne!(stream(&logs[0]), stream(&known));
}

/// Plays a part of the demo, then pauses. Returns it.
fn play(node: &Node) -> Vec<String> {
    let feed = node.feed("0");
    node.post("/replay/load", &json!({ "recording": "demo" }));
    node.post("/replay/speed", &json!({ "speed": 40 }));
    let mut log = feed.until(|event| event["seq"] == 50);
    node.post("/replay/pause", &Value::Null);
    let last = node.post("/inject", &json!({ "type": "chat", "user": "ann", "comment": "pause" }));
    log.extend(feed.until(|event| event["seq"] == last["seqs"][0]));
    log
}

fn play_on(node: &Node, since: &str) -> Vec<String> {
    // Until the channel has an owner, orders are refused with 503.
    let order = |path, body| polled(|| (node.request("POST", path, &body).0 == 200).then_some(()));
    order("/replay/speed", json!({ "speed": "max" }));
    let feed = node.feed(since);
    order("/replay/play", Value::Null);
    feed.to_end()
}

fn of_demo(log: &[String]) -> Vec<Value> {
    contents(log.iter().filter(|line| !line.contains(r#""injected":true"#)))
}

#[test]
fn a_replay_goes_on_in_the_same_stream_after_everything_was_stopped_properly() {
    let nats = Nats::start();
    let nodes = Node::three(&nats);
    let mut log = play(&nodes[0]);
    shut_down(nodes);
    let nodes = [Node::start(&nats), Node::start(&nats)];
    log.extend(play_on(&nodes[1], &after(log.last().unwrap())));
    assert_same(&of_demo(&log), &demo());
    assert!(numbers(&log).is_sorted_by(|a, b| a < b));
    assert!(log.iter().all(|line| stream(line) == stream(&log[0])));
}

#[test]
fn a_replay_goes_on_after_a_purge_and_a_proper_stop() {
    let nats = Nats::start();
    let node = Node::start(&nats);
    let mut log = play(&node);
    purge(&nats, &Value::Null);
    shut_down(vec![node]);
    log.extend(play_on(&Node::start(&nats), &after(log.last().unwrap())));
    assert_same(&of_demo(&log), &demo());
}

#[test]
fn a_replay_goes_on_in_another_stream_after_everything_was_killed() {
    let nats = Nats::start();
    let nodes = Node::three(&nats);
    let mut log = play(&nodes[0]);
    drop(nodes);
    let nodes = [Node::start(&nats), Node::start(&nats)];
    nodes[0].process.until("continues in another stream");
    let rest = play_on(&nodes[1], "0");
    assert_eq!(numbers(&rest)[0], 1);
    assert_ne!(stream(&rest[0]), stream(&log[0]));
    log.extend(rest);
    assert_same(&of_demo(&log), &demo());
}

/// The backup of a cluster that was stopped properly, put back as documented.
#[test]
fn a_backup_that_is_put_back_begins_another_stream() {
    let mut nats = Nats::start();
    let mut nodes = vec![Node::start(&nats), Node::start(&nats)];
    let played = play(&nodes[0]);
    let owner = take_owner(&mut nodes);
    shut_down(nodes);
    shut_down(vec![owner]);
    let backup = nats.copy_storage();
    nats.restart();
    let nodes = [Node::start(&nats), Node::start(&nats)];
    let feed = nodes[1].feed(&after(played.last().unwrap()));
    chat(&nodes[1], 7);
    let lost = reads(&feed, 7).pop().unwrap();
    assert_eq!(stream(&lost), stream(&played[0]), "it was stopped properly");
    shut_down(Vec::from(nodes));
    nats.put_back(backup);
    nats.restart();
    // As `nats pub` does for each stream that `nats stream ls` names.
    let listed = nats.request("$JS.API.STREAM.NAMES", "");
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let names = listed["streams"].as_array().unwrap().iter().filter_map(Value::as_str);
    let logs: Vec<_> = names.filter_map(|name| name.strip_prefix("livetape-test_")).collect();
    assert_eq!(logs, ["main"]);
    logs.iter().for_each(|log| {
        nats.publish(&format!("livetape.test.feed.{}", log.replacen('_', ".", 1)), b"restored");
    });
    let nodes = [Node::start(&nats), Node::start(&nats)];
    for node in &nodes {
        let (status, answer) = node.request("GET", &format!("/events?since={}", after(&lost)), &Value::Null);
        assert_eq!((status, &answer["error"]["code"]), (410, &json!("unknown_position")), "{answer}");
    }
    // The replay goes on where it was when the copy was made.
    let mut log = played;
    log.extend(play_on(&nodes[0], "0"));
    assert_same(&of_demo(&log), &demo());
}
