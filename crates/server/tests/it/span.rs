//! Servers that share rooms and messages of their clients, connected in memory.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_util::SinkExt as _;
use livetape_core::error::{Code, Problem};
use livetape_feed::{
    control::{Incoming, Outgoing, PeerLink, Peers, Question},
    hub::Limits,
};
use livetape_server::{Config, lobby};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Rig, Socket, read, wait};

/// Servers, and whether they reach each other.
struct Cluster {
    rigs: Vec<Rig>,
    is_connected: Arc<AtomicBool>,
}

impl Cluster {
    fn start(count: usize) -> Self {
        let (peers, links): (Vec<Peers>, Vec<PeerLink>) = (0..count).map(|_| Peers::linked()).unzip();
        let is_connected = Arc::new(AtomicBool::new(true));
        let (mut senders, mut receivers) = (Vec::new(), Vec::new());
        for link in links {
            let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
            senders.push(sender);
            receivers.push((link, receiver));
        }
        let senders = Arc::new(senders);
        for (at, (mut link, mut receiver)) in receivers.into_iter().enumerate() {
            let (senders, connected) = (Arc::clone(&senders), Arc::clone(&is_connected));
            tokio::spawn(async move {
                loop {
                    tokio::select! { biased;
                        Some(message) = receiver.recv() => link.pass(message),
                        Some(message) = link.next() => {
                            let others = senders.iter().enumerate().filter(|(other, _)| *other != at);
                            let from: Arc<str> = at.to_string().into();
                            if !connected.load(Ordering::Relaxed) {
                                if let Outgoing::Ask(Question { answers, .. }) = message {
                                    let problem = Problem::new(Code::ClusterUnreachable, "cut");
                                    drop(answers.send(Err(problem)));
                                }
                                continue;
                            }
                            match message {
                                Outgoing::Tell(bytes) => others.for_each(|(_, other)| {
                                    let _ = other.send(Incoming { from: from.clone(), bytes: bytes.clone(), answer: None });
                                }),
                                Outgoing::Ask(Question { bytes, answers, .. }) => {
                                    let asked: Vec<_> = others.map(|(_, other)| {
                                        let (answer, answered) = oneshot::channel();
                                        let _ = other.send(Incoming { from: from.clone(), bytes: bytes.clone(), answer: Some(answer) });
                                        answered
                                    }).collect();
                                    tokio::spawn(async move {
                                        let mut all = Vec::new();
                                        for answered in asked {
                                            all.extend(answered.await);
                                        }
                                        drop(answers.send(Ok(all)));
                                    });
                                }
                            }
                        }
                        else => return,
                    }
                }
            });
        }
        let rig = |peers| Rig::with(Limits::default(), Config { peers: Some(peers), ..Config::default() });
        let rigs: Vec<_> = peers.into_iter().map(rig).collect();
        Self { rigs, is_connected }
    }

    async fn get(&self, server: usize, target: &str) -> Value {
        self.rigs[server].http("GET", target, "").await.json()
    }

    async fn post(&self, server: usize, target: &str, body: Value) -> Value {
        self.rigs[server].http("POST", target, &body.to_string()).await.json()
    }

    /// Opens a socket on `/ws` and reads the welcome.
    async fn open(&self, server: usize, name: &str) -> Socket {
        let mut socket = self.rigs[server].ws(&format!("ws?client_id={name}")).await;
        next(&mut socket, "welcome").await;
        socket
    }
}

/// Reads up to a message of this type.
async fn next(socket: &mut Socket, kind: &str) -> Value {
    loop {
        let message: Value = serde_json::from_str(&read(socket, 1).await[0]).unwrap();
        if message["type"] == kind {
            return message;
        }
    }
}

async fn say(socket: &mut Socket, message: Value) {
    socket.send(Message::text(message.to_string())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rest_reaches_clients_of_all_servers() {
    let cluster = Cluster::start(3);
    let (mut ann, mut ben) = (cluster.open(0, "ann").await, cluster.open(1, "ben").await);
    let put = cluster.rigs[0].http("PUT", "/connections/ben/metadata", r#"{"team":"red"}"#).await;
    assert_eq!(put.json()["metadata"], json!({ "team": "red" }));
    for server in 0..3 {
        let sent = cluster.post(server, "/broadcast", json!({ "message": server })).await;
        assert_eq!(sent, json!({ "recipients": 2 }), "from server {server}");
        assert_eq!(next(&mut ann, "broadcast").await["message"], server);
        assert_eq!(next(&mut ben, "broadcast").await["message"], server);
    }
    let sent = cluster.post(2, "/broadcast", json!({ "message": 1, "metadata": { "team": "red" } })).await;
    assert_eq!(sent, json!({ "recipients": 1 }));
    assert_eq!(next(&mut ben, "broadcast").await["message"], 1);
    let told = cluster.post(2, "/connections/ann/messages", json!({ "message": "you" })).await;
    assert_eq!(
        (&told, &next(&mut ann, "broadcast").await["message"]),
        (&json!({ "recipients": 1 }), &json!("you"))
    );
    assert_eq!(cluster.get(2, "/connections/ann").await["clientId"], "ann");
    let listed = cluster.get(2, "/connections").await["connections"].clone();
    assert_eq!(
        listed.as_array().unwrap().iter().map(|it| it["clientId"].clone()).collect::<Vec<_>>(),
        ["ann", "ben"]
    );
    let unknown = cluster.rigs[0].http("GET", "/connections/nobody", "").await;
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "not_found"));
    let closed = cluster.post(2, "/connections/ann/close", json!({ "code": 4000 })).await;
    assert_eq!(closed["clientId"], "ann");
    cluster.post(2, "/connections/close", json!({})).await;
    wait(std::time::Duration::from_secs(1)).await;
    assert_eq!(cluster.get(0, "/stats").await["totalConnections"], 0);
    assert_eq!(cluster.get(2, "/connections").await["left"].as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn rooms_are_the_same_at_all_servers() {
    let cluster = Cluster::start(2);
    let created = cluster.post(0, "/rooms", json!({ "id": "duo", "maxConnections": 2, "name": "Two" })).await;
    assert_eq!((&created["id"], &created["connectionsCount"]), (&json!("duo"), &json!(0)));
    let again = cluster.rigs[1].http("POST", "/rooms", r#"{"id":"duo"}"#).await;
    assert_eq!((again.status, again.code().as_str()), (409, "room_exists"));
    let mut sockets =
        [cluster.open(0, "ann").await, cluster.open(1, "ben").await, cluster.open(1, "cat").await];
    for (at, kind) in [(0, "room_joined"), (1, "room_joined"), (2, "room_join_error")] {
        say(&mut sockets[at], json!({ "type": "join_room", "room_id": "duo" })).await;
        next(&mut sockets[at], kind).await;
    }
    say(&mut sockets[0], json!({ "type": "room_message", "room_id": "duo", "message": "hi" })).await;
    assert_eq!(next(&mut sockets[1], "room_message").await["from"], "ann");
    for server in [0, 1] {
        let room = cluster.get(server, "/rooms/duo").await;
        assert_eq!((&room["name"], &room["connectionsCount"]), (&json!("Two"), &json!(2)));
        assert_eq!(cluster.get(server, "/rooms").await["rooms"].as_array().unwrap().len(), 1);
        let stats = cluster.get(server, "/stats").await;
        assert_eq!((&stats["totalConnections"], &stats["totalRooms"]), (&json!(3), &json!(1)));
        assert_eq!(stats["connectionsByRoom"], json!({ "duo": 2 }));
        let sent = cluster.post(server, "/rooms/duo/messages", json!({ "message": 1 })).await;
        assert_eq!(sent, json!({ "recipients": 2 }));
    }
    // A connection at one server, changed at the other.
    let left = cluster.rigs[0].http("DELETE", "/connections/ben/rooms/duo", "").await;
    assert_eq!((left.status, &left.json()["rooms"]), (200, &json!([])));
    let deleted = cluster.rigs[1].http("DELETE", "/rooms/duo", "").await;
    assert_eq!(deleted.status, 200);
    next(&mut sockets[0], "room_left").await;
    assert_eq!(cluster.rigs[0].http("GET", "/rooms/duo", "").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_reaches_no_other_says_so() {
    let cluster = Cluster::start(2);
    let mut ann = cluster.open(0, "ann").await;
    cluster.is_connected.store(false, Ordering::Relaxed);
    for (method, target, body) in [
        ("POST", "/broadcast", r#"{"message":1}"#),
        ("POST", "/rooms", r#"{"id":"a"}"#),
        ("POST", "/connections/nobody/messages", r#"{"message":1}"#),
        ("POST", "/connections/close", "{}"),
    ] {
        let answer = cluster.rigs[0].http(method, target, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "cluster_unreachable"), "{target}");
    }
    // Its own clients go on, and queries answer what it knows.
    assert_eq!(
        cluster.post(0, "/connections/ann/messages", json!({ "message": "here" })).await["recipients"],
        1
    );
    assert_eq!(next(&mut ann, "broadcast").await["message"], "here");
    assert_eq!(cluster.get(0, "/stats").await["totalConnections"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_command_does_no_harm() {
    let (peers, link) = Peers::linked();
    let rig = Rig::with(Limits::default(), Config { peers: Some(peers), ..Config::default() });
    let _ann = rig.ws("ws?client_id=ann").await;
    let mut answers = Vec::new();
    let nested = format!(
        r#"{{"broadcast":[{{"room":null,"metadata":{{}}}},{}{}]}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    for command in [
        "",
        "{}",
        "[]",
        "\"nothing\"",
        r#"{"dismiss":["ann",1005,""]}"#,
        r#"{"dismiss_all":[1000,"\u0000"]}"#,
        r#"{"adopt":{"id":"user:x","name":"","description":null,"maxConnections":0,"connectionsCount":1,"metadata":{},"createdAt":"no","readOnly":true}}"#,
        &nested,
    ] {
        let (answer, answered) = oneshot::channel();
        link.pass(Incoming { from: "x".into(), bytes: command.to_owned().into(), answer: Some(answer) });
        answers.push(answered.await.unwrap());
    }
    let refused = |text: &&bytes::Bytes| str::from_utf8(text).unwrap().contains(r#"{"Err":"#);
    assert_eq!(answers.iter().filter(refused).count(), 6, "{answers:?}");
    link.pass(Incoming { from: "x".into(), bytes: "garbage\n".into(), answer: None });
    assert_eq!(rig.http("GET", "/rooms", "").await.json()["rooms"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn rooms_beyond_the_limit_are_refused_at_all_servers() {
    let cluster = Cluster::start(2);
    let (most, mut created) = (lobby::Limits::default().rooms_max, 0);
    for number in 0..most + 200 {
        let body = json!({ "id": number.to_string() }).to_string();
        let answer = cluster.rigs[number % 2].http("POST", "/rooms", &body).await;
        if answer.status == 201 {
            created += 1;
        } else {
            assert_eq!((answer.status, answer.code().as_str()), (503, "capacity"));
        }
    }
    assert_eq!(created, most);
    for server in 0..2 {
        let listed = cluster.get(server, "/rooms").await;
        assert_eq!(listed["rooms"].as_array().unwrap().len(), created);
        let mut socket = cluster.open(server, &server.to_string()).await;
        for (room, kind) in [("new", "room_join_error"), ("7", "room_joined")] {
            say(&mut socket, json!({ "type": "join_room", "room_id": room })).await;
            next(&mut socket, kind).await;
        }
    }
}
