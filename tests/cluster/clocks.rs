//! A node whose clock is wrong. Debian's libfaketime shifts the wall clock of its process.

use std::{path::PathBuf, process::Command};

use serde_json::json;

use crate::support::{
    LEASE, Nats, Node, after, assert_same, contents, demo, livetape, node, numbers, take_owner,
};

/// Number of events before the owner is killed.
const EVENTS: usize = 100;

/// Lets a program see a wall clock that is an hour ahead or behind.
fn shifted<'a>(command: &'a mut Command, by: &str) -> &'a mut Command {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    let mut libraries: Box<dyn Iterator<Item = PathBuf>> =
        Box::new(folders.map(|folder| folder.unwrap().path().join("faketime/libfaketimeMT.so.1")));
    let library =
        libraries.find(|path| path.exists()).expect("`cargo xtask nightly cluster` installs libfaketime");
    command.env("LD_PRELOAD", library).env("FAKETIME", by).env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
}

#[test]
fn a_clock_that_is_an_hour_off_changes_nothing() {
    let nats = Nats::start();
    let mut nodes = vec![Node::with(shifted(&mut node(&nats.url(), LEASE), "+1h"))];
    nodes[0].post("/replay/load", &json!({ "recording": "demo" }));
    nodes[0].post("/replay/speed", &json!({ "speed": 40 }));
    nodes.push(Node::with(shifted(&mut node(&nats.url(), LEASE), "-1h")));
    nodes.push(Node::start(&nats));
    let feeds: Vec<_> = nodes[1..].iter().map(|node| node.feed("0")).collect();
    let mut log: Vec<_> = (0..EVENTS).map(|_| feeds[0].next().unwrap()).collect();
    drop(nodes.remove(0));
    log.push(feeds[0].next().unwrap());
    let owner = take_owner(&mut nodes);
    let position = after(log.last().unwrap());
    drop((owner, feeds));
    nodes.push(Node::with(shifted(&mut node(&nats.url(), LEASE), "+1h")));
    let feed = nodes[1].feed(&position);
    nodes[1].post("/replay/speed", &json!({ "speed": "max" }));
    log.extend(feed.to_end());
    assert!(numbers(&log).is_sorted_by(|a, b| a < b));
    assert_same(&contents(&log), &demo());
    assert_same(&nodes[0].feed("0").to_end(), &log);
}

#[test]
fn the_doctor_sees_a_wrong_clock() {
    let nats = Nats::start();
    for (by, told) in [("+1h", "3600 s ahead of"), ("-1h", "3600 s behind")] {
        let mut doctor = livetape(&["doctor", "--nats", &nats.url(), "--cluster", crate::support::CLUSTER]);
        let output = shifted(&mut doctor, by).output().unwrap();
        let problems = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && problems.contains(told), "{problems}");
    }
}
