//! `/ws` and `/ws/echo`: invalid messages and floods get the right close code, and do not affect other
//! clients.

use std::time::Duration;

use futures_util::SinkExt as _;
use livetape_feed::hub::MAX_STALL;
use livetape_server::{Config, Limits, lobby};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame, FrameHeader,
        coding::{Control, Data, OpCode},
    },
};

use crate::{
    support::{Rig, json, read_all, wait},
    talk::{client, next, next_said},
};

/// Returns the code of an `error`, as a message of `/ws` or an event; empty for other messages.
fn code_of_error(text: &str) -> String {
    let said = json(text);
    let code = said["code"].as_str().or(said["data"]["code"].as_str());
    code.filter(|_| said["type"] == "error").unwrap_or_default().to_owned()
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
        let log = read_all(&mut socket).await;
        assert_eq!(log.close, Some((close.0, close.1.to_owned())), "{path}");
        let last = log.texts.last().map(|text| code_of_error(text));
        let said = last.filter(|code| !code.is_empty());
        assert_eq!(said.as_deref(), (close.0 == 1009).then_some(close.1), "{path}");
    }
    other.send("1".into()).await.unwrap();
    assert_eq!(next_said(&mut other).await["type"], "echo");
}

// Floods of all kinds, which do not affect other clients.

#[tokio::test(start_paused = true)]
async fn a_flood_is_not_read_while_its_close_frame_waits_behind_unread_messages() {
    const SENT_MAX: usize = 100_000;
    for reads in [true, false] {
        let rig = Rig::start();
        let (mut writing, mut reading) = futures_util::StreamExt::split(client(&rig, "ann").await);
        let text = serde_json::json!("x".repeat(4000)).to_string();
        let flood = tokio::spawn(async move {
            let mut sent = 0;
            while sent < SENT_MAX && writing.send(text.clone().into()).await.is_ok() {
                sent += 1;
            }
            sent
        });
        // The clock advances when all tasks wait: the server no longer reads, and the client does not either.
        wait(MAX_STALL / 2).await;
        if reads {
            let mut close = None;
            while let Some(Ok(message)) = futures_util::StreamExt::next(&mut reading).await {
                if let Message::Close(frame) = message {
                    close = frame.map(|it| (u16::from(it.code), it.reason.to_string()));
                }
            }
            assert_eq!(close, Some((1008, "rate_exceeded".into())));
        } else {
            wait(MAX_STALL * 2).await;
            assert!(flood.is_finished(), "a socket that is not read is dropped");
        }
        assert!(flood.await.unwrap() < SENT_MAX);
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_on_the_feed_is_closed_too() {
    let rig = Rig::start();
    let mut socket = rig.ws("").await;
    let limits = lobby::Limits::default();
    // The accepted messages, the rejected ones, and the one that closes the socket.
    for _ in 0..=limits.message_burst() + limits.strikes_max {
        socket.send("1".into()).await.unwrap();
    }
    let log = read_all(&mut socket).await;
    assert_eq!((log.texts.len(), log.close), (1, Some((1008, "rate_exceeded".to_owned()))));
    assert_eq!(code_of_error(&log.texts[0]), "rate_exceeded");
    assert_eq!(json(&log.texts[0])["seq"], Value::Null, "it is not a position");
}

#[tokio::test(start_paused = true)]
async fn a_stalled_client_is_closed_with_4101_without_delaying_others() {
    let sockets = Limits { waiting_bytes_max: 64 * 1024, ..Limits::default() };
    let lobby = lobby::Limits { messages_per_second: 1000, ..lobby::Limits::default() };
    let config = Config { sockets, lobby, ..Config::default() };
    let rig = Rig::with(livetape_feed::hub::Limits::default(), config);
    let mut stalled = client(&rig, "stalled").await;
    let mut reader = client(&rig, "reader").await;
    let mut talker = client(&rig, "talker").await;
    let text = serde_json::json!("x".repeat(1000)).to_string();
    let mut gone = 0;
    for _ in 0..200 {
        talker.send(text.clone().into()).await.unwrap();
        assert_eq!(next_said(&mut talker).await["type"], "echo");
        loop {
            let message = next(&mut reader).await;
            match message["type"].as_str() {
                Some("broadcast") => break,
                Some("client_disconnected") if message["client_id"] == "stalled" => gone += 1,
                other => assert_eq!(other, Some("client_connected")),
            }
        }
    }
    assert_eq!(gone, 1);
    let log = read_all(&mut stalled).await;
    assert_eq!(log.close, Some((4101, "slow_consumer".to_owned())));
    assert!(log.texts.len() < 80, "{}", log.texts.len());
}

/// An empty client frame.
fn empty(opcode: OpCode, is_final: bool) -> Message {
    let header = FrameHeader { is_final, opcode, mask: Some([0; 4]), ..FrameHeader::default() };
    Message::Frame(Frame::from_payload(header, Vec::new().into()))
}

#[tokio::test(start_paused = true)]
async fn empty_frames_count_as_messages() {
    let ping = empty(OpCode::Control(Control::Ping), true);
    let pong = empty(OpCode::Control(Control::Pong), true);
    let nothing = empty(OpCode::Data(Data::Continue), false);
    for path in ["", "ws?feed=0", "ws/echo"] {
        for (kind, frame) in [("ping", &ping), ("pong", &pong), ("continuation", &nothing)] {
            let rig = Rig::start();
            let (mut writing, mut reading) = futures_util::StreamExt::split(rig.ws(path).await);
            let first = empty(OpCode::Data(Data::Text), false);
            let frame = frame.clone();
            let flood = tokio::spawn(async move {
                let mut sent = 0;
                let _ = writing.send(first).await;
                while sent < 100_000 && writing.send(frame.clone()).await.is_ok() {
                    sent += 1;
                }
                sent
            });
            let (mut close, mut last) = (None, String::new());
            while let Some(Ok(message)) = futures_util::StreamExt::next(&mut reading).await {
                match message {
                    Message::Text(text) => last = code_of_error(&text),
                    Message::Close(frame) => {
                        close = frame.map(|it| (u16::from(it.code), it.reason.to_string()));
                    }
                    _ => {}
                }
            }
            assert_eq!(close, Some((1008, "rate_exceeded".into())), "{kind} on /{path}");
            assert_eq!(last, "rate_exceeded", "{kind} on /{path}");
            assert!(flood.await.unwrap() < 100_000, "it is not read on: {kind} on /{path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_few_empty_frames_are_tolerated() {
    let rig = Rig::start();
    let mut socket = client(&rig, "ann").await;
    for round in 0..20 {
        socket.send(empty(OpCode::Data(Data::Text), false)).await.unwrap();
        for _ in 0..10 {
            socket.send(empty(OpCode::Data(Data::Continue), false)).await.unwrap();
        }
        let mut last = Frame::message(&b"[1]"[..], OpCode::Data(Data::Continue), true);
        last.header_mut().mask = Some([0; 4]);
        socket.send(Message::Frame(last)).await.unwrap();
        assert_eq!(next_said(&mut socket).await["type"], "echo", "{round}");
        wait(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_overlong_length_closes_with_1002() {
    let rig = Rig::start();
    let text = |length: &[u8]| [&[0x81][..], length, &[0; 4], b"[1]"].concat();
    for (bytes, close) in [
        (text(&[0x80 | 126, 0, 3]), 1002),
        (text(&[0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 3]), 1002),
        (text(&[0x80 | 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff]), 1002),
        (text(&[0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 3]), 1009),
    ] {
        // In one write, or byte by byte.
        for piece in [1, bytes.len() + 9] {
            let mut socket = client(&rig, "ann").await;
            let sent = [&text(&[0x80 | 3])[..], &bytes].concat();
            let stream = socket.get_mut();
            for piece in sent.chunks(piece) {
                let _ = tokio::io::AsyncWriteExt::write_all(stream, piece).await;
                tokio::task::yield_now().await;
            }
            let log = read_all(&mut socket).await;
            assert_eq!(log.close.map(|it| it.0), Some(close), "{bytes:?}");
            let is_answered = log.texts.iter().any(|text| json(text)["type"] == "echo");
            assert!(is_answered || piece > 1, "the message before it is answered: {bytes:?}");
            wait(Duration::from_millis(1)).await;
        }
    }
}

/// While it is closed, a rejected socket may only send what any other socket may.
#[tokio::test(start_paused = true)]
async fn a_rejected_echo_does_not_store_a_long_message() {
    let rig = Rig::start();
    let mut echoes = Vec::new();
    for _ in 0..Limits::default().echo_sockets_max {
        echoes.push(rig.ws("ws/echo").await);
    }
    let mut rejected = rig.ws("ws/echo").await;
    // The server closes the connection as soon as it reads the length.
    let sent = rejected.send(Message::binary(vec![0; 8 << 20])).await;
    assert!(sent.is_err(), "{sent:?}");
}
