//! Reading events from the ring, alone or in batches that several subscribers share.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, atomic::Ordering},
};

use bytes::{Bytes, BytesMut};
use livetape_io::clock;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    CloseReason, Filter, Format, Hub, Shared,
    entry::{Line, View, to_tikfinity},
    ring::Cursor,
};

/// Maximum number of events in a batch.
const BATCH_EVENTS_MAX: usize = 256;
/// Maximum size of a batch, in bytes; the event that exceeds it is still included.
const BATCH_BYTES_MAX: usize = 256 * 1024;
/// Maximum number of cached batches, keyed by position and filter. The oldest is evicted.
const BATCHES_MAX: usize = 8;
/// Maximum size of joined frames, in bytes. Writing one piece is cheaper than many, but a piece stays in
/// memory until its last reader drops it.
const PIECE_BYTES_MAX: usize = 32 * 1024;

/// A subscriber of a channel. Unsubscribes on drop.
pub struct Subscriber {
    shared: Arc<Shared>,
    cursor: Arc<Cursor>,
    id: u64,
    filter: Filter,
    /// Lines to send before anything from the ring.
    first: VecDeque<Line>,
    /// Number of the last event taken from the ring.
    read: u64,
    /// Number of notices taken or missed.
    noticed: u64,
}

/// How far a subscriber has read, for others to see. Outlives the subscriber, and does not keep it
/// subscribed.
#[derive(Clone, Debug)]
pub struct Progress {
    pub(super) shared: Arc<Shared>,
    pub(super) cursor: Arc<Cursor>,
}

impl Progress {
    /// Returns the number of the last event that is known to be written, and the number of newer ones.
    #[must_use]
    pub fn position_and_lag(&self) -> (u64, u64) {
        let position = self.cursor.position();
        (position, self.shared.state.read().ring.head().saturating_sub(position))
    }

    /// Returns the number of events, of any type, in the backlog that the subscriber started with.
    #[must_use]
    pub fn resent(&self) -> u64 {
        self.cursor.resent
    }

    /// Whether the channel was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.state.read().closed.is_some()
    }

    /// Counts the client as unread, because the server ended it early or it did not read the end.
    pub fn count_unread(&self) {
        self.shared.count_unread(&self.cursor);
    }

    /// Counts the client as one that left by itself.
    pub fn count_left(&self) {
        if self.cursor.count() {
            self.shared.tally.lock().leave(self.cursor.position());
        }
    }
}

/// Result of [`Subscriber::next`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The buffer contains events.
    Events,
    /// Everything was delivered, and nothing follows.
    Closed(CloseReason),
    /// The subscriber fell too far behind and was removed. It can join again with `since` until another half
    /// of the ring has been published.
    Slow,
}

/// Result of [`Subscriber::take`].
struct Taken {
    /// Why nothing was taken and nothing will follow.
    end: Option<Next>,
    /// Length of the JSON that was taken, in bytes.
    bytes: usize,
    /// Whether more may be available immediately.
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
        noticed: u64,
    ) -> Self {
        Self { shared, cursor, id, filter, first, read, noticed }
    }

    /// Waits for events and replaces the contents of `out`. Events from the previous call count as written.
    /// Each element is the JSON of one event in valid UTF-8, in order: at most 256 events, or slightly more
    /// than 256 KiB. Cancel safe.
    pub async fn next(&mut self, out: &mut Vec<Bytes>) -> Next {
        out.clear();
        self.written();
        // Subscribe before looking, so that anything published in between counts as news.
        let mut news = self.shared.news.subscribe();
        loop {
            self.take_notice();
            let Taken { end, bytes, has_more: _ } = self.take(View::Json, out);
            self.count(bytes);
            if let Some(end) = end {
                return end;
            }
            if !out.is_empty() {
                return Next::Events;
            }
            // If the filter dropped everything, nothing is left to write.
            self.written();
            news.changed().await.expect("the sender lives in `shared`");
        }
    }

    /// Appends the available events to `out` as WebSocket text frames, without waiting: whole frames, joined,
    /// as many as one call to [`next`](Self::next) returns. Call this only when all previous frames are
    /// written. `batches` must belong to this channel.
    pub fn frames(&mut self, batches: &mut Batches, out: &mut VecDeque<Bytes>) -> Option<Next> {
        if let Some(end) = self.cursor.end() {
            return Some(end);
        }
        self.take_notice();
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
            // If the filter dropped everything, nothing is left to write.
            self.written();
            return None;
        }
        Some(Next::Events)
    }

    /// Records that everything taken so far is written, so that publishers no longer wait for it.
    pub fn written(&self) {
        self.written_by(clock::now());
    }

    /// Like [`written`](Self::written), for callers that already know the time.
    pub fn written_by(&self, now: Instant) {
        let pacing = &self.shared.pacing;
        if self.cursor.advance(self.read, &pacing.awaited, now) {
            pacing.reached.notify_waiters();
        }
    }

    /// Number of the last event that is known to be written.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.cursor.position()
    }

    /// Returns how the feed ends if the subscriber has fallen behind or was dismissed.
    #[must_use]
    pub fn end(&self) -> Option<Next> {
        self.cursor.end()
    }

    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress { shared: Arc::clone(&self.shared), cursor: Arc::clone(&self.cursor) }
    }

    #[must_use]
    pub fn reads(&self, hub: &Hub) -> bool {
        Arc::ptr_eq(&self.shared, &hub.shared)
    }

    #[must_use]
    pub fn hub(&self) -> Hub {
        Hub { shared: Arc::clone(&self.shared) }
    }

    /// Returns a token that is cancelled when the subscriber falls behind, for tasks that may be blocked on a
    /// socket.
    #[must_use]
    pub fn slow(&self) -> CancellationToken {
        self.cursor.slow.clone()
    }

    /// Takes the last notice, if it is new.
    fn take_notice(&mut self) {
        let notices = self.shared.notices.load(Ordering::SeqCst);
        if std::mem::replace(&mut self.noticed, notices) != notices {
            let state = self.shared.state.read();
            let line = state.notice.as_ref().and_then(|entry| entry.shown_to(&self.filter));
            self.first.extend(line.cloned());
        }
    }

    /// Moves available events into `out`, which is empty, in the format of the subscriber.
    fn take(&mut self, view: View, out: &mut Vec<Bytes>) -> Taken {
        match self.filter.format {
            Format::Native => self.take_native(view, out),
            // If nothing of a batch can be converted, more may still follow.
            Format::Tikfinity => loop {
                let taken = self.take_native(View::Json, out);
                let is_last = out.is_empty();
                let bytes = to_tikfinity(view, out);
                if is_last || !out.is_empty() {
                    return Taken { bytes, ..taken };
                }
            },
        }
    }

    fn take_native(&mut self, view: View, out: &mut Vec<Bytes>) -> Taken {
        let state = self.shared.state.read();
        // Publishing marks slow cursors and evicts their unread events under one lock.
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
        let removed = self.shared.state.write().remove(self.id);
        self.shared.remove_present(removed.as_slice());
        self.shared.pacing.reached.notify_waiters();
    }
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("id", &self.id).field("read", &self.read).finish_non_exhaustive()
    }
}

/// Batches of one channel, for a writer that serves many of its subscribers in turn. Create a new value for
/// each round.
#[derive(Debug, Default)]
pub struct Batches {
    batches: VecDeque<Batch>,
    has_more: bool,
}

/// The events after a position, as one filter shows them.
#[derive(Debug)]
struct Batch {
    /// Position and filter that the batch is for; `None` if no other subscriber can share it.
    key: Option<(u64, Filter)>,
    /// Number of the last event that the batch covers.
    read: u64,
    /// Total length of the events' JSON, in bytes.
    bytes: usize,
    /// Whether more events may already follow.
    has_more: bool,
    /// Whole frames, joined. Empty if the filter lets nothing pass.
    pieces: Vec<Bytes>,
}

impl Batches {
    /// Whether any batch so far may have left events behind.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    fn find(&self, key: Option<(u64, Filter)>) -> Option<&Batch> {
        self.batches.iter().find(|batch| key.is_some() && batch.key == key)
    }

    fn keep(&mut self, batch: Batch) -> &Batch {
        self.has_more |= batch.has_more;
        if self.batches.len() == BATCHES_MAX {
            self.batches.pop_front();
        }
        self.batches.push_back(batch);
        self.batches.back().expect("it was just put there")
    }
}

/// Joins frames into fewer pieces.
pub(super) fn join(frames: Vec<Bytes>) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    let mut run: Vec<Bytes> = Vec::new();
    let mut bytes = 0;
    for frame in frames {
        if bytes + frame.len() > PIECE_BYTES_MAX {
            pieces.extend(piece(&mut run, bytes));
            bytes = 0;
        }
        bytes += frame.len();
        run.push(frame);
    }
    pieces.extend(piece(&mut run, bytes));
    pieces
}

/// Joins a run of frames. A single frame is shared rather than copied, whatever its length.
fn piece(run: &mut Vec<Bytes>, bytes: usize) -> Option<Bytes> {
    if run.len() < 2 {
        return run.pop();
    }
    let mut piece = BytesMut::with_capacity(bytes);
    run.drain(..).for_each(|frame| piece.extend_from_slice(&frame));
    Some(piece.freeze())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn joined_frames_are_the_same_bytes(lengths in prop::collection::vec(0_usize..40_000, 0..20)) {
            let frames: Vec<Bytes> = (0_u8..).zip(&lengths).map(|(byte, &length)| vec![byte; length].into()).collect();
            let pieces = join(frames.clone());
            prop_assert_eq!(pieces.concat(), frames.concat());
            for piece in &pieces {
                prop_assert!(piece.len() <= PIECE_BYTES_MAX || frames.contains(piece));
            }
            for two in pieces.windows(2) {
                prop_assert!(two[0].len() + two[1].len() > PIECE_BYTES_MAX / 2 || two[0].is_empty());
            }
        }
    }
}
