//! NATS is killed and started again, alone or as a cluster of three servers, of which `faults` restarts one after the other.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    time::Duration,
};

use livetape_io::clock;
use serde_json::{Value, json};

use crate::{
    logins::{documented_permissions, users},
    schema::Schema,
    support::{
        CLUSTER, LEASE, Nats, Node, Process, after, assert_same, contents, demo, livetape, node, numbers,
        own_address, polled,
    },
    upstream::{Show, is_chat},
};

pub(crate) fn is_outage(event: &Value) -> bool {
    event["data"]["code"] == "cluster_unreachable"
}

#[test]
fn readers_continue_without_a_gap_when_nats_returns() {
    let mut nats = Nats::start();
    let nodes = Node::three(&nats);
    let schema = nodes[0].request("GET", "/schema/events.json", &Value::Null).1;
    let schema = Schema::new(&schema);
    let feeds: Vec<_> = nodes.iter().map(|node| node.feed("0")).collect();
    nodes[0].post("/replay/load", &json!({ "recording": "demo" }));
    nodes[1].post("/replay/speed", &json!({ "speed": 40 }));
    let mut logs: Vec<_> = feeds.iter().map(|feed| feed.until(|event| event["seq"] == 100)).collect();
    nats.kill();
    for (log, feed) in logs.iter_mut().zip(&feeds) {
        log.extend(feed.until(is_outage));
        let told: Value = serde_json::from_str(&log.pop().unwrap()).unwrap();
        schema.check(&told).unwrap();
        assert_eq!((&told["data"]["retrying"], &told["seq"]), (&json!(true), &Value::Null));
    }
    // Orders and new readers learn it, too.
    assert_eq!(nodes[2].status()["cluster"]["reachable"], false);
    let (status, answer) = nodes[2].request("GET", "/ready", &Value::Null);
    assert_eq!((status, &answer["error"]["code"]), (503, &json!("cluster_unreachable")));
    assert_eq!(nodes[2].request("GET", "/health", &Value::Null).0, 200);
    let late = nodes[2].feed("0");
    assert_eq!((late.until(is_outage).len(), late.until(|event| event["seq"] == 100).len()), (1, 100));
    let (status, answer) = nodes[2].request("POST", "/replay/pause", &Value::Null);
    assert_eq!((status, &answer["error"]["code"]), (503, &json!("cluster_unreachable")));
    nats.restart();
    logs[0].extend(feeds[0].until(|event| event["seq"] == 200));
    polled(|| (nodes[2].request("GET", "/ready", &Value::Null).0 == 200).then_some(()));
    nodes[0].post("/replay/speed", &json!({ "speed": "max" }));
    logs.iter_mut().zip(&feeds).for_each(|(log, feed)| log.extend(feed.to_end()));
    assert_same(&contents(&logs[0]), &demo());
    assert!(numbers(&logs[0]).is_sorted_by(|a, b| a < b));
    assert!(logs[1] == logs[0] && logs[2] == logs[0]);
}

#[test]
fn the_log_shows_outages_and_owners_by_default() {
    let mut nats = Nats::start();
    let mut command = livetape(&["serve", "--nats", &nats.url(), "--cluster", CLUSTER, "--port", "0"]);
    let node = Node::with(command.env("LIVETAPE_CLUSTER_LEASE", LEASE));
    let owns = |count| {
        let line = format!("\nlivetape_cluster_leases{{channel=\"main\"}} {count}\n");
        polled(|| node.text("/metrics").contains(&line).then_some(()));
    };
    owns(1);
    nats.kill();
    // Longer than many attempts to connect.
    owns(0);
    nats.restart();
    owns(1);
    node.process.signal("TERM");
    let (exit, output) = node.process.wait();
    assert_eq!(exit, Some(0), "{output}");
    let (_, after) = output.split_once("The connection to NATS is lost").unwrap();
    // The display, whose times are in brackets, also shows the error that readers get.
    let logged = after.lines().filter(|line| line.starts_with('2') && line.contains("NATS"));
    assert_eq!(logged.count(), 1, "{output}");
    assert!(output.lines().all(|line| line.starts_with("[2") || line.starts_with('2')), "{output}");
    for told in [
        "lost the channel",
        "Connected to NATS",
        "owns the channel",
        "has a new owner",
        "handed the channel over",
    ] {
        assert!(after.contains(told), "no {told:?} in {output}");
    }
}

#[test]
fn a_node_waits_for_nats_at_its_start() {
    let mut nats = Nats::start();
    nats.kill();
    let waiting = Process::start(&mut node(&nats.url(), LEASE));
    let told = waiting.until("Waiting for NATS, up to 60s");
    assert!(told.contains("nothing answers there") && told.contains("hint="), "{told}");
    let stopped = Process::start(&mut node(&nats.url(), LEASE));
    stopped.until("Waiting for NATS");
    stopped.signal("TERM");
    assert_eq!(stopped.wait().0, Some(143));
    nats.restart();
    waiting.until("Serving on ws://");
}

#[test]
fn an_event_that_is_not_stored_is_not_confirmed() {
    let nats = Nats::start();
    let node = Node::start(&nats);
    let chat = |comment: &str| json!({ "type": "chat", "user": "ann", "comment": comment });
    let (status, before) = node.request("POST", "/inject", &chat("before"));
    assert_eq!((status, &before["seqs"]), (200, &json!([1])));
    nats.signal("STOP");
    let (status, answer) = node.request("POST", "/inject", &chat("lost"));
    assert_eq!((status, &answer["error"]["code"]), (504, &json!("unconfirmed")), "{answer}");
    nats.signal("CONT");
}

#[test]
fn a_position_is_unknown_only_to_a_node_that_can_read_the_log() {
    let nats = Nats::start();
    let node = Node::start(&nats);
    node.post("/inject", &json!({ "type": "chat", "user": "ann", "comment": "first" }));
    let next = after(&node.feed("0").next().unwrap()).replace(":1", ":2");
    // Another node may have sent them to a client.
    for position in [&*next, "another:1"] {
        let ask = || node.request("GET", &format!("/events?since={position}"), &Value::Null);
        nats.signal("STOP");
        let (status, answer) = ask();
        assert_eq!((status, &answer["error"]["code"]), (503, &json!("cluster_unreachable")), "{answer}");
        nats.signal("CONT");
        let answer = polled(|| Some(ask()).filter(|(status, _)| *status != 503));
        assert_eq!((answer.0, &answer.1["error"]["code"]), (410, &json!("unknown_position")));
    }
}

/// Long enough that a node does not notice within a test that NATS stands still.
const LONG_LEASE: &str = "30s";
/// Maximum time of a shutdown without NATS.
const SHUTDOWN: Duration = Duration::from_secs(8);

#[test]
fn a_room_that_cannot_be_opened_delays_nothing_else() {
    let mut show = Show::start(|it| it, "9");
    let nodes = [show.node_with(LONG_LEASE), show.node_with(LONG_LEASE)];
    show.nats.signal("STOP");
    // The second client waits for the same opening.
    let rooms: Vec<_> = nodes.iter().flat_map(|node| [node.room("t-ann"), node.room("t-ann")]).collect();
    for node in &nodes {
        node.room("play/demo").until(is_chat);
    }
    let [first, second] = nodes;
    first.process.signal("TERM");
    let (exit, output) = first.process.wait_at_most(SHUTDOWN);
    assert_eq!(exit, Some(0), "{output}");
    // Connections break, and nobody waits for the lease.
    show.nats.kill();
    rooms[2..].iter().for_each(|room| drop(room.until(is_outage_of_room)));
    let late = second.room("t-ben").until(is_outage_of_room);
    assert_eq!(late.len(), 1);
}

/// Whether an event says that a room cannot be opened.
pub(crate) fn is_outage_of_room(event: &Value) -> bool {
    event["data"]["code"] == "cluster_unreachable"
}

/// Number of servers, and of copies of each message.
const SERVERS: usize = 3;
/// The streams of the main channel and of the leases.
const STREAMS: [&str; 2] = ["livetape-test_main", "KV_livetape-test"];
/// So that a node notices sooner that JetStream does not answer.
const SHORTER_LEASE: &str = "2s";
/// Maximum time for an answer of a stream.
const ANSWER_TIME: Duration = Duration::from_secs(1);

pub(crate) fn start() -> Vec<Nats> {
    // Servers must know each other's addresses before they start.
    let addresses: Vec<_> = (0..SERVERS).map(|_| own_address()).collect();
    let server = |(at, address): (usize, &SocketAddr)| {
        let others = addresses.iter().filter(|it| *it != address);
        let routes: Vec<_> = others.map(|address| format!("nats-route://{address}")).collect();
        let cluster = json!({ "name": "servers", "listen": address, "routes": routes });
        let permissions = users(&documented_permissions(CLUSTER));
        let config = format!("server_name: server-{at}\ncluster: {cluster}\n{permissions}");
        Nats::configured(&["--jetstream"], &config)
    };
    let servers: Vec<_> = addresses.iter().enumerate().map(server).collect();
    for server in &servers {
        server.process.as_ref().unwrap().until("metadata leader");
    }
    servers
}

/// Returns which server leads the stream of the main channel, once all copies of it and of the leases are up
/// to date. Asks a server that did not just start.
pub(crate) fn leader(asked: &Nats) -> usize {
    let begun = clock::now();
    STREAMS.map(|stream| {
        polled(|| {
            let info = info(asked, stream)?;
            let copies = info["cluster"]["replicas"].as_array()?;
            // A server that was killed counts as current until it is heard of again.
            let since = u64::try_from((clock::now() - begun).as_nanos()).unwrap();
            let is_current = |copy: &Value| {
                copy["current"] == true && copy["active"].as_u64().is_some_and(|it| it < since)
            };
            let is_current = copies.len() == SERVERS - 1 && copies.iter().all(is_current);
            let leader = info["cluster"]["leader"].as_str()?.strip_prefix("server-")?;
            is_current.then(|| leader.parse().unwrap())
        })
    })[0]
}

/// Returns what a server tells about a stream; `None` while it has no leader.
fn info(asked: &Nats, stream: &str) -> Option<Value> {
    ask(asked, &format!("STREAM.INFO.{stream}"))
}

/// Sends a request to the API of JetStream, which may not answer.
pub(crate) fn ask(asked: &Nats, what: &str) -> Option<Value> {
    let mut socket = asked.stranger();
    socket.set_read_timeout(Some(ANSWER_TIME)).unwrap();
    let request = format!("SUB _INBOX.test 1\r\nPUB $JS.API.{what} _INBOX.test 0\r\n\r\n");
    socket.write_all(request.as_bytes()).unwrap();
    let mut lines = BufReader::new(socket).lines().map_while(Result::ok);
    lines.find(|line| line.starts_with("MSG "))?;
    serde_json::from_str(&lines.next()?).ok()
}

/// Sends an order until it is executed. While the servers elect a leader, it may fail or be unconfirmed.
fn insist(node: &Node, path: &str, body: &Value) {
    polled(|| (node.request("POST", path, body).0 == 200).then_some(()));
}

#[test]
fn without_a_majority_of_servers_readers_and_orders_learn_it() {
    let mut servers = start();
    let node = Node::with(node(&servers[0].url(), SHORTER_LEASE).env("LIVETAPE_CLUSTER_REPLICAS", "3"));
    let feed = node.feed("0");
    node.post("/replay/load", &json!({ "recording": "demo" }));
    leader(&servers[0]);
    servers[1..].iter_mut().for_each(Nats::kill);
    let is_silent =
        |event: &Value| event["data"]["message"].as_str().is_some_and(|it| it.contains("does not answer"));
    // The last server may still lead the bucket of leases for a while, and refuses them.
    let is_unowned = |event: &Value| event["data"]["code"] == "cluster_unowned";
    let is_told = |event: &Value| is_outage(event) && is_silent(event) || is_unowned(event);
    let mut log = feed.until(is_told);
    let (status, answer) = node.request("POST", "/replay/pause", &Value::Null);
    let code = &answer["error"]["code"];
    assert!(status == 503 && (code == "cluster_unreachable" || code == "cluster_unowned"), "{answer}");
    let why = node.status()["cluster"].clone();
    assert!(why["refused"] == "JetStream does not answer" || why["unowned"].is_string(), "{why}");
    servers[1].restart();
    insist(&node, "/replay/speed", &json!({ "speed": "max" }));
    log.extend(feed.to_end());
    log.retain(|event| event.contains(r#""seq":"#));
    assert_same(&contents(&log), &demo());
}
