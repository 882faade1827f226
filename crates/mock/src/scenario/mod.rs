//! What a mock does, as data: TOML in files, or built in Rust.

mod build;
mod check;
mod fault;
mod kind;
mod limit;
mod load;
mod recorded;
mod speed;
mod table;

use serde::{Deserialize, Serialize};

pub use fault::{Endpoint, Fault, Repeat, Start};
pub use kind::{FaultKind, FrameFault, Refusal};
pub use limit::{DEFAULT_MESSAGE, Form, Header, Limit, Per};
pub use load::ScenarioError;
pub use recorded::Recorded;

use crate::sans_io::pace::Speed;

/// What the recording is called that scenarios play unless they say otherwise; the caller of the mock passes it in.
pub(super) const DEMO: &str = "demo";

/// What a mock does. The default: every user is live, in a room that plays the demo recording at its own speed.
///
/// ```
/// # use livetape_mock::Scenario;
/// assert_eq!(Scenario::parse("history = 3").unwrap(), Scenario::default().history(3));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// All that looks random follows from it: log ids, cookies, request ids.
    pub seed: u64,
    /// The recording of rooms that name none: `demo`, or a path from the folder of the scenario's file.
    pub recording: String,
    /// How fast rooms play: a number of times the original, or `"max"`.
    #[serde(with = "speed")]
    pub speed: Speed,
    /// What the time of a room counts from.
    pub clock: Clock,
    /// What a room does behind its last frame.
    pub end: End,
    /// How long a room keeps its socket open after its last frame, in milliseconds: clients that lose what they have not
    /// read when the server closes receive all of it. Faults and closes recorded in the middle do not wait.
    pub close_after_ms: u64,
    /// What a room is after its end.
    pub after: After,
    /// How many of the last chats whoever joins in the middle gets as history.
    pub history: usize,
    /// The address of the WebSocket in sign answers, without a query; by default made from the request's `Host`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push_server: Option<String>,
    /// The cookie `tt-target-idc` of sign answers; none if empty.
    pub tt_target_idc: String,
    /// The state of users that are not listed; by default live if none is, else not found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub others: Option<State>,
    /// What the mock's wall clock shows when it starts, Unix milliseconds; by default the real one, and
    /// [`super::MEMORY_WALL_MS`] in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
    /// Who exists.
    #[serde(rename = "user")]
    pub users: Vec<User>,
    /// The windows of requests.
    #[serde(rename = "limit")]
    pub limits: Vec<Limit>,
    /// What goes wrong, in this order.
    #[serde(rename = "fault")]
    pub faults: Vec<Fault>,
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
            history: 6,
            push_server: None,
            tt_target_idc: "useast1a".into(),
            others: None,
            wall_ms: None,
            users: Vec::new(),
            limits: Vec::new(),
            faults: Vec::new(),
        }
    }
}

/// A user and the room of it.
///
/// ```
/// # use livetape_mock::{Scenario, User};
/// assert_eq!(Scenario::parse("[[user]]\nname = \"ann\"").unwrap().users, [User::new("ann")]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct User {
    /// The name, without `@`.
    pub name: String,
    /// What look-ups say.
    pub state: State,
    /// The id of the room; by default that of the recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_id: Option<i64>,
    /// What the room plays; by default what the scenario says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
    /// How fast; by default what the scenario says.
    #[serde(skip_serializing_if = "Option::is_none", with = "speed::option")]
    pub speed: Option<Speed>,
}

/// What look-ups say of a user.
///
/// ```
/// # use livetape_mock::{Scenario, State};
/// assert_eq!(Scenario::parse("others = \"paused\"").unwrap().others, Some(State::Paused));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Status 2.
    #[default]
    Live,
    /// Status 4. The room id is set all the same, as TikTok does.
    Offline,
    /// Status 3.
    Paused,
    /// 19881007.
    NotFound,
    /// Live, but room info is 4003110.
    AgeRestricted,
    /// 19881007 at the first look-up, then live: TikTok does that to users who are live.
    NotFoundOnce,
}

/// What the time of a room counts from.
///
/// ```
/// # use livetape_mock::{Clock, Scenario};
/// assert_eq!(Scenario::default().clock, Clock::Room);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The first connect; it runs on, and a reconnect joins now.
    #[default]
    Room,
    /// Each connect: everybody gets the recording from its start.
    Connection,
}

/// What a room does behind its last frame.
///
/// ```
/// # use livetape_mock::{End, Scenario};
/// assert_eq!(Scenario::parse("end = \"control\"").unwrap().end, End::Control);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Closes the socket, as recorded, or else with 1000.
    #[default]
    Close,
    /// Says that the stream has ended (control 3), then closes with 1000.
    Control,
    /// Nothing: heartbeats are answered as before.
    Stay,
}

/// What a room is after its end.
///
/// ```
/// # use livetape_mock::{After, Scenario};
/// assert_eq!(Scenario::default().after, After::Offline);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// Offline.
    #[default]
    Offline,
    /// Live again: the next connect starts it anew.
    Again,
}
