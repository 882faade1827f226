//! State of a channel: its newest events, and the cursors of its subscribers.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use livetape_core::truth::Tally;
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use super::{
    CloseReason, Filter, Join, Limits, Next, Reader, Window,
    entry::{Entry, StateRole},
};

/// Events and the total number of bytes up to each. A *position* is the number of the last event before it: 0
/// is before the first event, [`Ring::head`] after the newest.
#[derive(Debug)]
pub(super) struct Ring {
    limits: Limits,
    slots: VecDeque<Slot>,
    /// Sequence number of the newest event.
    head: u64,
    /// Number of bytes ever added.
    bytes: u64,
    /// Number of bytes ever evicted.
    bytes_evicted: u64,
    evicted: Tally,
}

#[derive(Debug)]
struct Slot {
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
        self.slots.push_back(Slot { entry, end: self.bytes });
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
