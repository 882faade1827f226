//! A decoder of TikTok's frames, and its tests: run them with `cargo test --example decoder`.
//!
//! The decoder reads chats from the WebSocket of a room. The test compares them with livetape's events of the
//! same recording.

use std::{collections::HashSet, io::Read as _};

use flate2::read::GzDecoder;
use futures_util::StreamExt as _;
use prost::{Message as _, bytes::Bytes};
use tokio_tungstenite::{connect_async, tungstenite::Message};

/// The fields of a frame that the decoder needs.
#[derive(prost::Message)]
struct Frame {
    #[prost(string, tag = "7")]
    payload_type: String,
    #[prost(bytes = "bytes", tag = "8")]
    payload: Bytes,
}

#[derive(prost::Message)]
struct Batch {
    #[prost(message, repeated, tag = "1")]
    messages: Vec<RoomMessage>,
}

#[derive(prost::Message)]
struct RoomMessage {
    #[prost(string, tag = "1")]
    method: String,
    #[prost(bytes = "bytes", tag = "2")]
    payload: Bytes,
    #[prost(int64, tag = "3")]
    id: i64,
}

#[derive(prost::Message)]
struct Chat {
    #[prost(string, tag = "3")]
    comment: String,
}

/// Returns the messages of a frame. Other frames, such as answers to heartbeats, have none.
fn messages(frame: &[u8]) -> Vec<RoomMessage> {
    let frame = Frame::decode(frame).unwrap_or_default();
    if frame.payload_type != "msg" {
        return Vec::new();
    }
    let mut batch = Vec::new();
    let is_zipped = GzDecoder::new(&frame.payload[..]).read_to_end(&mut batch).is_ok();
    let batch = if is_zipped { Batch::decode(&batch[..]) } else { Batch::decode(frame.payload) };
    batch.unwrap_or_default().messages
}

/// Reads the chats of a room until the server closes it.
async fn chats(room: &str) -> Vec<String> {
    let (mut socket, _) = connect_async(room).await.expect("a room");
    let (mut seen, mut chats) = (HashSet::new(), Vec::new());
    while let Some(Ok(message)) = socket.next().await {
        let Message::Binary(frame) = message else { continue };
        for message in messages(&frame) {
            // TikTok sends some messages twice.
            if message.method == "WebcastChatMessage" && seen.insert(message.id) {
                chats.push(Chat::decode(message.payload).unwrap_or_default().comment);
            }
        }
    }
    chats
}

#[tokio::main]
async fn main() {
    let room = std::env::args().nth(1).expect("the address of a room's WebSocket");
    chats(&room).await.iter().for_each(|chat| println!("{chat}"));
}

#[cfg(test)]
mod tests {
    use livetape_testing::{MockTikTok, Scenario, Speed, Tape};
    use serde_json::Value;

    use super::*;

    /// Returns the chats of the same recording as decoded by livetape.
    async fn expected(recording: &str) -> Vec<String> {
        let tape = Tape::replay(recording).speed(Speed::Max).start().await;
        let (mut socket, _) = connect_async(tape.ws_url() + "?types=chat").await.unwrap();
        tape.finished().await;
        drop(tape);
        let mut chats = Vec::new();
        while let Some(Ok(Message::Text(json))) = socket.next().await {
            let event: Value = serde_json::from_str(&json).unwrap();
            chats.push(event["data"]["comment"].as_str().unwrap().to_owned());
        }
        chats
    }

    #[tokio::test]
    async fn it_reads_every_chat_of_the_recording() {
        let mock = MockTikTok::start(Scenario::live("ann").speed(Speed::Max)).await.unwrap();
        let (_, room_id) = mock.example();
        let host = mock.address().unwrap();
        let path = "webcast/im/ws_proxy/ws_reuse_supplement";
        let read = chats(&format!("ws://{host}/{path}/?room_id={room_id}")).await;
        assert!(!read.is_empty());
        assert_eq!(read, expected("demo").await);
    }

    #[test]
    fn it_skips_unknown_frames() {
        assert!(messages(b"not a frame").is_empty());
        assert!(messages(b"").is_empty());
    }
}
