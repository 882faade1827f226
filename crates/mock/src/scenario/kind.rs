//! Kinds of faults.

use std::{collections::BTreeMap, time::Duration};

use super::{DEFAULT_MESSAGE, Form, Header};

/// Kind of fault, with its parameters.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FaultKind {
    /// HTTP: this status, with the body that real servers send (docs/protocol.md §1.6).
    Status {
        /// 400 to 599, except 429.
        status: u16,
        /// Message in the body; defaults to that of the real server.
        message: Option<String>,
        /// `Retry-After` of a 503, in seconds.
        retry_after: Option<u64>,
    },
    /// HTTP: status 429.
    RateLimited {
        /// Message in the body.
        message: String,
        /// `limit_label` in the body; empty for none.
        label: String,
        /// Number of seconds that the client should wait.
        retry_after: u64,
        /// Headers that tell the client how long to wait.
        headers: BTreeMap<Header, Form>,
    },
    /// HTTP: status 200 with an empty body.
    Empty,
    /// HTTP: an HTML page.
    Html,
    /// HTTP: a captcha page.
    Captcha,
    /// HTTP: a body that never ends.
    Endless,
    /// HTTP: half of the announced body, then the end of the connection.
    CutBody,
    /// Lookups: the user does not exist (19881007).
    NotFound,
    /// Lookups: the user is offline.
    Offline,
    /// Sign: a stub with the URL of a WebSocket that rejects clients, as seen in 2026-09 (docs/protocol.md
    /// §1.6).
    Stub(Refusal),
    /// Sign, cookie and profile: the response lacks the cookie.
    MissingCookie,
    /// Sign: the response lacks the cursor.
    MissingCursor,
    /// Sign: bytes that are not valid protobuf.
    BadProtobuf,
    /// Socket: the upgrade is rejected.
    Refuse(Refusal),
    /// HTTP: no response. Socket: no further bytes. The connection stays open.
    Stall,
    /// The connection is reset.
    Reset,
    /// All bytes are sent slowly.
    Dribble {
        /// Bytes sent per millisecond.
        bytes_per_ms: u32,
    },
    /// Socket: the connection ends without a close frame.
    Drop,
    /// Socket: the mock sends a close frame.
    Close {
        /// 1000 to 4999; 1005 sends a close frame without a code.
        code: u16,
        /// At most 123 bytes.
        reason: String,
    },
    /// Socket: the mock sends a push frame of type `close`.
    CloseFrame,
    /// Socket: half of a frame, then the end of the connection.
    Cut,
    /// Socket: this many frames are damaged.
    Frames(FrameFault, u32),
    /// Socket: the last chats are sent again, as history.
    RepeatHistory,
    /// Socket: heartbeats are not answered.
    NoHeartbeat,
}

impl FaultKind {
    /// Creates a fault with this status. A 429 asks the client to wait for 5 seconds.
    #[must_use]
    pub fn status(status: u16) -> Self {
        match status {
            429 => Self::rate_limited(Duration::from_secs(5)),
            status => Self::Status { status, message: None, retry_after: None },
        }
    }

    /// Creates a 429 that asks the client to wait for `wait`, rounded up to whole seconds.
    #[must_use]
    pub fn rate_limited(wait: Duration) -> Self {
        let retry_after = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
        let message = DEFAULT_MESSAGE.into();
        Self::RateLimited { message, label: String::new(), retry_after, headers: Header::all() }
    }
}

/// Damage to frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameFault {
    /// Marked as gzip, but cut off.
    BadGzip,
    /// Cut off in the middle of the protobuf.
    Truncated,
    /// Followed by an extra frame with a message of an unknown method.
    UnknownMethod,
    /// Sent twice.
    Duplicate,
    /// Sent in reverse order.
    Reorder,
}

/// An HTTP response in place of an upgrade (docs/protocol.md §3.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status: 200, or 400 to 599.
    pub status: u16,
    /// Header `handshake-status`.
    pub handshake_status: u16,
    /// Header `handshake-msg`.
    pub message: String,
}

impl Refusal {
    /// Returns TikTok's rejection of a blocked client.
    #[must_use]
    pub fn blocked() -> Self {
        Self { status: 200, handshake_status: 415, message: "DEVICE_BLOCKED".into() }
    }

    /// Returns the rejection by the WebSocket of a [`FaultKind::Stub`].
    #[must_use]
    pub fn stub() -> Self {
        Self { status: 200, handshake_status: 417, message: "illegal app_id".into() }
    }
}
