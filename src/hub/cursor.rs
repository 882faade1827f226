//! Where a subscriber is, as others see it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use super::{Filter, Join, Reader};

/// What a subscriber shares with publishers.
#[derive(Debug)]
pub(super) struct Cursor {
    /// The last event that is known to be written, or the head at the time of joining: a joiner has as long for its
    /// backlog as anybody has for that many new events.
    position: AtomicU64,
    /// When it last made progress, in microseconds since `started`.
    touched: AtomicU64,
    started: Instant,
    /// Whether it fell behind. A token takes a lock for each look.
    is_slow: AtomicBool,
    /// Cancelled when it did.
    pub slow: CancellationToken,
    /// What it is here for.
    pub reader: Reader,
    /// Which events it gets.
    pub filter: Filter,
}

impl Cursor {
    pub(super) fn new(position: u64, join: &Join, now: Instant) -> Self {
        Self {
            position: AtomicU64::new(position),
            touched: AtomicU64::new(0),
            started: now,
            is_slow: AtomicBool::new(false),
            slow: CancellationToken::new(),
            reader: join.reader,
            filter: join.filter,
        }
    }

    pub(super) fn fall_behind(&self) {
        self.is_slow.store(true, Ordering::SeqCst);
        self.slow.cancel();
    }

    pub(super) fn is_slow(&self) -> bool {
        self.is_slow.load(Ordering::SeqCst)
    }

    pub(super) fn position(&self) -> u64 {
        self.position.load(Ordering::SeqCst)
    }

    /// When it last made progress.
    pub(super) fn touched(&self) -> Instant {
        self.started + Duration::from_micros(self.touched.load(Ordering::SeqCst))
    }

    /// Everything up to `position` is written. Says whether that reaches `mark`, which was ahead before. The mark is
    /// read last, as a publisher sets it first and reads positions then: one of both sees the other.
    pub(super) fn advance(&self, position: u64, mark: &AtomicU64, now: Instant) -> bool {
        let micros = u64::try_from((now - self.started).as_micros()).unwrap_or(u64::MAX);
        self.touched.store(micros, Ordering::SeqCst);
        let before = self.position.fetch_max(position, Ordering::SeqCst);
        let mark = mark.load(Ordering::SeqCst);
        before < mark && mark <= position
    }
}
