//! A fault: where, when and how, and its kinds.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    DEFAULT_MESSAGE, Form, Header,
    table::{FaultTable, Name},
};

/// A scripted failure. At an HTTP endpoint, a request gets the first fault that is due. On a socket, each
/// fault occurs at its own time.
///
/// ```
/// use livetape_mock::{Endpoint, Fault, FaultKind, Scenario};
///
/// let fault = Fault::new(Endpoint::Sign, FaultKind::status(500)).times(2);
/// let toml = "[[fault]]\nat = \"sign\"\nkind = \"status\"\nstatus = 500\ntimes = 2\n";
/// assert_eq!(Scenario::parse(toml).unwrap(), Scenario::default().fault(fault));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "FaultTable", into = "FaultTable")]
pub struct Fault {
    /// Endpoints of the fault, counted together.
    pub at: Vec<Endpoint>,
    /// Kind of fault.
    pub kind: FaultKind,
    /// User name or room id that the fault is limited to.
    pub user: Option<String>,
    /// Requests that the fault is limited to.
    pub only: Option<Only>,
    /// How often it occurs.
    pub repeat: Repeat,
    /// When it occurs on a socket.
    pub start: Start,
}

/// How often a fault occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Every time.
    Always,
    /// This many times; later attempts succeed.
    Times(u32),
    /// Only at this request to the endpoint or this connection of the room, counted from 1.
    Attempt(u32),
}

impl Repeat {
    /// Whether a fault is due, given the number of this attempt and the number of times it has occurred.
    pub(crate) fn is_due(self, attempt: u32, occurred: u32) -> bool {
        match self {
            Self::Always => true,
            Self::Times(times) => occurred < times,
            Self::Attempt(only) => attempt == only,
        }
    }
}

/// When a fault occurs on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Immediately.
    Now,
    /// At this time of the room's clock, or of the connection's with `clock = "connection"`, in milliseconds.
    Ms(u64),
    /// After this many frames of the connection.
    Frames(u64),
    /// After this many messages of the connection.
    Events(u64),
}

impl Fault {
    /// Creates a fault that occurs every time, and from the start.
    #[must_use]
    pub fn new(at: Endpoint, kind: FaultKind) -> Self {
        Self { at: vec![at], kind, user: None, only: None, repeat: Repeat::Always, start: Start::Now }
    }

    /// Adds an endpoint. All endpoints of a fault count together.
    ///
    /// ```
    /// # use livetape_mock::{Endpoint, Fault, FaultKind};
    /// let fault = Fault::new(Endpoint::Lookup, FaultKind::Stall).and_at(Endpoint::Sign);
    /// assert_eq!(fault.at, [Endpoint::Lookup, Endpoint::Sign]);
    /// ```
    #[must_use]
    pub fn and_at(mut self, at: Endpoint) -> Self {
        self.at.push(at);
        self
    }

    /// Limits the fault to this user name or room id.
    #[must_use]
    pub fn user(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// Limits the fault to such requests.
    ///
    /// ```
    /// use livetape_mock::{Endpoint, Fault, FaultKind, Only, Scenario};
    ///
    /// let fault = Fault::new(Endpoint::Sign, FaultKind::Empty).only(Only::AgentDiffers);
    /// let toml = "[[fault]]\nat = \"sign\"\nkind = \"empty\"\nonly = \"agent_differs\"\n";
    /// assert_eq!(Scenario::parse(toml).unwrap(), Scenario::default().fault(fault));
    /// ```
    #[must_use]
    pub fn only(self, only: Only) -> Self {
        Self { only: Some(only), ..self }
    }

    /// Limits the fault to this many times; later attempts succeed.
    ///
    /// # Panics
    /// If the fault is limited by [`attempt`](Self::attempt).
    #[must_use]
    #[track_caller]
    pub fn times(self, times: u32) -> Self {
        assert!(!matches!(self.repeat, Repeat::Attempt(_)), "set either `attempt` or `times`");
        Self { repeat: Repeat::Times(times), ..self }
    }

    /// Limits the fault to a single request, or to a single connection of the room, by its number from 1.
    ///
    /// # Panics
    /// If the fault is limited by [`times`](Self::times).
    #[must_use]
    #[track_caller]
    pub fn attempt(self, attempt: u32) -> Self {
        assert!(!matches!(self.repeat, Repeat::Times(_)), "set either `attempt` or `times`");
        Self { repeat: Repeat::Attempt(attempt), ..self }
    }

    /// On a socket, delays the fault to this time of the room's clock, or of the connection's with
    /// [`super::Clock::Connection`].
    ///
    /// ```
    /// # use livetape_mock::{Endpoint, Fault, FaultKind, Start};
    /// # use std::time::Duration;
    /// let fault = Fault::new(Endpoint::Socket, FaultKind::Cut).after(Duration::from_secs(5));
    /// assert_eq!(fault.start, Start::Ms(5000));
    /// ```
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self { start: Start::Ms(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)), ..self }
    }

    /// On a socket, delays the fault until this many frames of the connection were sent.
    #[must_use]
    pub fn after_frames(self, frames: u64) -> Self {
        Self { start: Start::Frames(frames), ..self }
    }

    /// On a socket, delays the fault until this many messages of the connection were sent.
    #[must_use]
    pub fn after_events(self, events: u64) -> Self {
        Self { start: Start::Events(events), ..self }
    }
}

impl FaultKind {
    /// Returns the name of this kind in scenarios.
    #[must_use]
    pub fn name(&self) -> String {
        let name = serde_json::to_value(Name::of(self)).ok();
        name.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// What requests lack that TikTok is said to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Only {
    /// The user agent and the parameters `browser_platform`, `browser_version` and `os` name different systems.
    AgentDiffers,
    /// There is no user agent.
    NoAgent,
    /// There is no cookie `ttwid`.
    NoCookie,
    /// The address has a bracket that is not percent-encoded.
    Unencoded,
}

/// Place of a fault: an HTTP endpoint or the WebSocket.
///
/// ```
/// use livetape_mock::{Endpoint, Scenario};
///
/// let scenario = Scenario::parse("[[fault]]\nat = [\"lookup\", \"sign\"]\nkind = \"stall\"").unwrap();
/// assert_eq!(scenario.faults[0].at, [Endpoint::Lookup, Endpoint::Sign]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Endpoint {
    /// `/api-live/user/room/`
    Lookup,
    /// `/@{user}/live`
    Page,
    /// `/@{user}`
    Profile,
    /// `/` and `/live`
    Cookie,
    /// `/webcast/room/check_alive/`
    CheckAlive,
    /// `/webcast/room/info/`, `/webcast/room/info_by_user/` and `/webcast/anchors/{user}/room_info`
    RoomInfo,
    /// `/webcast/gift/list/`, `/webcast/rooms/{id}/gifts` and `/webcast/anchors/{user}/gift_gallery`
    Gifts,
    /// `/webcast/fetch`, `/webcast/rooms/{id}/connect` and `/webcast/im/fetch/`
    Sign,
    /// `/tiktok/sign_url` and `/webcast/sign_url`
    SignUrl,
    /// `/webcast/room_id` and `/webcast/anchors/{user}/room_id`
    RoomId,
    /// `/webcast/rate_limits`
    RateLimits,
    /// The WebSocket.
    Socket,
}

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
    /// Gifts: the list is `null`.
    NoGifts,
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
    /// Socket: nothing but pongs is sent, and the connection stays open.
    Deaf,
    /// Socket: the upgrade is answered late. The room's clock waits for it.
    Hang {
        /// Delay of the answer, in milliseconds.
        for_ms: u64,
    },
    /// Socket: the room's clock stops, and only viewer counts and replies to heartbeats are sent.
    Quiet {
        /// How long the clock stops, in milliseconds.
        for_ms: u64,
    },
    /// Socket: some messages are never sent.
    Lose(Lost),
}

impl FaultKind {
    /// Whether it changes the answer to a request for an upgrade.
    pub(crate) fn is_answer(&self) -> bool {
        matches!(self, Self::Refuse(_) | Self::Hang { .. })
    }

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

/// Messages that a client is not sent. The same seed always loses the same ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Lost {
    /// Their methods; empty for all.
    pub methods: Vec<String>,
    /// Names of their users; empty for all messages.
    pub senders: Vec<String>,
    /// How many of them are lost: more than 0, at most 1.
    pub share: f64,
    /// Whether clients with a session cookie receive all.
    pub anonymous: bool,
}

impl Lost {
    /// Returns all messages.
    #[must_use]
    pub fn all() -> Self {
        Self { methods: vec![], senders: vec![], share: 1.0, anonymous: false }
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
