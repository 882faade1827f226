//! A webhook that all nodes have.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::mpsc::{Receiver, channel},
};

use serde_json::{Value, json};

use crate::support::{LEASE, Nats, Node, PATIENCE, assert_same, contents, demo, node, polled, take_owner};

/// Number of events before the owner ends.
const EVENTS: usize = 60;

/// A webhook that accepts everything.
struct Hook {
    url: String,
    events: Receiver<String>,
}

impl Hook {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (sender, events) = channel();
        // One after the other, so that they are in order.
        std::thread::spawn(move || {
            listener.incoming().flatten().filter_map(accepted).try_for_each(|it| sender.send(it))
        });
        Self { url, events }
    }

    fn node(&self, nats: &Nats) -> Command {
        let mut command = node(&nats.url(), LEASE);
        command.env("LIVETAPE_WEBHOOK_URL", &self.url);
        command
    }

    #[track_caller]
    fn next(&self) -> String {
        self.events.recv_timeout(PATIENCE).expect("the webhook receives everything")
    }

    /// Receives all events up to one with this text.
    fn until(&self, text: &str) -> Vec<String> {
        let mut events = vec![self.next()];
        while !events[events.len() - 1].contains(text) {
            events.push(self.next());
        }
        events
    }
}

/// Answers a request, and returns its body; `None` if the client was killed before it was sent.
fn accepted(mut socket: TcpStream) -> Option<String> {
    let mut reader = BufReader::new(socket.try_clone().ok()?);
    let mut length = None;
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 2 {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = Some(value.trim().parse().ok()?);
        }
        line.clear();
    }
    let mut body = vec![0; length?];
    reader.read_exact(&mut body).ok()?;
    socket.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").ok()?;
    String::from_utf8(body).ok()
}

fn seq(event: &str) -> u64 {
    serde_json::from_str::<Value>(event).unwrap()["seq"].as_u64().unwrap()
}

#[test]
fn the_owner_posts_and_its_successor_goes_on_with_the_same_positions() {
    let (nats, hook) = (Nats::start(), Hook::start());
    let mut nodes: Vec<_> = (0..3).map(|_| Node::with(&mut hook.node(&nats))).collect();
    nodes[0].post("/replay/load", &json!({ "recording": "demo" }));
    nodes[0].post("/replay/speed", &json!({ "speed": 40 }));
    let mut log: Vec<_> = (0..EVENTS).map(|_| hook.next()).collect();
    drop(take_owner(&mut nodes));
    log.extend((0..EVENTS).map(|_| hook.next()));
    let owner = take_owner(&mut nodes);
    owner.process.signal("TERM");
    assert_eq!(owner.process.wait().0, Some(0), "the others deliver the rest");
    polled(|| (nodes[0].request("POST", "/replay/speed", &json!({ "speed": "max" })).0 == 200).then_some(()));
    log.extend(hook.until(r#""type":"disconnected""#));
    let back = log.windows(2).filter(|pair| seq(&pair[1]) <= seq(&pair[0])).count();
    assert!(back <= 2, "only a hand-over repeats events: {back}");
    log.sort_by_key(|event| seq(event));
    log.dedup();
    let mut wanted = demo();
    // Only sent if asked for.
    wanted.retain(|event| event["type"] != "unknown");
    assert_same(&contents(&log), &wanted);

    // After everything was stopped, too, it does not begin again.
    let last = nodes.remove(0);
    last.process.signal("TERM");
    assert_eq!(last.process.wait().0, Some(0));
    let node = Node::with(&mut hook.node(&nats));
    node.post("/inject", &json!({ "type": "chat", "user": "ann", "comment": "again" }));
    let again = hook.until("again");
    assert!(seq(&again[0]) > 1 && again.iter().map(|it| seq(it)).is_sorted(), "{again:?}");
}
