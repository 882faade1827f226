//! A transcript of all messages, over real sockets. IDs and times are numbered by their first appearance.

use std::{collections::BTreeMap, fmt::Write as _, net::SocketAddr, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use livetape_feed::{
    control::{Control, Driver},
    hub::Hub,
};
use livetape_server::{Config, Limits};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use crate::support::{HttpResponse, Served, chat};

/// A server on real sockets, and the transcript.
struct Stage {
    hub: Hub,
    control: Control,
    driver: Driver,
    address: SocketAddr,
    clients: BTreeMap<&'static str, WebSocketStream<TcpStream>>,
    names: Names,
    transcript: String,
}

/// Keys of times.
const TIMES: [&str; 4] = ["timestamp", "server_time", "createdAt", "lastPing"];

/// Placeholders for random IDs.
#[derive(Default)]
struct Names(BTreeMap<String, String>);

impl Names {
    fn settle(&mut self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.settle(item)),
            Value::Object(map) => {
                let named = std::mem::take(map).into_iter().map(|(key, value)| {
                    let mut key = Value::from(key);
                    self.settle(&mut key);
                    (key.as_str().unwrap().to_owned(), value)
                });
                *map = named.collect();
                for (key, value) in map {
                    self.settle(value);
                    if key == "rss" {
                        *value = "<bytes>".into();
                    }
                    if TIMES.contains(&key.as_str()) && is_time(value) {
                        *value = "<time>".into();
                    }
                }
            }
            Value::String(text) => {
                let is_random = uuid::Uuid::try_parse(text).is_ok()
                    || text.starts_with("room_") && text.len() > 20
                    || text.strip_prefix("client_").is_some_and(|id| id.len() == 8 && is_hex(id));
                if is_random {
                    let count = self.0.len() + 1;
                    *text = self.0.entry(text.clone()).or_insert(format!("<id {count}>")).clone();
                }
            }
            _ => {}
        }
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() == 24 && text.ends_with('Z'))
}

impl Stage {
    async fn open(sockets: Limits) -> Self {
        let served = Served::start(Config { sockets, ..Config::default() }).await;
        let Served { hub, control, driver, address, .. } = served;
        let (clients, names) = Default::default();
        Self { hub, control, driver, address, clients, names, transcript: String::new() }
    }

    async fn connect(&mut self, name: &'static str, path: &str) {
        writeln!(self.transcript, "\n{name} opens {path}").unwrap();
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (socket, _) = client_async(format!("ws://{}{path}", self.address), stream).await.unwrap();
        self.clients.insert(name, socket);
    }

    async fn say(&mut self, name: &'static str, message: impl Into<Message>) {
        let message = message.into();
        writeln!(self.transcript, "\n{name} → {}", shown(&message)).unwrap();
        self.clients.get_mut(name).unwrap().send(message).await.unwrap();
    }

    /// Logs the next message of each of these clients.
    async fn hear(&mut self, names: &[&'static str]) {
        for name in names {
            let socket = self.clients.get_mut(name).unwrap();
            let message = loop {
                match socket.next().await.unwrap().unwrap() {
                    Message::Ping(_) | Message::Pong(_) => {}
                    message => break message,
                }
            };
            let heard = match &message {
                Message::Text(text) => {
                    // Messages of `/ws/echo` need not be JSON.
                    let mut json = serde_json::from_str(text).unwrap_or(Value::Null);
                    self.names.settle(&mut json);
                    if json.is_null() { text.to_string() } else { json.to_string() }
                }
                message => shown(message),
            };
            writeln!(self.transcript, "{name} ← {heard}").unwrap();
        }
    }

    async fn ask(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (host, length) = (self.address, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}"
        );
        stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = HttpResponse::parse(&answer);
        let json = answer.json();
        let mut settled = json.clone();
        self.names.settle(&mut settled);
        let path = self.names.0.iter().fold(path.to_owned(), |path, (id, name)| path.replace(id, name));
        writeln!(self.transcript, "\n{method} {path} {body}\n{} {settled:#}", answer.status).unwrap();
        json
    }
}

fn shown(message: &Message) -> String {
    match message {
        Message::Text(text) => text.to_string(),
        Message::Binary(bytes) => format!("bytes {bytes:?}"),
        Message::Close(Some(frame)) => format!("close {} {}", u16::from(frame.code), frame.reason),
        other => format!("{other:?}"),
    }
}

fn of_room(kind: &str, room: &str) -> String {
    json!({"type": kind, "room_id": room}).to_string()
}

#[tokio::test]
async fn transcript_of_every_message_in_both_directions() {
    let mut stage = Stage::open(Limits::default()).await;
    stage.driver.update_status(|status| status.username = Some("host".to_owned()));
    stage.connect("ann", "/ws?client_id=ann&feed=0").await;
    stage.hear(&["ann"]).await;
    stage.connect("somebody", "/ws").await;
    stage.hear(&["somebody", "ann"]).await;
    stage.say("ann", r#"{"text": "to all", "n": 1.50}"#).await;
    stage.hear(&["ann", "somebody"]).await;
    stage.say("ann", of_room("join_room", "general")).await;
    stage.hear(&["ann"]).await;
    stage.connect("bob", "/ws?client_id=bob&feed=0").await;
    stage.hear(&["bob", "ann", "somebody"]).await;
    stage.say("bob", of_room("join_room", "general")).await;
    stage.hear(&["bob"]).await;
    stage
        .say("bob", json!({"type": "room_message", "room_id": "general", "message": "hello"}).to_string())
        .await;
    stage.hear(&["bob", "ann"]).await;
    stage.say("ann", r#"["to the room"]"#).await;
    stage.hear(&["ann", "bob"]).await;
    stage.say("ann", Message::binary(vec![0, 255])).await;
    stage.hear(&["bob"]).await;
    stage.say("bob", json!({"type": "set_metadata", "key": "team", "value": "red"}).to_string()).await;
    stage.say("bob", json!({"type": "ping", "timestamp": 1_757_443_453_511_i64}).to_string()).await;
    stage.hear(&["bob"]).await;
    stage.say("bob", of_room("leave_room", "general")).await;
    stage.hear(&["bob"]).await;
    stage.say("bob", of_room("leave_room", "general")).await;
    stage.hear(&["bob"]).await;
    stage.say("bob", of_room("join_room", "user:nobody")).await;
    stage.hear(&["bob"]).await;
    stage.say("bob", of_room("join_room", "user:host")).await;
    stage.hear(&["bob"]).await;
    stage.hub.publish(&[chat("an event")]);
    stage.hear(&["bob", "somebody"]).await;
    stage
        .say("bob", json!({"type": "room_message", "room_id": "user:host", "message": "hello"}).to_string())
        .await;
    stage.hear(&["bob"]).await;
    stage.say("bob", "no JSON").await;
    stage.hear(&["bob"]).await;
    stage.connect("another ann", "/ws?client_id=ann").await;
    stage.hear(&["another ann", "another ann"]).await;
    stage.say("bob", Message::Close(None)).await;
    stage.hear(&["ann", "somebody"]).await;
    stage.connect("echo", "/ws/echo").await;
    stage.say("echo", "anything").await;
    stage.hear(&["echo"]).await;
    stage.say("echo", Message::binary(vec![1, 2])).await;
    stage.hear(&["echo"]).await;
    writeln!(stage.transcript, "\nthe server ends").unwrap();
    stage.control.shut_down();
    stage.hear(&["ann", "ann", "somebody", "somebody", "echo"]).await;
    insta::assert_snapshot!(stage.transcript);
}

#[tokio::test]
async fn transcript_of_a_heartbeat() {
    let limits = Limits { heartbeat_interval: Duration::from_millis(20), ..Limits::default() };
    let mut stage = Stage::open(limits).await;
    stage.connect("ann", "/ws?client_id=ann").await;
    stage.hear(&["ann", "ann"]).await;
    insta::assert_snapshot!(stage.transcript);
}

#[tokio::test]
async fn transcript_of_every_address() {
    let mut stage = Stage::open(Limits::default()).await;
    stage.driver.update_status(|status| status.username = Some("host".to_owned()));
    let nothing = Value::Null;
    stage.ask("GET", "/rooms", &nothing).await;
    let new = json!({"id": "general", "name": "General", "description": "for all", "maxConnections": 2, "metadata": {"a": 1}});
    stage.ask("POST", "/rooms", &new).await;
    stage.ask("POST", "/rooms", &new).await;
    let made = stage.ask("POST", "/rooms", &json!({"name": "made up"})).await;
    stage.ask("POST", "/rooms", &json!({"nam": "x"})).await;
    stage.ask("POST", "/rooms", &json!({"id": "user:x"})).await;
    stage.connect("ann", "/ws?client_id=ann").await;
    stage.hear(&["ann"]).await;
    stage.say("ann", of_room("join_room", "general")).await;
    stage.hear(&["ann"]).await;
    stage.connect("feed", "/").await;
    stage.ask("GET", "/rooms/general", &nothing).await;
    stage.ask("GET", "/rooms/nowhere", &nothing).await;
    stage.ask("GET", "/connections", &nothing).await;
    let one = stage.ask("GET", "/connections?room=general", &nothing).await;
    let id = one["connections"][0]["id"].as_str().unwrap().to_owned();
    stage.ask("GET", "/connections?room=nowhere", &nothing).await;
    stage.ask("GET", "/connections?rom=general", &nothing).await;
    stage.ask("PUT", &format!("/connections/{id}/metadata"), &json!({"team": "red"})).await;
    stage.ask("GET", &format!("/connections/{id}"), &nothing).await;
    stage.ask("GET", "/connections/ann", &nothing).await;
    stage.ask("GET", "/connections/nobody", &nothing).await;
    stage.ask("GET", "/stats", &nothing).await;
    stage.ask("POST", "/rooms/general/messages", &json!({"message": "hello"})).await;
    stage.hear(&["ann"]).await;
    stage.ask("POST", "/rooms/user:host/messages", &json!({"message": "hello"})).await;
    stage.ask("POST", "/broadcast", &json!({"message": {"to": "red"}, "metadata": {"team": "red"}})).await;
    stage.hear(&["ann"]).await;
    stage
        .ask("POST", "/broadcast", &json!({"message": 1, "room": "general", "metadata": {"team": "blue"}}))
        .await;
    stage.ask("POST", "/broadcast", &json!({})).await;
    stage.ask("POST", "/connections/ann/messages", &json!({"message": "only to you"})).await;
    stage.hear(&["ann"]).await;
    stage.ask("POST", "/connections/ann/messages", &nothing).await;
    stage.ask("POST", "/connections/nobody/messages", &json!({"message": 1})).await;
    stage.ask("PUT", "/connections/ann/rooms/backstage", &nothing).await;
    stage.hear(&["ann"]).await;
    stage.ask("DELETE", "/connections/ann/rooms/backstage", &nothing).await;
    stage.hear(&["ann"]).await;
    stage.ask("DELETE", "/connections/ann/rooms/general%20", &nothing).await;
    stage.ask("PUT", "/connections/ann/rooms/user:nobody", &nothing).await;
    stage.ask("DELETE", "/rooms/general", &nothing).await;
    stage.hear(&["ann"]).await;
    stage.ask("DELETE", &format!("/rooms/{}", made["id"].as_str().unwrap()), &nothing).await;
    stage.ask("DELETE", "/rooms/user:host", &nothing).await;
    stage.ask("POST", &format!("/connections/{id}/close"), &json!({"code": 999})).await;
    stage.ask("POST", &format!("/connections/{id}/close"), &json!({"code": 4000, "reason": "enough"})).await;
    stage.hear(&["ann"]).await;
    stage.ask("POST", "/connections/nobody/close", &nothing).await;
    insta::assert_snapshot!(stage.transcript);
}
