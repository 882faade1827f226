//! The mock's clock, which tests can advance.

use std::time::Duration;

use livetape_core::offset;
use livetape_io::clock;
use tokio::{
    select,
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::MockTikTok;

/// Maximum time since the start or the last reset that advancing the clock can reach.
pub(super) const ELAPSED_MAX: Duration = offset::OFFSET_MAX;
/// Maximum time by which the clock can be advanced, all calls together: times stay in the range of every
/// format.
const ADVANCE_MAX: Duration = offset::OFFSET_MAX.saturating_mul(1_000);

/// The runtime's clock, plus the time by which it was advanced. Rooms, changes of users, rate limits and the
/// wall clock follow it. Timeouts and networks follow the runtime's clock, because they concern real
/// connections.
#[derive(Debug, Default)]
pub(crate) struct MockClock {
    advanced: watch::Sender<Duration>,
}

impl MockClock {
    pub(crate) fn now(&self) -> Instant {
        clock::now() + self.advanced()
    }

    /// Returns the time by which it was advanced.
    pub(crate) fn advanced(&self) -> Duration {
        *self.advanced.borrow()
    }

    /// Advances the clock. Returns whether that stays below the maximum.
    pub(crate) fn advance(&self, by: Duration) -> bool {
        let mut is_valid = true;
        self.advanced.send_if_modified(|advanced| {
            match advanced.checked_add(by).filter(|sum| *sum <= ADVANCE_MAX) {
                Some(sum) => *advanced = sum,
                None => is_valid = false,
            }
            is_valid
        });
        is_valid
    }

    /// Sleeps until the clock shows `deadline`.
    pub(crate) async fn sleep_until(&self, deadline: Instant) {
        let mut advances = self.advanced.subscribe();
        loop {
            let advanced = *advances.borrow_and_update();
            let Some(deadline) = deadline.checked_sub(advanced) else { return };
            select! {
                biased;
                Ok(()) = advances.changed() => {}
                () = sleep_until(deadline) => return,
            }
        }
    }
}

impl MockTikTok {
    /// Advances the mock's clock, as if this time had passed: rooms send the frames that are now due, users
    /// change their state, and rate limits expire. Under a paused clock, advancing the clock of tokio has the
    /// same effect.
    ///
    /// # Panics
    /// If this would be more than a year after the start, the last reset or the last new scenario.
    #[track_caller]
    pub fn advance(&self, by: Duration) {
        assert!(self.mock.advance(by), "a mock's clock can be advanced by at most a year after a reset");
    }
}
