//! Client sockets, and readers of their messages.

use std::time::Duration;

use futures_util::{FutureExt as _, Stream, StreamExt as _};
use livetape_io::clock;
use serde_json::Value;
use tokio::io::DuplexStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, Message},
};

pub(crate) type Socket = WebSocketStream<DuplexStream>;

/// The texts that a socket received, and its close.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) texts: Vec<String>,
    /// Close code and reason, 1005 if the frame had no code; `None` if there was no close frame.
    pub(crate) close: Option<(u16, String)>,
}

impl Log {
    pub(crate) fn seqs(&self) -> Vec<u64> {
        seqs(&self.texts)
    }
}

pub(crate) fn seqs(texts: &[String]) -> Vec<u64> {
    texts.iter().map(|text| json(text)["seq"].as_u64().unwrap_or_else(|| panic!("{text}"))).collect()
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Formats an `error` and a close in one line.
pub(crate) fn told((error, (close, reason)): &(Value, (u16, String))) -> String {
    format!("{} retrying={} {close} {reason}", error["code"], error["retrying"])
}

pub(crate) fn close(log: &Log) -> (u16, &str) {
    let (code, reason) = log.close.as_ref().unwrap();
    (*code, reason)
}

/// Reads to the end.
pub(crate) async fn read_all(socket: &mut (impl Stream<Item = Result<Message, Error>> + Unpin)) -> Log {
    let mut log = Log { texts: Vec::new(), close: None };
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Text(text) => log.texts.push(text.to_string()),
            Message::Close(frame) => {
                let frame = frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
                log.close = Some(frame.unwrap_or((1005, String::new())));
            }
            _ => {}
        }
    }
    log
}

/// Reads `count` texts.
pub(crate) async fn read(socket: &mut Socket, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.len() < count {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => texts.push(text.to_string()),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?} after {texts:?}"),
        }
    }
    texts
}

/// Advances the paused clock, after everything due by then has happened.
pub(crate) async fn wait(time: Duration) {
    tokio::time::sleep_until(clock::now() + time).await;
}

/// Whether there is nothing to read now.
pub(crate) fn is_quiet(socket: &mut Socket) -> bool {
    socket.next().now_or_never().is_none()
}

/// Maximum number of turns until a thread must have done its work.
const TURNS_MAX: usize = 1_000_000;

/// Waits for something that a thread does, which a paused clock cannot tell.
#[track_caller]
pub(crate) fn eventually(is_done: impl Fn() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        for _ in 0..TURNS_MAX {
            if is_done() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("it did not happen: {caller}");
    }
}
