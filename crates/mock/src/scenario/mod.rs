//! The behaviour of a mock as data: TOML files, or values built in Rust. Here: users and their changes, rate
//! limits, and bad networks.

mod build;
mod check;
mod fault;
mod recorded;
mod table;

use std::{collections::BTreeMap, time::Duration};

use livetape_core::pace::Speed;
use serde::{Deserialize, Serialize};

use table::one_or_more;

pub(crate) use fault::STUB;
pub use fault::{Effect, Endpoint, Fault, FaultKind, Only};
pub use recorded::Recorded;
pub use table::ScenarioError;

/// Name of the default recording. The caller supplies its bytes.
pub(super) const DEMO: &str = "demo";

/// The behaviour of a mock: users, rooms, rate limits and faults. By default, every user is live in a room
/// that plays the demo recording at its original speed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Seed of everything that looks random: log ids, cookies and request ids.
    pub seed: u64,
    /// Default recording of rooms: `demo`, or a path relative to the folder of the scenario's file.
    pub recording: String,
    /// Playback speed of rooms: a multiple of the original, or `"max"`.
    pub speed: Speed,
    /// Start of a room's clock.
    pub clock: Clock,
    /// End of a room, after its last frame.
    pub end: End,
    /// How long a room keeps its socket open after its last frame, in milliseconds. Some clients discard
    /// unread data when the server closes; the delay lets them receive everything. Faults, and closes in the
    /// middle of a recording, are not delayed.
    pub close_after_ms: u64,
    /// State of a room after its end.
    pub after: After,
    /// Sockets whose frames are compressed.
    pub compress: Compress,
    /// Number of recent chats that a client receives as history when it joins in the middle.
    pub history: usize,
    /// WebSocket URL in responses of the sign server, without a query; defaults to one built from the
    /// request's `Host`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push_server: Option<String>,
    /// Cookie `tt-target-idc` in responses of the sign server; empty, the default, for none. Clients have one
    /// of their own: TikTokLive 6.3.1 to 6.4.5 fail with a second one.
    pub tt_target_idc: String,
    /// State of unlisted users; defaults to live if no users are listed, and to not found otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub others: Option<State>,
    /// Wall clock of the mock at its start, in Unix milliseconds; defaults to the real time, or to
    /// [`crate::MEMORY_WALL_MS`] in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
    /// Users that exist.
    #[serde(rename = "user")]
    pub users: Vec<User>,
    /// Rate limits.
    #[serde(rename = "limit")]
    pub limits: Vec<Limit>,
    /// Faults, in order of precedence.
    #[serde(rename = "fault")]
    pub faults: Vec<Fault>,
    /// Bad networks, in order of precedence.
    #[serde(rename = "network", skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Network>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            seed: 0,
            recording: DEMO.into(),
            speed: Speed::Times(1.0),
            clock: Clock::Room,
            end: End::Close,
            close_after_ms: 1000,
            after: After::Offline,
            compress: Compress::Asked,
            history: 6,
            push_server: None,
            tt_target_idc: String::new(),
            others: None,
            wall_ms: None,
            users: Vec::new(),
            limits: Vec::new(),
            faults: Vec::new(),
            networks: Vec::new(),
        }
    }
}

/// A user and their room.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct User {
    /// Name, without `@`.
    pub name: String,
    /// State in lookups.
    pub state: State,
    /// Id of the room; defaults to that of the recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_id: Option<i64>,
    /// Recording of the room; defaults to that of the scenario.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
    /// Playback speed; defaults to that of the scenario.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<Speed>,
    /// Changes of the state while the mock runs, in order of time.
    #[serde(rename = "change", skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

impl User {
    /// Returns the room ids that the scenario gives to this user.
    pub(super) fn room_ids(&self) -> impl Iterator<Item = i64> {
        self.room_id.into_iter().chain(self.changes.iter().filter_map(|change| change.room_id))
    }
}

/// State of a user in lookups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Live: status 2.
    #[default]
    Live,
    /// Offline: status 4. As on TikTok, the response still contains a room id.
    Offline,
    /// Paused: status 3.
    Paused,
    /// Unknown user: error 19881007.
    NotFound,
    /// Live, but room info returns 4003110.
    AgeRestricted,
    /// Error 19881007 in the first lookup, then live. TikTok sometimes does this to live users.
    NotFoundOnce,
}

/// Start of a room's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The first connection. The clock keeps running, and later connections join at the current time.
    #[default]
    Room,
    /// Each connection: every client receives the recording from its start.
    Connection,
}

/// End of a room, after its last frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Closes the socket as recorded, or with 1000.
    #[default]
    Close,
    /// Sends the end of the stream (control 3), then closes with 1000.
    Control,
    /// Stays open and keeps answering heartbeats.
    Stay,
}

/// State of a room after its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// The user is offline.
    #[default]
    Offline,
    /// The user stays live, and the next connection starts the recording again.
    Again,
}

/// Sockets whose frames are compressed with gzip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compress {
    /// Those whose query asks for it with `compress=gzip`.
    #[default]
    Asked,
    /// All of them.
    Always,
    /// None of them.
    Never,
}

/// A change of a user's state, at a time since the start of the mock.
///
/// A user who is live again after being away is in a new room, as on TikTok. So is a user who gets another
/// `room_id` while live. The socket of the earlier room then ends, as when a user goes offline.
///
/// ```
/// # use std::time::Duration;
/// # use livetape_mock::{Change, Scenario, State, User};
/// let toml = "[[user]]\nname = \"ann\"\nstate = \"offline\"\n[[user.change]]\nat = \"1m30s\"\nstate = \"live\"\n";
/// let live = Change::new(Duration::from_secs(90), State::Live);
/// assert_eq!(Scenario::parse(toml).unwrap().users, [User::new("ann").state(State::Offline).change(live)]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Time since the start of the mock, in whole milliseconds.
    #[serde(deserialize_with = "table::time", serialize_with = "table::shown")]
    pub at: Duration,
    /// The new state in lookups.
    pub state: State,
    /// Id of the new room; defaults to one derived from the name, or the id of the user before the first
    /// LIVE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_id: Option<i64>,
    /// Recording of the new room; defaults to the previous one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
    /// Playback speed of the new room; defaults to the previous one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<Speed>,
}

impl Change {
    /// Creates a change to this state, at a time since the start of the mock, rounded down to milliseconds.
    #[must_use]
    pub fn new(at: Duration, state: State) -> Self {
        let at = Duration::new(at.as_secs(), at.subsec_millis() * 1_000_000);
        Self { at, state, room_id: None, recording: None, speed: None }
    }

    /// Whether this starts a new LIVE of a user in the state `before`.
    pub(crate) fn starts_live(&self, before: State) -> bool {
        !self.state.is_away() && (before.is_away() || self.room_id.is_some())
    }
}

impl State {
    /// Whether the user has no stream.
    pub(crate) fn is_away(self) -> bool {
        matches!(self, Self::Offline | Self::NotFound)
    }
}

/// Default message of a 429. Some clients crash on fewer than 19 characters (docs/protocol.md §5.3).
pub const DEFAULT_MESSAGE: &str =
    "You have reached the rate limit. Sign up for a free API key at https://www.eulerstream.com/pricing.";

/// A rate limit. Each window starts with its first request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Endpoints whose requests are counted, all together.
    #[serde(default = "Limit::places")]
    pub at: Vec<Endpoint>,
    /// Number of requests allowed per window.
    pub max: u32,
    /// Length of the window, in seconds.
    pub seconds: u64,
    /// Clients that are counted separately.
    #[serde(default)]
    pub per: Per,
    /// `limit_label` of the response, e.g. `rate_limit_account_day`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// `message` of the response.
    #[serde(default = "message")]
    pub message: String,
    /// Headers that tell the client how long to wait; defaults to all that known clients read.
    #[serde(default = "Header::all")]
    pub headers: BTreeMap<Header, Form>,
    /// Whether the response is 200 without a body instead of a 429.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty: bool,
}

impl Limit {
    fn places() -> Vec<Endpoint> {
        vec![Endpoint::Lookup, Endpoint::Page, Endpoint::Sign]
    }
}

fn message() -> String {
    DEFAULT_MESSAGE.into()
}

/// Clients that a rate limit counts separately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Each API key, or each address for requests without a key.
    #[default]
    Key,
    /// Each address.
    Address,
    /// Each session, by the cookie `sessionid`. Requests without one are not counted.
    Session,
    /// None: all requests count together.
    All,
}

/// A header that tells the client how long to wait. docs/protocol.md §1.6 lists which client reads which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "they are what they are called")]
pub enum Header {
    RetryAfter,
    #[serde(rename = "x-ratelimit-reset")]
    XRatelimitReset,
    RatelimitLimit,
    RatelimitRemaining,
    RatelimitReset,
}

impl Header {
    /// Returns all headers, each in its most common form.
    #[must_use]
    pub fn all() -> BTreeMap<Self, Form> {
        BTreeMap::from([
            (Self::RetryAfter, Form::Delta),
            (Self::XRatelimitReset, Form::Epoch),
            (Self::RatelimitLimit, Form::Count),
            (Self::RatelimitRemaining, Form::Count),
            (Self::RatelimitReset, Form::Delta),
        ])
    }

    /// Returns the name with its usual capitalisation.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RetryAfter => "Retry-After",
            Self::XRatelimitReset => "X-RateLimit-Reset",
            Self::RatelimitLimit => "RateLimit-Limit",
            Self::RatelimitRemaining => "RateLimit-Remaining",
            Self::RatelimitReset => "RateLimit-Reset",
        }
    }
}

/// Form of a header value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Seconds to wait.
    Delta,
    /// Unix time in seconds.
    Epoch,
    /// An HTTP date.
    Date,
    /// Number of requests: the maximum in `RateLimit-Limit`, 0 in any other header.
    Count,
}

/// A bad network between clients and the mock: delays, a limited rate, and connections that are cut.
///
/// A connection goes through one network: with `at` or `user` from its first request that matches, otherwise
/// from its first request on. A network with `at` or `user` replaces one without. Requests to `/__admin/` do
/// not count.
///
/// ```
/// # use livetape_mock::{Network, Scenario};
/// let toml = "[[network]]\nlatency_ms = 200\njitter_ms = 50\n";
/// let network = Network::default().latency_ms(200).jitter_ms(50);
/// assert_eq!(Scenario::parse(toml).unwrap(), Scenario::default().network(network));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Endpoints whose connections it affects; empty for all.
    #[serde(deserialize_with = "one_or_more", skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<Endpoint>,
    /// User name or room id whose connections it affects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Number of connections that it affects, the first ones; defaults to all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// The only connection that it affects, by its number from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Time that each packet takes, each way, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub latency_ms: u64,
    /// Maximum of the random time added to each packet, in milliseconds. Packets stay in order.
    #[serde(skip_serializing_if = "is_zero")]
    pub jitter_ms: u64,
    /// Maximum rate each way, in bytes per millisecond.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_ms: Option<u32>,
    /// How much later than its last byte clients see the end of a connection, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub close_ms: u64,
    /// Number of bytes that a client receives before the connection is cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_after_bytes: Option<u64>,
    /// Time after which the connection is cut, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_after_ms: Option<u64>,
}

impl Network {
    /// Whether it affects only some endpoints or one user.
    pub(crate) fn is_special(&self) -> bool {
        !self.at.is_empty() || self.user.is_some()
    }

    /// Whether it affects only some of the matching connections.
    pub(crate) fn is_limited(&self) -> bool {
        self.times.or(self.attempt).is_some()
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
