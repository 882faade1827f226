//! What a socket received.

use futures_util::{Stream, StreamExt as _};
use serde_json::Value;
use tokio_tungstenite::tungstenite::{Error, Message};

/// The texts that a socket received, and its close.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) texts: Vec<String>,
    /// Close code and reason, 1005 if the frame had no code; `None` if there was no close frame.
    pub(crate) close: Option<(u16, String)>,
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

pub(crate) fn close(log: &Log) -> (u16, &str) {
    let (code, reason) = log.close.as_ref().unwrap();
    (*code, reason)
}

/// Maximum number of pings of a socket that is read to its end: days, if the clock is paused.
const PINGS_MAX: usize = 10_000;

/// Reads to the end.
pub(crate) async fn read_all(socket: &mut (impl Stream<Item = Result<Message, Error>> + Unpin)) -> Log {
    let (mut log, mut pings) = (Log { texts: Vec::new(), close: None }, 0);
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Text(text) => log.texts.push(text.to_string()),
            Message::Close(frame) => {
                let frame = frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
                log.close = Some(frame.unwrap_or((1005, String::new())));
            }
            Message::Ping(_) => {
                pings += 1;
                assert!(pings < PINGS_MAX, "the socket never ends");
            }
            _ => {}
        }
    }
    log
}
