//! A subscriber's progress, as publishers see it.

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use super::{CloseReason, Filter, Join, Next, Reader};

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

    pub(super) fn fall_behind(&self) {
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
}
