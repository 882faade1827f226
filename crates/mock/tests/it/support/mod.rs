//! Shared by these tests: a mock in memory, and a client that sees every byte.

#[path = "../../../../../tests/it/support/demo.rs"]
mod demo;
#[path = "../../../../../tests/it/support/mock.rs"]
mod mock;
#[path = "../../../../../tests/it/support/tunnel.rs"]
pub(crate) mod tunnel;

use std::{io::Cursor, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use livetape_core::{
    recording::{Reader, What},
    wire::{self, Push},
};
use livetape_io::clock;
use livetape_mock::Scenario;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    time::{sleep_until, timeout_at},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _, protocol::CloseFrame},
};

pub(crate) use demo::{over_tcp, with_demo};
pub(crate) use livetape_samples::{
    Reserved, recording,
    room::{ROOM, SOCKET, batch},
    scenario_names, scenario_path,
};
pub(crate) use mock::Mock;

// A client of a mock in memory that sees every byte.

/// Maximum time that a test waits for a byte.
const PATIENCE: Duration = Duration::from_secs(3600);

impl Mock {
    pub(crate) fn toml(text: &str) -> Self {
        Self::new(Scenario::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}")))
    }

    /// Plays a file of `fixtures/scenarios/`.
    pub(crate) fn fixture(name: &str) -> Self {
        Self::new(Self::scenario(name))
    }

    /// Sends a request with `connection: close` and returns all bytes of the response, waiting for `patience`
    /// at most.
    pub(crate) async fn bytes(&self, head: &str, body: &str, patience: Duration) -> Vec<u8> {
        let mut stream = self.connector.connect().await.unwrap();
        let length = body.len();
        let request = format!(
            "{head}\r\nhost: localhost:1\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        read_for(&mut stream, patience, 1 << 20).await
    }

    /// Sends a request and returns head and body of the response.
    pub(crate) async fn get(&self, target: &str) -> (String, Bytes) {
        self.get_with(target, "accept: */*").await
    }

    pub(crate) async fn get_with(&self, target: &str, header: &str) -> (String, Bytes) {
        let bytes = self.bytes(&format!("GET {target} HTTP/1.1\r\n{header}"), "", PATIENCE).await;
        split(&bytes)
    }

    pub(crate) async fn status(&self, target: &str) -> u16 {
        let (head, _) = self.get(target).await;
        head.split(' ').nth(1).unwrap_or("0").parse().unwrap()
    }

    pub(crate) async fn json(&self, target: &str) -> serde_json::Value {
        serde_json::from_slice(&self.get(target).await.1).unwrap()
    }

    /// Opens a socket to the room of the demo.
    pub(crate) async fn dial(&self) -> Socket {
        self.try_dial(&format!("{SOCKET}?room_id={ROOM}&compress=gzip")).await.unwrap()
    }

    pub(crate) async fn try_dial(&self, target: &str) -> Result<Socket, Error> {
        let request = format!("ws://localhost{target}").into_client_request().unwrap();
        let stream = self.connector.connect().await.unwrap();
        Ok(Socket(client_async(request, stream).await?.0))
    }
}

pub(crate) fn split(bytes: &[u8]) -> (String, Bytes) {
    let at = bytes.windows(4).position(|at| at == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    (String::from_utf8_lossy(&bytes[..at]).into_owned(), Bytes::copy_from_slice(&bytes[at..]))
}

/// Reads to the end, up to a timeout and a number of bytes.
pub(crate) async fn read_for(stream: &mut DuplexStream, patience: Duration, most: usize) -> Vec<u8> {
    let (deadline, mut bytes) = (clock::now() + patience, Vec::new());
    while bytes.len() < most {
        match timeout_at(deadline, stream.read_buf(&mut bytes)).await {
            Ok(Ok(1..)) => {}
            _ => break,
        }
    }
    bytes
}

/// A message on a socket, or its end.
#[derive(Debug, PartialEq)]
pub(crate) enum Received {
    Frame(Bytes),
    /// Close code and reason.
    Close(u16, String),
    /// The end without a close frame.
    Broken,
    /// Nothing within the timeout.
    Silence,
}

#[derive(Debug)]
pub(crate) struct Socket(pub(crate) WebSocketStream<DuplexStream>);

impl Socket {
    pub(crate) async fn send(&mut self, payload_type: &str, payload: &'static [u8]) {
        let (payload_type, payload) = (payload_type.into(), Bytes::from_static(payload));
        let push = Push { log_id: 7, payload_type, payload, ..Push::default() };
        self.0.send(Message::Binary(wire::write_push(&push))).await.unwrap();
    }

    /// Sends an ack for a frame.
    pub(crate) async fn ack(&mut self, frame: &Bytes) {
        let ack = wire::client::ack(push(frame).log_id, &batch(frame).0.info.internal_ext);
        self.0.send(Message::Binary(ack)).await.unwrap();
    }

    /// Waits for the next message or end, up to a number of ms.
    pub(crate) async fn next_within(&mut self, ms: u64) -> Received {
        let deadline = clock::now() + Duration::from_millis(ms);
        loop {
            match timeout_at(deadline, self.0.next()).await {
                Err(_) => return Received::Silence,
                Ok(Some(Ok(Message::Binary(bytes)))) => return Received::Frame(bytes),
                Ok(Some(Ok(Message::Close(frame)))) => {
                    let CloseFrame { code, reason } =
                        frame.unwrap_or(CloseFrame { code: 1005.into(), reason: "".into() });
                    return Received::Close(code.into(), reason.to_string());
                }
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(_)) | None) => return Received::Broken,
            }
        }
    }

    pub(crate) async fn next(&mut self) -> Received {
        self.next_within(3_600_000).await
    }

    pub(crate) async fn frame(&mut self) -> Bytes {
        match self.next().await {
            Received::Frame(bytes) => bytes,
            other => panic!("no frame, but {other:?}"),
        }
    }

    /// Reads all frames and the end.
    pub(crate) async fn all(&mut self) -> (Vec<Bytes>, Received) {
        let mut frames = Vec::new();
        loop {
            match self.next().await {
                Received::Frame(bytes) => frames.push(bytes),
                end => return (frames, end),
            }
        }
    }
}

/// Returns the recorded frames of the demo, except echoes of the recording client's heartbeats.
pub(crate) fn demo() -> Vec<Bytes> {
    let mut frames = frames(include_bytes!("../../../../../recordings/demo.bin"));
    frames.retain(|frame| push(frame).payload_type != "hb");
    frames
}

/// Returns the offsets of these frames, in ms.
pub(crate) fn offsets_ms() -> Vec<u64> {
    let frames = timed_frames(include_bytes!("../../../../../recordings/demo.bin"));
    let played = frames.into_iter().filter(|(_, frame)| push(frame).payload_type != "hb");
    played.map(|(offset, _)| u64::try_from(offset.as_millis()).unwrap()).collect()
}

/// Returns the received frames of a recording.
pub(crate) fn frames(recording: &[u8]) -> Vec<Bytes> {
    timed_frames(recording).into_iter().map(|(_, frame)| frame).collect()
}

fn timed_frames(recording: &[u8]) -> Vec<(Duration, Bytes)> {
    let (mut reader, mut frames) = (Reader::open(Cursor::new(recording)).unwrap(), Vec::new());
    while let Some(record) = reader.next().unwrap() {
        match record.item.what {
            What::Frame(frame) if !record.item.flags.is_sent() => {
                frames.push((record.item.offset, frame.bytes));
            }
            _ => {}
        }
    }
    frames
}

pub(crate) fn push(frame: &Bytes) -> Push {
    wire::read_push(frame, &mut Vec::new())
}

pub(crate) async fn wait_ms(ms: u64) {
    sleep_until(clock::now() + Duration::from_millis(ms)).await;
}
