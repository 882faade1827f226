//! Changes of a user's state while the mock runs.

use std::time::Duration;

use livetape_core::pace::Speed;
use serde::{Deserialize, Serialize};

use super::{State, speed, time};

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
    #[serde(with = "time")]
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
    #[serde(default, skip_serializing_if = "Option::is_none", with = "speed::option")]
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
    pub(in super::super) fn starts_live(&self, before: State) -> bool {
        !self.state.is_away() && (before.is_away() || self.room_id.is_some())
    }
}

impl State {
    /// Whether the user has no stream.
    pub(in super::super) fn is_away(self) -> bool {
        matches!(self, Self::Offline | Self::NotFound)
    }
}
