//! Out of the ring.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    CloseReason, Filter, Shared,
    cursor::Cursor,
    line::{Line, View},
};
use crate::clock;

/// Events in one batch.
const BATCH_EVENTS_MAX: usize = 256;
/// Bytes in one batch; the event that passes them is still in it.
const BATCH_BYTES_MAX: usize = 256 * 1024;

/// One who reads a channel. Dropping it takes it off.
pub struct Subscriber {
    shared: Arc<Shared>,
    cursor: Arc<Cursor>,
    id: u64,
    filter: Filter,
    /// What comes before anything from the ring.
    first: VecDeque<Line>,
    /// The last event that was taken from the ring.
    read: u64,
    news: watch::Receiver<()>,
}

/// What [`Subscriber::next`] has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Events, in the buffer.
    Events,
    /// Everything was delivered and nothing follows.
    Closed(CloseReason),
    /// It fell too far behind, and is not waited for any longer. What it has not seen it may get by joining again with
    /// `since`, for as long as that takes half the ring.
    Slow,
}

impl Subscriber {
    pub(super) fn new(
        shared: Arc<Shared>,
        cursor: Arc<Cursor>,
        id: u64,
        filter: Filter,
        first: VecDeque<Line>,
        read: u64,
    ) -> Self {
        let news = shared.news.subscribe();
        Self { shared, cursor, id, filter, first, read, news }
    }

    /// Waits for events and puts them into `out`, in place of what was there: each the JSON of one event, in valid
    /// UTF-8, in order; at most 256 of them, or little more than 256 KiB. Calling this says that the batch before was
    /// written. May be cancelled; nothing is lost by that.
    pub async fn next(&mut self, out: &mut Vec<Bytes>) -> Next {
        self.next_as(View::Json, out).await
    }

    /// The same, each in a WebSocket's text frame, head and all.
    pub async fn next_frames(&mut self, out: &mut Vec<Bytes>) -> Next {
        self.next_as(View::Frame, out).await
    }

    async fn next_as(&mut self, view: View, out: &mut Vec<Bytes>) -> Next {
        out.clear();
        self.confirm();
        loop {
            // Marked as seen before looking, so that what comes in between is news again.
            self.news.mark_unchanged();
            if let Some(next) = self.take(view, out) {
                return next;
            }
            self.news.changed().await.expect("the sender lives in `shared`");
        }
    }

    /// Cancelled when this subscriber falls behind: for a task that is stuck in a socket at that time.
    #[must_use]
    pub fn slow(&self) -> CancellationToken {
        self.cursor.slow.clone()
    }

    /// What was taken is written.
    fn confirm(&self) {
        let pacing = &self.shared.pacing;
        if self.cursor.advance(self.read, &pacing.awaited, clock::now()) {
            pacing.reached.notify_waiters();
        }
    }

    fn take(&mut self, view: View, out: &mut Vec<Bytes>) -> Option<Next> {
        let state = self.shared.read();
        // Publishing marks the slow and evicts what they have not read under one lock.
        if self.cursor.is_slow() {
            return Some(Next::Slow);
        }
        let mut bytes = 0;
        let mut has_place = |line: &Line, out: &mut Vec<Bytes>| {
            bytes += line.len();
            out.push(line.view(view));
            out.len() < BATCH_EVENTS_MAX && bytes < BATCH_BYTES_MAX
        };
        while let Some(line) = self.first.pop_front() {
            if !has_place(&line, out) {
                return Some(Next::Events);
            }
        }
        let before = self.read;
        for (seq, entry) in state.ring.after(before) {
            self.read = seq;
            if entry.shown_to(&self.filter).is_some_and(|line| !has_place(line, out)) {
                break;
            }
        }
        if !out.is_empty() {
            self.shared.traffic.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
            return Some(Next::Events);
        }
        let closed = state.closed.clone();
        drop(state);
        // Nothing of it is to be written.
        if self.read > before {
            self.confirm();
        }
        closed.map(Next::Closed)
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let removed = self.shared.write().remove(self.id);
        self.shared.lost(removed.as_slice());
        self.shared.pacing.reached.notify_waiters();
    }
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("id", &self.id).field("read", &self.read).finish_non_exhaustive()
    }
}
