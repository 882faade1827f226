//! A cluster of three NATS servers. `faults` restarts one after the other.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    time::Duration,
};

use livetape_io::clock;
use serde_json::{Value, json};

use crate::{
    logins::{documented_permissions, users},
    outage::is_outage,
    support::{CLUSTER, Nats, Node, assert_same, contents, demo, node, own_address, polled},
};

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
