//! `/ws` and `/ws/echo`: messages between clients, their order, and the end of sockets. The feed alongside is in
//! `sessions/feed.snap` and `members.snap`.

use std::time::Duration;

use futures_util::SinkExt as _;
use livetape_core::retry::SplitMix;
use livetape_io::clock;
use livetape_server::{Config, Limits, lobby};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::yield_now,
};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Rig, Socket, chats, is_quiet, json, read, read_all, seed, wait};

/// Connects a client called `name`, without the feed, and reads its welcome.
pub(crate) async fn client(rig: &Rig, name: &str) -> Socket {
    let mut socket = rig.ws(&format!("ws?feed=0&client_id={name}")).await;
    assert_eq!(next(&mut socket).await["type"], "welcome");
    socket
}

/// Returns the next message.
pub(crate) async fn next(socket: &mut Socket) -> Value {
    json(&read(socket, 1).await[0])
}

/// Returns the next message, skipping those about clients that connect and disconnect.
pub(crate) async fn next_said(socket: &mut Socket) -> Value {
    loop {
        let message = next(socket).await;
        if !["client_connected", "client_disconnected"].contains(&message["type"].as_str().unwrap()) {
            return message;
        }
    }
}

// Messages are written by the sender, by message writers and by the socket's task, without losing, repeating
// or reordering any.

/// Number of readers: more than the sender writes to by itself.
const READERS: u64 = 8;
const MESSAGES: u64 = 1_000;

/// Reads all messages, with pauses until the pipe is full, and pings to get answers in between.
async fn read_slowly(mut socket: Socket, mut random: SplitMix) {
    let mut pongs = 0;
    for number in 0..MESSAGES {
        match random.up_to(99) {
            0..10 => {
                for _ in 0..random.up_to(200) {
                    yield_now().await;
                }
            }
            10..15 => {
                socket.send(r#"{"type":"ping"}"#.into()).await.unwrap();
                pongs += 1;
            }
            _ => {}
        }
        let message = loop {
            let message = next(&mut socket).await;
            match message["type"].as_str().unwrap() {
                "broadcast" => break message,
                "pong" => pongs -= 1,
                _ => {}
            }
        };
        assert_eq!(message["message"], number);
    }
    while pongs > 0 {
        pongs -= i32::from(next_said(&mut socket).await["type"] == "pong");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_reader_gets_every_message_once_in_order() {
    let seed = seed();
    let lobby = lobby::Limits { messages_per_second: 10_000, ..lobby::Limits::default() };
    let rig = Rig::with(livetape_feed::hub::Limits::default(), Config { lobby, ..Config::default() });
    let mut readers = Vec::new();
    for number in 0..READERS {
        // Some also read events, so that the channel's writer takes part.
        let name = format!("reader{number}");
        let socket = match number % 2 {
            0 => client(&rig, &name).await,
            _ => rig.ws(&format!("ws?client_id={name}")).await,
        };
        readers.push(tokio::spawn(read_slowly(socket, SplitMix(seed ^ number))));
    }
    let mut talker = client(&rig, "talker").await;
    for number in 0..MESSAGES {
        talker.send(number.to_string().into()).await.unwrap();
        assert_eq!(next_said(&mut talker).await["type"], "echo");
        if number % 3 == 0 {
            rig.hub.publish_paced(&chats(1)).await;
        }
    }
    for reader in readers {
        reader.await.unwrap();
    }
}

// The end of sockets: by the client, by request, and with the server.

fn texts(log: &crate::support::Log) -> Vec<String> {
    let kind = |text: &String| json(text)["type"].as_str().unwrap().to_owned();
    log.texts.iter().map(kind).collect()
}

#[tokio::test(start_paused = true)]
async fn shutting_down_is_announced_before_1001() {
    let rig = Rig::start();
    let mut talker = client(&rig, "ann").await;
    let mut reader = rig.ws("ws?client_id=bob").await;
    let mut echo = rig.ws("ws/echo").await;
    rig.hub.publish(&chats(300));
    rig.control.shut_down();
    let gone = Some((1001, "shutting_down".to_owned()));
    let log = read_all(&mut talker).await;
    assert_eq!((texts(&log), &log.close), (vec!["client_connected".to_owned(), "system".to_owned()], &gone));
    assert_eq!(json(&log.texts[1])["event"], "shutdown");
    let log = read_all(&mut reader).await;
    assert_eq!((texts(&log).iter().filter(|kind| *kind == "chat").count(), &log.close), (300, &gone));
    assert!(texts(&log).contains(&"system".to_owned()));
    assert_eq!(read_all(&mut echo).await.close, gone);
    rig.serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rest_closes_after_the_events_before() {
    let rig = Rig::start();
    for path in ["", "ws", "?types=chat"] {
        let mut socket = rig.ws(path).await;
        // More than the buffers of the connection take.
        rig.hub.publish(&chats(1_000));
        let closed = rig.http("POST", "/connections/close", r#"{"code":1011,"reason":"enough"}"#).await;
        assert_eq!(closed.status, 200);
        let log = read_all(&mut socket).await;
        assert_eq!(texts(&log).iter().filter(|kind| *kind == "chat").count(), 1_000, "{path}");
        assert_eq!(log.close, Some((1011, "enough".to_owned())), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_cut_at_once() {
    let rig = Rig::start();
    let mut socket = rig.ws("ws?feed=0&client_id=ann").await;
    // More than the buffers of the connection take.
    let long = format!(r#"{{"message":"{}"}}"#, "x".repeat(30_000));
    for _ in 0..20 {
        assert_eq!(rig.http("POST", "/connections/ann/messages", &long).await.status, 200);
    }
    rig.http("POST", "/connections/ann/close", r#"{"abort":true}"#).await;
    wait(Duration::from_millis(1)).await;
    assert_eq!(rig.http("GET", "/connections/ann", "").await.code(), "not_found");
    assert_eq!(read_all(&mut socket).await.close, None);
}

#[tokio::test(start_paused = true)]
async fn departed_and_silent_clients_are_announced() {
    let rig = Rig::start();
    let mut ann = client(&rig, "ann").await;
    let mut bob = client(&rig, "bob").await;
    let _silent = client(&rig, "cleo").await;
    bob.close(None).await.unwrap();
    read_all(&mut bob).await;
    let names = async |socket: &mut _, count| {
        let texts = read(socket, count).await;
        texts
            .iter()
            .map(|text| format!("{} {}", json(text)["type"], json(text)["client_id"]))
            .collect::<Vec<_>>()
    };
    let connected = |name: &str| format!("\"client_connected\" \"{name}\"");
    let gone = |name: &str| format!("\"client_disconnected\" \"{name}\"");
    assert_eq!(names(&mut ann, 3).await, [connected("bob"), connected("cleo"), gone("bob")]);
    let started = clock::now();
    loop {
        let message = next(&mut ann).await;
        if message["type"] != "system" {
            assert_eq!(message["client_id"], "cleo");
            break;
        }
    }
    assert_eq!((clock::now() - started).as_secs(), 60, "two intervals");
}

/// A client on a slow connection cannot answer pings inside a message.
#[tokio::test(start_paused = true)]
async fn a_message_that_arrives_slowly_is_waited_for() {
    let rig = Rig::start();
    let mut ann = rig.ws("ws/echo").await;
    let text = [&[0x81, 0x85, 0, 0, 0, 0][..], b"hello"].concat();
    for byte in text {
        ann.get_mut().write_all(&[byte]).await.unwrap();
        wait(Duration::from_secs(45)).await;
    }
    assert_eq!(read(&mut ann, 1).await, ["hello"]);
    // The rest never comes.
    ann.get_mut().write_all(&[0x81]).await.unwrap();
    let started = clock::now();
    while ann.get_mut().read(&mut [0; 100]).await.is_ok_and(|bytes| bytes > 0) {}
    assert!((60..=90).contains(&(clock::now() - started).as_secs()), "two intervals, or three");
}

#[tokio::test(start_paused = true)]
async fn heartbeats_come_as_often_as_configured() {
    let sockets = Limits { heartbeat_interval: Duration::from_secs(7), ..Limits::default() };
    let rig = Rig::with(livetape_feed::hub::Limits::default(), Config { sockets, ..Config::default() });
    let started = clock::now();
    let mut ann = client(&rig, "ann").await;
    for beat in 1..=5 {
        let message = next(&mut ann).await;
        assert_eq!((&message["event"], &message["uptime"]), (&"heartbeat".into(), &(beat * 7).into()));
        assert_eq!((clock::now() - started).as_secs(), beat * 7);
        assert_eq!(message["active_connections"], 1);
        assert!(message["memory"]["rss"].as_u64().is_some_and(|bytes| bytes > 0));
    }
}

#[tokio::test(start_paused = true)]
async fn echo_returns_everything_in_order_without_a_rate_limit() {
    let rig = Rig::start();
    let mut talker = client(&rig, "ann").await;
    let socket = rig.ws("ws/echo").await;
    let (mut writing, mut reading) = futures_util::StreamExt::split(socket);
    let message = |i: usize| match i % 3 {
        0 => Message::text(format!("{i}{}", "x".repeat(i))),
        1 => Message::binary(vec![0xff; i]),
        _ => Message::text("no JSON: {"),
    };
    let sending = tokio::spawn(async move {
        for i in 0..2000 {
            writing.send(message(i)).await.unwrap();
        }
        writing.send(Message::binary(vec![7; 16 * 1024 * 1024])).await.unwrap();
    });
    for i in 0..2000 {
        assert_eq!(futures_util::StreamExt::next(&mut reading).await.unwrap().unwrap(), message(i));
    }
    let long = futures_util::StreamExt::next(&mut reading).await.unwrap().unwrap();
    assert_eq!(long.len(), 16 * 1024 * 1024);
    sending.await.unwrap();
    assert!(is_quiet(&mut talker), "nobody else hears of it");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_its_echo_is_closed_after_ten_seconds() {
    let rig = Rig::start();
    let mut socket = rig.ws("ws/echo").await;
    for _ in 0..3 {
        // More than the connection can buffer.
        let _ = tokio::time::timeout(Duration::from_millis(1), socket.send(Message::text("x".repeat(9000))))
            .await;
    }
    wait(Duration::from_secs(9)).await;
    assert_eq!(rig.http("GET", "/stats", "").await.json()["totalConnections"], 1);
    wait(Duration::from_secs(2)).await;
    assert_eq!(rig.http("GET", "/stats", "").await.json()["totalConnections"], 0);
}
