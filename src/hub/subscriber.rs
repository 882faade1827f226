//! Out of the ring.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    CloseReason, Filter, Hub, Shared,
    batches::{Batch, Batches, join},
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

/// What [`Subscriber::take`] says of what it put out.
struct Taken {
    /// Why there is nothing, and never will be.
    end: Option<Next>,
    /// The JSON of it, in bytes.
    bytes: usize,
    /// Whether there may be more to be had at once.
    has_more: bool,
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
        out.clear();
        self.written();
        loop {
            // Marked as seen before looking, so that what comes in between is news again.
            self.news.mark_unchanged();
            let Taken { end, bytes, has_more: _ } = self.take(View::Json, out);
            self.count(bytes);
            if let Some(end) = end {
                return end;
            }
            if !out.is_empty() {
                return Next::Events;
            }
            // Where the filter lets nothing pass, nothing is left to be written.
            self.written();
            self.news.changed().await.expect("the sender lives in `shared`");
        }
    }

    /// What there is now as WebSocket text frames, without waiting: whole ones, joined, as much as [`next`](Self::next)
    /// has at a time, behind what `out` has. To be asked when all that it gave before is written. `batches` are of this
    /// channel.
    pub fn frames(&mut self, batches: &mut Batches, out: &mut VecDeque<Bytes>) -> Option<Next> {
        if let Some(end) = self.cursor.end() {
            return Some(end);
        }
        let key = self.first.is_empty().then_some((self.read, self.filter));
        let batch = match batches.find(key) {
            Some(batch) => batch,
            None => {
                let mut frames = Vec::new();
                let Taken { end, bytes, has_more } = self.take(View::Frame, &mut frames);
                if end.is_some() {
                    return end;
                }
                batches.keep(Batch { key, read: self.read, bytes, has_more, pieces: join(frames) })
            }
        };
        self.read = batch.read;
        self.count(batch.bytes);
        out.extend(batch.pieces.iter().cloned());
        if batch.pieces.is_empty() {
            // Where the filter lets nothing pass, nothing is left to be written.
            self.written();
            return None;
        }
        Some(Next::Events)
    }

    /// What was taken is written: it is no longer waited for.
    pub fn written(&self) {
        self.written_by(clock::now());
    }

    /// The same for whoever has just looked at the clock.
    pub fn written_by(&self, now: Instant) {
        let pacing = &self.shared.pacing;
        if self.cursor.advance(self.read, &pacing.awaited, now) {
            pacing.reached.notify_waiters();
        }
    }

    /// Whether it reads this channel.
    #[must_use]
    pub fn reads(&self, hub: &Hub) -> bool {
        Arc::ptr_eq(&self.shared, &hub.shared)
    }

    /// The channel that it reads.
    #[must_use]
    pub fn hub(&self) -> Hub {
        Hub { shared: Arc::clone(&self.shared) }
    }

    /// Cancelled when this subscriber falls behind: for a task that is stuck in a socket at that time.
    #[must_use]
    pub fn slow(&self) -> CancellationToken {
        self.cursor.slow.clone()
    }

    /// Puts what there is into `out`.
    fn take(&mut self, view: View, out: &mut Vec<Bytes>) -> Taken {
        let state = self.shared.read();
        // Publishing marks the slow and evicts what they have not read under one lock.
        if let Some(end) = self.cursor.end() {
            return Taken { end: Some(end), bytes: 0, has_more: false };
        }
        let mut bytes = 0;
        let mut is_full = false;
        let mut put = |line: &Line, out: &mut Vec<Bytes>| {
            bytes += line.len();
            out.push(line.view(view));
            is_full = out.len() >= BATCH_EVENTS_MAX || bytes >= BATCH_BYTES_MAX;
            is_full
        };
        let mut first = std::iter::from_fn(|| self.first.pop_front());
        if !first.any(|line| put(&line, out)) {
            for (seq, entry) in state.ring.after(self.read) {
                self.read = seq;
                if entry.shown_to(&self.filter).is_some_and(|line| put(line, out)) {
                    break;
                }
            }
        }
        let closed = || state.closed.clone().map(Next::Closed);
        let end = if out.is_empty() { closed() } else { None };
        Taken { end, bytes, has_more: is_full || state.closed.is_some() }
    }

    fn count(&self, bytes: usize) {
        self.shared.traffic.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
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
