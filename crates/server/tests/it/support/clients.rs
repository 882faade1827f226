//! Client sockets, and readers of their messages.

use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use livetape_io::clock;
use serde_json::Value;
use tokio::io::DuplexStream;
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

use super::log::{Log, json};

pub(crate) type Socket = WebSocketStream<DuplexStream>;

impl Log {
    pub(crate) fn seqs(&self) -> Vec<u64> {
        seqs(&self.texts)
    }
}

pub(crate) fn seqs(texts: &[String]) -> Vec<u64> {
    texts.iter().map(|text| json(text)["seq"].as_u64().unwrap_or_else(|| panic!("{text}"))).collect()
}

/// Formats an `error` and a close in one line.
pub(crate) fn told((error, (close, reason)): &(Value, (u16, String))) -> String {
    format!("{} retrying={} {close} {reason}", error["code"], error["retrying"])
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
