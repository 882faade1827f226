//! Shared by these tests: [`Rig`] is livetape in memory, [`Setup`] configures it, `Served` is a server on a
//! port.

#[expect(dead_code, reason = "tests of processes start a mock on a port")]
#[path = "../../../../../tests/it/support/demo.rs"]
mod demo;
#[path = "../../../../../tests/it/support/filtered.rs"]
mod filtered;
#[path = "../../../../../tests/it/support/log.rs"]
mod log;
#[path = "../../../../../tests/it/support/mock.rs"]
pub(crate) mod mock;
mod rig;

pub(crate) use livetape_samples::{
    assert_expected, assert_same, chat, event, item, messages, payloads, recording, repository, seed,
    session_items,
};

use std::{collections::BTreeSet, fs, time::Duration};

pub(crate) use filtered::decode;
use futures_util::{FutureExt as _, StreamExt as _};
use livetape_core::{
    event::Event,
    recording::{Item, Reader},
};
use livetape_io::clock;
pub(crate) use log::{Log, close, json, read_all};
pub(crate) use rig::{As, ROOMS, Rig, Served, Setup, UPSTREAM, short};
use serde_json::Value;
use tokio::io::DuplexStream;
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

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

/// Returns chats of about 300 bytes each.
pub(crate) fn chats(count: usize) -> Vec<Event> {
    (0..count).map(|i| chat(&format!("{i}{}", ".".repeat(100)))).collect()
}

/// An HTTP response.
#[derive(Debug)]
pub(crate) struct HttpResponse {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl HttpResponse {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| line.split_once(": ").map(|(a, b)| (a.to_lowercase(), b.to_owned()));
        let mut answer = Self { status, headers: lines.filter_map(header).collect(), body: body.to_owned() };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = dechunk(body);
        }
        answer
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Returns the code of an error response.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Decodes a chunked body; the last chunk may be missing.
fn dechunk(mut body: &str) -> String {
    let mut content = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        content.push_str(&rest[..size]);
        body = rest[size..].strip_prefix("\r\n").unwrap_or_default();
    }
    content
}

/// Returns the items of each shipped recording.
pub(crate) fn shipped_recordings() -> Vec<(String, Vec<Item>)> {
    let folder = fs::read_dir(repository().join("recordings")).unwrap();
    let paths: BTreeSet<_> = folder.map(|entry| entry.unwrap().path()).collect();
    let files = paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "bin"));
    let items = files.map(|path| {
        let mut reader = Reader::open(fs::File::open(path).unwrap()).unwrap();
        let items = std::iter::from_fn(|| reader.next().unwrap()).map(|record| record.item).collect();
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), items)
    });
    items.collect()
}
