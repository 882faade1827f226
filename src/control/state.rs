//! What a source tells of itself.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::sans_io::{counts::Counts, pace::Speed};

/// What a replay is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayPhase {
    /// Holding the first frame until enough subscribers are there.
    #[default]
    Waiting,
    /// Running.
    Playing,
    /// Standing still.
    Paused,
    /// At the end; a seek starts again.
    Ended,
}

/// The answer of `GET /replay` and of every order.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplayState {
    /// The recording's name.
    pub recording: String,
    /// What it is doing.
    pub state: ReplayPhase,
    /// Where it is, in milliseconds since the start of the recording.
    pub offset_ms: u64,
    /// How long the recording is, where that is known before its end was read.
    pub duration_ms: Option<u64>,
    /// How fast it runs.
    pub speed: Speed,
    /// Which lap this is, from 1.
    pub lap: u32,
    /// How many laps there are; `null` for ever.
    pub laps: Option<u32>,
    /// Where each lap begins, in milliseconds since the start of the recording.
    pub from_ms: u64,
    /// Where each lap ends; `null` for the end of the recording.
    pub to_ms: Option<u64>,
    /// Counts laps, seeks and loads, from 1.
    pub generation: u32,
}

/// How late the frames of a replay were, since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// Half of them were no later.
    pub median: Duration,
    /// 99 of 100 were no later.
    pub p99: Duration,
    /// None was later.
    pub max: Duration,
}

/// The state of the source: the answer of `GET /status`.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// What runs on the main channel: decides what can be connected or loaded.
    pub mode: Mode,
    /// What the source is doing.
    pub state: SourceState,
    /// `live`, `replay` or none.
    pub source: Option<&'static str>,
    /// The current user.
    pub username: Option<String>,
    /// The current room.
    pub room_id: Option<String>,
    /// Which attempt to connect this is, from 1; 0 where none was made.
    pub attempt: u32,
    /// In how many milliseconds the next attempt follows, from now.
    pub next_retry_ms: Option<u64>,
    /// What was counted.
    pub counts: Counts,
}

/// What runs on the main channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nothing: a user can be connected, or a recording loaded.
    #[default]
    Idle,
    /// A room: another user can be connected.
    Live,
    /// A recording: another can be loaded.
    Replay,
}

impl Status {
    /// The mode, from what else is told. A room that ended is over; a recording that ended can be played again.
    pub(super) fn mode(&self) -> Mode {
        match (self.source, self.state) {
            (Some("replay"), _) => Mode::Replay,
            (Some(_), SourceState::Connecting | SourceState::Connected | SourceState::Retrying) => Mode::Live,
            _ => Mode::Idle,
        }
    }

    /// Whether this is the current user's name, however it is written.
    #[must_use]
    pub fn is_of(&self, user: &str) -> bool {
        let name = user.trim().trim_start_matches('@');
        self.username.as_ref().is_some_and(|current| current.eq_ignore_ascii_case(name))
    }
}

/// What a source is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// Nothing is connected.
    #[default]
    Idle,
    /// On the way.
    Connecting,
    /// Frames come in.
    Connected,
    /// Waiting for the next attempt.
    Retrying,
    /// Over.
    Ended,
}

impl SourceState {
    /// Every state there is.
    pub const ALL: [Self; 5] = [Self::Idle, Self::Connecting, Self::Connected, Self::Retrying, Self::Ended];

    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Retrying => "retrying",
            Self::Ended => "ended",
        }
    }
}
