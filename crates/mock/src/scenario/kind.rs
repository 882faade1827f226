//! How something goes wrong.

use std::{collections::BTreeMap, time::Duration};

use super::{DEFAULT_MESSAGE, Form, Header};

/// How something goes wrong, with what it needs to be told.
///
/// ```
/// use livetape_mock::FaultKind;
///
/// assert_eq!(FaultKind::status(503).name(), "status");
/// assert_eq!(FaultKind::Close { code: 4404, reason: "not live".into() }.name(), "close");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FaultKind {
    /// HTTP: this status, with the body that real servers send (docs/protocol.md §1.6).
    Status {
        /// 400 to 599, but not 429.
        status: u16,
        /// What the answer says; by default what was seen.
        message: Option<String>,
        /// 503: how long to wait, in seconds.
        retry_after: Option<u64>,
    },
    /// HTTP: the status 429.
    RateLimited {
        /// What the answer says.
        message: String,
        /// The `limit_label`; none if empty.
        label: String,
        /// How long to wait, in seconds.
        retry_after: u64,
        /// The headers that tell the time to wait.
        headers: BTreeMap<Header, Form>,
    },
    /// HTTP: 200 without a body.
    Empty,
    /// HTTP: a page of HTML.
    Html,
    /// HTTP: a captcha page.
    Captcha,
    /// HTTP: a body that never ends.
    Endless,
    /// HTTP: half of the body that was announced, then the end of the connection.
    CutBody,
    /// Look-ups: no such user, 19881007.
    NotFound,
    /// Look-ups: the user is offline.
    Offline,
    /// Sign: the fallback stub of 2026-09 (docs/protocol.md §1.6), whose socket refuses to open.
    Stub(Refusal),
    /// Sign, cookie, profile: an answer without the cookie.
    MissingCookie,
    /// Sign: an answer without a cursor.
    MissingCursor,
    /// Sign: bytes that are no protobuf.
    BadProtobuf,
    /// Socket: no upgrade.
    Refuse(Refusal),
    /// HTTP: no answer. Socket: not one more byte. The connection stays open.
    Stall,
    /// The connection is reset.
    Reset,
    /// All bytes go out slowly.
    Dribble {
        /// How many go out in a millisecond.
        bytes_per_ms: u32,
    },
    /// Socket: the connection ends without a close frame.
    Drop,
    /// Socket: a close frame.
    Close {
        /// Any from 1000 to 4999; 1005 stands for a close without one.
        code: u16,
        /// 123 bytes at most.
        reason: String,
    },
    /// Socket: a push frame of type `close`.
    CloseFrame,
    /// Socket: half of a frame, then the end of the connection.
    Cut,
    /// Socket: so many frames are wrong.
    Frames(FrameFault, u32),
    /// Socket: the last chats come again, as history.
    RepeatHistory,
    /// Socket: heartbeats are not answered.
    NoHeartbeat,
}

impl FaultKind {
    /// A status; 429 asks to wait for 5 seconds.
    ///
    /// ```
    /// # use livetape_mock::FaultKind;
    /// assert!(matches!(FaultKind::status(401), FaultKind::Status { status: 401, message: None, .. }));
    /// assert!(matches!(FaultKind::status(429), FaultKind::RateLimited { retry_after: 5, .. }));
    /// ```
    #[must_use]
    pub fn status(status: u16) -> Self {
        match status {
            429 => Self::rate_limited(Duration::from_secs(5)),
            status => Self::Status { status, message: None, retry_after: None },
        }
    }

    /// The status 429 that asks to wait for so long, in whole seconds.
    ///
    /// ```
    /// # use livetape_mock::FaultKind;
    /// # use std::time::Duration;
    /// let limited = FaultKind::rate_limited(Duration::from_secs(2));
    /// assert!(matches!(limited, FaultKind::RateLimited { retry_after: 2, .. }));
    /// ```
    #[must_use]
    pub fn rate_limited(wait: Duration) -> Self {
        let retry_after = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let message = DEFAULT_MESSAGE.into();
        Self::RateLimited { message, label: String::new(), retry_after, headers: Header::all() }
    }
}

/// What is wrong with frames.
///
/// ```
/// use livetape_mock::{Endpoint, Fault, FaultKind, FrameFault};
///
/// let fault = Fault::new(Endpoint::Socket, FaultKind::Frames(FrameFault::Duplicate, 10)).after_frames(20);
/// assert_eq!(fault.kind.name(), "duplicate");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameFault {
    /// They say that they are gzip, and break off.
    BadGzip,
    /// Their protobuf breaks off.
    Truncated,
    /// One more behind each, with a message of a method that nobody knows.
    UnknownMethod,
    /// They come twice.
    Duplicate,
    /// They come in reverse.
    Reorder,
}

/// The answer that stands for a refused upgrade (docs/protocol.md §3.8).
///
/// ```
/// use livetape_mock::{FaultKind, Refusal};
///
/// let refusal = Refusal { handshake_status: 417, message: "illegal secret key".into(), ..Refusal::blocked() };
/// assert_eq!(FaultKind::Refuse(refusal).name(), "refuse");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status: 200, or 400 to 599.
    pub status: u16,
    /// The header `handshake-status`.
    pub handshake_status: u16,
    /// The header `handshake-msg`.
    pub message: String,
}

impl Refusal {
    /// That of TikTok.
    ///
    /// ```
    /// assert_eq!(livetape_mock::Refusal::blocked().message, "DEVICE_BLOCKED");
    /// ```
    #[must_use]
    pub fn blocked() -> Self {
        Self { status: 200, handshake_status: 415, message: "DEVICE_BLOCKED".into() }
    }

    /// That of the push server of a stub.
    ///
    /// ```
    /// assert_eq!(livetape_mock::Refusal::stub().message, "illegal app_id");
    /// ```
    #[must_use]
    pub fn stub() -> Self {
        Self { status: 200, handshake_status: 417, message: "illegal app_id".into() }
    }
}
