//! Limits of a channel's backlog and of each cursor's lag.

use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of events in the ring.
    pub events_max: u64,
    /// Maximum size of the JSON in the ring, in bytes. An event counts as at most a quarter of this, so that
    /// no event is too large to pass; the ring may exceed the limit by the excess of such events.
    pub bytes_max: u64,
    /// Maximum time without progress of a cursor that [`publish_paced`](super::Hub::publish_paced) waits for.
    pub stall_max: Duration,
}

/// Default maximum number of events in the ring.
pub const BACKLOG_EVENTS_MAX: u64 = 16_384;
/// Default maximum size of the ring, in bytes.
pub const BACKLOG_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Default time without progress after which a subscriber is no longer waited for.
pub const MAX_STALL: Duration = Duration::from_secs(10);

impl Default for Limits {
    fn default() -> Self {
        Self { events_max: BACKLOG_EVENTS_MAX, bytes_max: BACKLOG_BYTES_MAX, stall_max: MAX_STALL }
    }
}

/// A part of the ring, as a number of events and of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub events: u64,
    pub bytes: u64,
}

impl Limits {
    /// Raises the limits to the minimum at which a quarter of the ring is not empty.
    pub(super) fn at_least_workable(self) -> Self {
        Self { events_max: self.events_max.max(4), bytes_max: self.bytes_max.max(4), ..self }
    }

    pub(super) fn ring(self) -> Window {
        Window { events: self.events_max, bytes: self.bytes_max }
    }

    /// Returns how far a cursor may lag: half the ring. The other half is left for resuming.
    pub(super) fn lag(self) -> Window {
        Window { events: self.events_max / 2, bytes: self.bytes_max / 2 }
    }

    /// Returns how far the slowest cursor may lag before a paced publisher continues, and how much it
    /// publishes at once: a quarter each, so that together they stay within the permitted lag.
    pub(super) fn pace(self) -> Window {
        Window { events: self.events_max / 4, bytes: self.bytes_max / 4 }
    }
}
