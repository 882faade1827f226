//! Invalid messages: a typed error, the right close code, and no effect on other clients.

use std::time::Duration;

use futures_util::SinkExt as _;
use livetape_server::lobby::Limits;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{
        CloseFrame,
        frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

use super::{client, next, next_said, with_lobby};
use crate::support::{Rig, Socket, is_quiet, read_all, wait};

/// Sends a message and returns type and code of the answer.
async fn answer(socket: &mut Socket, message: impl Into<Message>) -> String {
    socket.send(message.into()).await.unwrap();
    let said = next_said(socket).await;
    let text = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
    format!("{} {}", text("type"), text("code"))
}

fn asking(kind: &str, room: &str) -> String {
    json!({"type": kind, "room_id": room, "message": "hi"}).to_string()
}

#[tokio::test(start_paused = true)]
async fn every_invalid_message_is_reported() {
    let rig = with_lobby(Limits { strikes_max: 100, ..Limits::default() });
    rig.driver().update_status(|status| status.username = Some("ann".to_owned()));
    let made = rig.http("POST", "/rooms", r#"{"id":"small","maxConnections":0}"#).await;
    assert_eq!(made.status, 201);
    let mut other = client(&rig, "other").await;
    other.send(asking("join_room", "theirs").into()).await.unwrap();
    assert_eq!(next(&mut other).await["type"], "room_joined");
    let mut socket = client(&rig, "ann").await;
    assert_eq!(next(&mut other).await["type"], "client_connected");

    let deep = "[".repeat(10_000) + &"]".repeat(5_000);
    let table: Vec<(Message, &str)> = vec![
        ("{".into(), "error bad_message"),
        ("hello".into(), "error bad_message"),
        (deep.into(), "error bad_message"),
        (json!({"type": "join_room"}).to_string().into(), "error bad_message"),
        (json!({"type": "room_message", "room_id": "theirs"}).to_string().into(), "error bad_message"),
        (json!({"type": "set_metadata", "key": 5, "value": 5}).to_string().into(), "error bad_message"),
        (
            json!({"type": "set_metadata", "key": "k", "value": "x".repeat(9_000)}).to_string().into(),
            "error too_large",
        ),
        (br#"{"type":"join_room","room_id":"theirs"}"#.to_vec().into(), "error not_in_room"),
        (asking("join_room", "user:nobody").into(), "room_join_error unknown_room"),
        (asking("join_room", "small").into(), "room_join_error room_full"),
        (asking("join_room", &"x".repeat(200)).into(), "room_join_error bad_message"),
        (asking("leave_room", "nowhere").into(), "error unknown_room"),
        (asking("leave_room", "theirs").into(), "error not_in_room"),
        (asking("room_message", "nowhere").into(), "error unknown_room"),
        (asking("room_message", "theirs").into(), "error not_in_room"),
        (asking("room_message", "user:ann").into(), "error read_only_room"),
    ];
    for (message, expected) in table {
        assert_eq!(answer(&mut socket, message.clone()).await, expected, "{message}");
    }
    assert!(is_quiet(&mut other), "nobody else hears of it");
    assert_eq!(answer(&mut socket, "[1]").await, "echo ");
}

#[tokio::test(start_paused = true)]
async fn clients_that_keep_sending_invalid_messages_are_closed_with_1008() {
    let rig = Rig::start();
    let mut other = client(&rig, "other").await;
    let mut socket = client(&rig, "ann").await;
    for _ in 0..11 {
        socket.send("{".into()).await.unwrap();
    }
    let log = read_all(&mut socket).await;
    assert_eq!((log.texts.len(), log.close), (11, Some((1008, "bad_message".to_owned()))));
    let seen = [next(&mut other).await, next(&mut other).await].map(|it| it["type"].clone());
    assert_eq!(seen, ["client_connected", "client_disconnected"]);
    assert!(is_quiet(&mut other));
}

#[tokio::test(start_paused = true)]
async fn overlong_and_invalid_text_closes_at_once() {
    let rig = Rig::start();
    let mut other = client(&rig, "other").await;
    let frame = |bytes: Vec<u8>| Message::Frame(Frame::message(bytes, OpCode::Data(Data::Text), true));
    let long = json!({"text": "x".repeat(1024 * 1024)}).to_string();
    for (path, message, close) in [
        ("ws?feed=0", Message::text(long.clone()), (1009, "too_large")),
        ("ws?feed=0", Message::binary(vec![0; 16 * 1024 + 1]), (1009, "too_large")),
        ("ws?feed=0", frame(vec![b'"', 0xff, b'"']), (1007, "not_utf8")),
        ("ws/echo", frame(vec![0xc0, 0x80]), (1007, "not_utf8")),
        ("", Message::text(long), (1009, "too_large")),
    ] {
        let mut socket = rig.ws(path).await;
        socket.feed(message).await.unwrap();
        // The server stops reading before the end.
        let _ = tokio::time::timeout(Duration::from_millis(1), socket.flush()).await;
        assert_eq!(read_all(&mut socket).await.close, Some((close.0, close.1.to_owned())), "{path}");
    }
    other.send("1".into()).await.unwrap();
    assert_eq!(next_said(&mut other).await["type"], "echo");
}

#[tokio::test(start_paused = true)]
async fn a_client_id_is_unique_and_freed_on_close() {
    let rig = Rig::start();
    let ann = client(&rig, "ann").await;
    let log = read_all(&mut rig.ws("ws?client_id=ann&feed=0").await).await;
    let told: Value = crate::support::json(&log.texts[0]);
    assert_eq!((&told["type"], &told["code"]), (&json!("error"), &json!("client_id_taken")));
    assert_eq!((log.texts.len(), log.close), (1, Some((1008, "client_id_taken".to_owned()))));
    assert_eq!(rig.http("GET", "/stats", "").await.json()["totalConnections"], 1);
    drop(ann);
    wait(Duration::from_millis(1)).await;
    client(&rig, "ann").await;
}

#[tokio::test(start_paused = true)]
async fn plain_requests_get_400_and_bad_queries_an_error_and_1008() {
    let rig = Rig::start();
    for path in ["/ws", "/ws/echo"] {
        let answer = rig.http("GET", path, "").await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "upgrade_required"), "{path}");
        assert_eq!(answer.json()["error"]["message"], "WebSocket upgrade required");
    }
    for query in ["client_id=a%20b", "client_id=", "clientid=a", "feed=maybe", "since=x"] {
        let log = read_all(&mut rig.ws(&format!("ws?{query}")).await).await;
        let told: Value = crate::support::json(&log.texts[0]);
        assert_eq!(
            (&told["type"], &told["code"], &told["from"]),
            (&json!("error"), &json!("bad_request"), &json!("server"))
        );
        assert_eq!((log.texts.len(), log.close), (1, Some((1008, "bad_request".to_owned()))), "{query}");
    }
    assert_eq!(rig.http("GET", "/stats", "").await.json()["totalConnections"], 0);
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_handshake_times_out_after_half_a_minute() {
    let rig = Rig::start();
    let mut ann = client(&rig, "ann").await;
    let mut half_open = Vec::new();
    for head in ["", "GET /ws HT", "GET /ws HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\n"] {
        let mut stream = rig.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        half_open.push(stream);
    }
    // A client that sends one byte per second.
    let mut drip = rig.connect().await;
    let dripping = tokio::spawn(async move {
        for byte in
            "GET /ws HTTP/1.1\r\nhost: localhost\r\nx-name: ".bytes().chain(std::iter::repeat_n(b'x', 100))
        {
            if drip.write_all(&[byte]).await.is_err() {
                return true;
            }
            wait(Duration::from_secs(1)).await;
        }
        false
    });
    wait(Duration::from_secs(31)).await;
    for mut stream in half_open {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(!answer.contains("101"), "{answer}");
    }
    assert!(dripping.await.unwrap(), "truncated");
    ann.send("1".into()).await.unwrap();
    while next(&mut ann).await["type"] != "echo" {}
    assert_eq!(rig.http("GET", "/stats", "").await.json()["totalConnections"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_close_frame_with_a_wrong_code_is_a_protocol_error() {
    let rig = Rig::start();
    let mut socket = client(&rig, "ann").await;
    let frame = Frame::close(Some(CloseFrame { code: 1005.into(), reason: "".into() }));
    socket.send(Message::Frame(frame)).await.unwrap();
    assert_eq!(read_all(&mut socket).await.close.map(|(code, _)| code), Some(1002));
}
