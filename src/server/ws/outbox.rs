//! What waits for one socket, events aside. Whoever fills it never waits: a socket that does not take what waits for
//! it is marked as slow.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tungstenite::{Message, protocol::CloseFrame};

use crate::hub::Subscriber;

/// What a message costs beside its bytes, so that empty ones are not free.
const MESSAGE_OVERHEAD_BYTES: usize = 64;

/// One thing for the socket's writer, in order.
#[derive(Debug)]
pub(super) enum Item {
    /// Write this.
    Message(Message),
    /// Read this feed from now on, or none; whether the socket ends with it.
    Feed(Option<Subscriber>, bool),
}

/// What [`Outbox::next`] has.
#[derive(Debug)]
pub(super) enum Turn {
    /// Things, in the buffer.
    Items,
    /// All was written: close now.
    Close(CloseFrame),
    /// All was written, and nothing follows but what the feed still has.
    GoingAway,
    /// More was waiting than may.
    Slow,
}

#[derive(Debug)]
pub(super) struct Outbox {
    bytes_max: usize,
    queue: Mutex<Queue>,
    /// For the writer: there is something.
    news: Notify,
    /// For whoever waits until all is written.
    written: Notify,
    slow: CancellationToken,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    /// What waits, and what the writer has taken and not written yet.
    bytes: usize,
    taken_bytes: usize,
    end: Option<End>,
}

#[derive(Debug)]
enum End {
    Close(CloseFrame),
    GoingAway,
}

impl Outbox {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            queue: Mutex::default(),
            news: Notify::new(),
            written: Notify::new(),
            slow: CancellationToken::new(),
        }
    }

    /// Puts a message behind what waits. One alone may be longer than all that may wait.
    pub(super) fn push(&self, message: Message) {
        let cost = cost(&message);
        let mut queue = self.lock();
        if queue.bytes > 0 && queue.bytes + cost > self.bytes_max {
            self.slow.cancel();
        }
        if self.slow.is_cancelled() || queue.end.is_some() {
            return;
        }
        queue.bytes += cost;
        queue.items.push_back(Item::Message(message));
        drop(queue);
        self.news.notify_one();
    }

    /// Changes the feed behind what waits. Whether the socket ends with it is said by `binds`.
    pub(super) fn feed(&self, subscriber: Option<Subscriber>, binds: bool) {
        self.lock().items.push_back(Item::Feed(subscriber, binds));
        self.news.notify_one();
    }

    /// Closes the socket behind what waits. The first reason stands.
    pub(super) fn close(&self, frame: CloseFrame) {
        self.end(End::Close(frame));
    }

    /// Lets the socket end with its feed, or now if it reads none.
    pub(super) fn go_away(&self) {
        self.end(End::GoingAway);
    }

    fn end(&self, end: End) {
        self.lock().end.get_or_insert(end);
        self.news.notify_one();
    }

    /// Cancelled when more waits than may: for a writer that is stuck in its socket.
    pub(super) fn slow(&self) -> &CancellationToken {
        &self.slow
    }

    /// Waits for something to do and puts it into `out`, in place of what was there. Calling this says that what was
    /// there is written. May be cancelled; nothing is lost by that.
    pub(super) async fn next(&self, out: &mut Vec<Item>) -> Turn {
        out.clear();
        self.confirm();
        loop {
            if let Some(turn) = self.take(out) {
                return turn;
            }
            self.news.notified().await;
        }
    }

    fn confirm(&self) {
        let mut queue = self.lock();
        queue.bytes -= queue.taken_bytes;
        queue.taken_bytes = 0;
        if queue.bytes == 0 {
            self.written.notify_waiters();
        }
    }

    fn take(&self, out: &mut Vec<Item>) -> Option<Turn> {
        if self.slow.is_cancelled() {
            return Some(Turn::Slow);
        }
        let mut queue = self.lock();
        if !queue.items.is_empty() {
            out.extend(queue.items.drain(..));
            queue.taken_bytes = queue.bytes;
            return Some(Turn::Items);
        }
        match queue.end.as_ref()? {
            End::Close(frame) => Some(Turn::Close(frame.clone())),
            End::GoingAway => Some(Turn::GoingAway),
        }
    }

    /// Waits until all that was put in is written.
    pub(super) async fn written(&self) {
        loop {
            let written = self.written.notified();
            if self.lock().bytes == 0 {
                return;
            }
            written.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Every state that a panicking holder could leave behind is a valid one.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cost(message: &Message) -> usize {
    let bytes = match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) => bytes.len(),
        _ => 0,
    };
    bytes + MESSAGE_OVERHEAD_BYTES
}
