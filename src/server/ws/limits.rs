//! How much a socket may cost.

use std::time::Duration;

/// The limits of sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest message that a client may send, in bytes; more closes the socket with 1009.
    pub message_bytes_max: usize,
    /// The same on `/ws/echo`.
    pub echo_bytes_max: usize,
    /// What waits for one socket, events aside, in bytes; more closes it with 4101.
    pub waiting_bytes_max: usize,
    /// How often a client is asked whether it is there. Silent for two such intervals, it is dead.
    pub ping_interval: Duration,
    /// How often those on `/ws` are told how the server is.
    pub heartbeat_interval: Duration,
}

/// After so many intervals without a sign of life a client is dead.
const SILENT_INTERVALS_MAX: u32 = 2;

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 16 * 1024,
            echo_bytes_max: 16 * 1024 * 1024,
            waiting_bytes_max: 1024 * 1024,
            ping_interval: Duration::from_secs(30),
            heartbeat_interval: Duration::from_secs(30),
        }
    }
}

/// No interval is shorter: a timer of nothing would never stand still.
const INTERVAL_MIN: Duration = Duration::from_millis(1);

impl Limits {
    pub(crate) fn ping_interval(&self) -> Duration {
        self.ping_interval.max(INTERVAL_MIN)
    }

    pub(crate) fn heartbeat_interval(&self) -> Duration {
        self.heartbeat_interval.max(INTERVAL_MIN)
    }

    pub(crate) fn silence_max(&self) -> Duration {
        self.ping_interval().saturating_mul(SILENT_INTERVALS_MAX)
    }
}
