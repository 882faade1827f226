//! The files in `examples/cluster`: their commands, without containers, and clients behind the load balancer.

use std::{
    net::TcpListener,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::io::{FdFlags, fcntl_setfd};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    proxy,
    support::{
        CLUSTER, LEASE, Nats, Node, Process, after, assert_same, contents, demo, livetape, node, numbers,
        polled,
    },
};

/// Number of events before a node is removed.
const EVENTS: usize = 100;
/// Number of requests that would reach each of the nodes.
const REQUESTS: usize = 9;
const COMPOSE: &str = include_str!("../../examples/cluster/compose.yaml");
const HAPROXY: &str = include_str!("../../examples/cluster/haproxy.cfg");

/// Reads YAML with PyYAML, as compose files have anchors.
fn compose() -> Value {
    let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.argv[1])))";
    let output = Command::new("/usr/bin/python3").args(["-c", script, COMPOSE]).output().unwrap();
    assert!(output.status.success(), "`cargo xtask nightly cluster` installs PyYAML: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Returns the command of a service, with these replacements.
fn command(compose: &Value, service: &str, replaced: &[(&str, &str)]) -> Vec<String> {
    let args = compose["services"][service]["command"].as_array().unwrap();
    let replace =
        |text: &str| replaced.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    args.iter().map(|arg| replace(arg.as_str().unwrap())).collect()
}

/// Starts the load balancer in front of these nodes.
fn balance(compose: &Value, nodes: &[Node]) -> (Node, TempDir) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // It inherits the socket, so that no port has to be chosen.
    fcntl_setfd(&listener, FdFlags::empty()).unwrap();
    let socket = format!("bind fd@{}", std::os::fd::AsRawFd::as_raw_fd(&listener));
    let mut config = HAPROXY.replace("bind :3000", &socket);
    for (name, node) in ["one", "two", "three"].into_iter().zip(nodes) {
        config = config.replace(&format!("{name}:3000"), node.address());
    }
    assert!(!config.contains(":3000"), "{config}");
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("haproxy.cfg");
    std::fs::write(&path, config).unwrap();
    let mut args = command(compose, "balancer", &[("/etc/livetape/haproxy.cfg", path.to_str().unwrap())]);
    let checked = Command::new(args.remove(0)).args(&args).arg("-c").output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    let process = Process::start(Command::new("haproxy").args(&args).arg("-db"));
    (Node::behind(process, address), folder)
}

#[test]
fn clients_of_a_load_balancer_continue_at_another_node() {
    let compose = compose();
    let nats = Nats::with(&["--jetstream"]);
    let mut nodes: Vec<_> = ["one", "two", "three"]
        .iter()
        .map(|name| {
            let args = command(&compose, name, &[("nats://nats:4222", &nats.url()), ("show", CLUSTER)]);
            let mut command = livetape(&as_strs(&args));
            Node::with(
                command.args(["--port", "0", "--log-level", "info"]).env("LIVETAPE_CLUSTER_LEASE", LEASE),
            )
        })
        .collect();
    let (balancer, _folder) = balance(&compose, &nodes);
    balancer.post("/replay/load", &json!({ "recording": "demo" }));
    balancer.post("/replay/speed", &json!({ "speed": 40 }));
    // More readers than nodes: `leastconn` gives each node at least one.
    let feeds: Vec<_> = nodes.iter().map(|_| balancer.feed("0")).collect();
    let logs: Vec<Vec<_>> =
        feeds.iter().map(|feed| (0..EVENTS).map(|_| feed.next().unwrap()).collect()).collect();
    drop(nodes.remove(0));
    // Orders reach the other nodes, whichever owns the channel: until one does, they are refused with 503.
    let order = || balancer.request("POST", "/replay/speed", &json!({ "speed": "max" })).0;
    let status = polled(|| Some(order()).filter(|status| *status != 503));
    assert_eq!(status, 200);
    for (mut log, feed) in logs.into_iter().zip(feeds) {
        let mut feed = Some(feed);
        while !log.last().unwrap().contains(r#""type":"disconnected""#) {
            let next = feed.take().unwrap_or_else(|| balancer.feed(&after(log.last().unwrap())));
            if let Some(line) = next.next() {
                log.push(line);
                feed = Some(next);
            }
        }
        assert!(numbers(&log).is_sorted_by(|a, b| a < b));
        assert_same(&contents(&log), &demo());
    }
}

#[test]
fn a_load_balancer_avoids_a_node_without_nats() {
    let (compose, nats) = (compose(), Nats::with(&["--jetstream"]));
    let cut = Arc::new(AtomicBool::new(false));
    let is_cut = Arc::clone(&cut);
    let proxied = proxy::start(&nats.address, move |_, _| !is_cut.load(Ordering::Relaxed));
    let mut nodes = vec![Node::start(&nats), Node::start(&nats)];
    nodes.push(Node::with(&mut node(&nats.url_of(&proxied), LEASE)));
    let (balancer, _folder) = balance(&compose, &nodes);
    let asked = || {
        let name = balancer.status()["cluster"]["node"].clone();
        nodes.iter().position(|node| name == *node.name)
    };
    polled(|| (asked() == Some(2)).then_some(()));
    let reader = nodes[2].feed("0");
    cut.store(true, Ordering::Relaxed);
    polled(|| (0..REQUESTS).all(|_| matches!(asked(), Some(0 | 1))).then_some(()));
    // Its clients stay connected.
    reader.until(|event| event["data"]["code"] == "cluster_unreachable");
    cut.store(false, Ordering::Relaxed);
    polled(|| (asked() == Some(2)).then_some(()));
    balancer.post("/replay/load", &json!({ "recording": "demo" }));
    reader.until(|event| event["type"] == "connection_created");
}

fn as_strs(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}
