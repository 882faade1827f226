//! The clock of a room.

use std::time::Duration;

use livetape_core::{offset::OFFSET_MAX, pace::Speed};
use tokio::time::Instant;

/// Converts between offsets and instants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoomTime {
    pub(crate) at: Instant,
    pub(crate) offset: Duration,
    pub(crate) speed: Speed,
}

impl RoomTime {
    /// Returns when an offset is due. Past offsets are due immediately, and absurd ones of a recording after
    /// a year.
    pub(crate) fn due(&self, offset: Duration) -> Instant {
        match self.speed {
            Speed::Max => self.at,
            Speed::Times(times) => {
                let wait = offset.saturating_sub(self.offset).min(OFFSET_MAX).div_f64(times);
                self.at.checked_add(wait).unwrap_or(self.at)
            }
        }
    }

    /// Returns the offset at `now`.
    pub(crate) fn shown(&self, now: Instant) -> Duration {
        match self.speed {
            Speed::Max => self.offset,
            Speed::Times(times) => self.offset + now.saturating_duration_since(self.at).mul_f64(times),
        }
    }
}
