//! Waits for the slowest cursor, which replaces the clock at `--speed max`.

use std::sync::atomic::{AtomicU64, Ordering};

use livetape_io::clock;
use tokio::{
    sync::{Mutex, Notify},
    time::{Instant, timeout_at},
};

use super::{CloseReason, Hub, Reader, Shared, cursor::Cursor, ring::Ring};

/// A mark that no cursor can reach, for waiting until all cursors have left.
const BEYOND_ALL: u64 = u64::MAX;

/// State shared by a waiting publisher and the cursors.
#[derive(Debug, Default)]
pub(super) struct Pacing {
    /// Position that the publisher waits for all cursors to reach; 0 if it does not wait.
    pub awaited: AtomicU64,
    /// Notified when a cursor reaches that position or leaves.
    pub reached: Notify,
    /// Lets one publisher wait at a time. A tokio mutex, because it is held across awaits.
    turn: Mutex<()>,
}

impl Hub {
    /// Waits while the slowest cursor, observers excluded, lags more than a quarter of the ring. A cursor
    /// without progress for [`stall_max`](super::Limits::stall_max) gets [`Next::Slow`](super::Next::Slow)
    /// and is no longer waited for.
    pub async fn wait_for_capacity(&self) {
        self.relay_capacity().await;
        let pace = self.shared.limits.pace();
        let paces = |cursor: &Cursor| cursor.reader != Reader::Observer;
        self.shared.wait_for_cursors(|ring| ring.floor(pace), paces).await;
    }

    /// Waits until every client has been sent all events published before this call, except observers and
    /// clients without progress for [`stall_max`](super::Limits::stall_max).
    pub async fn wait_until_read(&self) {
        let head = self.head();
        self.shared.wait_for_cursors(|_| head, |cursor| cursor.reader != Reader::Observer).await;
    }

    /// Number of events that the slowest subscriber has not been sent yet, observers excluded.
    #[must_use]
    pub fn behind(&self) -> u64 {
        let state = self.shared.state.read();
        let cursors = state.cursors().values().filter(|cursor| cursor.reader != Reader::Observer);
        let slowest = cursors.map(|cursor| cursor.position()).min();
        slowest.map_or(0, |slowest| state.ring.head().saturating_sub(slowest))
    }

    /// [Closes](Self::close) the channel and waits until all subscribers have received everything and left,
    /// for use before the process exits. A subscriber without progress for
    /// [`stall_max`](super::Limits::stall_max) gets [`Next::Slow`](super::Next::Slow) and is no longer waited
    /// for.
    pub async fn drain(&self, reason: CloseReason) {
        self.close(reason);
        self.shared.wait_for_cursors(|_| BEYOND_ALL, |_| true).await;
    }
}

impl Shared {
    /// Waits until no cursor that `is_awaited` selects is below the mark. Drops those without progress.
    async fn wait_for_cursors(&self, mark: impl Fn(&Ring) -> u64, is_awaited: impl Fn(&Cursor) -> bool) {
        let _turn = self.pacing.turn.lock().await;
        let since = clock::now();
        loop {
            let reached = self.pacing.reached.notified();
            let Some(patience_ends) = self.await_slowest(since, &mark, &is_awaited) else { return };
            // Whether notified or timed out, check the cursors again.
            let _ = timeout_at(patience_ends, reached).await;
        }
    }

    /// Sets the mark and drops stalled cursors. Returns the time until which to wait, or `None` if every
    /// cursor has reached the mark.
    fn await_slowest(
        &self,
        since: Instant,
        mark: impl Fn(&Ring) -> u64,
        is_awaited: impl Fn(&Cursor) -> bool,
    ) -> Option<Instant> {
        let patience_ends = |cursor: &Cursor| cursor.touched().max(since) + self.limits.stall_max;
        let now = clock::now();
        let mut state = self.state.write();
        let mark = mark(&state.ring);
        self.pacing.awaited.store(mark, Ordering::SeqCst);
        let dropped = state.drop_below(mark, |cursor| is_awaited(cursor) && patience_ends(cursor) <= now);
        let awaited = state.below(mark).filter(|cursor| is_awaited(cursor));
        let next = awaited.map(|cursor| patience_ends(cursor)).min();
        drop(state);
        if !dropped.is_empty() {
            self.fell_behind(&dropped);
            self.news.send_replace(());
        }
        if next.is_none() {
            self.pacing.awaited.store(0, Ordering::SeqCst);
        }
        next
    }
}
