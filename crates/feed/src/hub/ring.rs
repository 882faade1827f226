//! The ring of a channel's newest events, the cursors of its subscribers, and how they read from it, alone or in batches
//! that several share.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use livetape_core::truth::Tally;
use livetape_io::clock;
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use super::{
    CloseReason, Hub, Join, Limits, Reader, Shared, Window,
    entry::{Entry, Filter, Line, StateRole, View, convert},
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

/// Events and the total number of bytes up to each. A *position* is the number of the last event before it: 0
/// is before the first event, [`Ring::head`] after the newest.
#[derive(Debug)]
pub(super) struct Ring {
    limits: Limits,
    slots: VecDeque<RingSlot>,
    /// Sequence number of the newest event.
    head: u64,
    /// Number of bytes ever added.
    bytes: u64,
    /// Number of bytes ever evicted.
    bytes_evicted: u64,
    evicted: Tally,
}

#[derive(Debug)]
struct RingSlot {
    entry: Entry,
    /// Number of bytes ever added, up to and including this event.
    end: u64,
}

impl Ring {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            slots: VecDeque::new(),
            head: 0,
            bytes: 0,
            bytes_evicted: 0,
            evicted: Tally::default(),
        }
    }

    /// Returns the number of the newest event; 0 before the first.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// Returns the position before the oldest event in the ring.
    pub(super) fn tail(&self) -> u64 {
        self.head - self.slots.len() as u64
    }

    /// Adds an event and evicts the oldest ones beyond the limits.
    pub(super) fn push(&mut self, entry: Entry) {
        self.head += 1;
        self.bytes += entry.len().min(self.limits.pace().bytes);
        self.slots.push_back(RingSlot { entry, end: self.bytes });
        while self.tail() < self.floor(self.limits.ring()) {
            let oldest = self.slots.pop_front().expect("the tail is below the head");
            self.bytes_evicted = oldest.end;
            self.evicted.add(&oldest.entry.added);
        }
    }

    /// Forgets everything, and continues after event `head`.
    pub(super) fn skip_to(&mut self, head: u64) {
        self.slots.clear();
        (self.head, self.bytes_evicted) = (head, self.bytes);
    }

    /// Returns the oldest position after which at most `window` follows.
    pub(super) fn floor(&self, window: Window) -> u64 {
        let too_far = |end: u64| self.bytes - end > window.bytes;
        let by_bytes = if too_far(self.bytes_evicted) {
            self.tail() + 1 + self.slots.partition_point(|slot| too_far(slot.end)) as u64
        } else {
            self.tail()
        };
        by_bytes.max(self.head.saturating_sub(window.events))
    }

    /// Counts the events up to and including `seq`; `None` if it is not in the ring, nor right before it.
    pub(super) fn tally(&self, seq: u64) -> Option<Tally> {
        if seq > self.head {
            return None;
        }
        let mut tally = self.evicted.clone();
        let counted = seq.checked_sub(self.tail())? as usize;
        self.slots.range(..counted).for_each(|slot| tally.add(&slot.entry.added));
        Some(tally)
    }

    /// Returns the events after `position` with their numbers, oldest first. Empty if the next event is no
    /// longer there.
    pub(super) fn after(&self, position: u64) -> impl Iterator<Item = (u64, &Entry)> {
        let skip = position.checked_sub(self.tail()).map_or(usize::MAX, |skip| skip as usize);
        let first = skip.min(self.slots.len());
        (position + 1..).zip(self.slots.range(first..).map(|slot| &slot.entry))
    }
}

#[derive(Debug)]
pub(super) struct ChannelState {
    /// Name of the channel in its events.
    pub stream: Arc<str>,
    pub ring: Ring,
    /// Events that describe the current state, for subscribers without `since`: the latest event that started
    /// one, and the event that ended it.
    pub current: Vec<Entry>,
    pub closed: Option<CloseReason>,
    /// Event without a number that is sent to new subscribers, too.
    pub notice: Option<Entry>,
    cursors: HashMap<u64, Arc<Cursor>>,
    cursors_ever: u64,
    /// Lower bound for the positions of all cursors, so that publishing need not check each of them.
    slowest_at_least: u64,
}

impl ChannelState {
    pub(super) fn new(stream: Arc<str>, limits: Limits) -> Self {
        Self {
            stream,
            ring: Ring::new(limits),
            current: Vec::new(),
            closed: None,
            notice: None,
            cursors: HashMap::new(),
            cursors_ever: 0,
            slowest_at_least: 0,
        }
    }

    pub(super) fn push(&mut self, entry: Entry) {
        match entry.state_role {
            StateRole::Begins => self.current = vec![entry.clone()],
            StateRole::Ends => {
                self.current.retain(|told| told.state_role == StateRole::Begins);
                self.current.push(entry.clone());
            }
            StateRole::Passes => {}
        }
        self.ring.push(entry);
    }

    /// Adds a cursor and returns its id.
    pub(super) fn add(&mut self, cursor: Arc<Cursor>) -> u64 {
        self.slowest_at_least = self.slowest_at_least.min(cursor.position());
        self.cursors_ever += 1;
        self.cursors.insert(self.cursors_ever, cursor);
        self.cursors_ever
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Arc<Cursor>> {
        self.cursors.remove(&id)
    }

    pub(super) fn cursors(&self) -> &HashMap<u64, Arc<Cursor>> {
        &self.cursors
    }

    pub(super) fn below(&self, floor: u64) -> impl Iterator<Item = &Arc<Cursor>> {
        self.cursors.values().filter(move |cursor| cursor.position() < floor)
    }

    /// Removes the cursors of `readers`, and returns them.
    pub(super) fn dismiss(
        &mut self,
        reason: &CloseReason,
        readers: impl Fn(Reader) -> bool,
    ) -> Vec<Arc<Cursor>> {
        let dismissed = self.cursors.extract_if(|_, cursor| readers(cursor.reader));
        dismissed.map(|(_, cursor)| cursor).inspect(|cursor| cursor.dismiss(reason)).collect()
    }

    /// Marks the cursors below `floor` that are `late` as slow, removes and returns them.
    pub(super) fn drop_below(&mut self, floor: u64, late: impl Fn(&Cursor) -> bool) -> Vec<Arc<Cursor>> {
        let mut dropped = Vec::new();
        if floor <= self.slowest_at_least {
            return dropped;
        }
        self.cursors.retain(|_, cursor| {
            let keep = cursor.position() >= floor || !late(cursor);
            if !keep {
                cursor.fall_behind();
                dropped.push(Arc::clone(cursor));
            }
            keep
        });
        let positions = self.cursors.values().map(|cursor| cursor.position());
        self.slowest_at_least = positions.min().unwrap_or(self.ring.head());
        dropped
    }
}

/// State that a subscriber shares with publishers.
#[derive(Debug)]
pub(super) struct Cursor {
    /// Number of the last event that is known to be written. Starts at the head, so that the unread
    /// backlog of a new subscriber does not count as lag.
    position: AtomicU64,
    /// Time of the last progress, in microseconds since `started`.
    touched: AtomicU64,
    started: Instant,
    /// Whether it fell behind or was dismissed. Cheaper to check than the token, which takes a lock.
    is_over: AtomicBool,
    /// Whether the end of a client was counted.
    pub is_counted: AtomicBool,
    dismissed: OnceLock<Box<CloseReason>>,
    /// Cancelled when it fell behind or was dismissed.
    pub slow: CancellationToken,
    /// Number of events in the backlog that the subscriber started with.
    pub resent: u64,
    pub reader: Reader,
    pub filter: Filter,
}

impl Cursor {
    pub(super) fn new(position: u64, resent: u64, join: &Join, now: Instant) -> Self {
        Self {
            position: AtomicU64::new(position),
            touched: AtomicU64::new(0),
            started: now,
            is_over: AtomicBool::new(false),
            is_counted: AtomicBool::new(false),
            dismissed: OnceLock::new(),
            slow: CancellationToken::new(),
            resent,
            reader: join.reader,
            filter: join.filter,
        }
    }

    fn fall_behind(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.slow.cancel();
    }

    pub(super) fn dismiss(&self, reason: &CloseReason) {
        self.dismissed.get_or_init(|| Box::new(reason.clone()));
        self.fall_behind();
    }

    /// Returns the end of its feed, if it fell behind or was dismissed.
    pub(super) fn end(&self) -> Option<Next> {
        let is_over = self.is_over.load(Ordering::SeqCst);
        is_over.then(|| self.dismissed.get().map_or(Next::Slow, |reason| Next::Closed((**reason).clone())))
    }

    pub(super) fn position(&self) -> u64 {
        self.position.load(Ordering::SeqCst)
    }

    pub(super) fn touched(&self) -> Instant {
        self.started + Duration::from_micros(self.touched.load(Ordering::SeqCst))
    }

    /// Records that everything up to `position` is written. Returns whether this reaches `mark` for the first
    /// time. Loads the mark last: a publisher stores it first and loads positions after that, so at least one
    /// of the two sees the other.
    pub(super) fn advance(&self, position: u64, mark: &AtomicU64, now: Instant) -> bool {
        let micros = u64::try_from((now - self.started).as_micros()).unwrap_or(u64::MAX);
        self.touched.store(micros, Ordering::SeqCst);
        let before = self.position.fetch_max(position, Ordering::SeqCst);
        let mark = mark.load(Ordering::SeqCst);
        before < mark && mark <= position
    }

    /// Whether it is a client that was not counted before.
    pub(super) fn count(&self) -> bool {
        self.reader == Reader::Client && !self.is_counted.swap(true, Ordering::SeqCst)
    }
}

/// A subscriber of a channel. Unsubscribes on drop.
pub struct Subscriber {
    pub(super) shared: Arc<Shared>,
    pub(super) cursor: Arc<Cursor>,
    pub(super) id: u64,
    pub(super) filter: Filter,
    /// Lines to send before anything from the ring, while there are some.
    #[expect(clippy::box_collection, reason = "few subscribers have some, and all are kept in arrays")]
    pub(super) first: Option<Box<VecDeque<Line>>>,
    /// Number of the last event taken from the ring.
    pub(super) read: u64,
    /// Number of notices taken or missed.
    pub(super) noticed: u64,
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
        let key = self.first.is_none().then_some((self.read, self.filter));
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
            if let Some(line) = line {
                self.first.get_or_insert_default().push_back(line.clone());
            }
        }
    }

    /// Moves available events into `out`, which is empty, in the format of the subscriber.
    fn take(&mut self, view: View, out: &mut Vec<Bytes>) -> Taken {
        let Some(layout) = self.filter.format.layout() else { return self.take_native(view, out) };
        // If nothing of a batch can be converted, more may still follow.
        loop {
            let taken = self.take_native(View::Json, out);
            let is_last = out.is_empty();
            let bytes = convert(layout, view, out);
            if is_last || !out.is_empty() {
                return Taken { bytes, ..taken };
            }
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
        let mut first = std::iter::from_fn(|| self.first.as_mut()?.pop_front());
        if !first.any(|line| put(&line, out)) {
            self.first = None;
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
