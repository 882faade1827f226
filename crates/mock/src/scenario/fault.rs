//! A fault: where, when and how, and its kinds.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Form, Header, table::one_or_more};

/// A scripted failure. At an HTTP endpoint, a request gets the first fault that is due. On a socket, each
/// fault occurs at its own time, by default immediately.
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
    /// How many times it occurs; later attempts succeed.
    pub times: Option<u32>,
    /// The only request to the endpoint, or connection of the room, at which it occurs, counted from 1.
    pub attempt: Option<u32>,
    /// When it occurs on a socket: a time of the room's clock, or of the connection's with
    /// `clock = "connection"`, in milliseconds.
    pub after_ms: Option<u64>,
    /// The same as a number of frames of the connection.
    pub after_frames: Option<u64>,
    /// The same as a number of messages of the connection.
    pub after_events: Option<u64>,
}

impl Fault {
    /// Creates a fault that occurs every time, and from the start.
    #[must_use]
    pub fn new(at: Endpoint, kind: FaultKind) -> Self {
        let (times, attempt, after_ms, after_frames, after_events) = (None, None, None, None, None);
        Self {
            at: vec![at],
            kind,
            user: None,
            only: None,
            times,
            attempt,
            after_ms,
            after_frames,
            after_events,
        }
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

    /// On a socket, delays the fault to this time of the room's clock, or of the connection's with
    /// [`super::Clock::Connection`].
    ///
    /// ```
    /// # use livetape_mock::{Endpoint, Fault, FaultKind};
    /// # use std::time::Duration;
    /// let fault = Fault::new(Endpoint::Socket, FaultKind::Cut).after(Duration::from_secs(5));
    /// assert_eq!(fault.after_ms, Some(5000));
    /// ```
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self { after_ms: Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)), ..self }
    }

    /// Whether it does not wait.
    pub(crate) fn is_immediate(&self) -> bool {
        (self.after_ms, self.after_frames, self.after_events) == (None, None, None)
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

/// Usual times of an upgrade that is answered late, and of a quiet room, in milliseconds. No client should give up at the
/// same time, because chance would decide: the most popular one gives up after 20 s.
const HANG_MS: u64 = 25_000;
const QUIET_MS: u64 = 120_000;

/// Usual handshake status and message of a refusal: to a blocked client, and by the WebSocket of a stub.
pub(crate) const BLOCKED: (u16, &str) = (415, "DEVICE_BLOCKED");
pub(crate) const STUB: (u16, &str) = (417, "illegal app_id");

/// Defines the kinds, each with its keys: their types, which [`FaultTable`] has as options, and their defaults.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident $({
        $($(#[doc = $key_doc:literal])+ $key:ident: $type:ty = $usual:expr,)+
    })?)+) => {
        /// Kind of fault, with its parameters.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum FaultKind {
            $($(#[doc = $doc])+ $kind $({ $($(#[doc = $key_doc])+ $key: $type,)+ })?,)+
        }

        /// The name of a kind.
        #[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Name {
            #[default]
            $($kind,)+
        }

        impl FaultKind {
            /// Takes a kind and its keys out of a table.
            fn take(table: &mut FaultTable) -> Self {
                match table.kind {
                    $(Name::$kind => Self::$kind $({
                        $($key: table.$key.take().map_or_else(|| $usual, Into::into),)+
                    })?,)+
                }
            }

            /// Returns a table with the keys that differ from their defaults.
            fn table(self) -> FaultTable {
                let mut table = FaultTable::default();
                match self {
                    $(Self::$kind $({ $($key,)+ })? => {
                        table.kind = Name::$kind;
                        $($(
                            let usual: $type = $usual;
                            if $key != usual {
                                table.$key = $key.into();
                            }
                        )+)?
                    })+
                }
                table
            }
        }
    };
}

kinds! {
    /// HTTP: this status, with the body that real servers send (docs/protocol.md §1.6).
    Status {
        /// 400 to 599.
        status: u16 = 0,
        /// Message in the body; defaults to that of the real server.
        message: Option<String> = None,
        /// `limit_label` in the body of a 429.
        label: Option<String> = None,
        /// How long a 429 or 503 asks the client to wait, in seconds; by default 5 for a 429.
        retry_after: Option<u64> = None,
        /// Headers of a 429 that tell the client how long to wait; defaults to all.
        headers: Option<BTreeMap<Header, Form>> = None,
    }
    /// HTTP: status 200 with an empty body.
    Empty
    /// HTTP: an HTML page.
    Html
    /// HTTP: a captcha page.
    Captcha
    /// HTTP: a body that never ends.
    Endless
    /// HTTP: half of the announced body, then the end of the connection.
    CutBody
    /// Lookups: the user does not exist (19881007).
    NotFound
    /// Lookups: the user is offline.
    Offline
    /// Sign: a stub with the URL of a WebSocket that rejects clients, as seen in 2026-09 (docs/protocol.md
    /// §1.6). The rest is like that of a refusal.
    Stub {
        /// HTTP status: 200, or 400 to 599.
        status: u16 = 200,
        /// Header `handshake-status`.
        handshake_status: u16 = STUB.0,
        /// Header `handshake-msg`.
        message: String = STUB.1.to_owned(),
    }
    /// Sign, cookie and profile: the response lacks the cookie.
    MissingCookie
    /// Gifts: the list is `null`.
    NoGifts
    /// Sign: the response lacks the cursor.
    MissingCursor
    /// Sign: bytes that are not valid protobuf.
    BadProtobuf
    /// Socket: an HTTP response in place of an upgrade (docs/protocol.md §3.8), by default TikTok's to a
    /// blocked client.
    Refuse {
        /// HTTP status: 200, or 400 to 599.
        status: u16 = 200,
        /// Header `handshake-status`.
        handshake_status: u16 = BLOCKED.0,
        /// Header `handshake-msg`; if empty, the response has neither.
        message: String = BLOCKED.1.to_owned(),
    }
    /// HTTP: no response. Socket: no further bytes. The connection stays open.
    Stall
    /// The connection is reset.
    Reset
    /// All bytes are sent slowly.
    Dribble {
        /// Bytes sent per millisecond.
        bytes_per_ms: u32 = 1,
    }
    /// Socket: the connection ends without a close frame.
    Drop
    /// Socket: the mock sends a close frame.
    Close {
        /// 1000 to 4999; 1005 sends a close frame without a code.
        code: u16 = 1000,
        /// At most 123 bytes.
        reason: String = String::new(),
    }
    /// Socket: the mock sends a push frame of type `close`.
    CloseFrame
    /// Socket: half of a frame, then the end of the connection.
    Cut
    /// Socket: frames are marked as gzip, but cut off.
    BadGzip {
        /// Number of frames.
        count: u32 = 1,
    }
    /// Socket: frames are cut off in the middle of the protobuf.
    Truncated {
        /// Number of frames.
        count: u32 = 1,
    }
    /// Socket: frames are followed by an extra frame with a message of an unknown method.
    UnknownMethod {
        /// Number of frames.
        count: u32 = 1,
    }
    /// Socket: frames are sent twice.
    Duplicate {
        /// Number of frames.
        count: u32 = 1,
    }
    /// Socket: frames are sent in reverse order.
    Reorder {
        /// Number of frames.
        count: u32 = 2,
    }
    /// Socket: the last chats are sent again, as history.
    RepeatHistory
    /// Socket: heartbeats are not answered.
    NoHeartbeat
    /// Socket: nothing but pongs is sent, and the connection stays open.
    Deaf
    /// Socket: the upgrade is answered late. The room's clock waits for it.
    Hang {
        /// Delay of the answer, in milliseconds.
        for_ms: u64 = HANG_MS,
    }
    /// Socket: the room's clock stops, and only viewer counts and replies to heartbeats are sent.
    Quiet {
        /// How long the clock stops, in milliseconds.
        for_ms: u64 = QUIET_MS,
    }
    /// Socket: some messages are never sent. The same seed always loses the same ones.
    Lose {
        /// Their methods; empty for all.
        methods: Vec<String> = Vec::new(),
        /// Names of their users; empty for all messages.
        senders: Vec<String> = Vec::new(),
        /// How many of them are lost: more than 0, at most 1.
        share: f64 = 1.0,
        /// Whether clients with a session cookie receive all.
        anonymous: bool = false,
    }
}

impl FaultKind {
    /// Returns the name of this kind in scenarios.
    #[must_use]
    pub fn name(&self) -> String {
        let name = serde_json::to_value(self.clone().table().kind).ok();
        name.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Returns the kind with this name in scenarios, with its default values.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let kind = serde_json::from_value(name.into()).ok()?;
        Some(Self::take(&mut FaultTable { kind, ..FaultTable::default() }))
    }

    /// Returns what it does to a client, if that decides what the client has to do next.
    #[must_use]
    pub fn effect(&self) -> Option<Effect> {
        Some(match self {
            Self::Empty
            | Self::Html
            | Self::Captcha
            | Self::CutBody
            | Self::Stub { .. }
            | Self::BadProtobuf => Effect::Useless,
            Self::Refuse { .. } => Effect::Refused,
            Self::Hang { .. } => Effect::Late,
            Self::Quiet { .. } => Effect::Quiet,
            Self::Stall | Self::Deaf => Effect::Silent,
            Self::Drop => Effect::Broken("cut without a close frame"),
            Self::Reset => Effect::Broken("reset"),
            Self::CloseFrame => Effect::Broken("closed by a push frame"),
            // A status, or the end of the connection, says all that matters.
            Self::Status { .. }
            | Self::Close { .. }
            | Self::Cut
            | Self::NotFound
            | Self::Offline
            | Self::Endless
            | Self::MissingCookie
            | Self::MissingCursor
            | Self::NoGifts
            | Self::Dribble { .. }
            | Self::BadGzip { .. }
            | Self::Truncated { .. }
            | Self::UnknownMethod { .. }
            | Self::Duplicate { .. }
            | Self::Reorder { .. }
            | Self::RepeatHistory
            | Self::NoHeartbeat
            | Self::Lose { .. } => return None,
        })
    }

    /// Whether it changes the answer to a request for an upgrade.
    pub(crate) fn is_answer(&self) -> bool {
        self.reach().0 == Reach::Upgrade
    }

    /// Returns where it can occur, and whether a socket goes on after it.
    pub(super) fn reach(&self) -> (Reach, bool) {
        use Endpoint as E;
        match self {
            Self::Stall | Self::Reset => (Reach::Anywhere, false),
            Self::Dribble { .. } => (Reach::Anywhere, true),
            Self::Status { .. }
            | Self::Empty
            | Self::Html
            | Self::Captcha
            | Self::Endless
            | Self::CutBody => (Reach::Http, false),
            Self::NotFound => (Reach::At(&[E::Lookup, E::Page, E::RoomId, E::Profile]), false),
            Self::Offline => (Reach::At(&[E::Lookup, E::Page, E::RoomId]), false),
            Self::Stub { .. } | Self::MissingCursor | Self::BadProtobuf => (Reach::At(&[E::Sign]), false),
            Self::NoGifts => (Reach::At(&[E::Gifts]), false),
            Self::MissingCookie => (Reach::At(&[E::Sign, E::Cookie, E::Profile]), false),
            Self::Refuse { .. } => (Reach::Upgrade, false),
            Self::Hang { .. } => (Reach::Upgrade, true),
            Self::Drop | Self::Close { .. } | Self::CloseFrame | Self::Cut | Self::Deaf => {
                (Reach::Socket, false)
            }
            Self::BadGzip { .. }
            | Self::Truncated { .. }
            | Self::UnknownMethod { .. }
            | Self::Duplicate { .. }
            | Self::Reorder { .. }
            | Self::RepeatHistory
            | Self::NoHeartbeat
            | Self::Quiet { .. }
            | Self::Lose { .. } => (Reach::Socket, true),
        }
    }

    /// Creates a fault with this status. A 429 asks the client to wait for 5 seconds.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Status { status, message: None, label: None, retry_after: None, headers: None }
    }

    /// Creates a 429 that asks the client to wait for `wait`, rounded up to whole seconds.
    #[must_use]
    pub fn rate_limited(wait: Duration) -> Self {
        let retry_after = Some(wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)));
        Self::Status { status: 429, message: None, label: None, retry_after, headers: None }
    }
}

/// What a fault does to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// The answer to a request has a status of success, and nobody can use it.
    Useless,
    /// An upgrade is rejected.
    Refused,
    /// An upgrade is answered late.
    Late,
    /// Nearly nothing arrives on a connection that lives.
    Quiet,
    /// Nothing more arrives on a connection.
    Silent,
    /// A connection ends in this way.
    Broken(&'static str),
}

/// Where a kind of fault can occur.
#[derive(PartialEq)]
pub(super) enum Reach {
    Anywhere,
    /// At all endpoints but the socket.
    Http,
    At(&'static [Endpoint]),
    /// In the answer to a request for an upgrade.
    Upgrade,
    /// Once a socket is open.
    Socket,
}

/// A fault in TOML: the keys of all kinds. Defaults are omitted.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultTable {
    #[serde(deserialize_with = "one_or_more")]
    at: Vec<Endpoint>,
    kind: Name,
    user: Option<String>,
    only: Option<Only>,
    times: Option<u32>,
    attempt: Option<u32>,
    after_ms: Option<u64>,
    after_frames: Option<u64>,
    after_events: Option<u64>,
    status: Option<u16>,
    message: Option<String>,
    label: Option<String>,
    retry_after: Option<u64>,
    headers: Option<BTreeMap<Header, Form>>,
    handshake_status: Option<u16>,
    code: Option<u16>,
    reason: Option<String>,
    bytes_per_ms: Option<u32>,
    count: Option<u32>,
    for_ms: Option<u64>,
    methods: Option<Vec<String>>,
    senders: Option<Vec<String>>,
    share: Option<f64>,
    anonymous: Option<bool>,
}

impl TryFrom<FaultTable> for Fault {
    type Error = String;

    fn try_from(mut table: FaultTable) -> Result<Self, String> {
        let fault = Self {
            kind: FaultKind::take(&mut table),
            at: std::mem::take(&mut table.at),
            user: table.user.take(),
            only: table.only.take(),
            times: table.times.take(),
            attempt: table.attempt.take(),
            after_ms: table.after_ms.take(),
            after_frames: table.after_frames.take(),
            after_events: table.after_events.take(),
        };
        let left = toml::Table::try_from(&table).unwrap_or_default();
        match left.keys().find(|key| !["at", "kind"].contains(&key.as_str())) {
            Some(key) => Err(format!("`{key}` does not apply to \"{}\"", fault.kind.name())),
            None => Ok(fault),
        }
    }
}

impl From<Fault> for FaultTable {
    fn from(fault: Fault) -> Self {
        let Fault { at, kind, user, only, times, attempt, after_ms, after_frames, after_events } = fault;
        Self { at, user, only, times, attempt, after_ms, after_frames, after_events, ..kind.table() }
    }
}
