//! How much a channel keeps, and how far behind a cursor may be.

use std::time::Duration;

/// The limits of one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Events that the ring keeps.
    pub events_max: u64,
    /// Bytes of JSON that the ring keeps. An event counts as a quarter of this at most, so that none is too large to
    /// pass; the ring may hold more than this by what such events have beyond that.
    pub bytes_max: u64,
    /// How long a cursor may stand still while [`publish_paced`](super::Hub::publish_paced) waits for it.
    pub stall_max: Duration,
}

/// Events that the ring keeps unless told otherwise.
pub const BACKLOG_EVENTS_MAX: u64 = 16_384;
/// Bytes that the ring keeps unless told otherwise.
pub const BACKLOG_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// How long nobody waits for somebody who stands still.
pub const MAX_STALL: Duration = Duration::from_secs(10);

impl Default for Limits {
    fn default() -> Self {
        Self { events_max: BACKLOG_EVENTS_MAX, bytes_max: BACKLOG_BYTES_MAX, stall_max: MAX_STALL }
    }
}

/// A part of the ring: so many events and so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub events: u64,
    pub bytes: u64,
}

impl Limits {
    /// Quarters of the ring must not be empty.
    pub(super) fn at_least_workable(self) -> Self {
        Self { events_max: self.events_max.max(4), bytes_max: self.bytes_max.max(4), ..self }
    }

    /// The whole ring.
    pub(super) fn ring(self) -> Window {
        Window { events: self.events_max, bytes: self.bytes_max }
    }

    /// How far behind a cursor may be. The other half is the time it has to resume.
    pub(super) fn lag(self) -> Window {
        Window { events: self.events_max / 2, bytes: self.bytes_max / 2 }
    }

    /// How far behind the slowest cursor may be when a paced publisher goes on, and how much that publishes at once:
    /// both together are no more than the lag that is allowed.
    pub(super) fn pace(self) -> Window {
        Window { events: self.events_max / 4, bytes: self.bytes_max / 4 }
    }
}
