//! Clients on `/ws` of several nodes: rooms, messages and presence.

use std::net::TcpStream;

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use crate::support::{Nats, Node, PATIENCE, polled};

pub(crate) struct Client(WebSocket<TcpStream>);

impl Client {
    pub(crate) fn open(node: &Node, name: &str) -> Self {
        let socket = TcpStream::connect(node.address()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let url = format!("ws://{}/ws?client_id={name}", node.address());
        let mut client = Self(tungstenite::client(url, socket).unwrap().0);
        client.until("welcome");
        client
    }

    fn say(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).unwrap();
    }

    /// Reads up to a message of this type.
    pub(crate) fn until(&mut self, kind: &str) -> Value {
        loop {
            let Message::Text(text) = self.0.read().unwrap() else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            assert_ne!(message["event"], "heartbeat", "no {kind} in time");
            if message["type"] == kind {
                return message;
            }
        }
    }

    pub(crate) fn until_heartbeat(&mut self) {
        while !self.0.read().unwrap().to_text().unwrap_or_default().contains(r#""event":"heartbeat""#) {}
    }

    fn join(&mut self, room: &str) {
        self.say(&json!({ "type": "join_room", "room_id": room }));
        self.until("room_joined");
    }
}

/// Waits until every node knows all.
fn know_each_other(nodes: &[Node]) {
    let knows =
        |node: &Node| node.status()["cluster"]["nodes"].as_array().is_some_and(|it| it.len() == nodes.len());
    nodes.iter().for_each(|node| polled(|| knows(node).then_some(())));
}

#[test]
fn clients_of_all_nodes_share_rooms_and_messages() {
    let nats = Nats::start();
    let nodes = Node::three(&nats);
    know_each_other(&nodes);
    let mut clients: Vec<_> =
        nodes.iter().zip(["ann", "ben", "cat"]).map(|(node, name)| Client::open(node, name)).collect();
    let sent = nodes[2].post("/broadcast", &json!({ "message": "to all" }));
    assert_eq!(sent, json!({ "recipients": 3 }));
    clients.iter_mut().for_each(|client| assert_eq!(client.until("broadcast")["message"], "to all"));
    clients[..2].iter_mut().for_each(|client| client.join("lounge"));
    for number in 0..50 {
        clients[0].say(&json!({ "type": "room_message", "room_id": "lounge", "message": number }));
    }
    for client in &mut clients[..2] {
        (0..50).for_each(|number| assert_eq!(client.until("room_message")["message"], number));
    }
    assert_eq!(nodes[2].request("GET", "/rooms/lounge", &Value::Null).1["connectionsCount"], 2);
    assert_eq!(nodes[1].request("GET", "/stats", &Value::Null).1["totalConnections"], 3);
    let told = nodes[2].post("/connections/ann/messages", &json!({ "message": "you" }));
    assert_eq!(
        (&told, &clients[0].until("broadcast")["message"]),
        (&json!({ "recipients": 1 }), &json!("you"))
    );
    // A room that was created over REST is known to a node that starts later.
    assert_eq!(nodes[0].request("POST", "/rooms", &json!({ "id": "kept", "name": "Kept" })).0, 201);
    let late = Node::start(&nats);
    polled(|| (late.text("/metrics").contains("\nlivetape_rooms 1\n")).then_some(()));
    // A node that stops takes its clients along.
    nodes[0].process.signal("TERM");
    polled(|| (late.request("GET", "/stats", &Value::Null).1["totalConnections"] == 2).then_some(()));
    let [_, ben, cat] = &mut clients[..] else { panic!() };
    cat.say(&json!({ "still": "here" }));
    assert_eq!(ben.until("broadcast")["message"], json!({ "still": "here" }));
}

#[test]
fn messages_of_strangers_are_refused_and_large_ones_arrive() {
    let nats = Nats::start();
    let nodes = [Node::start(&nats), Node::start(&nats)];
    know_each_other(&nodes);
    let mut ann = Client::open(&nodes[0], "ann");
    let mut ben = Client::open(&nodes[1], "ben");
    for (payload, code) in [
        (&b"garbage"[..], "cluster_message"),
        (b"LTws\x02\0\0\x01a{}", "cluster_version"),
        (b"LTws\x01\0\0\x01agarbage", "cluster_message"),
    ] {
        nats.publish("livetape.test.ws.tell", payload);
        nodes.iter().for_each(|node| drop(node.process.until(&format!("code=\"{code}\""))));
    }
    ann.join("a");
    ben.join("a");
    let said =
        |length: usize| json!({ "type": "room_message", "room_id": "a", "message": "x".repeat(length) });
    ann.say(&said(15 << 10));
    assert_eq!(ben.until("room_message")["message"].as_str().unwrap().len(), 15 << 10);
}

#[test]
fn clients_of_a_node_without_nats_share_again_when_it_returns() {
    let mut nats = Nats::start();
    let nodes = [Node::start(&nats), Node::start(&nats)];
    know_each_other(&nodes);
    let (mut ann, mut ben) = (Client::open(&nodes[0], "ann"), Client::open(&nodes[1], "ben"));
    nats.kill();
    polled(|| (nodes[0].status()["cluster"]["reachable"] == false).then_some(()));
    let (status, answer) = nodes[0].request("POST", "/broadcast", &json!({ "message": "lost" }));
    assert_eq!((status, &answer["error"]["code"]), (503, &json!("cluster_unreachable")));
    ann.say(&json!({ "lost": true }));
    ann.until("echo");
    nats.restart();
    nodes.iter().for_each(|node| polled(|| (node.status()["cluster"]["reachable"] == true).then_some(())));
    know_each_other(&nodes);
    ann.say(&json!({ "lost": false }));
    assert_eq!(ben.until("broadcast")["message"], json!({ "lost": false }), "nothing is sent late");
}
