//! All events of the feed, compared with what the client has read from the upstream.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Cursor,
    sync::{Arc, Mutex},
};

use livetape_core::wire::{self, Message as Told};
use livetape_feed::hub::{Filter, Gifts, Hub, Join, Next, OnGap, Reader, Since};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{Role, WebSocket},
};

use crate::support::json;

/// Events by number.
pub(super) type Events = BTreeMap<u64, String>;

/// A subscriber that reads everything.
pub(super) struct Truth {
    /// Returns whether it has read everything: a burst may exceed the ring before it runs.
    reader: JoinHandle<bool>,
    events: Arc<Mutex<Events>>,
}

impl Truth {
    pub(super) fn of(hub: &Hub) -> Self {
        let events = Arc::default();
        Self { reader: tokio::spawn(read(hub.clone(), Arc::clone(&events))), events }
    }

    /// Waits until the hub closes. Returns all events, or `false` and most of them.
    pub(super) async fn end(self) -> (Events, bool) {
        let is_whole = self.reader.await.unwrap();
        (std::mem::take(&mut self.events.lock().unwrap()), is_whole)
    }
}

async fn read(hub: Hub, events: Arc<Mutex<Events>>) -> bool {
    let filter = Filter { raw: true, gifts: Gifts::Delta, ..Filter::default() };
    let (mut last, mut is_whole) = (0, true);
    loop {
        let since = Some(Since::After { stream: hub.stream().to_string(), seq: last });
        let join = Join { since, on_gap: OnGap::Skip, filter, reader: Reader::Observer };
        let mut subscriber = hub.join(&join).unwrap();
        let mut batch = Vec::new();
        loop {
            let next = subscriber.next(&mut batch).await;
            for line in batch.drain(..) {
                let line = String::from_utf8(line.to_vec()).unwrap();
                is_whole &= !line.starts_with(r#"{"type":"gap""#);
                if let Some(seq) = json(&line)["seq"].as_u64() {
                    last = seq;
                    assert!(events.lock().unwrap().insert(seq, line).is_none(), "event {seq} comes twice");
                }
            }
            match next {
                Next::Events => {}
                Next::Slow => break,
                Next::Closed(_) => return is_whole,
            }
        }
    }
}

/// Checks that every message that the client has read is an event, that none is two, and that every gap is
/// reported.
pub(super) fn check(events: &Events, is_whole: bool, read: &[Vec<u8>]) {
    let parsed: Vec<Value> = events.values().map(|event| json(event)).collect();
    let sockets: Vec<_> = read.iter().filter_map(|bytes| socket(bytes)).collect();
    let mut ids = BTreeSet::new();
    for id in parsed.iter().filter_map(|event| event["id"].as_str()) {
        assert!(ids.insert(id.to_owned()), "two events have the id {id}");
    }
    if !is_whole {
        return;
    }
    check_connections(&parsed, sockets.len());
    for (number, bytes) in sockets.iter().enumerate() {
        for chat in chats(bytes) {
            assert!(
                ids.contains(&chat.msg_id.to_string()),
                "connection {number}: {} is missing",
                chat.msg_id
            );
        }
    }
}

/// Every connection is opened and closed once, one after the other.
fn check_connections(events: &[Value], sockets: usize) {
    let kinds = events.iter().filter_map(|event| event["type"].as_str());
    let states: Vec<_> = kinds.filter(|kind| kind.starts_with("connection_")).collect();
    let expected = ["connection_created", "connection_closed"].repeat(sockets);
    assert_eq!(states, expected);
}

/// Returns the bytes after a successful handshake.
fn socket(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.starts_with(b"HTTP/1.1 101 ").then_some(bytes)?;
    let end = rest.windows(4).position(|at| at == b"\r\n\r\n")?;
    Some(&rest[end + 4..])
}

/// Returns the chats in whole frames that can be decoded, without repeated ones.
fn chats(bytes: &[u8]) -> Vec<Told> {
    let mut socket =
        WebSocket::from_partially_read(Cursor::new(Vec::new()), bytes.to_vec(), Role::Client, None);
    let mut chats = Vec::new();
    while let Ok(message) = socket.read() {
        let Message::Binary(frame) = message else { continue };
        let mut faults = Vec::new();
        let push = wire::read_push(&frame, &mut faults);
        if push.holds_batch() {
            let payload = wire::unzip(push.payload, &mut faults);
            let batch = wire::read_batch(&payload, &mut faults);
            if faults.is_empty() {
                let is_chat = |told: &Told| told.method == "WebcastChatMessage" && !told.is_history;
                chats.extend(batch.messages.into_iter().filter(is_chat));
            }
        }
    }
    chats
}
