//! WebSockets: the handshake, the registry of open sockets, and the tasks that read and write. Here: limits of
//! each, and the ways in which one ends.
//!
//! Each socket has a task, a [`session`], that reads its [`stream`]. A [`shard`] writes to all of its sockets, one
//! after the other. Everything else that is sent waits in the socket's outbox there.

mod connection;
pub(super) mod handlers;
pub(super) mod registry;
pub(super) mod session;
mod shard;
pub(super) mod stream;

use std::time::Duration;

use livetape_core::{
    error::{Code, Problem, close},
    ws_frame::REASON_BYTES_MAX,
};
use tungstenite::protocol::CloseFrame;

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
    fn ping_interval(&self) -> Duration {
        self.ping_interval.max(INTERVAL_MIN)
    }

    pub(crate) fn heartbeat_interval(&self) -> Duration {
        self.heartbeat_interval.max(INTERVAL_MIN)
    }

    fn silence_max(&self) -> Duration {
        self.ping_interval().saturating_mul(SILENT_INTERVALS_MAX)
    }
}

/// Reason with which the server closes a socket that violates the WebSocket protocol.
const PROTOCOL_ERROR: &str = "protocol_error";

/// Reason with which the server closes a socket if it fails itself.
const INTERNAL_ERROR: &str = "internal_error";

/// The codes that [`check_close`] accepts.
const CODES: &str = "use 1000 to 1003, 1007 to 1014, or 3000 to 4999";

/// Checks the code and reason of a close frame that a user of the server chose.
///
/// # Errors
/// `bad_request` if the frame must not be sent.
pub fn check_close(code: u16, reason: &str) -> Result<(), Problem> {
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        let message = format!("{code} is not a close code that a server may send");
        return Err(Problem::new(Code::BadRequest, message).hint(CODES));
    }
    if reason.len() > REASON_BYTES_MAX {
        let message = format!("the reason is longer than {REASON_BYTES_MAX} bytes");
        return Err(Problem::new(Code::BadRequest, message));
    }
    Ok(())
}

#[derive(Debug)]
pub(crate) enum End {
    /// The server closes it.
    Close(CloseFrame),
    /// The server cuts the connection without a close frame.
    Cut,
    /// The client closed it; the reply is queued.
    Left,
    /// The connection is gone.
    Over,
}

impl End {
    /// Creates the end with this close code. Without a close frame if it is 1006, which is what clients then
    /// report.
    fn close(code: u16, reason: &str) -> Self {
        if code == close::ABNORMAL {
            return Self::Cut;
        }
        let reason = reason[..reason.floor_char_boundary(REASON_BYTES_MAX)].into();
        Self::Close(CloseFrame { code: code.into(), reason })
    }

    /// Returns the close code and reason, if the server ends the socket; 1006 if it cuts it.
    fn by_server(&self) -> Option<(u16, String)> {
        match self {
            Self::Close(frame) => Some((frame.code.into(), frame.reason.to_string())),
            Self::Cut => Some((close::ABNORMAL, String::new())),
            Self::Left | Self::Over => None,
        }
    }

    fn of(code: Code) -> Self {
        Self::close(code.close_code(), code.name())
    }
}
