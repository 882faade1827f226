//! Options and result of a replay.

use std::{path::PathBuf, time::Duration};

use livetape_core::{pace::Speed, recording::Loss};
use livetape_io::clock::Waiting;

use crate::{recorder::FOLDER, source::Lateness};

#[derive(Clone, Debug)]
pub struct ReplayOptions {
    pub speed: Speed,
    /// Total number of laps; `None` loops without end.
    pub laps: Option<u32>,
    /// Start of each lap.
    pub start: Duration,
    /// End of each lap; `None` for the end of the recording.
    pub end: Option<Duration>,
    /// Maximum length of a gap; longer gaps are shortened to this.
    pub idle_limit: Option<Duration>,
    pub waiting: Waiting,
    /// Number of subscribers to wait for before the first frame.
    pub wait_clients: usize,
    /// Whether to close the subscribers and return at the end.
    pub exit_when_done: bool,
    /// Directory with the recordings that can be loaded by name.
    pub recordings: PathBuf,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            speed: Speed::Times(1.0),
            laps: Some(1),
            start: Duration::ZERO,
            end: None,
            idle_limit: None,
            waiting: Waiting::default(),
            wait_clients: 0,
            exit_when_done: false,
            recordings: FOLDER.into(),
        }
    }
}

impl ReplayOptions {
    /// Returns the options for a recording that is loaded later: played whole and once.
    #[must_use]
    pub fn for_another(&self) -> Self {
        let Self { laps, start, end, .. } = Self::default();
        Self { laps, start, end, ..self.clone() }
    }
}

#[derive(Clone, Debug)]
pub struct Summary {
    pub recording: String,
    pub events: u64,
    /// Time since the replay first started playing, including pauses.
    pub took: Duration,
    /// Lateness of the frames; empty at speed `max`.
    pub lateness: Lateness,
    pub loss: Loss,
    /// Number of the last generation on this channel.
    pub generation: u32,
    pub left: Left,
}

/// Why a replay ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Left {
    /// The recording ended, and `exit_when_done` is set.
    #[default]
    Done,
    ShutDown,
    /// Its user was disconnected.
    Stopped,
}
