//! The documented behaviour of tokens as a transcript, over real sockets with the real clock.

use std::time::Duration;

use futures_util::StreamExt as _;
use livetape_feed::control::Sources;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

use crate::support::{ROOMS, demo::over_tcp, json, tcp::Supervised, tokens};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Returns the next event, or the close.
async fn text(socket: &mut Socket) -> String {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => return text.to_string(),
            Message::Close(frame) => {
                let frame = frame.unwrap();
                return format!("closed {} {}", u16::from(frame.code), frame.reason);
            }
            _ => {}
        }
    }
}

/// Removes the parts of an event that differ between runs.
fn line(text: &str) -> String {
    let Ok(mut event) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    for key in ["ts", "stream"] {
        event.as_object_mut().unwrap().remove(key);
    }
    let data = event["data"].as_object_mut().unwrap();
    data.remove("timestamp");
    // The delay is random.
    data.entry("retryAfterMs").and_modify(|wait| *wait = wait.is_u64().into());
    event.to_string()
}

#[tokio::test]
async fn transcript_of_every_rejection() {
    let mock = over_tcp(ROOMS).await;
    let sources = Sources { tokens: tokens(), max_replays: 1, ..Sources::default() };
    let server = Supervised::start(&mock, sources).await;
    let open = async |path: &str| {
        tokio_tungstenite::connect_async(format!("ws://{}/{path}", server.address)).await.unwrap().0
    };

    let mut transcript = Vec::new();
    // A socket that stays open occupies the only slot of its kind.
    let mut test = open("ws/test/t-ann").await;
    assert_eq!(json(&text(&mut test).await)["type"], "connection_created");
    for path in [
        "ws/nobody-has-it",
        "ws/t-none",
        "ws/t-offline",
        "ws/t-nobody",
        "ws/t-adult",
        "ws/t-ann",
        "ws/t-ben",
        "ws/test/nobody-has-it",
        "ws/test/t-ann",
        "ws/test/t-none",
        "ws/t-ann?since=main:1",
    ] {
        transcript.push(format!("> {path}"));
        let mut socket = open(path).await;
        if path == "ws/t-ann" {
            transcript.push(line(&text(&mut socket).await));
            continue;
        }
        loop {
            let text = text(&mut socket).await;
            transcript.push(line(&text));
            if text.starts_with("closed") {
                break;
            }
        }
    }
    drop(test);
    insta::assert_snapshot!(transcript.join("\n"));

    let status = server.control.channels().status("ann").unwrap();
    assert_eq!(status.username.as_deref(), Some("ann"));
    let ended = tokio::time::timeout(Duration::from_secs(60), server.end()).await.unwrap();
    assert_eq!(ended.exit_code(), Ok(0));
}
