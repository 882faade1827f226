//! Nodes that lose NATS, or an answer of it, while they are connected to TikTok or about to be; and a channel that no node
//! owns, although NATS can be reached.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use livetape_core::pace::Speed;
use livetape_mock::State;
use serde_json::{Value, json};

use crate::{
    proxy::{self, To},
    support::{Feed, LEASE, Nats, Node, polled, take_owner},
    upstream::{Show, is_chat, open},
};

/// Long enough that a node does not notice within a test that NATS stands still.
const LONG_LEASE: &str = "30s";
/// Leases of these tests: their margin is shorter than a server may take to answer a close frame.
const LONGER_LEASE: &str = "2s";
/// An answer of NATS is late after a quarter of this, before a claim is given up.
const CLAIM_LEASE: &str = "1s";
/// Time of the mock at which its user goes offline. The demo is shorter.
const LATER: Duration = Duration::from_secs(300);
/// First byte of a close frame.
const CLOSE: u8 = 0x88;

/// Waits until nodes follow the owner: then they know what was stored last, so one of them continues the stream.
fn follow<'a>(owner: &Node, nodes: impl IntoIterator<Item = &'a Node>) {
    let feeds: Vec<_> = nodes.into_iter().map(|node| node.feed("0")).inspect(Feed::peek).collect();
    owner.post("/inject", &json!({ "type": "chat", "user": "ann", "comment": "last" }));
    for feed in feeds {
        feed.until(|event| event["data"]["comment"] == "last");
    }
}

#[test]
fn an_owner_without_nats_closes_its_socket_before_another_connects() {
    let show = Show::start(|it| it.speed(Speed::Times(20.into())), "9");
    // Close frames are lost, so nothing answers them: the mock sees only the end of the connection.
    let silent = proxy::start(&show.mock.address().unwrap().to_string(), |to, bytes| {
        to == To::Client || bytes[0] != CLOSE
    });
    let is_cut = Arc::new(AtomicBool::new(false));
    let cut = Arc::clone(&is_cut);
    let leading = proxy::start(&show.nats.address, move |_, _| !cut.load(Ordering::Relaxed));
    let upstream = format!("http://{silent}");
    let owner = show.node_of(&show.nats.url_of(&leading), &upstream, LONGER_LEASE);
    owner.post("/connect/ann", &Value::Null);
    owner.feed("0").until(is_chat);
    let next = show.node_of(&show.nats.url(), &upstream, LONGER_LEASE);
    follow(&owner, [&next]);
    let feed = next.feed("0");
    is_cut.store(true, Ordering::Relaxed);
    feed.until(|event| event["type"] == "connection_closed");
    feed.until(|event| event["type"] == "connection_created");
    feed.until(is_chat);
    assert_eq!(show.connections(), (2, 1));
    // Only the previous owner knows how many events it could not store.
    is_cut.store(false, Ordering::Relaxed);
    assert!(lost(&feed) > 0);
}

#[test]
fn readers_learn_losses_of_an_owner_once_also_after_a_kill() {
    let show = Show::start(|it| it.speed(Speed::Times(20.into())), "9");
    let is_cut = Arc::new(AtomicBool::new(false));
    let cut = Arc::clone(&is_cut);
    let leading = proxy::start(&show.nats.address, move |_, _| !cut.load(Ordering::Relaxed));
    let owner = show.node_of(&show.nats.url_of(&leading), &show.mock.url(), LONGER_LEASE);
    owner.post("/connect/ann", &Value::Null);
    owner.feed("0").until(is_chat);
    let mut others = vec![show.node_with(LONGER_LEASE), show.node_with(LONGER_LEASE)];
    follow(&owner, &others);
    is_cut.store(true, Ordering::Relaxed);
    drop(take_owner(&mut others));
    is_cut.store(false, Ordering::Relaxed);
    let feed = others[0].feed("0");
    let count = lost(&feed);
    assert!(count > 0);
    // The next owner does not repeat it.
    let mut nodes = vec![owner, others.remove(0)];
    drop(take_owner(&mut nodes));
    let log = nodes[0].feed("0");
    let told = log.until(|event| event["type"] == "error");
    let last: Value = serde_json::from_str(told.last().unwrap()).unwrap();
    assert_eq!(last["username"], "ann");
    let told = log.until(|event| event["type"] == "connection_created");
    assert!(!told.iter().any(|event| event.contains(r#""type":"error""#)));
}

/// Loses the first answer to a claim on a user.
#[derive(Default)]
struct Loser {
    /// Subject of the answer.
    inbox: Option<String>,
    has_lost: bool,
}

impl Loser {
    fn passes(&mut self, to: To, bytes: &[u8]) -> bool {
        let text = String::from_utf8_lossy(bytes);
        match &self.inbox {
            None if to == To::Server => {
                let publish = text.split_once("PUB $KV.livetape-test.user.ann ");
                self.inbox = publish.map(|(_, rest)| rest.split(' ').next().unwrap().to_owned());
                true
            }
            Some(inbox) if to == To::Client && !self.has_lost && text.contains(inbox) => {
                self.has_lost = true;
                false
            }
            _ => true,
        }
    }
}

#[test]
fn a_claim_whose_answer_was_lost_is_found_in_the_next_attempt() {
    let show = Show::start(|it| it, "9");
    let loser = Arc::new(Mutex::new(Loser::default()));
    let losing = Arc::clone(&loser);
    let nats = proxy::start(&show.nats.address, move |to, bytes| losing.lock().unwrap().passes(to, bytes));
    let node = show.node_of(&show.nats.url_of(&nats), &show.mock.url(), CLAIM_LEASE);
    let (status, answer) = node.request("POST", "/connect/ann", &Value::Null);
    assert_eq!(status, 200, "{answer}");
    assert!(loser.lock().unwrap().has_lost);
    node.feed("0").until(is_chat);
    assert_eq!(show.connections(), (1, 1));
}

/// Waits until readers learn the number of missing events, and returns it.
fn lost(feed: &Feed) -> u32 {
    let log = feed.until(|event| event["type"] == "error" && event["seq"].is_u64());
    let error: Value = serde_json::from_str(log.last().unwrap()).unwrap();
    assert_eq!(error["data"]["code"], "cluster_unreachable");
    let message = error["data"]["message"].as_str().unwrap();
    message.split(' ').nth(2).unwrap().parse().unwrap()
}

/// Shuts a node down while NATS stands still. Returns its exit code and output.
fn end_without_nats(show: &Show, node: Node) -> (Option<i32>, String) {
    let chats = |node: &Node| node.status()["counts"]["events"]["chat"].as_u64();
    show.nats.signal("STOP");
    let before = chats(&node);
    // This chat cannot be stored.
    polled(|| (chats(&node) > before).then_some(()));
    node.process.signal("TERM");
    let ended = node.process.wait();
    show.nats.signal("CONT");
    ended
}

#[test]
fn a_node_that_could_not_store_a_room_does_not_exit_with_success() {
    // With and without the time to notice that the lease ends.
    for lease in [LEASE, LONG_LEASE] {
        let show = Show::start(|it| it.speed(Speed::Times(20.into())), "9");
        let node = show.node_with(lease);
        node.post("/connect/ann", &Value::Null);
        node.feed("0").until(is_chat);
        let (exit, output) = end_without_nats(&show, node);
        assert_eq!(exit, Some(3), "{output}");
        assert!(output.contains("events of rooms could not be stored in the cluster"), "{output}");
    }
}

#[test]
fn a_replay_that_another_node_continues_loses_nothing() {
    let show = Show::start(|it| it, "9");
    let node = show.node_with(LONG_LEASE);
    node.post("/replay/load", &json!({ "recording": "demo" }));
    node.post("/replay/speed", &json!({ "speed": 20 }));
    node.feed("0").until(is_chat);
    let (exit, output) = end_without_nats(&show, node);
    assert_eq!(exit, Some(0), "{output}");
}

#[test]
fn a_room_that_ends_while_nats_is_gone_stays_ended() {
    // The last user is ben.
    let mut show = Show::start(|it| it.change(LATER, State::Offline), "9");
    let nodes = [(); 2].map(|()| show.node_of(&show.nats.url(), &show.mock.url(), LONGER_LEASE));
    let feeds = open(&nodes, "t-ben");
    let mut logs: Vec<_> = feeds.iter().map(|feed| feed.until(is_chat)).collect();
    show.nats.kill();
    show.mock.advance(LATER);
    nodes[0].process.until("lost the channel");
    show.nats.restart();
    for (log, feed) in logs.iter_mut().zip(&feeds) {
        log.extend(std::iter::from_fn(|| feed.next()).filter(|line| line.contains(r#""seq":"#)));
    }
    assert!(logs[0] == logs[1]);
    let end: Value = serde_json::from_str(logs[0].last().unwrap()).unwrap();
    assert_eq!((&end["type"], &end["data"]["reason"]), (&json!("disconnected"), &json!("stream_ended")));
    assert_eq!(show.connections(), (1, 1));
}

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
