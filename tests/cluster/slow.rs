//! NATS is slow, or a node stands still at the worst moment.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use serde_json::json;

use crate::{
    proxy::{self, To},
    support::{LEASE, Nats, Node, assert_same, contents, demo, node, numbers, take_owner},
};

/// Additional time of each chunk, in each direction.
const DELAY: Duration = Duration::from_millis(2);
/// Time of each byte: 1 MB/s, so that the largest piece would take half of a lease.
const BYTE_TIME: Duration = Duration::from_micros(1);

/// The stopped node must not lose the lease while it starts, even on a busy machine.
const LONGER_LEASE: &str = "2s";

#[expect(clippy::disallowed_methods, reason = "a slow network is a delay")]
fn delay(_: To, bytes: &[u8]) -> bool {
    std::thread::sleep(DELAY + BYTE_TIME * u32::try_from(bytes.len()).unwrap());
    true
}

#[test]
fn a_slow_nats_delays_events_and_loses_none() {
    let nats = Nats::start();
    let nodes: Vec<_> = (0..3)
        .map(|_| {
            let slow = proxy::start(&nats.address, delay);
            Node::with(&mut node(&nats.url_of(&slow), LEASE))
        })
        .collect();
    let feeds: Vec<_> = nodes.iter().map(|node| node.feed("0")).collect();
    nodes[0].post("/replay/load", &json!({ "recording": "demo" }));
    nodes[1].post("/replay/speed", &json!({ "speed": "max" }));
    let logs: Vec<_> = feeds.iter().map(|feed| feed.to_end()).collect();
    assert_same(&contents(&logs[0]), &demo());
    assert!(numbers(&logs[0]).is_sorted_by(|a, b| a < b));
    assert!(logs[1] == logs[0] && logs[2] == logs[0]);
}

/// The node holds the lease and has read the log to its end, but it wakes up only after another has
/// continued.
#[test]
fn a_node_that_stands_still_before_its_first_message_publishes_nothing() {
    let nats = Nats::start();
    let mut nodes = vec![Node::with(&mut node(&nats.url(), LONGER_LEASE))];
    nodes[0].post("/replay/load", &json!({ "recording": "demo" }));
    nodes[0].post("/replay/speed", &json!({ "speed": 40 }));
    let (reached, has_reached) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let is_armed = Arc::new(AtomicBool::new(false));
    let gate = Gate { reached: Some(reached), may_go_on, is_armed: Arc::clone(&is_armed), has_lease: false };
    let gate = Mutex::new(gate);
    let gated = proxy::start(&nats.address, move |to, bytes| {
        gate.lock().unwrap().wait(to, bytes);
        true
    });
    // The first node owns the channel, so this one asks for the lease in vain.
    let stopped = Node::with(&mut node(&nats.url_of(&gated), LONGER_LEASE));
    let of_stopped = stopped.feed("0");
    let before = of_stopped.until(|event| event["seq"] == 50);
    let owner = take_owner(&mut nodes);
    is_armed.store(true, Ordering::Relaxed);
    drop(owner);
    has_reached.recv().unwrap();
    stopped.process.signal("STOP");
    go_on.send(()).unwrap();
    let next = Node::with(&mut node(&nats.url(), LONGER_LEASE));
    next.process.until("This node owns the channel");
    let feed = next.feed("0");
    let mut log = feed.until(|event| event["seq"] == 50);
    stopped.process.signal("CONT");
    stopped.process.until("lost the channel");
    next.post("/replay/speed", &json!({ "speed": "max" }));
    log.extend(feed.to_end());
    // The only witness stood still, so this is another stream, in which the replay goes on. Readers of the
    // last one are disconnected.
    let mut last: Vec<_> = before.into_iter().chain(std::iter::from_fn(|| of_stopped.next())).collect();
    let mut again = stopped.feed("0").to_end();
    // Nodes may have told that nobody owns the channel.
    let logs = [&mut last, &mut log, &mut again];
    logs.into_iter().for_each(|it| it.retain(|event| event.contains(r#""seq":"#)));
    let (demo, last, rest) = (demo(), contents(&last), contents(&log));
    assert!(last.len() + rest.len() <= demo.len());
    assert_same(&last, &demo[..last.len()]);
    assert_same(&rest, &demo[demo.len() - rest.len()..]);
    assert_same(&again, &log);
}

/// Holds the answer with the end of the log, once the node has the lease.
struct Gate {
    reached: Option<mpsc::Sender<()>>,
    may_go_on: mpsc::Receiver<()>,
    /// Whether the owner is about to be killed.
    is_armed: Arc<AtomicBool>,
    has_lease: bool,
}

impl Gate {
    fn wait(&mut self, to: To, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        if to == To::Client && self.is_armed.load(Ordering::Relaxed) {
            // An acknowledgement without an error.
            self.has_lease |= text.contains(r#"{"stream":"KV_livetape-test""#);
            if self.has_lease
                && text.contains(r#""name":"livetape-test_main""#)
                && let Some(reached) = self.reached.take()
            {
                reached.send(()).unwrap();
                self.may_go_on.recv().unwrap();
            }
        }
    }
}
