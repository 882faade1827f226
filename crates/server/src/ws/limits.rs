//! Limits of each WebSocket.

use std::time::Duration;

/// Limits of each WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum length of a client's message, in bytes. A longer one closes the socket with 1009.
    pub message_bytes_max: usize,
    /// Maximum length of a client's message on `/ws/echo`, in bytes.
    pub echo_bytes_max: usize,
    /// Maximum number of sockets on `/ws/echo` at the same time. Others get `capacity`: close code 4102.
    pub echo_sockets_max: usize,
    /// Maximum size of queued messages for one socket, events excluded, in bytes. More closes it with 4101.
    pub waiting_bytes_max: usize,
    /// Interval between pings. A client that is silent for two intervals counts as dead.
    pub ping_interval: Duration,
    /// Interval between heartbeat messages on `/ws`.
    pub heartbeat_interval: Duration,
}

/// Number of silent ping intervals after which a client counts as dead.
const SILENT_INTERVALS_MAX: u32 = 2;

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 16 * 1024,
            echo_bytes_max: 16 * 1024 * 1024,
            echo_sockets_max: 8,
            waiting_bytes_max: 1024 * 1024,
            ping_interval: Duration::from_secs(30),
            heartbeat_interval: Duration::from_secs(30),
        }
    }
}

/// Minimum interval: a timer of zero would fire all the time.
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
