//! The behaviour of a mock as data: TOML files, or values built in Rust.

mod build;
mod change;
mod check;
mod fault;
mod kind;
mod limit;
mod load;
mod network;
mod recorded;
mod speed;
mod table;
mod time;

use serde::{Deserialize, Serialize};

pub use change::Change;
pub use fault::{Endpoint, Fault, Repeat, Start};
pub use kind::{FaultKind, FrameFault, Refusal};
pub use limit::{DEFAULT_MESSAGE, Form, Header, Limit, Per};
use livetape_core::pace::Speed;
pub use load::ScenarioError;
pub use network::Network;
pub use recorded::Recorded;

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
    #[serde(with = "speed")]
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
    /// [`super::MEMORY_WALL_MS`] in memory.
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
    #[serde(skip_serializing_if = "Option::is_none", with = "speed::option")]
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
