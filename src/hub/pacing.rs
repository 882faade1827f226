//! Waiting for the slowest cursor: what `--speed max` does instead of looking at the clock.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::{
    sync::{Mutex, Notify},
    time::{Instant, timeout_at},
};

use super::{Hub, Shared, cursor::Cursor};
use crate::clock;

/// Where publishers and cursors meet.
#[derive(Debug, Default)]
pub(super) struct Pacing {
    /// The position that the publisher waits for all cursors to reach; 0 if it does not wait.
    pub awaited: AtomicU64,
    /// A cursor reached it, or left.
    pub reached: Notify,
    /// One publisher waits at a time. Held across awaits, hence tokio's.
    turn: Mutex<()>,
}

impl Hub {
    /// Waits while the slowest cursor lags more than a quarter of the ring. A cursor that stands still for
    /// [`stall_max`](super::Limits::stall_max) meanwhile gets [`Next::Slow`](super::Next::Slow), and is not waited for
    /// any longer.
    pub async fn room(&self) {
        let shared = &self.shared;
        let _turn = shared.pacing.turn.lock().await;
        let since = clock::now();
        loop {
            let reached = shared.pacing.reached.notified();
            let Some(patience_ends) = shared.await_slowest(since) else { return };
            // Either way the cursors are looked at again.
            let _ = timeout_at(patience_ends, reached).await;
        }
    }
}

impl Shared {
    /// Sets the mark, and says until when to wait for it; `None` if every cursor has reached it.
    fn await_slowest(&self, since: Instant) -> Option<Instant> {
        let patience_ends = |cursor: &Cursor| cursor.touched().max(since) + self.limits.stall_max;
        let now = clock::now();
        let mut state = self.write();
        let mark = state.ring.floor(self.limits.pace());
        self.pacing.awaited.store(mark, Ordering::SeqCst);
        let dropped = state.drop_below(mark, |cursor| patience_ends(cursor) <= now);
        let next = state.below(mark).map(|cursor| patience_ends(cursor)).min();
        drop(state);
        if !dropped.is_empty() {
            self.lost(&dropped);
            self.news.send_replace(());
        }
        if next.is_none() {
            self.pacing.awaited.store(0, Ordering::SeqCst);
        }
        next
    }
}
